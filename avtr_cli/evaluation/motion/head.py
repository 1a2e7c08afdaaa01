"""The head: how fast it moves while the avatar speaks, listens or nobody says anything, and how smoothly."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from avtr_cli.core.arrays import Doubles, Mask
from avtr_cli.core.timing import FPS
from avtr_cli.evaluation.motion.takes import Finding, Findings, Take
from avtr_cli.evaluation.stats import correlation

OWN_MARGIN = 12  # frames; the head settles into and out of the own speech
AFTER_PARTNER = 38  # frames (1.5 s) in which an answer to the partner may still be on its way
FEWEST = FPS  # frames in a state, below which no speed is given


def measure(takes: Sequence[Take]) -> Findings:
    """Speeds by state and jitter, frames pooled over takes."""
    speed = np.concatenate([take.face.head_speed for take in takes])
    speaking = np.concatenate([take.own.active for take in takes])
    listening = np.concatenate([listens(take) for take in takes])
    resting = np.concatenate([rests(take) for take in takes])
    while_listening, at_rest = _mean_of(speed, listening), _mean_of(speed, resting)
    return {
        "head.speed_speaking": _mean_of(speed, speaking),
        "head.speed_listening": while_listening,
        "head.speed_rest": at_rest,
        "head.listening_over_rest": ratio(while_listening, at_rest),
        "head.jitter": Finding(_jitter([take.face.head for take in takes]), count=len(speed)),
    }


def listens(take: Take) -> Mask:
    """bool (T,): the partner speaks, or has within 1.5 s, and the avatar does not."""
    return take.own.away(OWN_MARGIN, OWN_MARGIN) & ~take.partner.away(0, AFTER_PARTNER)


def rests(take: Take) -> Mask:
    """bool (T,): nobody speaks, and nothing said calls for an answer any more."""
    return take.own.away(OWN_MARGIN, OWN_MARGIN) & take.partner.away(0, AFTER_PARTNER)


def same_frames_over(takes: Sequence[Take], others: Sequence[Take]) -> Finding:
    """Head speed while listening over that of `others` at the same frames, as with the partner made silent."""
    where = np.concatenate([listens(take) for take in takes])
    now = _mean_of(np.concatenate([take.face.head_speed for take in takes]), where)
    then = _mean_of(np.concatenate([take.face.head_speed for take in others]), where)
    return ratio(now, then)


def ratio(over: Finding, under: Finding) -> Finding:
    """One finding over another; NaN where the lower is 0. It rests on as much as the weaker of them."""
    value = over.value / under.value if under.value > 0 else float("nan")
    return Finding(value, 1.0, min(over.count, under.count))


def seeds_correlation(takes_of_seeds: Sequence[Sequence[Take]]) -> Finding:
    """Mean r of head angles between motions of different seeds for the same sound; 1 where chance plays no part."""
    values = []
    for first, second in combinations(takes_of_seeds, 2):
        for one, other in zip(first, second, strict=True):
            values += [correlation(one.face.head[:, axis], other.face.head[:, axis]) for axis in range(3)]
    finite = [value for value in values if np.isfinite(value)]
    return Finding(float(np.mean(finite)) if finite else float("nan"), 0.0, len(finite))


def _jitter(heads: Sequence[Doubles]) -> float:
    """Mean size of the second difference over that of the first: 2 when each step is undone by the next."""
    first = np.concatenate([np.linalg.norm(np.diff(head, axis=0), axis=1) for head in heads])
    second = np.concatenate([np.linalg.norm(np.diff(head, 2, axis=0), axis=1) for head in heads])
    return float(second.mean() / first.mean()) if len(second) and first.mean() > 1e-9 else float("nan")


def _mean_of(speed: Doubles, where: Mask) -> Finding:
    count = int(where.sum())
    return Finding(float(speed[where].mean()) if count >= FEWEST else float("nan"), count=count)
