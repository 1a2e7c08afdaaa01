"""Values of one picture after the other into steadier ones: the one-euro filter, and a plain low pass.

What rests is smoothed much, what moves little, so that nothing trembles and nothing lags (Casiez, Roussel and Vogel
2012, "1 euro filter"). A filter remembers; one that is to forget is made anew.
"""

from __future__ import annotations

import math

from avtr_cli.core.arrays import Doubles

LEAST_SCALE = 1e-6  # below this size of the thing nothing is filtered
SPEED_CUTOFF = 1.0  # Hz below which a speed is believed


class LowPass:
    """Each value is `share` of the new one and the rest of the last answer; the first passes."""

    def __init__(self, share: Doubles | float):
        self._share = share
        self._last: Doubles | None = None

    def __call__(self, values: Doubles, share: Doubles | float | None = None) -> Doubles:
        """`values` of any shape, the same at each call; `share` in the place of the filter's own."""
        share = self._share if share is None else share
        self._last = values if self._last is None else share * values + (1 - share) * self._last
        return self._last


class OneEuro:
    """A low pass whose cut-off, `cutoff` Hz at rest, rises by `beta` Hz for each unit a second of speed."""

    def __init__(self, cutoff: float, beta: float, rate: float):
        """`rate` calls a second."""
        self._cutoff, self._beta, self._rate = cutoff, beta, rate
        self._speed, self._value = LowPass(self._share_of(SPEED_CUTOFF)), LowPass(1)
        self._last: Doubles | None = None

    def __call__(self, values: Doubles, scale: float = 1.0) -> Doubles:
        """`values` of any shape, the same at each call; speeds count in units of `scale`, the size of what moves."""
        if scale < LEAST_SCALE:
            return values
        moved = 0 * values if self._last is None else values - self._last
        self._last = values
        speed = self._speed(moved * self._rate / scale)
        return self._value(values, self._share_of(self._cutoff + self._beta * abs(speed)))

    def _share_of(self, cutoff: Doubles | float) -> Doubles | float:
        return 1 / (1 + self._rate / (2 * math.pi * cutoff))
