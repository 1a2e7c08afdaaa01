"""Portraits into face points whose controls are known: our own renderer acts, Face Mesh watches as it does any video.

What the solver learns from, and what it is judged by. The motion is the ground truth of training (`behave`,
`mouth_truth`) under speech that is made up phone by phone, so that no voice need be installed; a few shapes that our
talk never uses come on top, so that a real face that uses them is not explained by others.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from avtr_cli.core.arrays import Doubles, Floats, Image, Points
from avtr_cli.core.config import RenderConfig
from avtr_cli.core.motion_space import ARKIT_BLENDSHAPES, CONTROLS
from avtr_cli.core.timing import FPS, SAMPLE_RATE
from avtr_cli.core.types import Motion, Portrait
from avtr_cli.motion.lmfm import voicing
from avtr_cli.motion.lmfm.articulation import compose
from avtr_cli.render.mesh.renderer import MeshRenderer
from avtr_cli.training import phones
from avtr_cli.training.behaviour import behave, draw_person, wander
from avtr_cli.training.conversation import simulate
from avtr_cli.training.dataset import opening_of
from avtr_cli.training.mouth import mouth_truth
from avtr_cli.training.people.watching import Watcher
from avtr_cli.training.prosody import analyse
from avtr_cli.training.speech import Utterance

SIZE = 320  # px of the pictures
REST = 10  # frames of every part before it begins, in which the portrait is as it is
_AT_ONCE = 25  # frames drawn together
_UNUSED = (
    ("jawForward",), ("jawLeft",), ("jawRight",), ("mouthShrugLower", "mouthShrugUpper"), ("cheekPuff",),
    ("noseSneerLeft", "noseSneerRight"), ("mouthPressLeft", "mouthPressRight"), ("mouthRollLower", "mouthRollUpper"),
    ("mouthDimpleLeft",), ("mouthDimpleRight",), ("mouthFrownLeft",), ("mouthFrownRight",),
)  # fmt: skip
_LIVELY = 1.1  # what the sway of one of those, of standard deviation 1, must pass before it is shown


@dataclass(frozen=True)
class Take:
    """T frames of one portrait: controls float32 (T, 58) and what was seen of them, (T, 478, 3) px, NaN where lost."""

    controls: Floats
    points: Points


def act(portrait: Portrait, controls: Floats, size: int = SIZE) -> Take:
    """`portrait` drawn `size` px wide with `controls` (T, 58) and watched; its first frames are at rest."""
    watcher = Watcher()
    seen = [watcher.look(picture) for picture in pictures(portrait, controls, size)]
    return Take(controls, np.stack(seen))


def pictures(portrait: Portrait, controls: Floats, size: int) -> Iterator[Image]:
    """One picture for each row of controls."""
    renderer = MeshRenderer(RenderConfig(size=size), torch.device("cpu"))
    identity = renderer.prepare(portrait)
    for first in range(0, len(controls), _AT_ONCE):
        rows = torch.from_numpy(controls[first : first + _AT_ONCE])
        yield from renderer.draw(identity, Motion(CONTROLS, rows, first))


def lesson(seconds: float, rng: np.random.Generator) -> Floats:
    """Controls float32 (T, 58) to learn from: what `part` tells, but the head is another's, and no shape goes unused.

    So neither brows nor eyes can be guessed from the head; the first `REST` frames are all zero.
    """
    values, other = part(seconds, rng), part(seconds, rng)
    values[:, len(ARKIT_BLENDSHAPES) :] = other[:, len(ARKIT_BLENDSHAPES) :]
    _add_unused(values, rng)
    return values


def part(seconds: float, rng: np.random.Generator) -> Floats:
    """What one invented person does in a made-up call: controls float32 (T, 58), `REST` frames of zeros before it."""
    corpus = {f"made-{side}": [babble(rng, side) for _ in range(8)] for side in range(2)}
    call = simulate(corpus, seconds, rng, sides=2, chosen=("made-0", "made-1"))
    frames = int(seconds * FPS)
    prosody = [analyse(side) for side in call]
    style, emotion, intensity = draw_person(rng)
    mouth = mouth_truth(call[0].phone_rows, prosody[0], opening_of(style, emotion, intensity), rng)
    made = behave(prosody[0], prosody[1], frames, style, emotion, intensity, rng)
    closures = torch.from_numpy(mouth.closures[:frames])
    activity, face = torch.from_numpy(mouth.activity[:frames]), torch.from_numpy(made.face)
    gate, presence, shown = voicing.of_whole(activity, face)
    values = compose(
        torch.from_numpy(mouth.shapes[:frames]), closures[:, 0], closures[:, 1], gate, presence,
        shown, torch.from_numpy(made.curves),
    ).numpy()  # fmt: skip
    return np.concatenate([np.zeros((REST, len(CONTROLS)), np.float32), values.astype(np.float32)])


def babble(rng: np.random.Generator, side: int) -> Utterance:
    """A sentence or a feedback word of phones in random order, under a buzz that rises and falls with the vowels."""
    feedback = rng.random() < 0.2
    vowels = sorted(phones.VOWELS)
    others = [name for name in phones.PHONES if name not in phones.VOWELS and name != phones.SILENCE]
    rows, at = [], 0.05
    for place in range(3 if feedback else int(rng.integers(12, 40))):
        vowel = place % 2 == 1 or rng.random() < 0.1
        length = float(rng.uniform(0.07, 0.2) if vowel else rng.uniform(0.05, 0.13))
        name = str(rng.choice(vowels if vowel else others))
        rows.append((phones.PHONES.index(name), at, at + length, vowel))
        at += length
    time = np.arange(int((at + 0.05) * SAMPLE_RATE)) / SAMPLE_RATE
    hertz = (105.0, 190.0)[side] * (1 + 0.15 * np.sin(2 * np.pi * 0.4 * time + rng.uniform(0, 6)))
    loud = np.full(len(time), 0.004)
    for _, start, end, vowel in rows:
        loud[(time >= start) & (time < end)] = rng.uniform(0.05, 0.15) if vowel else 0.02
    phase = 2 * np.pi * np.cumsum(hertz) / SAMPLE_RATE
    samples = loud * sum(np.sin(k * phase) / k for k in range(1, 6)) + 1e-4 * rng.standard_normal(len(time))
    table = np.array([row[:3] for row in rows], np.float32)
    return Utterance(samples.astype(np.float32), table, feedback)


def _add_unused(values: Floats, rng: np.random.Generator) -> None:
    """Now and then a shape that talk leaves alone, or moves on both sides at once, for half a second or so."""
    for names in _UNUSED:
        shown: Doubles = np.clip(wander(len(values) - REST, 0.6, 1.0, 9, rng) - _LIVELY, 0, 1)
        for name in names:
            column = CONTROLS.index(name)
            values[REST:, column] = np.clip(values[REST:, column] + shown, 0, 1)
