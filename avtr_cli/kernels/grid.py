"""The motion of a grid of nodes: shapes and pose into displacements, these inverted, and what light that brings.

Displacements say where skin goes; frames need where it comes from. Newton's method finds that, first for every other
node, then for all, step for step as the plain form does: where a cheek folds over itself there is no inverse, and only
the same steps lead to the same guess. All is px; layer 1 is the lower lip's, 0 of all else. `render/mesh/field.py` and
`inverse.py` have the plain form.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from avtr_cli.kernels.compiling import Floats, Integers, Number, Words, helper, kernel, passage
from avtr_cli.kernels.strips import AT, DOWN, FREE, RIGHT, STRIP, S, X, Y

F: Any = np.float32
Int: Any = np.int32
U: Any = np.uint64
TOLD_OF_NODE = 6  # numbers, see `slopes`
TOLD = FREE  # the first plane of as many, of a strip of nodes: what they say of its places X and Y
LEAST_AREA = F(0.35)  # to which a field may shrink an area before a step takes it for that
HALF_STEPS, COARSE_STEPS = 3, 2  # as `inverse` has them
LOST, MEND = F(0.4), 4  # px that an inverse may miss a node by, and nodes over which those that miss more are smoothed
BRIGHTENING = F(0.7)  # share of a gain above 1 that is applied


@kernel("void(f4[:,::1], f4[:,::1], f4[::1], f4[::1], f4[:,::1], f4[:,::1], f4[::1], f4)")
def pose(
    moved: Floats, arms: Floats, head: Floats, body: Floats, breath: Floats, turn: Floats, shift: Floats, lift: float
) -> None:
    """Head pose and breath of all nodes into `moved` (2, n); `turn` (2, 3) is the rotation less the identity."""
    for axis in range(2):
        row, x, y, z = moved[axis], turn[axis, 0], turn[axis, 1], turn[axis, 2]
        aside = shift[axis]
        for k in range(row.shape[0]):
            row[k] = (
                (x * arms[0, k] + y * arms[1, k] + z * arms[2, k]) * head[k] + aside * body[k] + lift * breath[axis, k]
            )


@kernel("void(f4[:,:,::1], i8[::1], f4[::1], f4[:,:,:,::1], i8[:,::1], f4[:,::1], i8, i8, f4[:,::1])")
def add_shapes(
    moved: Floats, which: Integers, weights: Floats, table: Floats, reach: Integers, turned: Floats, top: int,
    left: int, line: Floats,
) -> None:  # fmt: skip
    """Adds the shapes `which` with `weights` to `moved` (2, rows, columns).

    `table` (shapes, 3, h, w), camera frame, covers the nodes from (`top`, `left`), of which a shape moves those in its
    `reach` (shapes, 4): first row and column, and those after the last. `turned` (2, 3) leads into the picture; `line`
    (3, w) is scratch.
    """
    high, wide = table.shape[2], table.shape[3]
    for i in range(high):
        for axis in range(3):
            for k in range(wide):
                line[axis, k] = F(0)
        for j in range(which.shape[0]):
            shape, weight = which[j], weights[j]
            if reach[shape, 0] <= i < reach[shape, 2]:
                for axis in range(3):
                    row, total = table[shape, axis, i], line[axis]
                    for k in range(U(reach[shape, 1]), U(reach[shape, 3])):
                        total[k] += weight * row[k]
        for axis in range(2):
            row = moved[axis, top + i]
            x, y, z = turned[axis, 0], turned[axis, 1], turned[axis, 2]
            for k in range(wide):
                row[left + k] += x * line[0, k] + y * line[1, k] + z * line[2, k]


@kernel("void(f4[:,:,:,::1], f4[:,::1])")
def hold_sides(moved: Floats, inside: Floats) -> None:
    """`moved` (2, 2, rows, columns) times `inside` (rows, columns)."""
    for layer in range(2):
        for axis in range(2):
            for i in range(inside.shape[0]):
                row, weight = moved[layer, axis, i], inside[i]
                for k in range(row.shape[0]):
                    row[k] *= weight[k]


@kernel("void(f4[:,:,::1], f4, f4[:,:,::1], i8, i8, i8, i8)")
def slopes(moved: Floats, cell: float, table: Floats, top: int, bottom: int, left: int, right: int) -> None:
    """Of nodes `top` .. `bottom`, `left` .. `right`: what `invert` reads, into `table` (rows, columns, 6).

    The displacement in nodes, x and y, and the columns of the inverse Jacobian of x + displacement(x).
    """
    rows, columns = moved.shape[1], moved.shape[2]
    unit = F(1) / cell
    for r in range(top, bottom):
        above, below = max(r - 1, 0), min(r + 1, rows - 1)
        vertical = unit / F(below - above)
        for c in range(left, right):
            before, after = max(c - 1, 0), min(c + 1, columns - 1)
            horizontal = unit / F(after - before)
            a = F(1) + (moved[0, r, after] - moved[0, r, before]) * horizontal
            b = (moved[0, above, c] - moved[0, below, c]) * vertical
            e = (moved[1, r, before] - moved[1, r, after]) * horizontal
            d = F(1) + (moved[1, below, c] - moved[1, above, c]) * vertical
            scale = F(1) / max(a * d - b * e, LEAST_AREA)
            node = table[r, c]
            node[0], node[1] = moved[0, r, c] * unit, moved[1, r, c] * unit
            node[2], node[3], node[4], node[5] = d * scale, e * scale, b * scale, a * scale


@passage
def _locate(line: Floats, words: Words, rows: Number, columns: Number, count: Number) -> None:
    """Which node lies before X and Y, in nodes, where it is in a grid, and how far on from it they are."""
    most_x, most_y, last_x, last_y = F(columns - 1), F(rows - 1), Int(columns - 2), Int(rows - 2)
    for k in range(U(count)):
        x, y = min(max(line[X * S + k], F(0)), most_x), min(max(line[Y * S + k], F(0)), most_y)
        column, row = min(Int(x), last_x), min(Int(y), last_y)
        line[RIGHT * S + k], line[DOWN * S + k] = x - F(column), y - F(row)
        words[AT * S + k] = np.uint32(row * Int(columns) + column)


@helper
def _mix(table: Floats, columns: Number, channels: Number, line: Floats, words: Words, count: Number) -> None:
    """What the first `channels` of the `table` of `slopes` say at the places that `_locate` found: into TOLD and on."""
    wide, below = U(TOLD_OF_NODE), U(TOLD_OF_NODE) * U(columns)
    for k in range(U(count)):
        at, fx, fy = wide * U(words[AT * S + k]), line[RIGHT * S + k], line[DOWN * S + k]
        a, b, g, h = (F(1) - fx) * (F(1) - fy), fx * (F(1) - fy), (F(1) - fx) * fy, fx * fy
        for c in range(U(channels)):
            line[(TOLD + c) * S + k] = (
                a * table[at + c]
                + b * table[at + wide + c]
                + g * table[at + below + c]
                + h * table[at + below + wide + c]
            )


@passage
def _step(line: Floats, first: Number, apart: Number, row: Number, count: Number) -> None:
    """X and Y after a step of Newton's towards where the nodes of a `row`, every `apart` from `first` on, come from."""
    for k in range(U(count)):
        x, y = line[X * S + k], line[Y * S + k]
        miss_x = line[TOLD * S + k] + x - F(Int(k) + Int(first)) * apart
        miss_y = line[(TOLD + U(1)) * S + k] + y - row
        line[X * S + k] = x - line[(TOLD + U(2)) * S + k] * miss_x - line[(TOLD + U(4)) * S + k] * miss_y
        line[Y * S + k] = y - line[(TOLD + U(3)) * S + k] * miss_x - line[(TOLD + U(5)) * S + k] * miss_y


