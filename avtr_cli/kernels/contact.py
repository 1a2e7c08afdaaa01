"""Touched skin: dents and drags in a grid's displacements, their light, and the blood that comes into the skin.

A contact is a row of a table, float32 (n, 9), px of the stage: x, y of the place on the skin, width of the dent, share
drawn into it, how far the skin is taken along in x and y, shade, red, width of the red. `render/mesh/contact.py` has
the plain form.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from avtr_cli.kernels import contact_measures as measures
from avtr_cli.kernels.compiling import Bytes, Floats, Number, helper, kernel
from avtr_cli.kernels.reading import node_place, read_nodes, read_one

F: Any = np.float32
REACH, WIDER, WALLS, BRIGHT, LEAST_LIGHT, MOST_LIGHT = (
    F(value) for value in (measures.REACH, measures.WIDER, measures.WALLS, measures.BRIGHT, *measures.LIGHT)
)
FALLS = measures.FALLS
LEAST_RED = F(0.002)  # less is not drawn


@kernel("void(f4[:,:,:,::1], f4[:,::1], i8, f4[:,::1], f4[:,::1])")
def dent(moved: Floats, table: Floats, cell: int, turned: Floats, inside: Floats) -> None:
    """Adds the contacts of `table` to `moved` (2 layers, 2, rows, columns), both layers alike.

    `turned` (2, 2) leads from the photo's axes into the frame's, `inside` (rows, columns) is what is left at the sides.
    """
    rows, columns = moved.shape[2], moved.shape[3]
    for k in range(table.shape[0]):
        x, y, width = table[k, 0], table[k, 1], table[k, 2]
        reach = REACH * WIDER * width
        top, bottom = int((y - reach) / F(cell)), int((y + reach) / F(cell)) + 2
        left, right = int((x - reach) / F(cell)), int((x + reach) / F(cell)) + 2
        for r in range(max(top, 0), min(bottom, rows)):
            down = (F(r) + F(0.5)) * F(cell) - F(0.5) - y
            for c in range(max(left, 0), min(right, columns)):
                across = (F(c) + F(0.5)) * F(cell) - F(0.5) - x
                squared = (across * across + down * down) / (width * width)
                near = F(math.exp(F(-0.5) * squared))
                along = F(math.exp(F(-0.5) / (WIDER * WIDER) * squared))
                by_x = table[k, 4] * along - table[k, 3] * across * near
                by_y = table[k, 5] * along - table[k, 3] * down * near
                frame_x = (turned[0, 0] * by_x + turned[0, 1] * by_y) * inside[r, c]
                frame_y = (turned[1, 0] * by_x + turned[1, 1] * by_y) * inside[r, c]
                for layer in range(2):
                    moved[layer, 0, r, c] += frame_x
                    moved[layer, 1, r, c] += frame_y


@kernel("void(f4[:,:,::1], f4[:,::1], i8, f4, f4, f4[:,::1])")
def colour_nodes(nodes: Floats, table: Floats, cell: int, lamp_x: float, lamp_y: float, red: Floats) -> None:
    """Adds the light of dents to `nodes`[2], and puts redness into `red` (rows, columns), both as seen in the frame.

    `nodes` (3, rows, columns) says where they come from, px less where they are.
    """
    rows, columns = red.shape
    for r in range(rows):
        for c in range(columns):
            x = (F(c) + F(0.5)) * F(cell) - F(0.5) + nodes[0, r, c]
            y = (F(r) + F(0.5)) * F(cell) - F(0.5) + nodes[1, r, c]
            light, blood = F(0), F(0)
            for k in range(table.shape[0]):
                width, red_width = table[k, 2], table[k, 8]
                across, down = x - table[k, 0], y - table[k, 1]
                squared = across * across + down * down
                reach = REACH * max(width, red_width)
                if squared > reach * reach:
                    continue
                fall = F(math.exp(F(-0.5) * squared / (width * width))) / width
                wall = -WALLS * table[k, 6] * fall * (across * lamp_x + down * lamp_y)
                light += min(wall, BRIGHT * wall)
                blood += table[k, 7] * F(math.exp(-0.5 * (squared / (red_width * red_width)) ** FALLS))
            nodes[2, r, c] += min(max(light, LEAST_LIGHT), MOST_LIGHT)
            red[r, c] = blood


@helper
def _between(node: int, cell: int, start: int, size: int) -> tuple[Number, Number]:
    """The first pixel, and the one after the last, whose middle lies between a node and the next, along one axis.

    Pixel 0 is the stage's `start`; there are `size` of them.
    """
    first = math.ceil((node + 0.5) * cell - 0.5 - start)
    return min(max(first, 0), size), min(max(first + cell, 0), size)


@kernel("void(u1[:,:,::1], u1[:,:,::1], u1[:,:,::1], f4[:,:,::1], f4[:,::1], i8, i8, i8, f4[::1])")
def redden(
    out: Bytes, plate: Bytes, person: Bytes, nodes: Floats, red: Floats, cell: int, left: int, top: int, shares: Floats
) -> None:  # fmt: skip
    """Changes `out` (h, w, 3 or 4), whose pixel (0, 0) is the stage's (`left`, `top`), by `shares` (3,) of `red`.

    Only the person reddens, not what the `plate` (h, w, 3) has behind; `person` is their texture, as in `picture.draw`.
    """
    per_px = 1.0 / cell
    alpha = person[:, :, 3]
    rows, columns = red.shape
    for r in range(-1, rows):
        for c in range(-1, columns):
            a, b = red[max(r, 0), max(c, 0)], red[max(r, 0), min(c + 1, columns - 1)]
            d, e = red[min(r + 1, rows - 1), max(c, 0)], red[min(r + 1, rows - 1), min(c + 1, columns - 1)]
            if max(max(a, b), max(d, e)) < LEAST_RED:
                continue
            # Pixels whose middle lies between four nodes.
            first_row, last_row = _between(r, cell, top, out.shape[0])
            first, last = _between(c, cell, left, out.shape[1])
            for i in range(first_row, last_row):
                fall = min(max(node_place(i + top, per_px) - r, 0.0), 1.0)
                for j in range(first, last):
                    across = min(max(node_place(j + left, per_px) - c, 0.0), 1.0)
                    upper, lower = a + (b - a) * across, d + (e - d) * across
                    blood = upper + (lower - upper) * fall
                    pixel = out[i, j]
                    if out.shape[2] == 4:
                        for channel in range(3):
                            value = pixel[channel] * (1.0 + blood * shares[channel])
                            pixel[channel] = np.uint8(min(max(value + 0.5, 0.0), 255.0))
                        continue
                    x, y, _ = read_nodes(nodes, node_place(j + left, per_px), node_place(i + top, per_px))
                    there = read_one(alpha, 2.0 * (x + (j + left)), 2.0 * (y + (i + top))) * (1 / 255)
                    behind = plate[i, j]
                    for channel in range(3):
                        own = pixel[channel] - (1.0 - there) * behind[channel]
                        value = pixel[channel] + own * (blood * shares[channel])
                        pixel[channel] = np.uint8(min(max(value + 0.5, 0.0), 255.0))
