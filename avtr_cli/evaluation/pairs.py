"""One side of a call, ready to be judged: what its person heard and showed in the frames that count; who else spoke.

A shuffle gives each pair the partner of another conversation. Both sides of a conversation count as the same one.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TypedDict

import numpy as np

from avtr_cli.core.arrays import Doubles, Indices, Mask
from avtr_cli.evaluation.motion.voice import runs

LONG_TURN_FRAMES = 75  # of a partner who is listened to, by the published rule: 3 s
SHAVED_FRAMES = 5  # off both ends of it
OWN_MARGIN = 8  # frames from the own voice in which a head may be speaking
ANSWERING_FRAMES = 38  # behind the partner's voice: people answer within 1.5 s
MOST_DRAWS = 10_000  # of a permutation, until nobody hears their own conversation


class Pair(TypedDict):
    """The chosen frames of one side of a call: audio heard (n, a), the model's and the true face (n, v) each."""

    group: Hashable
    audio: Doubles
    model: Doubles
    truth: Doubles


def reactive_frames(own: Mask, partner: Mask) -> Mask:
    """Which of T frames count as published, bool (T,): within long turns of the partner, less the own voice."""
    chosen = np.zeros(len(own), bool)
    for first, end in runs(np.asarray(partner, bool)):
        if end - first >= LONG_TURN_FRAMES:
            chosen[first + SHAVED_FRAMES : end - SHAVED_FRAMES] = True
    reactive: Mask = chosen & ~np.asarray(own, bool)
    return reactive


def listening_frames(own: Mask, partner: Mask) -> Mask:
    """Which count by ours: away from the own voice, the partner speaking or having spoken within 1.5 s, bool (T,)."""
    away = np.ones(len(own), bool)
    for first, end in runs(np.asarray(own, bool)):
        away[max(0, first - OWN_MARGIN) : end + OWN_MARGIN] = False
    answering = np.zeros(len(own), bool)
    for first, end in runs(np.asarray(partner, bool)):
        answering[first : end + ANSWERING_FRAMES] = True
    listening: Mask = away & answering
    return listening


FRAME_RULES = {"listening": listening_frames, "reactive": reactive_frames}


def derangement(groups: Sequence[Hashable], seed: int, k: int) -> list[int] | None:
    """Shuffle `k`: whose partner each pair hears, none of its own group; None where no draw of many fits."""
    rng = np.random.default_rng([seed, k])
    number = {group: at for at, group in enumerate(dict.fromkeys(groups))}
    own = np.array([number[group] for group in groups], int)
    if len(number) < 2:
        return None
    for _ in range(MOST_DRAWS):
        drawn = rng.permutation(len(own))
        if (own[drawn] != own).all():
            return [int(at) for at in drawn]
    return None


def begun_again(rows: Doubles, count: int) -> Doubles:
    """The first `count` rows, from the first one again when they run out, (count, c)."""
    at: Indices = np.arange(count) % len(rows)
    return rows[at]


def with_frames(pairs: Sequence[Pair]) -> list[Pair]:
    """The pairs that have any frame, as float64."""
    return [
        Pair(
            group=pair["group"],
            audio=np.asarray(pair["audio"], np.float64),
            model=np.asarray(pair["model"], np.float64),
            truth=np.asarray(pair["truth"], np.float64),
        )
        for pair in pairs
        if len(pair["audio"])
    ]
