"""The whole picture from a grid of nodes, in one pass: where pixels come from, their texture, light, what is behind.

Squares of four nodes that read nothing of the person are known beforehand, and their pixels are copied from the plate.
Elsewhere four channels are weighed at once: a texel of 4 bytes is spread to four lanes of 16 bits, in steps of 1/256.
Textures have two pixels for each of the stage's.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from avtr_cli.kernels.compiling import Bytes, Counts, Floats, Number, Words, helper, kernel

F: Any = np.float32
U: Any = np.uint64
BLOCK = 8  # texels a side, of the squares of texture that are known to be empty or not
STEPS = F(256)  # that a texel is divided into
_LANES, _HALF = U(0x00FF00FF00FF00FF), U(0x0080008000800080)
_BYTE, _WORD = U(8), U(0xFFFF)
_ONE, _SHARE, _OF_ALL = U(256), F(1 / 256), F(1 / 255)


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
def _span(
    a: Number, b: Number, c: Number, d: Number, least: Number, most: Number, size: Number
) -> tuple[Number, Number]:
    """First and last block along one axis that the places between four nodes, stage px, may read."""
    low = min(min(a, b), min(c, d)) + least
    high = max(max(a, b), max(c, d)) + most
    end = F(size - 1)
    first = min(max(F(2) * low, F(0)), end)
    last = min(max(F(2) * high + F(2), F(0)), end)
    return int(first) // BLOCK, int(last) // BLOCK


@kernel("void(f4[:,:,::1], i8, i4[:,::1], i8, i8, u1[:,::1])")
def find_person(nodes: Floats, cell: int, before: Counts, height: int, width: int, shows: Bytes) -> None:
    """Into `shows` (rows - 1, columns - 1): whether anything of the person is seen between four nodes.

    `nodes` (3, rows, columns) has, px, where they come from less where they are; `before` is that of `filled_before`
    of a texture of `height` and `width`.
    """
    rows, columns = shows.shape
    for r in range(rows):
        y = (F(r) + F(0.5)) * F(cell) - F(0.5)
        # Pixels beyond the outermost nodes go on as these do.
        up = F(-cell) if r == 0 else F(-0.1)
        down = F(cell) if r == rows - 1 else F(0.1)
        for c in range(columns):
            x = (F(c) + F(0.5)) * F(cell) - F(0.5)
            left = F(-cell) if c == 0 else F(-0.1)
            right = F(cell) if c == columns - 1 else F(0.1)
            step = F(cell)
            x0, x1 = _span(
                x + nodes[0, r, c], x + step + nodes[0, r, c + 1], x + nodes[0, r + 1, c],
                x + step + nodes[0, r + 1, c + 1], left, right, width,
            )  # fmt: skip
            y0, y1 = _span(
                y + nodes[1, r, c], y + nodes[1, r, c + 1], y + step + nodes[1, r + 1, c],
                y + step + nodes[1, r + 1, c + 1], up, down, height,
            )  # fmt: skip
            inside = before[y1 + 1, x1 + 1] - before[y0, x1 + 1] - before[y1 + 1, x0] + before[y0, x0]
            shows[r, c] = np.uint8(1 if inside > 0 else 0)


@helper
def _spread(texel: Number) -> Number:
    wide = U(texel)
    return (wide | (wide << U(24))) & _LANES


@kernel(
    "void(f4[:,:,::1], i8, i8, i8, i4[::1], f4[::1], i4[::1], u1[:,::1], u4[:,::1], u1[:,:,::1], f4[::1], "
    "u1[:,:,::1], i8, i8, f4[:,::1], i4[:,::1], f4[::1])"
)
def draw(
    nodes: Floats, cell: int, left: int, top: int, starts: Counts, fractions: Floats, column_of: Counts, shows: Bytes,
    person: Words, plate: Bytes, tint: Floats, out: Bytes, first: int, last: int, line: Floats, places: Counts,
    lights: Floats,
) -> None:  # fmt: skip
    """Rows `first` .. `last` of `out` (h, w, 3 or 4), whose pixel (0, 0) is the stage's (`left`, `top`).

    `nodes` (3, rows, columns): where they come from, px less where they are, and gain less one. Pixel j lies at
    `fractions`[j] between the nodes `column_of`[j] and the next; those after node c begin at `starts`[c]. `person`
    (H, W) has texels, `plate` (h, w, 3) what is behind. Scratch: `line` (3, columns), `places` (2, w), `lights` (w,).
    """
    rows = nodes.shape[1]
    height, width = person.shape
    flat = person.reshape(-1)
    channels = out.shape[2]
    pixels, behind = out.reshape(out.shape[0], -1), plate.reshape(plate.shape[0], -1)
    most_x, most_y = F(width - 1) * STEPS, F(height - 1) * STEPS
    last_texel, last_line = U(width - 2), U(height - 2)
    tint_red, tint_green, tint_blue = tint[0], tint[1], tint[2]
    begin_columns, end_columns = column_of[0], column_of[column_of.shape[0] - 1] + 1
    across_at, down_at = places[0], places[1]
    for i in range(first, last):
        at = min(max((F(i + top) + F(0.5)) / F(cell) - F(0.5), F(0)), F(rows - 1))
        r = min(int(at), rows - 2)
        down = at - F(r)
        for axis in range(3):
            above, below, row = nodes[axis, r], nodes[axis, r + 1], line[axis]
            for c in range(begin_columns, end_columns + 1):
                row[c] = above[c] + (below[c] - above[c]) * down
        seen, into, under = shows[r], pixels[i], behind[i]
        y = F(i + top)
        c = begin_columns
        while c < end_columns:
            run = c
            while c < end_columns and seen[c] == 0:
                c += 1
            if channels == 4:
                for k in range(4 * starts[run], 4 * starts[c]):
                    into[k] = np.uint8(0)
            else:
                for k in range(3 * starts[run], 3 * starts[c]):
                    into[k] = under[k]
            run = c
            while c < end_columns and seen[c] != 0:
                node_x, node_y, node_light = line[0, c], line[1, c], line[2, c]
                by_x, by_y, by_light = line[0, c + 1] - node_x, line[1, c + 1] - node_y, line[2, c + 1] - node_light
                for j in range(starts[c], starts[c + 1]):
                    source_x = node_x + by_x * fractions[j] + F(j + left)
                    source_y = node_y + by_y * fractions[j] + y
                    lights[j] = node_light + by_light * fractions[j]
                    across_at[j] = np.int32(min(max(F(2) * STEPS * source_x, F(0)), most_x) + F(0.5))
                    down_at[j] = np.int32(min(max(F(2) * STEPS * source_y, F(0)), most_y) + F(0.5))
                c += 1
            for j in range(U(starts[run]), U(starts[c])):
                x_steps, y_steps = U(across_at[j]), U(down_at[j])
                texel, texel_line = min(x_steps >> _BYTE, last_texel), min(y_steps >> _BYTE, last_line)
                right, lower = x_steps - (texel << _BYTE), y_steps - (texel_line << _BYTE)
                texel += texel_line * U(width)
                a, b = _spread(flat[texel]), _spread(flat[texel + U(1)])
                texel += U(width)
                d, e = _spread(flat[texel]), _spread(flat[texel + U(1)])
                upper_pair = ((a * (_ONE - right) + b * right + _HALF) >> _BYTE) & _LANES
                lower_pair = ((d * (_ONE - right) + e * right + _HALF) >> _BYTE) & _LANES
                mixed = upper_pair * (_ONE - lower) + lower_pair * lower  # lanes: red, blue, green, alpha
                red = F(np.int32(mixed & _WORD)) * _SHARE
                blue = F(np.int32((mixed >> U(16)) & _WORD)) * _SHARE
                green = F(np.int32((mixed >> U(32)) & _WORD)) * _SHARE
                alpha = F(np.int32(mixed >> U(48))) * _SHARE
                gain = lights[j]
                red += red * (gain * tint_red)
                green += green * (gain * tint_green)
                blue += blue * (gain * tint_blue)
                if channels == 4:
                    scale = F(1) / max(alpha, F(1)) * F(255)
                    # As OpenCV rounds: halves, of which there are many here, to even numbers.
                    red, green, blue = np.rint(red * scale), np.rint(green * scale), np.rint(blue * scale)
                    into[U(4) * j + U(3)] = np.uint8(np.int32(alpha + F(0.5)))
                    k = U(4) * j
                else:
                    k = U(3) * j
                    rest = F(1) - alpha * _OF_ALL
                    red += rest * F(under[k])
                    green += rest * F(under[k + U(1)])
                    blue += rest * F(under[k + U(2)])
                into[k] = np.uint8(np.int32(min(max(red + F(0.5), F(0)), F(255))))
                into[k + U(1)] = np.uint8(np.int32(min(max(green + F(0.5), F(0)), F(255))))
                into[k + U(2)] = np.uint8(np.int32(min(max(blue + F(0.5), F(0)), F(255))))
