"""The mouth's region, drawn anew over a finished picture: two lips, what the gap between them shows, blended in.

The formulas are those of `render/mesh/mouth.py` and `interior.py`; all but the small gap is drawn in passes over strips
(`strips`). Colours are 0 .. 255 and premultiplied; regions are given by their first column and row, in stage pixels.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from avtr_cli.kernels.compiling import Bytes, Counts, Doubles, Floats, Number, Words, helper, kernel, passage
from avtr_cli.kernels.reading import read_four
from avtr_cli.kernels.strips import (
    AT_BLUE,
    AT_GREEN,
    AT_RED,
    BLUE,
    FREE,
    GREEN,
    RED,
    STRIP,
    S,
    X,
    Y,
    come_from,
    fetch,
    lay,
    light,
    mixed,
    node_row,
    read,
    spread,
    weave,
)

F: Any = np.float32
Int: Any = np.int32
U: Any = np.uint64
# Planes of a strip: the sum of all weights (it follows the colour), the gap; of the upper lip what is seen, and masks.
ALL, OPENS, UPPER_RED, UPPER_GREEN, UPPER_BLUE, ABOVE, BETWEEN = (FREE + U(plane) for plane in range(7))
_OF_ALL, _PER_BYTE = 1 / 255, F(1 / 255)
SHADED, LIT = 0.28, 0.72  # of the light: what flesh and lower teeth have in the dark, and what falls in


@passage
def _of_upper(line: Floats, words: Words, masks: Words, masks_x: Number, masks_y: Number, count: Number) -> None:
    """Keeps what the upper lip's places show, which has been read, and what the masks say of them."""
    for k in range(U(count)):
        line[UPPER_RED * S + k], line[UPPER_GREEN * S + k] = line[RED * S + k], line[GREEN * S + k]
        line[UPPER_BLUE * S + k] = line[BLUE * S + k]
        line[X * S + k] -= F(masks_x)
        line[Y * S + k] -= F(masks_y)
    fetch(line, 2, masks, 0, count, words)
    for k in range(U(count)):
        line[ABOVE * S + k] = mixed(words, line, k, AT_RED) * _PER_BYTE
        line[BETWEEN * S + k] = mixed(words, line, k, AT_BLUE)


@passage
def _of_lower(line: Floats, words: Words, masks: Words, masks_x: Number, masks_y: Number, count: Number) -> None:
    """Lays the upper lip over the lower one's places, which have been read: RED to ALPHA, ALL of it, what OPENS."""
    for k in range(U(count)):
        line[X * S + k] -= F(masks_x)
        line[Y * S + k] -= F(masks_y)
    fetch(line, 2, masks, 0, count, words)
    for k in range(U(count)):
        above, below = line[ABOVE * S + k], mixed(words, line, k, AT_GREEN) * _PER_BYTE
        between = max(line[BETWEEN * S + k], mixed(words, line, k, AT_BLUE)) * _PER_BYTE
        opens = (F(1) - above) * (F(1) - below) * between
        under = (F(1) - above) * (below + F(0.5) * (F(1) - between))
        line[RED * S + k] = line[RED * S + k] * under + line[UPPER_RED * S + k] * above
        line[GREEN * S + k] = line[GREEN * S + k] * under + line[UPPER_GREEN * S + k] * above
        line[BLUE * S + k] = line[BLUE * S + k] * under + line[UPPER_BLUE * S + k] * above
        line[OPENS * S + k], line[ALL * S + k] = opens, max(above + under + opens, F(1e-4))


@kernel(
    "void(f4[:,:,:,::1], i8, i8, i8, i8, f4[::1], i4[::1], u4[:,::1], u4[:,::1], i8, i8, f4[:,:,::1], f4[:,::1], "
    "f4[::1], u4[::1])"
)
def lips(
    back: Floats, cell: int, left: int, top: int, out_x: int, fractions: Floats, column_of: Counts, person: Words,
    masks: Words, masks_x: int, masks_y: int, drawn: Floats, gap: Floats, line: Floats, words: Words,
) -> None:  # fmt: skip
    """Both lips into `drawn` (5, h, w): colour, alpha, and the weights' sum with the gap's; the `gap` (h, w) itself.

    `back` (2, 2, rows, columns) is where both layers' nodes come from; `masks` (H, W), of both lips and of what is
    between them, begin at `masks_x`, `masks_y`. The rest as in `picture.draw`, whose pixel 0 is the stage's `out_x`.
    """
    high, wide = gap.shape
    for from_column in range(0, wide, STRIP):
        size = min(wide - from_column, STRIP)
        rows = STRIP // size
        for from_row in range(0, high, rows):
            to_row = min(from_row + rows, high)
            count = (to_row - from_row) * size
            for layer in range(2):
                known = 0
                for i in range(from_row, to_row):
                    r, down = node_row(i + top, cell, back.shape[2])
                    known = max(known, r)
                    while known < r + 2:
                        spread(back[layer], known, column_of, fractions, left - out_x + from_column, size, line)
                        known += 1
                    x, y = F(from_column + left), F(i + top)
                    come_from(line, r, down, x, y, 0, size, (i - from_row) * size)
                read(line, 2, person, count, words)
                if layer == 0:
                    _of_upper(line, words, masks, masks_x, masks_y, count)
                else:
                    _of_lower(line, words, masks, masks_x, masks_y, count)
            for i in range(from_row, to_row):
                begin, opens = U((i - from_row) * size), gap[i, from_column:]
                for channel in range(5):
                    plane, into = (RED + U(channel)) * S + begin, drawn[channel, i, from_column:]
                    for k in range(U(size)):
                        into[k] = line[plane + k]
                for k in range(U(size)):
                    opens[k] = line[OPENS * S + begin + k]


