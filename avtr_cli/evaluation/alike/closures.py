"""Does one mouth shut when the other does? Closures of a reference that another video closes too, beside chance.

Shut lips are a mode of their own in a mouth that speaks: the reference's threshold is found between that mode (its
2nd percentile, since Face Mesh reads another small gap between the shut lips of every face) and its well open frames
(75th percentile). Hardly a frame lies there, so the share that is shut stays the same over a wide range of OPEN_SHARE.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from avtr_cli.core.arrays import Doubles, Mask
from avtr_cli.core.timing import FPS
from avtr_cli.evaluation.motion.voice import runs

SHUT_PERCENTILE, OPEN_PERCENTILE = 2, 75
OPEN_SHARE = 0.15  # of the way from shut to well open
NEAR = 1  # frames around a closure in which the other's counts
APART = FPS  # frames that a chance shift is at least


@dataclass(frozen=True)
class Kept:
    """Shares of the reference's closures that the other closes too, and what the same mouth turned in time reaches.

    share, chance              the other is shut as often as the reference: its lowest frames
    plain_share, plain_chance  the other is shut below the reference's own threshold
    count                      closures of the reference
    """

    share: float
    chance: float
    plain_share: float
    plain_chance: float
    count: int


def kept_closures(reference: Doubles, other: Doubles) -> Kept:
    """Of two apertures (T,) of one length without gaps, T at 25 fps. NaN where the reference never shuts, or T is 0."""
    if not len(reference):
        return Kept(math.nan, math.nan, math.nan, math.nan, 0)
    threshold = closed_below(reference)
    closed = reference < threshold
    count = int(closed.sum())
    as_often = np.zeros(len(other), bool)
    as_often[np.argsort(other, kind="stable")[:count]] = True
    return Kept(*_kept(closed, as_often), *_kept(closed, other < threshold), len(runs(closed)))


def closed_below(aperture: Doubles) -> float:
    """The aperture below which the lips of this video are shut."""
    low, high = np.percentile(aperture, [SHUT_PERCENTILE, OPEN_PERCENTILE])
    return float(low + OPEN_SHARE * (high - low))


def _kept(closed: Mask, other: Mask) -> tuple[float, float]:
    """The share of the runs of `closed` that `other` meets within NEAR frames, and its mean over circular shifts."""
    spans, frames = runs(closed), len(closed)
    if not spans:
        return math.nan, math.nan
    turns = _turns(frames)
    back = frames - np.array([0, *turns])  # `other`, turned by s, has at t what it had at t - s
    before = np.concatenate([[0], np.cumsum(np.tile(other, 2))])  # two rounds: no span leaves them
    met = [before[back + min(frames, end + NEAR)] > before[back + max(0, first - NEAR)] for first, end in spans]
    shares = np.mean(met, axis=0)
    return float(shares[0]), float(shares[1:].mean()) if turns else math.nan


def _turns(frames: int) -> range:
    apart = min(APART, max(1, frames // 3))
    return range(apart, frames - apart + 1)
