"""The whole picture from a grid of nodes, in one pass: where pixels come from, their texture, light, what is behind.

Squares of four nodes that read nothing of the person are known beforehand, and their pixels are copied from the plate.
Elsewhere a row is drawn in passes over a strip of it (`strips`): where its pixels come from, the four texels about each
place, these mixed, lit and laid over the plate. Textures have two pixels for each of the stage's.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from avtr_cli.kernels.compiling import Bytes, Counts, Floats, Number, Words, helper, kernel, passage
from avtr_cli.kernels.strips import (
    AT_ALPHA,
    AT_BLUE,
    AT_GREEN,
    AT_RED,
    GAIN,
    STRIP,
    S,
    come_from,
    fetch,
    mixed,
    node_row,
    rounded,
    spread,
    weave,
)

F: Any = np.float32
Int: Any = np.int32
U: Any = np.uint64
_SHIFT = 3
BLOCK = 1 << _SHIFT  # texels a side, of the squares of texture that are known to be empty or not
_ONE, _TWO, _THREE, _OF_ALL = U(1), U(2), U(3), F(1 / 255)


def filled_before(person: Bytes) -> Counts:
    """(H / 8 + 1, W / 8 + 1): how many blocks above and left of each hold anything of the texture (H, W, 4)."""
    height, width = person.shape[:2]
    high, wide = -(-height // BLOCK), -(-width // BLOCK)
    some = np.zeros((high * BLOCK, wide * BLOCK), bool)
    some[:height, :width] = person.any(axis=2)
    blocks = some.reshape(high, BLOCK, wide, BLOCK).any(axis=(1, 3))
    before = np.zeros((high + 1, wide + 1), np.int32)
    before[1:, 1:] = blocks.cumsum(axis=0).cumsum(axis=1)
    return before


@helper
def _blocks(
    a: Number, b: Number, c: Number, d: Number, least: Number, most: Number, size: Number
) -> tuple[Number, Number]:
    """First block along one axis that the places between four nodes, stage px, may read, and the one after the last."""
    end = F(size - 1)
    first = min(max(F(2) * (min(min(a, b), min(c, d)) + least), F(0)), end)
    last = min(max(F(2) * (max(max(a, b), max(c, d)) + most) + F(2), F(0)), end)
    return Int(first) >> _SHIFT, (Int(last) >> _SHIFT) + Int(1)


@kernel("void(f4[:,:,::1], i8, i4[:,::1], i8, i8, u1[:,::1], u4[::1])")
def find_person(
    nodes: Floats, cell: int, before: Counts, height: int, width: int, shows: Bytes, words: Words
) -> None:  # fmt: skip
    """Into `shows` (rows - 1, columns - 1): whether anything of the person is seen between four nodes.

    `nodes` (3, rows, columns) has, px, where they come from less where they are; `before` is that of `filled_before`
    of a texture of `height` and `width`; `words` are scratch (`strips`).
    """
    rows, columns = shows.shape
    step, wide, counts = F(cell), Int(before.shape[1]), before.reshape(-1)
    for r in range(rows):
        y = (F(r) + F(0.5)) * step - F(0.5)
        # Pixels beyond the outermost nodes go on as these do.
        up = -step if r == 0 else F(-0.1)
        down = step if r == rows - 1 else F(0.1)
        for first in range(0, columns, STRIP):
            count, seen = min(columns - first, STRIP), shows[r, first:]
            x_above, x_below, y_above, y_below = (
                nodes[0, r, first:], nodes[0, r + 1, first:], nodes[1, r, first:], nodes[1, r + 1, first:]
            )  # fmt: skip
            for k in range(U(count)):
                c, n = Int(k) + Int(first), k + _ONE
                x = (F(c) + F(0.5)) * step - F(0.5)
                left, right = -step if c == 0 else F(-0.1), step if c == Int(columns - 1) else F(0.1)
                x0, x1 = _blocks(
                    x + x_above[k], x + step + x_above[n], x + x_below[k], x + step + x_below[n], left, right, width
                )
                y0, y1 = _blocks(
                    y + y_above[k], y + y_above[n], y + step + y_below[k], y + step + y_below[n], up, down, height
                )
                words[k], words[S + k] = np.uint32(y0 * wide + x0), np.uint32(y0 * wide + x1)
                words[_TWO * S + k], words[_THREE * S + k] = np.uint32(y1 * wide + x0), np.uint32(y1 * wide + x1)
            for k in range(U(count)):
                above = counts[U(words[S + k])] - counts[U(words[k])]
                below = counts[U(words[_THREE * S + k])] - counts[U(words[_TWO * S + k])]
                seen[k] = np.uint8(1 if below > above else 0)


@passage
def _lay(words: Words, line: Floats, tint: Floats, begin: Number, end: Number, under: Bytes, planes: Bytes) -> None:
    """The person in their light over the plate's pixels, `under`, into three `planes`."""
    tint_red, tint_green, tint_blue = tint[0], tint[1], tint[2]
    for k in range(U(begin), U(end)):
        gain, rest = line[GAIN * S + k], F(1) - mixed(words, line, k, AT_ALPHA) * _OF_ALL
        red, green, blue = (
            mixed(words, line, k, AT_RED), mixed(words, line, k, AT_GREEN), mixed(words, line, k, AT_BLUE)
        )  # fmt: skip
        planes[k] = rounded(red + red * (gain * tint_red) + rest * F(under[_THREE * k]))
        planes[S + k] = rounded(green + green * (gain * tint_green) + rest * F(under[_THREE * k + _ONE]))
        planes[_TWO * S + k] = rounded(blue + blue * (gain * tint_blue) + rest * F(under[_THREE * k + _TWO]))