@passage
def _half_step(line: Floats, first: Number, apart: Number, row: Number, count: Number) -> None:
    """X and Y half the way that they miss the nodes of a `row` by, back: surer than `_step`, and slower."""
    for k in range(U(count)):
        x, y = line[X * S + k], line[Y * S + k]
        line[X * S + k] = x - F(0.5) * (line[TOLD * S + k] + x - F(Int(k) + Int(first)) * apart)
        line[Y * S + k] = y - F(0.5) * (line[(TOLD + U(1)) * S + k] + y - row)


@kernel("void(f4[:,:,::1], f4[:,:,::1], i8, i8, i8, i8, f4[::1], u4[::1])")
def guess(
    table: Floats, coarse: Floats, top: int, bottom: int, left: int, right: int, line: Floats, words: Words
) -> None:  # fmt: skip
    """Where every other node comes from less where it is, in nodes: into `coarse` (2, ~rows / 2, ~columns / 2).

    Of these, `top` .. `bottom`, `left` .. `right`. `table` is that of `slopes`, `line` and `words` are scratch.
    """
    rows, columns, told = table.shape[0], table.shape[1], table.reshape(-1)
    down = F(rows - 1) / F(coarse.shape[1] - 1)
    across = F(columns - 1) / F(coarse.shape[2] - 1)
    for r in range(top, bottom):
        row = F(r) * down
        for first in range(left, right, STRIP):
            count = min(right - first, STRIP)
            for k in range(U(count)):
                line[X * S + k], line[Y * S + k] = F(Int(k) + Int(first)) * across, row
            for _ in range(HALF_STEPS):
                _locate(line, words, rows, columns, count)
                _mix(told, columns, 2, line, words, count)
                _half_step(line, first, across, row, count)
            for _ in range(COARSE_STEPS):
                _locate(line, words, rows, columns, count)
                _mix(told, columns, 6, line, words, count)
                _step(line, first, across, row, count)
            out_x, out_y = coarse[0, r, first:], coarse[1, r, first:]
            for k in range(U(count)):
                out_x[k] = line[X * S + k] - F(Int(k) + Int(first)) * across
                out_y[k] = line[Y * S + k] - row


