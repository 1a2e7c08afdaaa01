"""The mouth's region, drawn anew over a finished picture: two lips, what the gap between them shows, blended in.

The formulas are those of `render/mesh/mouth.py` and `interior.py`, pixel by pixel. Colours are 0 .. 255 and
premultiplied; regions are given by their first column and row, in stage pixels.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from avtr_cli.kernels.compiling import Bytes, Doubles, Floats, Number, helper, kernel
from avtr_cli.kernels.reading import lay, node_place, read_four, read_nodes, read_one, read_three

F: Any = np.float32
_OF_ALL = 1 / 255
SHADED, LIT = 0.28, 0.72  # of the light: what flesh and lower teeth have in the dark, and what falls in


@helper
def _read_two(grid: Floats, layer: Number, x: Number, y: Number) -> tuple[Number, Number]:
    """`grid` (2, 2, rows, columns) of the `layer` at `x`, `y` nodes."""
    return read_one(grid[layer, 0], x, y), read_one(grid[layer, 1], x, y)


@kernel("void(f4[:,:,:,::1], i8, i8, i8, u1[:,:,::1], u1[:,:,::1], i8, i8, f4[:,:,::1], f4[:,::1])")
def lips(
    back: Floats, cell: int, left: int, top: int, person: Bytes, masks: Bytes, masks_x: int, masks_y: int,
    drawn: Floats, gap: Floats,
) -> None:  # fmt: skip
    """Both lips into `drawn` (h, w, 5): colour, alpha, and the weights' sum with the gap's; the `gap` (h, w) itself.

    `back` (2, 2, rows, columns) is where both layers' nodes come from; `masks` (H, W, 3) begin at `masks_x`, `masks_y`.
    """
    per_px = 1.0 / cell
    for i in range(drawn.shape[0]):
        row = node_place(i + top, per_px)
        for j in range(drawn.shape[1]):
            column = node_place(j + left, per_px)
            x, y = _read_two(back, 0, column, row)
            x, y = x + (j + left), y + (i + top)
            upper_red, upper_green, upper_blue, _ = read_four(person, 2.0 * x, 2.0 * y)
            above, _, upper_between = read_three(masks, 2.0 * (x - masks_x), 2.0 * (y - masks_y))
            x, y = _read_two(back, 1, column, row)
            x, y = x + (j + left), y + (i + top)
            red, green, blue, alpha = read_four(person, 2.0 * x, 2.0 * y)
            _, below, lower_between = read_three(masks, 2.0 * (x - masks_x), 2.0 * (y - masks_y))
            above, below, between = above * _OF_ALL, below * _OF_ALL, max(upper_between, lower_between) * _OF_ALL
            opens = (1.0 - above) * (1.0 - below) * between
            under = (1.0 - above) * (below + 0.5 * (1.0 - between))
            pixel = drawn[i, j]
            pixel[0] = F(red * under + upper_red * above)
            pixel[1] = F(green * under + upper_green * above)
            pixel[2] = F(blue * under + upper_blue * above)
            pixel[3] = F(alpha)
            pixel[4] = F(max(above + under + opens, 1e-4))
            gap[i, j] = F(opens)


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


@kernel(
    "void(f4[:,:,::1], f4[:,::1], f4[:,::1], i8, i8, i8, i8, i8, u1[:,:,::1], u1[:,:,::1], u1[:,:,::1], f8[::1], "
    "f8[::1], f8[::1])"
)
def inside(
    drawn: Floats, gap: Floats, light: Floats, left: int, top: int, from_column: int, from_row: int, fall: int,
    tongue: Bytes, lower: Bytes, upper: Bytes, cavity: Doubles, places: Doubles, looks: Doubles,
) -> None:  # fmt: skip
    """Adds what is seen through the `gap` (h, w) to `drawn` (h, w, 5), in a part from `from_column`, `from_row` on.

    That part is as large as `light`, from `fall` px above which light falls in. `places` (10,): the 2 x 2 matrix from
    stage pixels to EO, where the skull's plane and the jaw's begin (x, y each), half a mouth's width, canvas pixels
    per EO. `looks` (11,): top and stretch of the tongue, its light, how far it is raised, edge and light of the
    lower teeth, edge of the upper ones, their light in the dark, by what comes in, and least; how it is rounded.
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
            _over(colour, red, green, blue, looks[5], alpha * _OF_ALL * (1.0 - raised * covers))
            fallen = SHADED + LIT * (light[i - fall, j] if i >= fall else 0.0)
            colour[0] *= fallen
            colour[1] *= fallen
            colour[2] *= fallen
            red, green, blue, alpha = read_four(upper, skull_u * per_eo + half, (skull_v - looks[6]) * per_eo + half)
            lit = min(max(looks[7] + looks[8] * light[i, j] - looks[10], looks[9]), 1.0)
            _over(colour, red, green, blue, lit, alpha * _OF_ALL)
            pixel = drawn[from_row + i, from_column + j]
            pixel[0] += F(colour[0] * opens)
            pixel[1] += F(colour[1] * opens)
            pixel[2] += F(colour[2] * opens)


@kernel("void(f4[:,:,::1], f4[:,:,::1], i8, i8, i8, i8, i8, f8, i8, u1[:,:,::1], u1[:,:,::1], f4[::1], u1[:,:,::1])")
def blend(
    drawn: Floats, nodes: Floats, cell: int, left: int, top: int, out_x: int, out_y: int, activity: float, feather: int,
    person: Bytes, plate: Bytes, tint: Floats, out: Bytes,
) -> None:  # fmt: skip
    """Blends `drawn` (h, w, 5) into `out`, whose pixel (0, 0) is the stage's (`out_x`, `out_y`).

    It counts as far as `activity` says, less towards the region's border, over `feather` px; the rest is read plainly,
    as in `picture.draw`. Leaves in `drawn` the mouth's own colour and alpha and, last, how much of that was taken.
    """
    high, wide = drawn.shape[0], drawn.shape[1]
    per_px = 1.0 / cell
    for i in range(high):
        rise = min(max(min(i, high - 1 - i) / feather, 0.0), 1.0)
        for j in range(wide):
            share = activity * rise * min(max(min(j, wide - 1 - j) / feather, 0.0), 1.0)
            moved_x, moved_y, light = read_nodes(nodes, node_place(j + left, per_px), node_place(i + top, per_px))
            pixel = drawn[i, j]
            for channel in range(3):
                pixel[channel] /= pixel[4]
            pixel[4] = F(share)
            red, green, blue, alpha = float(pixel[0]), float(pixel[1]), float(pixel[2]), float(pixel[3])
            if share < 1.0:
                x, y = moved_x + (j + left), moved_y + (i + top)
                plain_red, plain_green, plain_blue, plain_alpha = read_four(person, 2.0 * x, 2.0 * y)
                red = plain_red + (red - plain_red) * share
                green = plain_green + (green - plain_green) * share
                blue = plain_blue + (blue - plain_blue) * share
                alpha = plain_alpha + (alpha - plain_alpha) * share
            red += red * (light * tint[0])
            green += green * (light * tint[1])
            blue += blue * (light * tint[2])
            lay(out, plate, i + top - out_y, j + left - out_x, red, green, blue, alpha)
