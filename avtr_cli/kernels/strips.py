"""Strips of pixels as planes of one flat array, so that a CPU takes many pixels at once.

Of arrays that are arguments the compiler must fear that what is written to one is read from another, and takes pixels
one by one. Planes that lie STRIP apart in one array cannot meet, which it sees. Indices are unsigned for the same
reason: a signed one may count from the end. What lies where numbers say, as texels do, is fetched in a loop of its own.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from avtr_cli.kernels.compiling import Bytes, Floats, Number, Words, helper

F: Any = np.float32
U: Any = np.uint64
STRIP = 512  # the most pixels of a strip: its planes stay in the nearest memory of a core
S = U(STRIP)
FLOATS, WORDS, BYTES = 12, 5, 4  # planes of scratch that a loop may use
_ONE, _TWO, _THREE, _FOUR = U(1), U(2), U(3), U(4)


def scratch() -> tuple[Floats, Words, Bytes]:
    """Planes for one thread; no pixel depends on what they hold."""
    return np.zeros(FLOATS * STRIP, F), np.zeros(WORDS * STRIP, np.uint32), np.zeros(BYTES * STRIP, np.uint8)


@helper
def rounded(value: Number) -> Number:
    """A colour as a byte, 0 .. 255."""
    return np.uint8(np.int32(min(max(value + F(0.5), F(0)), F(255))))


@helper
def weave(planes: Bytes, begin: Number, end: Number, channels: Number, into: Bytes) -> None:
    """Pixels `begin` .. `end` of a strip, of as many `planes` as there are `channels`, 3 or 4, one after the other."""
    if channels == 4:
        for k in range(U(begin), U(end)):
            into[_FOUR * k], into[_FOUR * k + _ONE] = planes[k], planes[S + k]
            into[_FOUR * k + _TWO], into[_FOUR * k + _THREE] = planes[_TWO * S + k], planes[_THREE * S + k]
    else:
        for k in range(U(begin), U(end)):
            into[_THREE * k], into[_THREE * k + _ONE] = planes[k], planes[S + k]
            into[_THREE * k + _TWO] = planes[_TWO * S + k]