@passage
def _begin(
    coarse: Floats, rows: Number, columns: Number, row: Number, first: Number, line: Floats, count: Number
) -> None:
    """X and Y of a `row` of nodes as the guesses of every other one say."""
    at = F(row) * (F(coarse.shape[1] - 1) / F(rows - 1))
    i = min(int(at), coarse.shape[1] - 2)
    down, aside = at - F(i), F(coarse.shape[2] - 1) / F(columns - 1)
    upper_x, lower_x, upper_y, lower_y = coarse[0, i], coarse[0, i + 1], coarse[1, i], coarse[1, i + 1]
    for k in range(U(count)):
        node = F(Int(k) + Int(first))
        column = node * aside
        j = U(min(Int(column), Int(coarse.shape[2] - 2)))
        across = column - F(j)
        a, b = (F(1) - across) * (F(1) - down), across * (F(1) - down)
        g, h = (F(1) - across) * down, across * down
        n = j + U(1)
        line[X * S + k] = node + a * upper_x[j] + b * upper_x[n] + g * lower_x[j] + h * lower_x[n]
        line[Y * S + k] = F(row) + a * upper_y[j] + b * upper_y[n] + g * lower_y[j] + h * lower_y[n]


@kernel("void(f4[:,:,::1], f4[:,:,::1], f4, f4[:,:,::1], i8, i8, i8, i8, f4[::1], u4[::1])")
def invert(
    table: Floats, coarse: Floats, cell: float, back: Floats, top: int, bottom: int, left: int, right: int,
    line: Floats, words: Words,
) -> None:  # fmt: skip
    """Of nodes `top` .. `bottom`, `left` .. `right`: where they come from less where they are, px.

    Two steps from `coarse`, the second by the slopes of the first. `back` is (2, rows, columns); `line` and `words` are
    scratch (`strips`).
    """
    rows, columns, told = table.shape[0], table.shape[1], table.reshape(-1)
    for r in range(top, bottom):
        for first in range(left, right, STRIP):
            count = min(right - first, STRIP)
            _begin(coarse, rows, columns, r, first, line, count)
            _locate(line, words, rows, columns, count)
            _mix(told, columns, 6, line, words, count)
            _step(line, first, F(1), F(r), count)
            _locate(line, words, rows, columns, count)
            _mix(told, columns, 2, line, words, count)
            _step(line, first, F(1), F(r), count)
            out_x, out_y = back[0, r, first:], back[1, r, first:]
            for k in range(U(count)):
                out_x[k] = (line[X * S + k] - F(Int(k) + Int(first))) * cell
                out_y[k] = (line[Y * S + k] - F(r)) * cell


@helper
def _read(plane: Floats, x: Number, y: Number) -> Number:
    """`plane` (rows, columns) at `x`, `y` nodes."""
    at_x, at_y = min(max(x, F(0)), F(plane.shape[1] - 1)), min(max(y, F(0)), F(plane.shape[0] - 1))
    ix, iy = min(int(at_x), plane.shape[1] - 2), min(int(at_y), plane.shape[0] - 2)
    fx, fy = at_x - F(ix), at_y - F(iy)
    above = plane[iy, ix] + (plane[iy, ix + 1] - plane[iy, ix]) * fx
    below = plane[iy + 1, ix] + (plane[iy + 1, ix + 1] - plane[iy + 1, ix]) * fx
    return above + (below - above) * fy


@kernel("void(f4[:,:,::1], f4[:,:,::1], f4, f4[:,:,::1])")
def find_lost(moved: Floats, back: Floats, cell: float, pooled: Floats) -> None:
    """Of one layer, means over squares of MEND x MEND nodes, into `pooled` (4, ~rows / MEND, ~columns / MEND).

    Where they come from, weighed by how well the inverse was found, x and y; that weight; the share that is lost.
    `moved` and `back` are (2, rows, columns) px.
    """
    rows, columns = moved.shape[1], moved.shape[2]
    unit = F(1) / cell
    for i in range(pooled.shape[1]):
        for j in range(pooled.shape[2]):
            x, y, weight, lost, count = F(0), F(0), F(0), F(0), F(0)
            for r in range(MEND * i, min(MEND * i + MEND, rows)):
                for c in range(MEND * j, min(MEND * j + MEND, columns)):
                    by_x, by_y = back[0, r, c], back[1, r, c]
                    at_x, at_y = F(c) + by_x * unit, F(r) + by_y * unit
                    miss_x, miss_y = by_x + _read(moved[0], at_x, at_y), by_y + _read(moved[1], at_x, at_y)
                    missed = F(math.sqrt(miss_x * miss_x + miss_y * miss_y))
                    found = min(max(F(1) - missed, F(0.001)), F(1))
                    x += by_x * found
                    y += by_y * found
                    weight += found
                    lost += F(1) if missed > LOST else F(0)
                    count += F(1)
            pooled[0, i, j], pooled[1, i, j] = x / count, y / count
            pooled[2, i, j], pooled[3, i, j] = weight / count, lost / count


