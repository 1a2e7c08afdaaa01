"""The smooth part of an answer to touch, as a learner sees it, and put back over any motion.

Learned are the head and seven weights that move as smoothly; lids, gaze, lips and all else of the answer stay drawn.
Faces that answer are the same on both sides, so each weight is learned once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from avtr_cli.core.arrays import Doubles
from avtr_cli.core.interaction import Interaction
from avtr_cli.core.motion_space import CONTROLS, HEAD_CHANNELS
from avtr_cli.motion.interactions import memory
from avtr_cli.motion.interactions.blending import FURTHEST, SPEECH_KEEPS_SMILE, Overlay, blend
from avtr_cli.motion.interactions.reactor import LONGEST, overlay

WEIGHTS = ("mouthSmile", "mouthFrown", "browInnerUp", "browOuterUp", "browDown", "eyeSquint", "eyeWide")
CHANNELS = ("pitch", "yaw", "roll", "x", "y", "z", *WEIGHTS)
"""Of an answer: degrees, EO, weights."""
CORNERS = tuple(CHANNELS.index(name) for name in ("mouthSmile", "mouthFrown"))  # of the mouth: speech takes them back

_HEAD = [CONTROLS.index(name) for name in HEAD_CHANNELS]
_SIDES = [
    [CONTROLS.index(name) for name in ([one] if one in CONTROLS.channels else [f"{one}Left", f"{one}Right"])]
    for one in WEIGHTS
]
_LEARNED = np.isin(np.arange(len(CONTROLS)), [column for sides in _SIDES for column in sides])
_NEARLY = 1 - 1e-6  # of the furthest that a head goes: there `arctanh` ends


@dataclass(frozen=True)
class Scene:
    """Motion that goes on, and who touches it.

    rows (T, 58) controls     speaking (T,) in 0 .. 1: how far the own voice moves the mouth     seed: of the answer
    """

    rows: Doubles
    speaking: Doubles
    touches: tuple[Interaction, ...]
    seed: tuple[int, ...]


def drawn_answer(scene: Scene) -> Doubles:
    """(T, 13): what the drawn answer adds to the learned channels of a scene, after all that blends it."""
    whole, rest = _overlays(scene)
    before, after = blend(scene.rows, rest, scene.speaking), blend(scene.rows, whole, scene.speaking)
    head = after[:, _HEAD] - before[:, _HEAD]
    head[:, :3] = np.degrees(head[:, :3])
    weights = [(after[:, columns] - before[:, columns]).mean(axis=1) for columns in _SIDES]
    return np.concatenate([head, np.stack(weights, axis=1)], axis=1)


def answered(scene: Scene, answer: Doubles) -> Doubles:
    """Controls (T, 58) of a scene with a learned `answer` (T, 13) to its touches, and the rest of it drawn."""
    _, rest = _overlays(scene)
    head = FURTHEST * np.arctanh(np.clip(answer[:, : len(_HEAD)] / FURTHEST, -_NEARLY, _NEARLY))
    rows = blend(scene.rows, replace(rest, head=head), scene.speaking)
    added = answer[:, len(_HEAD) :].copy()
    added[:, [at - len(_HEAD) for at in CORNERS]] *= (1 - SPEECH_KEEPS_SMILE * scene.speaking)[:, None]
    for column, sides in enumerate(_SIDES):
        rows[:, sides] = np.clip(rows[:, sides] + added[:, column, None], -1 if column == 0 else 0, 1)
    return rows


def _overlays(scene: Scene) -> tuple[Overlay, Overlay]:
    """The whole drawn answer, and that without what is learned."""
    frames = np.arange(len(scene.rows), dtype=np.float64)
    whole = _overlay(frames, scene.touches, scene.seed)
    return whole, replace(whole, added=np.where(_LEARNED, 0, whole.added), head=np.zeros_like(whole.head))


def _overlay(frames: Doubles, touches: Sequence[Interaction], seed: Sequence[int]) -> Overlay:
    """As the reactor makes it of a photo that does not smile, but of all frames at once, each with what it knows."""
    parts = []
    borders = [0, *sorted({touch.frame for touch in touches if touch.frame}), len(frames)]
    for first, last in pairwise(borders):
        met = [touch for touch in touches if touch.frame <= first]
        recent = [touch for touch in met if first - touch.frame < LONGEST]
        now = frames[first:last]
        parts.append(overlay(now, met, recent, memory.mood(met, now), seed, 0.0)[0])
    names = ("added", "peak", "head", "gaze", "wanted", "unsmile")
    return Overlay(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})
