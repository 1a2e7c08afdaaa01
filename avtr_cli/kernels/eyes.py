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
def _curve(shape: Doubles, first: Number, u: Number) -> Number:
    cubic = shape[first] + u * (shape[first + 1] + u * (shape[first + 2] + u * shape[first + 3]))
    return (1.0 - u * u) * cubic


@helper
def _seen_at(shape: Doubles, v: Number, upper: Number, lower: Number, new_upper: Number, new_lower: Number) -> Number:
    """The v of the photo that is seen at `v` once the lids have moved."""
    if v < new_upper:
        top = min(upper - shape[8], shape[7])
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
def _open(shape: Doubles, does: Doubles, x: Number, y: Number, kept: Doubles) -> tuple[Number, Number]:
    """Where the pixel that came from `x`, `y` comes from now; `kept` (5,): u, v, upper lid, both lids now."""
    u = ((x - shape[0]) * shape[3] + (y - shape[1]) * shape[4]) * shape[17]
    v = ((x - shape[0]) * shape[5] + (y - shape[1]) * shape[6]) * shape[17]
    kept[0], kept[1], kept[2], kept[3], kept[4] = u, v, 0.0, 0.0, 0.0
    if abs(u) >= 1.0:  # beyond the corners nothing moves
        return x, y
    upper, lower = _curve(shape, 9, u), _curve(shape, 13, u)
    closing, wide, squint = does[0], does[1], does[2]
    opened = lower - upper
    meet = lower - 0.10 * opened
    new_upper = upper + (meet - upper) * closing - WIDENS * wide * (1.0 - u * u) + 0.12 * squint * opened
    new_lower = lower - (lower - meet) * max(closing, 0.0) - 0.30 * squint * opened
    kept[2], kept[3], kept[4] = upper, new_upper, new_lower
    if closing != 0.0 or wide != 0.0 or squint != 0.0:
        moved = (_seen_at(shape, v, upper, lower, new_upper, new_lower) - v) * shape[2]
        x += moved * shape[5]
        y += moved * shape[6]
    return x, y


@helper
def _with_lid(
    lid: Bytes, lashes: Bytes, does: Doubles, kept: Doubles, gain: Number, red: Number, green: Number, blue: Number
) -> tuple[Number, Number, Number]:
    """The colour under the skin that a closing lid unfolds, and its lashes."""
    u, v, upper, new_upper = kept[0], kept[1], kept[2], kept[3]
    at_once, later, shut = does[5], does[6], does[7]
    column, within = (u + CANVAS_REACH) * CANVAS_SCALE, min(max(u, -1.0), 1.0)
    from_edge = v - new_upper
    skin_red, skin_green, skin_blue, alpha = read_four(lid, column, (v + CANVAS_REACH) * CANVAS_SCALE)
    shown = alpha * _OF_ALL * (1.0 - _smooth(from_edge + 0.02, 20.0))
    if shown > 0.0:
        shown *= later + (at_once - later) * _smooth(v - upper + 0.10, 12.5)
        bulge = _bell((from_edge + 0.25) * 6.25) - 1.6 * _bell(from_edge * 10.0)
        lit = (1.0 + 0.05 * later * (1.0 - within * within) * bulge) * gain
        red += (skin_red * lit - red) * shown
        green += (skin_green * lit - green) * shown
        blue += (skin_blue * lit - blue) * shown
    own = read_one(lashes, column, (upper - abs(from_edge) + CANVAS_REACH) * CANVAS_SCALE) * _OF_ALL
    weight = at_once * (1.0 - 0.75 * shut if from_edge < 0.0 else 0.75 * shut)
    darker = 1.0 - weight * (1.0 - own)
    if shut > 0.0:
        darker *= 1.0 - 0.20 * shut * _bell(from_edge * _LINE) * (1.0 - within**4)
    return red * darker, green * darker, blue * darker


@helper
def _with_ball(
    sclera: Bytes, iris: Bytes, shape: Doubles, does: Doubles, kept: Doubles, gain: Number, red: Number, green: Number,
    blue: Number,
) -> tuple[Number, Number, Number]:  # fmt: skip
    """The colour under the eyeball, which the lids shade."""
    u, v, new_upper, new_lower = kept[0], kept[1], kept[3], kept[4]
    per_edge = shape[2] * (1 / 1.2)
    shown = min(max((v - new_upper) * per_edge + 0.5, 0.0), 1.0) * min(max((new_lower - v) * per_edge + 0.5, 0.0), 1.0)
    shown *= (1.0 - _smooth(abs(u) - BALL_ENDS, _TO_CORNER)) * does[8]
    if shown <= 0.0:
        return red, green, blue
    row, column = (v + CANVAS_REACH) * CANVAS_SCALE, (u + CANVAS_REACH) * CANVAS_SCALE
    white_red, white_green, white_blue = read_three(sclera, column, row)
    iris_red, iris_green, iris_blue, alpha = read_four(
        iris, column - GAZE_X * does[3] * CANVAS_SCALE, row - GAZE_Y * does[4] * CANVAS_SCALE
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
def _within(box: Integers, row: Number, column: Number) -> Number:
    return box[1] <= row < box[3] and box[0] <= column < box[2]


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
                if one == 1 and _within(boxes[0], i, j):
                    continue  # drawn already, with both
                moved_x, moved_y, light = read_nodes(nodes, node_place(j + left, per_px), node_place(i + top, per_px))
                x, y = moved_x + (j + left), moved_y + (i + top)
                for eye in range(eyes):
                    if _within(boxes[eye], i, j):
                        x, y = _open(shapes[eye], doing[eye], x, y, kept[eye])
                red, green, blue, alpha = read_four(person, 2.0 * x, 2.0 * y)
                if _within(mouth_box, i, j):
                    drawn = mouth[i - mouth_box[1], j - mouth_box[0]]
                    red += (drawn[0] - red) * drawn[4]
                    green += (drawn[1] - green) * drawn[4]
                    blue += (drawn[2] - blue) * drawn[4]
                    alpha += (drawn[3] - alpha) * drawn[4]
                red += red * (light * tint[0])
                green += green * (light * tint[1])
                blue += blue * (light * tint[2])
                for eye in range(eyes):
                    if _within(boxes[eye], i, j):
                        does, had = doing[eye], kept[eye]
                        if does[0] > 0.0:
                            lids = (lid[eye], lashes[eye])
                            red, green, blue = _with_lid(*lids, does, had, 1.0 + light, red, green, blue)
                        ball = (sclera[eye], iris[eye], shapes[eye])
                        red, green, blue = _with_ball(*ball, does, had, 1.0 + light, red, green, blue)
                lay(out, plate, i, j, red, green, blue, alpha)
