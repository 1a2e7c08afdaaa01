"""People who are touched, at rest and in conversation: motion by rule, and touches of real photos every few seconds.

What is learned from is the truth of the motion model's own training (`behaviour`, `mouth`), so no face of a person has
a part in it; places are of photos, with the shares and offsets that their region maps say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch

from avtr_cli.core.arrays import AnyArray, Doubles
from avtr_cli.core.interaction import WORDS, Interaction
from avtr_cli.core.regions import RegionMap
from avtr_cli.core.timing import FPS, SAMPLES_PER_FRAME
from avtr_cli.motion.lmfm import voicing
from avtr_cli.motion.lmfm.articulation import compose
from avtr_cli.training.behaviour import behave, draw_person
from avtr_cli.training.conversation import Side
from avtr_cli.training.prosody import analyse
from avtr_cli.training.touch.answers import Scene

EVERY_S = (4.0, 12.0)  # from one touch to the next
AGAIN = 0.25  # share of touches that repeat the last one's word
STRENGTHS = (0.6, 1.4)


def at_rest(
    count: int, maps: Sequence[RegionMap], seed: int, frames: int = 30 * FPS
) -> Iterator[tuple[Scene, Doubles]]:
    """Scenes of people who neither hear nor say anything, each with its gestures' curves (T, 8)."""
    silent = analyse(Side(np.zeros(frames * SAMPLES_PER_FRAME, np.float32)))
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        made = behave(silent, silent, frames, *draw_person(rng), rng)
        quiet, curves = torch.zeros(frames), torch.from_numpy(made.curves)
        gate, presence, shown = voicing.of_whole(quiet, torch.from_numpy(made.face))
        rows = compose(quiet.expand(7, -1).T, quiet, quiet, gate, presence, shown, curves)
        yield _scene(rows, gate, maps, rng, (seed, number)), curves.double().numpy()


def in_calls(arrays: Mapping[str, AnyArray], maps: Sequence[RegionMap], seed: int) -> Iterator[Scene]:
    """A scene of every side of every call of a corpus (`dataset.Corpus.arrays`), side after side."""
    for call in range(len(arrays["mouth"])):
        for side in (0, 1):
            rng = np.random.default_rng([seed, call, side])
            mouth, closures, activity, face, curves = (
                torch.from_numpy(arrays[name][call, side].astype(np.float32))
                for name in ("mouth", "closures", "activity", "face", "curves")
            )
            gate, presence, shown = voicing.of_whole(activity, face)
            rows = compose(mouth, closures[:, 0], closures[:, 1], gate, presence, shown, curves)
            yield _scene(rows, gate, maps, rng, (seed, call, side))


def _scene(
    rows: torch.Tensor, gate: torch.Tensor, maps: Sequence[RegionMap], rng: np.random.Generator, seed: tuple[int, ...]
) -> Scene:
    touches = tuple(touched_often(maps[rng.integers(len(maps))], len(rows), rng))
    return Scene(rows.double().numpy(), gate.double().numpy(), touches, seed)


def touched_often(regions: RegionMap, frames: int, rng: np.random.Generator) -> Iterator[Interaction]:
    """Touches of one photo at any place of it, in any word, one every 4 to 12 s."""
    frame, word = round(rng.uniform(1.0, EVERY_S[1]) * FPS), ""
    while frame < frames - FPS:
        word = word if word and rng.random() < AGAIN else list(WORDS)[rng.integers(len(WORDS))]
        yield touched(regions, frame, word, rng, float(rng.uniform(*STRENGTHS)))
        frame += round(rng.uniform(*EVERY_S) * FPS)


def touched(regions: RegionMap, frame: int, word: str, rng: np.random.Generator, strength: float = 1.0) -> Interaction:
    """A touch somewhere in a region that the photo shows: each region as likely as another."""
    at = int(rng.integers(len(regions.names)))
    rows, columns = np.nonzero((regions.shares[at] > 0.5) & (regions.person > 0.5))
    if not len(rows):
        return regions.touched(frame, word, *regions.centre(regions.names[at]), strength=strength)
    high, wide = regions.person.shape
    pixel = int(rng.integers(len(rows)))
    x, y = (columns[pixel] + 0.5) / wide, (rows[pixel] + 0.5) / high
    return regions.touched(frame, word, float(x), float(y), strength=strength)
