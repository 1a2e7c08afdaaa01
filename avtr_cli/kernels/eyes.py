"""The boxes of moving eyes, drawn anew over a finished picture: lids move the source, lid, lashes and ball are painted.

The formulas are those of `render/mesh/eyes.py`, pixel by pixel. Where two boxes overlap both eyes count, in turn, and
where the mouth's region reaches in, its picture is blended as everywhere else. Lengths are half eye widths.
"""

from __future__ import annotations

import math

from avtr_cli.kernels.compiling import Bytes, Doubles, Floats, Integers, Number, helper, kernel
from avtr_cli.kernels.eye_measures import BALL_ENDS, BELOW, CANVAS_REACH, CANVAS_SCALE, GAZE_X, GAZE_Y, LASHES, WIDENS
from avtr_cli.kernels.reading import lay, node_place, read_four, read_nodes, read_one, read_three

SHAPE = ("x", "y", "half_width", "across_x", "across_y", "down_x", "down_y", "brow", "fold")
"""What `shapes` has of each eye; then four coefficients of its upper lid, four of its lower one, and 1 / half_width."""
_OF_ALL, _LINE, _TO_CORNER = 1 / 255, 1 / 0.035, 1 / (1.0 - BALL_ENDS)


@helper
def _smooth(x: Number, per: Number) -> Number:
    """0 below 0, 1 from 1 / `per` on, smoothly."""
    t = min(max(x * per, 0.0), 1.0)
    return t * t * (3.0 - 2.0 * t)


@helper
def _bell(x: Number) -> Number:
    return math.exp(-0.5 * x * x)


@helper
def _curve(shapes: Doubles, eye: Number, first: Number, u: Number) -> Number:
    cubic = shapes[eye, first + 2] + u * shapes[eye, first + 3]
    cubic = shapes[eye, first] + u * (shapes[eye, first + 1] + u * cubic)
    return (1.0 - u * u) * cubic


@helper
def _seen_at(
    shapes: Doubles, eye: Number, v: Number, upper: Number, lower: Number, new_upper: Number, new_lower: Number
) -> Number:
    """The v of the photo that is seen at `v` once the lids have moved."""
    if v < new_upper:
        top = min(upper - shapes[eye, 8], shapes[eye, 7])
        lashes = new_upper - LASHES
        if v <= top:
            return v
        if v < lashes:
            return top + min(max((v - top) / max(lashes - top, 0.05), 0.0), 1.0) * (upper - LASHES - top)
        return v - new_upper + upper
    if v > new_lower:
        bottom = lower + BELOW
        if v >= bottom:
            return v
        return lower + min(max((v - new_lower) / (bottom - new_lower), 0.0), 1.0) * (bottom - lower)
    return upper + min(max((v - new_upper) / max(new_lower - new_upper, 1e-3), 0.0), 1.0) * (lower - upper)


@helper
def _open(shapes: Doubles, doing: Doubles, eye: Number, x: Number, y: Number, kept: Doubles) -> tuple[Number, Number]:
    """Where the pixel that came from `x`, `y` comes from now; `kept` (eyes, 5): u, v, upper lid, both lids now."""
    u = ((x - shapes[eye, 0]) * shapes[eye, 3] + (y - shapes[eye, 1]) * shapes[eye, 4]) * shapes[eye, 17]
    v = ((x - shapes[eye, 0]) * shapes[eye, 5] + (y - shapes[eye, 1]) * shapes[eye, 6]) * shapes[eye, 17]
    kept[eye, 0], kept[eye, 1], kept[eye, 2], kept[eye, 3], kept[eye, 4] = u, v, 0.0, 0.0, 0.0
    if abs(u) >= 1.0:  # beyond the corners nothing moves
        return x, y
    upper, lower = _curve(shapes, eye, 9, u), _curve(shapes, eye, 13, u)
    closing, wide, squint = doing[eye, 0], doing[eye, 1], doing[eye, 2]
    opened = lower - upper
    meet = lower - 0.10 * opened
    new_upper = upper + (meet - upper) * closing - WIDENS * wide * (1.0 - u * u) + 0.12 * squint * opened
    new_lower = lower - (lower - meet) * max(closing, 0.0) - 0.30 * squint * opened
    kept[eye, 2], kept[eye, 3], kept[eye, 4] = upper, new_upper, new_lower
    if closing != 0.0 or wide != 0.0 or squint != 0.0:
        moved = (_seen_at(shapes, eye, v, upper, lower, new_upper, new_lower) - v) * shapes[eye, 2]
        x += moved * shapes[eye, 5]
        y += moved * shapes[eye, 6]
    return x, y