@kernel("void(f4[:,:,:,::1], f4[:,:,::1])")
def mend(back: Floats, pooled: Floats) -> None:
    """`back` (2, 2, rows, columns) smoothed where a far cheek folds over itself; `pooled` is that of `find_lost`."""
    for r in range(back.shape[2]):
        row = (F(r) + F(0.5)) * F(1 / MEND) - F(0.5)
        for c in range(back.shape[3]):
            column = (F(c) + F(0.5)) * F(1 / MEND) - F(0.5)
            share = min(F(4) * _read(pooled[3], column, row), F(1))
            if share > F(0):
                weight = _read(pooled[2], column, row)
                for axis in range(2):
                    change = (_read(pooled[axis], column, row) / weight - back[0, axis, r, c]) * share
                    back[0, axis, r, c] += change
                    back[1, axis, r, c] += change


@kernel("void(f4[:,:,:,::1], f4[:,::1], f4, f4[:,:,::1], i8, i8, i8, i8)")
def merge(
    back: Floats, lower_side: Floats, cell: float, nodes: Floats, top: int, bottom: int, left: int, right: int
) -> None:
    """Makes the upper layer's field in `nodes` (3, rows, columns), px x and y, the lower one's below the lips.

    Layers of `back` (2, 2, rows, columns) differ at `top` .. `bottom`, `left` .. `right` at most.
    """
    unit = F(1) / cell
    for r in range(top, bottom):
        for c in range(left, right):
            share = _read(lower_side, F(c) + back[1, 0, r, c] * unit, F(r) + back[1, 1, r, c] * unit)
            nodes[0, r, c] += (back[1, 0, r, c] - back[0, 0, r, c]) * share
            nodes[1, r, c] += (back[1, 1, r, c] - back[0, 1, r, c]) * share


@kernel(
    "void(i8[::1], f4[::1], f4[:,:,::1], f4[:,:,::1], f4[::1], f4[:,:,::1], f4, f4, f4[:,::1], f4[:,:,::1], f4[::1], "
    "u4[::1])"
)
def light(
    which: Integers, weights: Floats, folds: Floats, normals: Floats, lamp: Floats, back: Floats, cell: float,
    strength: float, change: Floats, nodes: Floats, line: Floats, words: Words,
) -> None:  # fmt: skip
    """Gain less one of the nodes as they appear in the frame, into `nodes`[2].

    `folds` (shapes, rows, columns) of the shapes `which`; `lamp` (3,) is how the light changed, all 0 at rest;
    `change` (rows, columns), `line` and `words` are scratch.
    """
    rows, columns = change.shape
    for r in range(rows):
        for c in range(columns):
            change[r, c] = F(0)
    for j in range(which.shape[0]):
        weight = weights[j]
        for r in range(rows):
            row, fold = change[r], folds[which[j], r]
            for k in range(columns):
                row[k] += weight * fold[k]
    if lamp[0] != F(0) or lamp[1] != F(0) or lamp[2] != F(0):
        x, y, z = lamp[0], lamp[1], lamp[2]
        for r in range(rows):
            row = change[r]
            for k in range(columns):
                lit = x * normals[0, r, k] + y * normals[1, r, k] + z * normals[2, r, k]
                row[k] += min(lit, BRIGHTENING * lit)
    unit, changes = F(1) / cell, change.reshape(-1)
    for r in range(rows):
        for first in range(0, columns, STRIP):
            count = min(columns - first, STRIP)
            by_x, by_y, lit = back[0, r, first:], back[1, r, first:], nodes[2, r, first:]
            for k in range(U(count)):
                line[X * S + k] = F(Int(k) + Int(first)) + by_x[k] * unit
                line[Y * S + k] = F(r) + by_y[k] * unit
            _locate(line, words, rows, columns, count)
            for k in range(U(count)):
                at, right = U(words[AT * S + k]), line[RIGHT * S + k]
                under = at + U(columns)
                above = changes[at] + (changes[at + U(1)] - changes[at]) * right
                below = changes[under] + (changes[under + U(1)] - changes[under]) * right
                lit[k] = strength * (above + (below - above) * line[DOWN * S + k])
