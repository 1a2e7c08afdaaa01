"""Does a listener move before the speaker does? The time-lagged cross-correlation of two motions, TLCC-Proactivity.

The largest of a hundred correlations of unrelated motion is well above 0, the more the smoother they are: so the number
stands beside the same with another conversation's speaker.
"""

from __future__ import annotations

import math

import numpy as np

from avtr_cli.core.arrays import Doubles, Reals

REACH = 50  # frames: lags from -2 s to 2 s
SHORTEST = 25  # frames that must overlap
CONSTANT = 1e-9  # of a series' largest value, times sqrt(n): a spread below it is none


def tlcc_matrix(speaker: Reals, listener: Reals) -> Doubles:
    """Pearson's r at every lag of every dimension, (101, D); `listener[t + lag]` goes with `speaker[t]`.

    A positive lag means that the listener is late. NaN where too little overlaps, or one side does not vary.
    """
    one, other = np.asarray(speaker, np.float64), np.asarray(listener, np.float64)
    count = min(len(one), len(other))
    found = np.full((2 * REACH + 1, one.shape[1]), np.nan)
    for row, lag in enumerate(range(-REACH, REACH + 1)):
        if count - abs(lag) >= SHORTEST:
            now = slice(max(0, -lag), min(count, count - lag))
            then = slice(max(0, lag), min(count, count + lag))
            found[row] = _correlations(one[now], other[then])
    return found


def tlcc(speaker: Reals, listener: Reals) -> float | None:
    """The largest signed r over lags, averaged over the dimensions that have any; None where none has."""
    matrix = tlcc_matrix(speaker, listener)
    known = np.isfinite(matrix).any(0)
    value = float(np.nanmax(matrix[:, known], axis=0).mean()) if known.any() else math.nan
    return value if math.isfinite(value) else None


def _correlations(one: Doubles, other: Doubles) -> Doubles:
    """r of each column of (n, D) with the other's."""
    parts = []
    for side in (one, other):
        centred = side - side.mean(0)
        spread = np.sqrt((centred**2).sum(0))
        varies = spread > CONSTANT * np.abs(side).max(0) * math.sqrt(len(side))
        parts.append(centred / np.where(varies, spread, np.nan))
    r: Doubles = (parts[0] * parts[1]).sum(0)
    return r