@helper
def _with_lid(
    lid: Bytes,
    lashes: Bytes,
    doing: Doubles,
    eye: Number,
    kept: Doubles,
    gain: Number,
    red: Number,
    green: Number,
    blue: Number,
) -> tuple[Number, Number, Number]:
    """The colour under the skin that a closing lid unfolds, and its lashes."""
    u, v, upper, new_upper = kept[eye, 0], kept[eye, 1], kept[eye, 2], kept[eye, 3]
    at_once, later, shut = doing[eye, 5], doing[eye, 6], doing[eye, 7]
    column, within = (u + CANVAS_REACH) * CANVAS_SCALE, min(max(u, -1.0), 1.0)
    from_edge = v - new_upper
    skin_red, skin_green, skin_blue, alpha = read_four(lid[eye], column, (v + CANVAS_REACH) * CANVAS_SCALE)
    shown = alpha * _OF_ALL * (1.0 - _smooth(from_edge + 0.02, 20.0))
    if shown > 0.0:
        shown *= later + (at_once - later) * _smooth(v - upper + 0.10, 12.5)
        bulge = _bell((from_edge + 0.25) * 6.25) - 1.6 * _bell(from_edge * 10.0)
        lit = (1.0 + 0.05 * later * (1.0 - within * within) * bulge) * gain
        red += (skin_red * lit - red) * shown
        green += (skin_green * lit - green) * shown
        blue += (skin_blue * lit - blue) * shown
    own = read_one(lashes[eye], column, (upper - abs(from_edge) + CANVAS_REACH) * CANVAS_SCALE) * _OF_ALL
    weight = at_once * (1.0 - 0.75 * shut if from_edge < 0.0 else 0.75 * shut)
    darker = 1.0 - weight * (1.0 - own)
    if shut > 0.0:
        darker *= 1.0 - 0.20 * shut * _bell(from_edge * _LINE) * (1.0 - within**4)
    return red * darker, green * darker, blue * darker


@helper
def _with_ball(
    sclera: Bytes, iris: Bytes, shapes: Doubles, doing: Doubles, eye: Number, kept: Doubles, gain: Number, red: Number,
    green: Number, blue: Number,
) -> tuple[Number, Number, Number]:  # fmt: skip
    """The colour under the eyeball, which the lids shade."""
    u, v, new_upper, new_lower = kept[eye, 0], kept[eye, 1], kept[eye, 3], kept[eye, 4]
    per_edge = shapes[eye, 2] * (1 / 1.2)
    shown = min(max((v - new_upper) * per_edge + 0.5, 0.0), 1.0) * min(max((new_lower - v) * per_edge + 0.5, 0.0), 1.0)
    shown *= (1.0 - _smooth(abs(u) - BALL_ENDS, _TO_CORNER)) * doing[eye, 8]
    if shown <= 0.0:
        return red, green, blue
    row, column = (v + CANVAS_REACH) * CANVAS_SCALE, (u + CANVAS_REACH) * CANVAS_SCALE
    white_red, white_green, white_blue = read_three(sclera[eye], column, row)
    iris_red, iris_green, iris_blue, alpha = read_four(
        iris[eye], column - GAZE_X * doing[eye, 3] * CANVAS_SCALE, row - GAZE_Y * doing[eye, 4] * CANVAS_SCALE
    )
    share = alpha * _OF_ALL
    lit = 1.0 - 0.35 * (1.0 - _smooth(v - new_upper, 1 / 0.22)) - 0.12 * (1.0 - _smooth(new_lower - v, 1 / 0.12))
    lit *= gain
    return (
        red + ((white_red + (iris_red - white_red) * share) * lit - red) * shown,
        green + ((white_green + (iris_green - white_green) * share) * lit - green) * shown,
        blue + ((white_blue + (iris_blue - white_blue) * share) * lit - blue) * shown,
    )