@kernel("void(f4[:,::1], i8, i8, i8, f4[:,::1], f4[:,::1])")
def shade(gap: Floats, left: int, top: int, reach: int, light: Floats, other: Floats) -> None:
    """How much light reaches into the part of `gap` from (`left`, `top`) on: into `light` (h, w), 0 .. 1.

    The gap averaged twice over 2 `reach` + 1 pixels each way, nothing outside the part; `other` (h, w) is scratch.
    """
    high, wide = light.shape
    share = 1.0 / (2 * reach + 1)
    for i in range(high):
        for j in range(wide):
            light[i, j] = gap[top + i, left + j]
    for _ in range(2):
        for j in range(wide):
            total = 0.0
            for i in range(min(reach, high)):
                total += light[i, j]
            for i in range(high):
                if i + reach < high:
                    total += light[i + reach, j]
                if i - reach - 1 >= 0:
                    total -= light[i - reach - 1, j]
                other[i, j] = F(total * share)
        for i in range(high):
            total = 0.0
            for j in range(min(reach, wide)):
                total += other[i, j]
            for j in range(wide):
                if j + reach < wide:
                    total += other[i, j + reach]
                if j - reach - 1 >= 0:
                    total -= other[i, j - reach - 1]
                light[i, j] = F(total * share)
    for i in range(high):
        for j in range(wide):
            light[i, j] = F(min(max(light[i, j] * 1.35, 0.0), 1.0))


@helper
def _over(colour: Doubles, red: Number, green: Number, blue: Number, light: Number, share: Number) -> None:
    """Blends `share` of a lit colour over `colour` (3,)."""
    colour[0] += (red * light - colour[0]) * share
    colour[1] += (green * light - colour[1]) * share
    colour[2] += (blue * light - colour[2]) * share


@helper
def _over_teeth(
    colour: Doubles, red: Number, green: Number, blue: Number, light: Number, hue: Doubles, share: Number
) -> None:
    """The same for teeth, whose shade has a `hue` (3,)."""
    dark = max(1.0 - light, 0.0)
    colour[0] += (red * light * (1.0 + hue[0] * dark) - colour[0]) * share
    colour[1] += (green * light * (1.0 + hue[1] * dark) - colour[1]) * share
    colour[2] += (blue * light * (1.0 + hue[2] * dark) - colour[2]) * share


