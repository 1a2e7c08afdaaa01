"""Pictures and grids read between their pixels, one place at a time.

Outside a picture its edge pixels continue. Colours are 0 .. 255 and premultiplied.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from avtr_cli.kernels.compiling import AnyPlane, Bytes, Floats, Number, helper

U: Any = np.uint64  # of indices: a signed one might count from the end, and costs a question each
_ONE = U(1)


@helper
def between(place: Number, size: Number) -> tuple[Number, Number]:
    """The pixel of `size` in a row before `place`, never the last, and how far that lies on to the next, 0 .. 1."""
    inside = min(max(place, 0.0), size - 1.0)
    first = U(min(int(inside), size - 2))
    return first, inside - first


@helper
def read_four(picture: Bytes, x: Number, y: Number) -> tuple[Number, Number, Number, Number]:
    """`picture` uint8 (H, W, 4) at `x`, `y`."""
    column, across = between(x, picture.shape[1])
    row, down = between(y, picture.shape[0])
    a, b, c, d = (1.0 - across) * (1.0 - down), across * (1.0 - down), (1.0 - across) * down, across * down
    p, q = picture[row, column], picture[row, column + _ONE]
    r, s = picture[row + _ONE, column], picture[row + _ONE, column + _ONE]
    return (
        a * p[0] + b * q[0] + c * r[0] + d * s[0],
        a * p[1] + b * q[1] + c * r[1] + d * s[1],
        a * p[2] + b * q[2] + c * r[2] + d * s[2],
        a * p[3] + b * q[3] + c * r[3] + d * s[3],
    )


@helper
def read_one(picture: AnyPlane, x: Number, y: Number) -> Number:
    """`picture` (H, W) at `x`, `y`."""
    column, across = between(x, picture.shape[1])
    row, down = between(y, picture.shape[0])
    above = picture[row, column] * (1.0 - across) + picture[row, column + _ONE] * across
    below = picture[row + _ONE, column] * (1.0 - across) + picture[row + _ONE, column + _ONE] * across
    return above * (1.0 - down) + below * down


@helper
def node_place(pixel: Number, per_px: Number) -> Number:
    """Where the middle of a stage `pixel` lies on the grid, in nodes, along one axis; `per_px` of them a pixel."""
    return (pixel + 0.5) * per_px - 0.5


@helper
def read_nodes(grid: Floats, x: Number, y: Number) -> tuple[Number, Number, Number]:
    """`grid` (3, rows, columns) at `x`, `y` nodes."""
    column, across = between(x, grid.shape[2])
    row, down = between(y, grid.shape[1])
    a, b, c, d = (1.0 - across) * (1.0 - down), across * (1.0 - down), (1.0 - across) * down, across * down
    right, below = column + _ONE, row + _ONE
    p, q, r = grid[0], grid[1], grid[2]
    return (
        a * p[row, column] + b * p[row, right] + c * p[below, column] + d * p[below, right],
        a * q[row, column] + b * q[row, right] + c * q[below, column] + d * q[below, right],
        a * r[row, column] + b * r[row, right] + c * r[below, column] + d * r[below, right],
    )
