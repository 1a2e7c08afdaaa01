"""Strips of pixels as planes of one flat array, so that a CPU takes many pixels at once.

Of arrays that are arguments the compiler must fear that what is written to one is read from another, and takes pixels
one by one. Planes that lie STRIP apart in one array cannot meet, which it sees. Indices are unsigned for the same
reason: a signed one may count from the end. What lies where numbers say, as texels do, is fetched in a loop of its own.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from avtr_cli.kernels.compiling import Bytes, Counts, Floats, Number, Words, helper, passage
from avtr_cli.kernels.prefetching import prefetch

F: Any = np.float32
Int: Any = np.int32
U: Any = np.uint64
STRIP = 640  # the most pixels of a strip: its planes stay in the nearest memory of a core
S = U(STRIP)
FLOATS, WORDS, BYTES = 36, 5, 4  # planes of scratch
# Of floats: x, y and gain of two rows of nodes, spread to pixels (NODES a row); where a pixel comes from, and its gain;
# how far on from a texel or node that is; a colour, premultiplied; from FREE on, what one loop alone knows.
NODES, X, Y, GAIN, RIGHT, DOWN, RED, GREEN, BLUE, ALPHA, FREE = 3, *(U(plane) for plane in range(6, 16))
# Of words: a texel, the next, those below both, and where the first one is.
TEXEL, NEXT, BELOW, ACROSS, AT = (U(plane) for plane in range(5))
# Shifts to the channels of a texel.
AT_RED, AT_GREEN, AT_BLUE, AT_ALPHA = (np.uint32(shift) for shift in (0, 8, 16, 24))
_PER_LINE = U(8)  # pixels whose texels lie in one line of a core's memory, 64 bytes
_ONE, _TWO, _THREE, _FOUR, _BYTE, _OF_ALL = U(1), U(2), U(3), U(4), np.uint32(255), F(1 / 255)


def scratch() -> tuple[Floats, Words, Bytes]:
    """`line`, `words` and `planes` of one thread; no pixel depends on what they hold."""
    return np.zeros(FLOATS * STRIP, F), np.zeros(WORDS * STRIP, np.uint32), np.zeros(BYTES * STRIP, np.uint8)


@helper
def node_row(y: Number, cell: Number, rows: Number) -> tuple[Number, Number]:
    """The row of nodes above the stage's row `y`, never the last, and how far below it that lies, 0 .. 1."""
    at = min(max((F(y) + F(0.5)) / F(cell) - F(0.5), F(0)), F(rows - 1))
    row = min(int(at), rows - 2)
    return row, at - F(row)


@passage
def spread(
    nodes: Floats, row: Number, column_of: Counts, fractions: Floats, start: Number, size: Number, line: Floats
) -> None:
    """A row of `nodes` (2 or 3, rows, columns) at `size` pixels from `start` on: into one of two places, in turn."""
    for axis in range(nodes.shape[0]):
        values, into = nodes[axis, row], U(NODES * (row & 1) + axis) * S
        for k in range(U(size)):
            column = U(column_of[U(start) + k])
            line[into + k] = values[column] + (values[column + _ONE] - values[column]) * fractions[U(start) + k]


@passage
def come_from(
    line: Floats, row: Number, down: Number, x: Number, y: Number, begin: Number, end: Number, into: Number
) -> None:
    """X, Y and GAIN of pixels that lie `down` below a `row` of nodes, which is spread, as the next one is.

    Those are `begin` .. `end` of the row's, of which the first is the stage's (`x`, `y`); they go `into` the strip.
    """
    above, below = U(NODES * (row & 1)) * S, U(NODES - NODES * (row & 1)) * S
    to = U(into) - U(begin)
    for k in range(U(begin), U(end)):
        by_x, by_y, gain = line[above + k], line[above + S + k], line[above + _TWO * S + k]
        by_x += (line[below + k] - by_x) * down
        by_y += (line[below + S + k] - by_y) * down
        line[GAIN * S + to + k] = gain + (line[below + _TWO * S + k] - gain) * down
        line[X * S + to + k] = by_x + (F(Int(k)) + x)
        line[Y * S + to + k] = by_y + y