@kernel(
    "void(f4[:,:,::1], f4[:,::1], f4[:,::1], i8, i8, i8, i8, i8, u1[:,:,::1], u1[:,:,::1], u1[:,:,::1], f8[::1], "
    "f8[::1], f8[::1], f8[::1])"
)
def inside(
    drawn: Floats, gap: Floats, light: Floats, left: int, top: int, from_column: int, from_row: int, fall: int,
    tongue: Bytes, lower: Bytes, upper: Bytes, cavity: Doubles, hue: Doubles, places: Doubles,
    looks: Doubles,
) -> None:  # fmt: skip
    """Adds what is seen through the `gap` (h, w) to `drawn` (5, h, w), in a part from `from_column`, `from_row` on.

    That part is as large as `light`, from `fall` px above which light falls in. `hue` (3,) is that of shade on teeth.
    `places` (10,): the 2 x 2 matrix from stage pixels to EO, where the skull's plane and the jaw's begin (x, y each),
    half a mouth's width, canvas pixels per EO. `looks` (11,): top and stretch of the tongue, its light, how far it is
    raised, edge and light of the lower teeth, edge of the upper ones, their light in the dark, by what comes in, and
    least; how it is rounded.
    """
    colour = np.empty(3)
    half = upper.shape[0] / 2 - 0.5
    per_eo, wide = places[9], places[8]
    raised = looks[3]
    for i in range(light.shape[0]):
        y = i + from_row + top
        for j in range(light.shape[1]):
            opens = gap[from_row + i, from_column + j]
            if opens <= F(0):
                continue
            x = j + from_column + left
            along, down = x * places[0] + y * places[1], x * places[2] + y * places[3]
            skull_u, skull_v = along + places[4], down + places[5]
            jaw_u, jaw_v = along + places[6], down + places[7]
            u, v = skull_u / wide, 0.5 * (skull_v + jaw_v)
            aside = min(abs(u), 1.0)
            throat = math.exp(-0.5 * ((u * (1 / 0.42)) ** 2 + (v * (1 / 0.09)) ** 2))
            dim = (1.0 - 0.5 * aside * aside) * (1.0 - 0.45 * throat)
            colour[0], colour[1], colour[2] = cavity[0] * dim, cavity[1] * dim, cavity[2] * dim
            red, green, blue, alpha = read_four(
                tongue, jaw_u * per_eo + half, (jaw_v - looks[0]) * looks[1] * per_eo + half
            )
            covers = alpha * _OF_ALL
            _over(colour, red, green, blue, looks[2], covers)
            red, green, blue, alpha = read_four(lower, jaw_u * per_eo + half, (jaw_v - looks[4]) * per_eo + half)
            _over_teeth(colour, red, green, blue, looks[5], hue, alpha * _OF_ALL * (1.0 - raised * covers))
            fallen = SHADED + LIT * (light[i - fall, j] if i >= fall else 0.0)
            colour[0] *= fallen
            colour[1] *= fallen
            colour[2] *= fallen
            red, green, blue, alpha = read_four(upper, skull_u * per_eo + half, (skull_v - looks[6]) * per_eo + half)
            lit = min(max(looks[7] + looks[8] * light[i, j] - looks[10], looks[9]), 1.0)
            _over_teeth(colour, red, green, blue, lit, hue, alpha * _OF_ALL)
            for channel in range(3):
                drawn[channel, from_row + i, from_column + j] += F(colour[channel] * opens)


@kernel(
    "void(f4[:,:,::1], f4[:,:,::1], i8, i8, i8, i8, i8, f4[::1], i4[::1], f4, i8, u4[:,::1], u1[:,:,::1], f4[::1], "
    "u1[:,:,::1], f4[::1], u4[::1], u1[::1])"
)
def blend(
    drawn: Floats, nodes: Floats, cell: int, left: int, top: int, out_x: int, out_y: int, fractions: Floats,
    column_of: Counts, activity: float, feather: int, person: Words, plate: Bytes, tint: Floats, out: Bytes,
    line: Floats, words: Words, planes: Bytes,
) -> None:  # fmt: skip
    """Blends `drawn` (5, h, w) into `out`, whose pixel (0, 0) is the stage's (`out_x`, `out_y`).

    It counts as far as `activity` says, less towards the region's border, over `feather` px; the rest is read plainly,
    as in `picture.draw`. Leaves in `drawn` the mouth's own colour and alpha and, last, how much of that was taken.
    """
    high, wide, channels = drawn.shape[1], drawn.shape[2], out.shape[2]
    pixels, behind, per_px = out.reshape(out.shape[0], -1), plate.reshape(plate.shape[0], -1), F(1) / F(feather)
    for from_column in range(0, wide, STRIP):
        size, known = min(wide - from_column, STRIP), 0
        for i in range(high):
            r, down = node_row(i + top, cell, nodes.shape[1])
            known = max(known, r)
            while known < r + 2:
                spread(nodes, known, column_of, fractions, left - out_x + from_column, size, line)
                known += 1
            come_from(line, r, down, F(from_column + left), F(i + top), 0, size, 0)
            read(line, 2, person, size, words)
            share, whole = drawn[4, i, from_column:], activity * min(F(min(i, high - 1 - i)) * per_px, F(1))
            for channel in range(3):
                own = drawn[channel, i, from_column:]
                for k in range(U(size)):
                    own[k] /= share[k]
            for k in range(U(size)):
                j = Int(k) + Int(from_column)
                share[k] = whole * min(F(min(j, Int(wide - 1) - j)) * per_px, F(1))
            for channel in range(4):
                own, plane = drawn[channel, i, from_column:], (RED + U(channel)) * S
                for k in range(U(size)):
                    line[plane + k] += (own[k] - line[plane + k]) * share[k]
            light(line, tint, size)
            column, row = left - out_x + from_column, i + top - out_y
            lay(line, 0, size, behind[row, 3 * column :], channels, planes)
            weave(planes, 0, size, channels, pixels[row, channels * column :])