@passage
def _leave(words: Words, line: Floats, tint: Floats, begin: Number, end: Number, planes: Bytes) -> None:
    """The person in their light with nothing behind, into four `planes`: colours are no longer premultiplied."""
    for k in range(U(begin), U(end)):
        gain, alpha = line[GAIN * S + k], mixed(words, line, k, AT_ALPHA)
        scale = F(1) / max(alpha, F(1)) * F(255)
        red, green, blue = (
            mixed(words, line, k, AT_RED), mixed(words, line, k, AT_GREEN), mixed(words, line, k, AT_BLUE)
        )  # fmt: skip
        # As OpenCV rounds: halves, of which there are many here, to even numbers.
        planes[k] = rounded(np.rint((red + red * (gain * tint[0])) * scale))
        planes[S + k] = rounded(np.rint((green + green * (gain * tint[1])) * scale))
        planes[_TWO * S + k] = rounded(np.rint((blue + blue * (gain * tint[2])) * scale))
        planes[_THREE * S + k] = rounded(alpha)


@passage
def _leave_out(under: Bytes, begin: Number, end: Number, channels: Number, into: Bytes) -> None:
    """Pixels without the person: the plate's, or nothing."""
    if channels == 4:
        for k in range(U(4 * begin), U(4 * end)):
            into[k] = np.uint8(0)
    else:
        for k in range(U(3 * begin), U(3 * end)):
            into[k] = under[k]


@kernel(
    "void(f4[:,:,::1], i8, i8, i8, i4[::1], f4[::1], i4[::1], u1[:,::1], u4[:,::1], u1[:,:,::1], f4[::1], "
    "u1[:,:,::1], i8, i8, f4[::1], u4[::1], u1[::1])"
)
def draw(
    nodes: Floats, cell: int, left: int, top: int, starts: Counts, fractions: Floats, column_of: Counts, shows: Bytes,
    person: Words, plate: Bytes, tint: Floats, out: Bytes, first: int, last: int, line: Floats, words: Words,
    planes: Bytes,
) -> None:  # fmt: skip
    """Rows `first` .. `last` of `out` (h, w, 3 or 4), whose pixel (0, 0) is the stage's (`left`, `top`).

    `nodes` (3, rows, columns): where they come from, px less where they are, and gain less one. Pixel j lies at
    `fractions`[j] between the nodes `column_of`[j] and the next; those after node c begin at `starts`[c]. `person`
    (H, W) has texels, `plate` (h, w, 3) what is behind. `line`, `words` and `planes` are scratch (`strips`).
    """
    rows, channels = nodes.shape[1], out.shape[2]
    pixels, behind = out.reshape(out.shape[0], -1), plate.reshape(plate.shape[0], -1)
    begin_columns, end_columns = column_of[0], column_of[column_of.shape[0] - 1] + 1
    columns = STRIP // cell - 1  # of a strip: at the sides of a picture one may have half a cell more
    for from_column in range(begin_columns, end_columns, columns):
        to_column = min(from_column + columns, end_columns)
        start = starts[from_column]
        known = 0  # rows of nodes before it are spread
        for i in range(first, last):
            r, down = node_row(i + top, cell, rows)
            known = max(known, r)
            while known < r + 2:
                spread(nodes, known, column_of, fractions, start, starts[to_column] - start, line)
                known += 1
            seen, into, under = shows[r], pixels[i, channels * start :], behind[i, 3 * start :]
            c = from_column
            while c < to_column:
                run = c
                while c < to_column and seen[c] == 0:
                    c += 1
                _leave_out(under, starts[run] - start, starts[c] - start, channels, into)
                run = c
                while c < to_column and seen[c] != 0:
                    c += 1
                begin, end = starts[run] - start, starts[c] - start
                come_from(line, r, down, F(start + left), F(i + top), begin, end, begin)
                fetch(line, 2, person, begin, end, words)
                if channels == 4:
                    _leave(words, line, tint, begin, end, planes)
                else:
                    _lay(words, line, tint, begin, end, under, planes)
                weave(planes, begin, end, channels, into)
