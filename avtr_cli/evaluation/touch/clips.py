"""Touches of many regions in every tone, on many photos, rendered and read: beside each its twin that nobody touches.

The motion below is that of the embedded model hearing silence, so that people breathe, blink and look about.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from avtr_cli.core.arrays import Doubles, Frames, Sound
from avtr_cli.core.interaction import TONES, Contact, Interaction
from avtr_cli.core.regions import RegionMap
from avtr_cli.core.timing import CHUNK_FRAMES, FPS, SAMPLES_PER_FRAME, frames_of
from avtr_cli.core.types import Identity, Motion
from avtr_cli.evaluation.touch.reading import NAMES, read_face
from avtr_cli.streaming.engine import Engine
from avtr_cli.streaming.windows import Windows

REGIONS = (
    "hair", "forehead", "left_eye", "right_eye", "nose", "left_cheek", "right_cheek", "mouth", "chin", "left_ear",
    "right_ear", "neck",
)  # fmt: skip
DOES = {  # by tone, one for every other seed
    "affectionate": ("caress", "kiss"), "gentle": ("stroke", "touch"), "neutral": ("tap", "press"),
    "aggressive": ("poke", "pinch"),
}  # fmt: skip
TOUCHED_AT = 10  # frame
LOOKED_AT = (0, 2, 4, 6, 8, 14, 22, 34, 55, 79, 89, 109, 6 * FPS)  # frames after the touch


@dataclass(frozen=True)
class Clip:
    """One touch: where, in which tone, and what was read at LOOKED_AT, (13, 17), less what its twin shows.

    aside  EO of the place to the right of the picture
    """

    photo: str
    region: str
    tone: str
    seed: int
    aside: float
    change: Doubles


def silence(frames: int) -> Sound:
    """Nobody says anything, float32 (2, n)."""
    return np.zeros((2, frames * SAMPLES_PER_FRAME), np.float32)


def motion_of(
    engine: Engine, identity: Identity, touches: Sequence[Interaction], seed: int, sound: Sound
) -> Motion:  # fmt: skip
    """What the engine's motion model makes of a whole `sound`, float32 (2, n) at 16 kHz, and of `touches`."""
    state, windows = engine.generator.start(identity, seed), Windows()
    values: list[torch.Tensor] = []
    contacts: list[tuple[Contact, ...]] = []
    for window in [*windows.push(sound), *windows.finish()]:
        first = window.index * CHUNK_FRAMES
        due = tuple(one for one in touches if first <= one.frame < first + CHUNK_FRAMES)
        motion, state = engine.generator.step(window, state, due)
        values.append(motion.values)
        contacts += motion.contacts or ((),) * CHUNK_FRAMES
    frames = frames_of(sound.shape[1])
    return Motion(engine.renderer.space, torch.cat(values)[:frames], 0, tuple(contacts[:frames]))


def drawn(engine: Engine, identity: Identity, motion: Motion, frames: Sequence[int]) -> Frames:
    """Pictures of some frames of `motion`."""
    shown = []
    for frame in frames:
        contacts = motion.contacts[frame : frame + 1]
        row = Motion(motion.space, motion.values[frame : frame + 1], frame, contacts)
        shown.append(engine.renderer.draw(identity, row)[0].copy())
    return np.stack(shown)


def clips_of(
    engine: Engine, photo: Path, seeds: Sequence[int], watch: Callable[[], None] = lambda: None
) -> Iterator[Clip]:
    """The clips of one photo: of each region that it has, in each tone, with each seed. Raises PhotoError."""
    _, identity = engine.avatar(photo)
    regions = engine.regions(photo)
    looked_at = [TOUCHED_AT + after for after in LOOKED_AT]
    for number, seed in enumerate(seeds):
        twin = _read(engine, identity, motion_of(engine, identity, (), seed, silence(looked_at[-1] + 1)), looked_at)
        for region in (one for one in REGIONS if one in regions.centres):
            for tone in TONES:
                touch = touched(regions, region, tone, number)
                motion = motion_of(engine, identity, (touch,), seed, silence(looked_at[-1] + 1))
                change = _read(engine, identity, motion, looked_at) - twin
                yield Clip(photo.stem, region, tone, seed, touch.aside, change)
                watch()


def touched(regions: RegionMap, region: str, tone: str, number: int = 0, frame: int = TOUCHED_AT) -> Interaction:
    """A touch of a region's middle in a tone; `number` chooses the word."""
    words = DOES[tone]
    return regions.touched(frame, words[number % len(words)], *regions.centre(region))


def _read(engine: Engine, identity: Identity, motion: Motion, frames: Sequence[int]) -> Doubles:
    """(frames, 17)."""
    return np.stack([read_face(frame[..., :3]) for frame in drawn(engine, identity, motion, frames)]).reshape(
        -1, len(NAMES)
    )