@helper
def _within(boxes: Integers, one: Number, row: Number, column: Number) -> Number:
    return boxes[one, 1] <= row < boxes[one, 3] and boxes[one, 0] <= column < boxes[one, 2]


@kernel(
    "void(f4[:,:,::1], i8, i8, i8, i8[:,::1], f8[:,::1], f8[:,::1], u1[:,:,:,::1], u1[:,:,:,::1], u1[:,:,:,::1], "
    "u1[:,:,::1], u1[:,:,::1], u1[:,:,::1], f4[::1], f4[:,:,::1], i8[::1], u1[:,:,::1], f8[:,::1])"
)
def draw(
    nodes: Floats, cell: int, left: int, top: int, boxes: Integers, shapes: Doubles, doing: Doubles, sclera: Bytes,
    iris: Bytes, lid: Bytes, lashes: Bytes, person: Bytes, plate: Bytes, tint: Floats, mouth: Floats,
    mouth_box: Integers, out: Bytes, kept: Doubles,
) -> None:  # fmt: skip
    """The `boxes` (eyes, 4) of `out` (h, w, 3 or 4), whose pixel (0, 0) is the stage's (`left`, `top`).

    A box is its first column and row, and those after its last; empty where the eye is at rest. `shapes` (eyes, 18)
    is told at SHAPE; `doing` (eyes, 9): closing, wide, squint, look x and y, the lid's skin over the old opening and
    above it, how far shut, how much of the ball is drawn. `mouth` (h, w, 5) in `mouth_box`: its colour, alpha, and
    how much of that there is. Other arrays: as in `picture.draw`, and (eyes, H, W, C) of the eyes; `kept` (eyes, 5)
    is scratch.
    """
    eyes, per_px = boxes.shape[0], 1.0 / cell
    for one in range(eyes):
        for i in range(boxes[one, 1], boxes[one, 3]):
            for j in range(boxes[one, 0], boxes[one, 2]):
                if one == 1 and _within(boxes, 0, i, j):
                    continue  # drawn already, with both
                moved_x, moved_y, light = read_nodes(nodes, node_place(j + left, per_px), node_place(i + top, per_px))
                x, y = moved_x + (j + left), moved_y + (i + top)
                for eye in range(eyes):
                    if _within(boxes, eye, i, j):
                        x, y = _open(shapes, doing, eye, x, y, kept)
                red, green, blue, alpha = read_four(person, 2.0 * x, 2.0 * y)
                if mouth_box[1] <= i < mouth_box[3] and mouth_box[0] <= j < mouth_box[2]:
                    drawn = mouth[i - mouth_box[1], j - mouth_box[0]]
                    red += (drawn[0] - red) * drawn[4]
                    green += (drawn[1] - green) * drawn[4]
                    blue += (drawn[2] - blue) * drawn[4]
                    alpha += (drawn[3] - alpha) * drawn[4]
                red += red * (light * tint[0])
                green += green * (light * tint[1])
                blue += blue * (light * tint[2])
                for eye in range(eyes):
                    if _within(boxes, eye, i, j):
                        if doing[eye, 0] > 0.0:
                            red, green, blue = _with_lid(lid, lashes, doing, eye, kept, 1.0 + light, red, green, blue)
                        ball = (sclera, iris, shapes, doing, eye, kept)
                        red, green, blue = _with_ball(*ball, 1.0 + light, red, green, blue)
                lay(out, plate, i, j, red, green, blue, alpha)
