"""Pictures in red, green and blue into what H.264 keeps: brightness of each pixel, two colour differences of each four.

BT.709 in limited range: black is 16, white 235, and the differences of a grey are 128. All in whole numbers, rounded
once: the plain form (`output/planes.py`) gives the same bytes, and so does every CPU. The colour of four is their mean.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from avtr_cli.kernels.compiling import Bytes, Number, helper, kernel, passage
from avtr_cli.kernels.yuv_measures import BLACK, BLUENESS, BRIGHTNESS, GREY, HALF, REDNESS, SHIFT

Int: Any = np.int32
U: Any = np.uint64
_ONE, _TWO, _THREE, _SIX = U(1), U(2), U(3), U(6)


@passage
def _brightness(pixels: Bytes, into: Bytes, count: Number) -> None:
    """Of `count` pixels, three bytes each."""
    red, green, blue = Int(BRIGHTNESS[0]), Int(BRIGHTNESS[1]), Int(BRIGHTNESS[2])
    for k in range(U(count)):
        light = red * Int(pixels[_THREE * k]) + green * Int(pixels[_THREE * k + _ONE])
        into[k] = np.uint8((light + blue * Int(pixels[_THREE * k + _TWO]) + Int(BLACK + HALF)) >> Int(SHIFT))


@helper
def _sum(above: Bytes, below: Bytes, at: Number, on: Number) -> Number:
    """Of one channel of four pixels: those that begin `at`, and those `on` bytes further."""
    return Int(above[at]) + Int(above[at + on]) + Int(below[at]) + Int(below[at + on])


@helper
def _difference(weights: tuple[int, int, int], red: Number, green: Number, blue: Number) -> Number:
    """Of sums of four pixels."""
    weighed = Int(weights[0]) * red + Int(weights[1]) * green + Int(weights[2]) * blue
    return np.uint8((weighed + Int(4 * (GREY + HALF))) >> Int(SHIFT + 2))


@passage
def _differences(
    above: Bytes, below: Bytes, first: Number, last: Number, on: Number, blueness: Bytes, redness: Bytes
) -> None:
    """Of squares `first` .. `last` of two rows, whose second pixels lie `on` bytes after their first."""
    step = U(on)
    for k in range(U(first), U(last)):
        at = _SIX * k
        red, green, blue = (
            _sum(above, below, at, step), _sum(above, below, at + _ONE, step), _sum(above, below, at + _TWO, step)
        )  # fmt: skip
        blueness[k], redness[k] = _difference(BLUENESS, red, green, blue), _difference(REDNESS, red, green, blue)


@kernel("void(u1[:,:,::1], u1[::1])")
def to_planes(picture: Bytes, planes: Bytes) -> None:
    """`picture` (H, W, 3) into `planes`: H rows of brightness, then blueness, then redness, half the rows and columns.

    Where these are odd, the last is met twice.
    """
    height, width = picture.shape[:2]
    rows, columns = (height + 1) // 2, (width + 1) // 2
    pixels = picture.reshape(-1)
    _brightness(pixels, planes, height * width)
    for row in range(rows):
        above, below = pixels[6 * width * row :], pixels[3 * width * min(2 * row + 1, height - 1) :]
        blueness = planes[height * width + columns * row :]
        redness = blueness[rows * columns :]
        _differences(above, below, 0, width // 2, 3, blueness, redness)
        _differences(above, below, width // 2, columns, 0, blueness, redness)