@passage
def fetch(line: Floats, times: Number, texels: Words, begin: Number, end: Number, words: Words) -> None:
    """The four of `texels` (H, W) about `times` X and Y, and how far on from the first of them that place lies."""
    height, width = texels.shape
    flat, most_x, most_y = texels.reshape(-1), F(width - 1), F(height - 1)
    last_x, last_y = Int(width - 2), Int(height - 2)
    for k in range(U(begin), U(end)):
        x = min(max(F(times) * line[X * S + k], F(0)), most_x)
        y = min(max(F(times) * line[Y * S + k], F(0)), most_y)
        column, row = min(Int(x), last_x), min(Int(y), last_y)
        line[RIGHT * S + k], line[DOWN * S + k] = x - F(column), y - F(row)
        words[AT * S + k] = np.uint32(row * Int(width) + column)
    # What the row below will read, which most often is the next to come: twice a row further down.
    for k in range(U(begin), U(end), _PER_LINE):
        at = U(words[AT * S + k]) + _TWO * U(width)
        prefetch(flat, at)
        prefetch(flat, at + U(width))
    for k in range(U(begin), U(end)):
        at = U(words[AT * S + k])
        words[TEXEL * S + k], words[NEXT * S + k] = flat[at], flat[at + _ONE]
        at += U(width)
        words[BELOW * S + k], words[ACROSS * S + k] = flat[at], flat[at + _ONE]


@helper
def mixed(words: Words, line: Floats, k: Number, shift: Number) -> Number:
    """One channel of the four texels, the byte that `shift` leads to, at the place among them."""
    a, b = F(Int((words[TEXEL * S + k] >> shift) & _BYTE)), F(Int((words[NEXT * S + k] >> shift) & _BYTE))
    c, d = F(Int((words[BELOW * S + k] >> shift) & _BYTE)), F(Int((words[ACROSS * S + k] >> shift) & _BYTE))
    right = line[RIGHT * S + k]
    upper, lower = a + (b - a) * right, c + (d - c) * right
    return upper + (lower - upper) * line[DOWN * S + k]


@passage
def read(line: Floats, times: Number, texels: Words, count: Number, words: Words) -> None:
    """The colour of a strip's `count` pixels, RED to ALPHA, from `texels` at `times` X and Y."""
    fetch(line, times, texels, 0, count, words)
    for k in range(U(count)):
        line[RED * S + k], line[GREEN * S + k] = mixed(words, line, k, AT_RED), mixed(words, line, k, AT_GREEN)
        line[BLUE * S + k], line[ALPHA * S + k] = mixed(words, line, k, AT_BLUE), mixed(words, line, k, AT_ALPHA)


@passage
def light(line: Floats, tint: Floats, count: Number) -> None:
    """Lights the colour of a strip's `count` pixels by their GAIN, `tint` (3,) of it."""
    red, green, blue = tint[0], tint[1], tint[2]
    for k in range(U(count)):
        gain = line[GAIN * S + k]
        line[RED * S + k] += line[RED * S + k] * (gain * red)
        line[GREEN * S + k] += line[GREEN * S + k] * (gain * green)
        line[BLUE * S + k] += line[BLUE * S + k] * (gain * blue)


@helper
def rounded(value: Number) -> Number:
    """A colour as a byte, 0 .. 255."""
    return np.uint8(Int(min(max(value + F(0.5), F(0)), F(255))))


@passage
def lay(line: Floats, begin: Number, end: Number, under: Bytes, channels: Number, planes: Bytes) -> None:
    """The colours of pixels `begin` .. `end` over the plate's pixels `under`, rounded, into the beginning of `planes`.

    Of four `channels` they are left as they are, no longer premultiplied.
    """
    if channels == 4:
        for k in range(U(end - begin)):
            j = U(begin) + k
            alpha = line[ALPHA * S + j]
            scale = F(1) / max(alpha, F(1)) * F(255)
            planes[k] = rounded(line[RED * S + j] * scale)
            planes[S + k] = rounded(line[GREEN * S + j] * scale)
            planes[_TWO * S + k] = rounded(line[BLUE * S + j] * scale)
            planes[_THREE * S + k] = rounded(alpha)
    else:
        for k in range(U(end - begin)):
            j = U(begin) + k
            rest = F(1) - line[ALPHA * S + j] * _OF_ALL
            planes[k] = rounded(line[RED * S + j] + rest * F(under[_THREE * k]))
            planes[S + k] = rounded(line[GREEN * S + j] + rest * F(under[_THREE * k + _ONE]))
            planes[_TWO * S + k] = rounded(line[BLUE * S + j] + rest * F(under[_THREE * k + _TWO]))


@passage
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
