"""A measure: what a number says, in which unit, and between which bounds it should lie."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Measure:
    """`low` and `high` are the bounds needed; None: none.

    control_high  what the motion that heard a shifted partner may reach        line  of an acceptance list
    """

    what: str
    low: float | None = None
    high: float | None = None
    control_high: float | None = None
    line: int = 0

    def met(self, value: float) -> bool | None:
        """Whether `value` lies within the bounds; None where there are none, or nothing was measured."""
        if (self.low is None and self.high is None) or not math.isfinite(value):
            return None
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)

    @property
    def needed(self) -> str:
        """The bounds in words for a table, as in `<= 2` or `0.8 .. 1.2`; nothing where there are none."""
        if self.low is None:
            return "" if self.high is None else f"<= {self.high:g}"
        return f">= {self.low:g}" if self.high is None else f"{self.low:g} .. {self.high:g}"
