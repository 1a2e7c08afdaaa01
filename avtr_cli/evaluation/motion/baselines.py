"""What a motion model's listening is held against: the same model hearing another partner, and faces that hear none.

Every one performs the avatar's side of the same calls; what they are told of the partner is all that differs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from avtr_cli.core.arrays import Floats
from avtr_cli.core.timing import FPS, SAMPLE_RATE
from avtr_cli.evaluation.motion.follower import follow_loudness
from avtr_cli.evaluation.motion.takes import (
    Dialogue,
    Perform,
    other_partner,
    shifted_partner,
    silence,
    silent_partner,
)

LATE_S = (0.5, 1.0, 2.0)  # by which a partner is heard too late
LOOP_S = 8.0  # of the idle loop, there and back

Shown = Callable[[Sequence[Dialogue], int], Floats]
"""Calls, and which of them: the motion of its avatar, controls (T, 58)."""


@dataclass(frozen=True)
class Baseline:
    """A way to face a call. `hears_partner`: at the right time, and the right one."""

    name: str
    perform: Shown
    hears_partner: bool = False


def baselines(perform: Perform, seeds: int = 1, name: str = "avtr") -> Iterator[Baseline]:
    """The model with its first `seeds` seeds, then what its first is held against."""
    for seed in range(seeds):
        yield Baseline(name if seed == 0 else f"{name}-seed-{seed}", _as_it_is(perform, seed), hears_partner=True)
    for late_s in LATE_S:
        yield Baseline(f"late-{late_s:g}s", _late(perform, late_s))
    yield Baseline("other-partner", _beside_another(perform))
    yield Baseline("deaf", lambda calls, at: perform(silent_partner(calls[at]).sound, 0))
    yield Baseline("loudness", lambda calls, at: follow_loudness(calls[at].sound))
    yield Baseline("idle-loop", _idle(perform))


def late_partner(dialogue: Dialogue, seconds: float) -> Dialogue:
    """The same call with the partner heard so much later; what would be heard behind the call's end is lost."""
    partner, late = dialogue.sound[1], min(round(seconds * SAMPLE_RATE), dialogue.sound.shape[1])
    return dialogue.heard_as(partner=np.concatenate([np.zeros(late, np.float32), partner[: len(partner) - late]]))


def _as_it_is(perform: Perform, seed: int) -> Shown:
    return lambda calls, at: perform(calls[at].sound, seed)


def _late(perform: Perform, seconds: float) -> Shown:
    return lambda calls, at: perform(late_partner(calls[at], seconds).sound, 0)


def _beside_another(perform: Perform) -> Shown:
    """Hears the next call's partner; where there is but one call, its own half a call away."""

    def shown(calls: Sequence[Dialogue], at: int) -> Floats:
        call = calls[at]
        heard = shifted_partner(call, 0.5) if len(calls) == 1 else other_partner(call, calls[(at + 1) % len(calls)])
        return perform(heard.sound, 0)

    return shown


def _idle(perform: Perform) -> Shown:
    """What the model does in silence, there and back again: the loop that many products show while they listen."""
    there = perform(silence(LOOP_S).sound, 0)
    loop = np.concatenate([there, there[-2:0:-1]])

    def shown(calls: Sequence[Dialogue], at: int) -> Floats:
        frames = -(-calls[at].sound.shape[1] * FPS // SAMPLE_RATE)
        return np.tile(loop, (-(-frames // len(loop)), 1))[:frames]

    return shown
