"""The touches that a motion stream remembers, as a tensor of its state; and what they leave: tiredness and a mood.

All is a sum over touches that decays, and a touch counts for `REMEMBERED` frames: so nothing changes where older ones
are forgotten, and a stream that was saved and restored goes on with the same bits.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from avtr_cli.core.arrays import Doubles
from avtr_cli.core.interaction import TONES, WORDS, Interaction
from avtr_cli.core.regions import REGIONS
from avtr_cli.core.timing import FPS
from avtr_cli.motion.interactions.beats import lift

REMEMBERED = 40 * FPS  # frames that a touch tires and moods for
TIRES_S, MOODS_S = 9.0, 3.5  # time constants
LIKED = {"affectionate": 0.55, "gentle": 0.30, "neutral": 0.0, "aggressive": -0.75}  # what a touch does to the mood
DECLINED = -0.25  # and one that is not wanted
MOOD_RISES_S, MOOD_HOLDS_S = 1.2, 0.8
MOOD_SHOWN_S, MOOD_HIDDEN_S = 3.0, 3.5  # after a touch, until its mood begins to leave the face; until it has left it
STRONGEST_MOOD = 1.3  # strength above which a touch moods no more

_WORDS = tuple(WORDS)
_COLUMNS = 12


def nothing() -> Tensor:
    """No touch yet: float64 (0, 12)."""
    return torch.zeros((0, _COLUMNS), dtype=torch.float64)


def remember(touches: Sequence[Interaction], frame: int) -> Tensor:
    """Those of `touches` that still count at `frame`, float64 (n, 12), in their order."""
    rows = [_row(touch) for touch in touches if frame - touch.frame < 2 * REMEMBERED]
    return torch.tensor(rows, dtype=torch.float64) if rows else nothing()


def remembered(rows: Tensor) -> tuple[Interaction, ...]:
    """The touches of `remember`, each as it was."""
    return tuple(_touch(row) for row in rows.tolist())


def _row(touch: Interaction) -> list[float]:
    regions = [number for name, share in touch.regions for number in (REGIONS.index(name), share)]
    where = [touch.x, touch.y, touch.aside, touch.below]
    what = [_WORDS.index(touch.do), TONES.index(touch.tone), touch.strength]
    return [touch.frame, *what, *where, *regions, *[-1.0] * (4 - len(regions))]


def _touch(row: Sequence[float]) -> Interaction:
    frame, word, tone, strength, x, y, aside, below, *regions = row
    pairs = [(int(regions[at]), regions[at + 1]) for at in (0, 2) if regions[at] >= 0]
    lie_there = tuple((REGIONS[number], share) for number, share in pairs)
    return Interaction(int(frame), _WORDS[int(word)], x, y, lie_there, aside, below, TONES[int(tone)], strength)


def tired(touch: Interaction, touches: Sequence[Interaction]) -> float:
    """How often the same was done before `touch`, the sooner the more."""
    before = [other for other in _before(touch, touches) if other.do == touch.do]
    return sum(math.exp(-(touch.frame - other.frame) / FPS / TIRES_S) for other in before)


def mood_before(touch: Interaction, touches: Sequence[Interaction]) -> float:
    """-1 .. 1: how what was done before leaves a person at `touch`."""
    told = ((touch.frame - other.frame, _liked(other) * other.strength) for other in _before(touch, touches))
    return float(np.clip(sum(liked * math.exp(-ago / FPS / MOODS_S) for ago, liked in told), -1, 1))


def _liked(touch: Interaction) -> float:
    return DECLINED if touch.declined else LIKED[touch.tone]


def _before(touch: Interaction, touches: Sequence[Interaction]) -> list[Interaction]:
    return [other for other in touches if 0 < touch.frame - other.frame < REMEMBERED]


def mood(touches: Sequence[Interaction], frames: Doubles) -> Doubles:
    """(T,) in -1 .. 1: the mood that a face shows at `frames` (T,): it comes within a second of a touch, and is gone
    after six and a half, sooner than what it does to the next answer (`mood_before`).
    """
    total = np.zeros(len(frames))
    for touch in touches:
        if not touch.regions:
            continue
        t = (frames - touch.frame) / FPS
        liked = _liked(touch) * min(touch.strength, STRONGEST_MOOD) * (0.6 + 0.4 * touch.word.force)
        decay = np.exp(-np.clip(t - MOOD_HOLDS_S, 0, None) / MOODS_S)
        total += liked * decay * lift(t, MOOD_RISES_S, MOOD_SHOWN_S - MOOD_RISES_S, MOOD_HIDDEN_S)
    return np.clip(total, -1, 1)
