"""A number together with what it is when each conversation is left out: its interval, and that of a difference.

The jackknife goes over conversations: neighbouring frames repeat each other, and the two sides of a call share it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from avtr_cli.core.arrays import Doubles, Indices

FEWEST = 3  # conversations that an interval can be told from
NORMAL_95 = 1.96


@dataclass(frozen=True)
class Replicates:
    """`value` of all conversations, and `without` (G,): the same without each of them. NaN: not known."""

    value: float
    without: Doubles

    @property
    def se(self) -> float:
        """Standard error by the delete-one jackknife; NaN below three conversations, or where one deletion has none."""
        count = len(self.without)
        if count < FEWEST or not math.isfinite(self.value) or not np.isfinite(self.without).all():
            return math.nan
        spread = ((self.without - self.without.mean()) ** 2).sum()
        return float(np.sqrt((count - 1) / count * spread))

    @property
    def low(self) -> float:
        """Lower end of the 95 % interval."""
        return self.value - NORMAL_95 * self.se

    @property
    def high(self) -> float:
        """Upper end of it."""
        return self.value + NORMAL_95 * self.se

    @property
    def corrected(self) -> float:
        """The value less the jackknife's estimate of its bias."""
        count = len(self.without)
        return count * self.value - (count - 1) * float(self.without.mean()) if count >= FEWEST else math.nan

    def minus(self, other: Replicates) -> Replicates:
        """The difference, the same conversation left out on both sides: two intervals that overlap are no test."""
        return Replicates(self.value - other.value, self.without - other.without)


def mean_over(values: Doubles, groups: Indices | list[int], count: int) -> Replicates:
    """The mean of (n,) values, of which NaN are none, and without each of `count` conversations; `groups` is theirs."""
    known = np.isfinite(values)
    kept, owner = np.asarray(values, np.float64)[known], np.asarray(groups, int)[known]
    sums, sizes = np.bincount(owner, kept, count), np.bincount(owner, minlength=count)
    left = len(kept) - sizes
    there = sizes > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        without = np.where(left > 0, (kept.sum() - sums) / left, np.nan)[there]
    return Replicates(float(kept.mean()) if len(kept) else math.nan, without)
