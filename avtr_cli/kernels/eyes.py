"""The boxes of moving eyes, drawn anew over a finished picture: lids move the source, lid, lashes and ball are painted.

The formulas are those of `render/mesh/eyes.py`, in passes over strips (`strips`), each some rows of a box. Where two
boxes overlap both eyes count, in turn, and where the mouth's region reaches in, its picture is blended as everywhere
else. Lengths are half eye widths.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from avtr_cli.kernels.compiling import Bytes, Counts, Floats, Integers, Number, Words, helper, kernel, passage
from avtr_cli.kernels.eye_measures import BALL_ENDS, BELOW, CANVAS_REACH, CANVAS_SCALE, GAZE_X, GAZE_Y, LASHES, WIDENS
from avtr_cli.kernels.strips import (
    AT_ALPHA,
    AT_BLUE,
    AT_GREEN,
    AT_RED,
    BLUE,
    FREE,
    GAIN,
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
)  # fmt: skip

SHAPE = ("x", "y", "half_width", "across_x", "across_y", "down_x", "down_y", "brow", "fold")
"""What `shapes` has of each eye; then four coefficients of its upper lid, four of its lower one, and 1 / half_width."""
F: Any = np.float32
U: Any = np.uint64
# Planes of a strip: the white of the eye, and of each eye where a pixel lies, its upper lid, and both as they are now.
WHITE_RED, WHITE_GREEN, WHITE_BLUE = FREE, FREE + U(1), FREE + U(2)
OF_EYE, V, UPPER, NEW_UPPER, NEW_LOWER = 5, U(1), U(2), U(3), U(4)
_OF_ALL, _LINE, _TO_CORNER = F(1 / 255), F(1 / 0.035), F(1 / (1.0 - BALL_ENDS))
_REACH, _SCALE, _ENDS, _LASHES, _BELOW, _WIDENS = (
    F(measure) for measure in (CANVAS_REACH, CANVAS_SCALE, BALL_ENDS, LASHES, BELOW, WIDENS)
)
_FAR, _SIXTH, _PARTS = F(16), F(1 / 6), F(1 / 64)  # beyond exp(-16) there is nothing


@helper
def _smooth(x: Number, per: Number) -> Number:
    """0 below 0, 1 from 1 / `per` on, smoothly."""
    t = min(max(x * F(per), F(0)), F(1))
    return t * t * (F(3) - F(2) * t)


@helper
def _bell(x: Number) -> Number:
    """exp(-x^2 / 2): of a 64th of the exponent the beginning of the series, 3e-6 off near the middle."""
    s = min(F(0.5) * x * x, _FAR) * _PARTS
    e = F(1) - s * (F(1) - s * (F(0.5) - s * _SIXTH))
    e *= e
    e *= e
    e *= e
    e *= e
    e *= e
    return e * e


@helper
def _curve(cubic: Floats, first: Number, u: Number) -> Number:
    """A lid at `u`, from its coefficients, of which `first` is the first."""
    of_u = cubic[first] + u * (cubic[first + 1] + u * (cubic[first + 2] + u * cubic[first + 3]))
    return (F(1) - u * u) * of_u


@helper
def _seen_at(
    v: Number, upper: Number, lower: Number, new_upper: Number, new_lower: Number, brow: Number, fold: Number
) -> Number:
    """The v of the photo that is seen at `v` once the lids have moved."""
    top, lashes = min(upper - fold, brow), new_upper - _LASHES
    stretched = top + min(max((v - top) / max(lashes - top, F(0.05)), F(0)), F(1)) * (upper - _LASHES - top)
    above = v if v <= top else (stretched if v < lashes else v - new_upper + upper)
    bottom = lower + _BELOW
    squeezed = lower + min(max((v - new_lower) / (bottom - new_lower), F(0)), F(1)) * (bottom - lower)
    below = v if v >= bottom else squeezed
    between = upper + min(max((v - new_upper) / max(new_lower - new_upper, F(1e-3)), F(0)), F(1)) * (lower - upper)
    return above if v < new_upper else (below if v > new_lower else between)


@passage
def _open(line: Floats, shape: Floats, doing: Floats, own: Number, begin: Number, end: Number) -> None:
    """Moves X and Y with the lids of one eye, and leaves in its `own` planes where its pixels lie."""
    centre_x, centre_y, half_width, per_px = shape[0], shape[1], shape[2], shape[17]
    across_x, across_y, down_x, down_y, brow, fold = shape[3], shape[4], shape[5], shape[6], shape[7], shape[8]
    closing, wide, squint = doing[0], doing[1], doing[2]
    for k in range(U(begin), U(end)):
        x, y = line[X * S + k], line[Y * S + k]
        u = ((x - centre_x) * across_x + (y - centre_y) * across_y) * per_px
        v = ((x - centre_x) * down_x + (y - centre_y) * down_y) * per_px
        within = min(max(u, F(-1)), F(1))  # beyond the corners nothing moves
        upper, lower = _curve(shape, 9, within), _curve(shape, 13, within)
        opened = lower - upper
        meet = lower - F(0.10) * opened
        new_upper = upper + (meet - upper) * closing - _WIDENS * wide * (F(1) - within * within)
        new_upper += F(0.12) * squint * opened
        new_lower = lower - (lower - meet) * max(closing, F(0)) - F(0.30) * squint * opened
        moved = (_seen_at(v, upper, lower, new_upper, new_lower, brow, fold) - v) * half_width
        moved = moved if abs(u) < F(1) else F(0)
        line[X * S + k], line[Y * S + k] = x + moved * down_x, y + moved * down_y
        line[own * S + k], line[(own + V) * S + k], line[(own + UPPER) * S + k] = u, v, upper
        line[(own + NEW_UPPER) * S + k], line[(own + NEW_LOWER) * S + k] = new_upper, new_lower


@passage
def _close(
    line: Floats, words: Words, lid: Words, lashes: Words, doing: Floats, own: Number, begin: Number, end: Number
) -> None:
    """Paints the skin that a closing lid unfolds, and its lashes."""
    at_once, later, shut = doing[5], doing[6], doing[7]
    for k in range(U(begin), U(end)):
        line[X * S + k] = (line[own * S + k] + _REACH) * _SCALE
        line[Y * S + k] = (line[(own + V) * S + k] + _REACH) * _SCALE
    fetch(line, 1, lid, begin, end, words)
    for k in range(U(begin), U(end)):
        u, v, upper = line[own * S + k], line[(own + V) * S + k], line[(own + UPPER) * S + k]
        from_edge, within = v - line[(own + NEW_UPPER) * S + k], min(max(u, F(-1)), F(1))
        shown = mixed(words, line, k, AT_ALPHA) * _OF_ALL * (F(1) - _smooth(from_edge + F(0.02), 20.0))
        shown *= later + (at_once - later) * _smooth(v - upper + F(0.10), 12.5)
        bulge = _bell((from_edge + F(0.25)) * F(6.25)) - F(1.6) * _bell(from_edge * F(10))
        lit = (F(1) + F(0.05) * later * (F(1) - within * within) * bulge) * (F(1) + line[GAIN * S + k])
        line[RED * S + k] += (mixed(words, line, k, AT_RED) * lit - line[RED * S + k]) * shown
        line[GREEN * S + k] += (mixed(words, line, k, AT_GREEN) * lit - line[GREEN * S + k]) * shown
        line[BLUE * S + k] += (mixed(words, line, k, AT_BLUE) * lit - line[BLUE * S + k]) * shown
        line[Y * S + k] = (upper - abs(from_edge) + _REACH) * _SCALE
    fetch(line, 1, lashes, begin, end, words)
    for k in range(U(begin), U(end)):
        u, from_edge = line[own * S + k], line[(own + V) * S + k] - line[(own + NEW_UPPER) * S + k]
        weight = at_once * (F(1) - F(0.75) * shut if from_edge < F(0) else F(0.75) * shut)
        within = u * u if abs(u) < F(1) else F(1)
        darker = F(1) - weight * (F(1) - mixed(words, line, k, AT_RED) * _OF_ALL)
        darker *= F(1) - F(0.20) * shut * _bell(from_edge * _LINE) * (F(1) - within * within)
        line[RED * S + k] *= darker
        line[GREEN * S + k] *= darker
        line[BLUE * S + k] *= darker


@passage
def _look(
    line: Floats, words: Words, sclera: Words, iris: Words, half_width: Number, doing: Floats, own: Number,
    begin: Number, end: Number,
) -> None:  # fmt: skip
    """Paints the eyeball, which the lids shade."""
    aside, down, drawn = F(GAZE_X) * doing[3] * _SCALE, F(GAZE_Y) * doing[4] * _SCALE, doing[8]
    per_edge = half_width * F(1 / 1.2)
    for k in range(U(begin), U(end)):
        line[X * S + k] = (line[own * S + k] + _REACH) * _SCALE
        line[Y * S + k] = (line[(own + V) * S + k] + _REACH) * _SCALE
    fetch(line, 1, sclera, begin, end, words)
    for k in range(U(begin), U(end)):
        line[WHITE_RED * S + k] = mixed(words, line, k, AT_RED)
        line[WHITE_GREEN * S + k] = mixed(words, line, k, AT_GREEN)
        line[WHITE_BLUE * S + k] = mixed(words, line, k, AT_BLUE)
        line[X * S + k] -= aside
        line[Y * S + k] -= down
    fetch(line, 1, iris, begin, end, words)
    for k in range(U(begin), U(end)):
        u, v = line[own * S + k], line[(own + V) * S + k]
        below_upper, above_lower = v - line[(own + NEW_UPPER) * S + k], line[(own + NEW_LOWER) * S + k] - v
        shown = min(max(below_upper * per_edge + F(0.5), F(0)), F(1))
        shown *= min(max(above_lower * per_edge + F(0.5), F(0)), F(1))
        shown *= (F(1) - _smooth(abs(u) - _ENDS, _TO_CORNER)) * drawn
        share = mixed(words, line, k, AT_ALPHA) * _OF_ALL
        lit = F(1) - F(0.35) * (F(1) - _smooth(below_upper, 1 / 0.22))
        lit = (lit - F(0.12) * (F(1) - _smooth(above_lower, 1 / 0.12))) * (F(1) + line[GAIN * S + k])
        red, green, blue = line[WHITE_RED * S + k], line[WHITE_GREEN * S + k], line[WHITE_BLUE * S + k]
        red += (mixed(words, line, k, AT_RED) - red) * share
        green += (mixed(words, line, k, AT_GREEN) - green) * share
        blue += (mixed(words, line, k, AT_BLUE) - blue) * share
        line[RED * S + k] += (red * lit - line[RED * S + k]) * shown
        line[GREEN * S + k] += (green * lit - line[GREEN * S + k]) * shown
        line[BLUE * S + k] += (blue * lit - line[BLUE * S + k]) * shown


@passage
def _blend_mouth(
    line: Floats, mouth: Floats, box: Integers, row: Number, left: Number, right: Number, into: Number
) -> None:
    """What of the `mouth` (5, h, w) in `box` lies in columns `left` .. `right` of a `row`, `into` the strip."""
    if box[1] <= row < box[3]:
        for j in range(max(left, box[0]), min(right, box[2])):
            k, drawn = U(into + j - left), mouth[:, row - box[1], j - box[0]]
            for channel in range(4):
                plane = (RED + U(channel)) * S
                line[plane + k] += (drawn[channel] - line[plane + k]) * drawn[4]


@helper
def _part(boxes: Integers, eye: Number, one: Number, row: Number, left: Number, right: Number, count: Number) -> Any:
    """What of a strip lies in the box of `eye`: all of it in that of `one`; else the strip has the one `row`."""
    if eye == one:
        return 0, count
    if boxes[eye, 1] <= row < boxes[eye, 3]:
        return max(boxes[eye, 0] - left, 0), max(min(boxes[eye, 2], right) - left, 0)
    return 0, 0


@helper
def _overlap(boxes: Integers) -> Number:
    if boxes.shape[0] < 2:
        return False
    across = min(boxes[0, 2], boxes[1, 2]) - max(boxes[0, 0], boxes[1, 0])
    return across > 0 and min(boxes[0, 3], boxes[1, 3]) - max(boxes[0, 1], boxes[1, 1]) > 0


@kernel(
    "void(f4[:,:,::1], i8, i8, i8, f4[::1], i4[::1], i8[:,::1], f4[:,::1], f4[:,::1], u4[:,:,::1], u4[:,:,::1], "
    "u4[:,:,::1], u4[:,:,::1], u4[:,::1], u1[:,:,::1], f4[::1], f4[:,:,::1], i8[::1], u1[:,:,::1], f4[::1], u4[::1], "
    "u1[::1])"
)
def draw(
    nodes: Floats, cell: int, left: int, top: int, fractions: Floats, column_of: Counts, boxes: Integers,
    shapes: Floats, doing: Floats, sclera: Words, iris: Words, lid: Words, lashes: Words, person: Words, plate: Bytes,
    tint: Floats, mouth: Floats, mouth_box: Integers, out: Bytes, line: Floats, words: Words, planes: Bytes,
) -> None:  # fmt: skip
    """The `boxes` (eyes, 4) of `out` (h, w, 3 or 4), whose pixel (0, 0) is the stage's (`left`, `top`).

    A box is its first column and row, and those after its last; empty where the eye is at rest. `shapes` (eyes, 18)
    is told at SHAPE; `doing` (eyes, 9): closing, wide, squint, look x and y, the lid's skin over the old opening and
    above it, how far shut, how much of the ball is drawn. `mouth` (5, h, w) in `mouth_box`: its colour, alpha, and
    how much of that there is. Other arrays: as in `picture.draw`, and (eyes, H, W) texels of the eyes; `lashes` are
    the red of theirs.
    """
    eyes, channels, overlap = boxes.shape[0], out.shape[2], _overlap(boxes)
    pixels, behind = out.reshape(out.shape[0], -1), plate.reshape(plate.shape[0], -1)
    for one in range(eyes):
        for from_column in range(boxes[one, 0], boxes[one, 2], STRIP):
            to_column = min(from_column + STRIP, boxes[one, 2])
            size = to_column - from_column
            high = 1 if overlap else STRIP // size
            known = 0
            for from_row in range(boxes[one, 1], boxes[one, 3], high):
                to_row = min(from_row + high, boxes[one, 3])
                count = (to_row - from_row) * size
                for i in range(from_row, to_row):
                    r, down = node_row(i + top, cell, nodes.shape[1])
                    known = max(known, r)
                    while known < r + 2:
                        spread(nodes, known, column_of, fractions, from_column, size, line)
                        known += 1
                    x, y = F(from_column + left), F(i + top)
                    come_from(line, r, down, x, y, 0, size, (i - from_row) * size)
                for eye in range(eyes):
                    begin, end = _part(boxes, eye, one, from_row, from_column, to_column, count)
                    _open(line, shapes[eye], doing[eye], FREE + U(3 + OF_EYE * eye), begin, end)
                read(line, 2, person, count, words)
                for i in range(from_row, to_row):
                    _blend_mouth(line, mouth, mouth_box, i, from_column, to_column, (i - from_row) * size)
                light(line, tint, count)
                for eye in range(eyes):
                    begin, end = _part(boxes, eye, one, from_row, from_column, to_column, count)
                    own = FREE + U(3 + OF_EYE * eye)
                    if doing[eye, 0] > F(0):
                        _close(line, words, lid[eye], lashes[eye], doing[eye], own, begin, end)
                    _look(line, words, sclera[eye], iris[eye], shapes[eye, 2], doing[eye], own, begin, end)
                for i in range(from_row, to_row):
                    begin = (i - from_row) * size
                    lay(line, begin, begin + size, behind[i, 3 * from_column :], channels, planes)
                    weave(planes, 0, size, channels, pixels[i, channels * from_column :])
