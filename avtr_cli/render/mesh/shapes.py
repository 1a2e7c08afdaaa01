"""What each control does to a face: displacements of the 478 face points, written by hand.

Two tables, one for skin on the upper lip's side of the mouth and one for the lower lip's, because opening the
mouth tears the two apart; elsewhere they agree. Displacements are in EO (outer-eye-corner distance, about
92 mm) in the head's own frame. Where they reach is a window on the *average* head, so one set of numbers
fits every face; how far they go follows the person's own points where position matters.

The two seals are ours, not ARKit's: `sealJaw` undoes the gap that jawOpen makes between the lips, `sealPhoto`
the gap that the photo has. Together they give `mouthClose` its meaning (see `coefficients`).
"""

from __future__ import annotations

import numpy as np

from avtr_cli.core.arrays import Doubles, Indices, Mask, Points
from avtr_cli.core.motion_space import ARKIT_BLENDSHAPES
from avtr_cli.perception.template import template
from avtr_cli.perception.topology import (
    CHIN,
    EARS,
    EYES,
    FOREHEAD,
    INNER_LOWER_LIP,
    INNER_UPPER_LIP,
    LIP_CENTRES,
    MOUTH_CORNERS,
    NOSE_BASE,
    OUTER_LIP_CENTRES,
    OUTER_LOWER_LIP,
    OUTER_UPPER_LIP,
    POINTS,
)

SHAPES = (
    *(name for name in ARKIT_BLENDSHAPES if not name.startswith("eye") and name not in ("mouthClose", "tongueOut")),
    "sealJaw",
    "sealPhoto",
)
MOUTH_SHAPES = tuple(name for name in SHAPES if name.startswith(("jaw", "mouth", "nose", "cheekPuff", "seal")))
JAW_DROP = 0.36  # EO that the lower lip's centre falls at jawOpen 1: 33 mm
BROW_PEAKS = (105, 334)  # the highest points of their upper edges
LAYERS = UPPER, LOWER = 0, 1
RAISE = 1.22  # times the travel of the brows that ARKit's own head has: people raise them by up to a tenth of an EO
ROUND_WIDTH = 0.32  # EO between the corners of pursed lips
ROUNDED_BY = (0.42, 0.45)  # share of a mouth's width that pursing takes, at least and at most
FOLDED_FROM, SEEN_WITHIN = 0.72, 0.87  # of half a mouth: where what pursing folds in begins, and lies then
MEET_BESIDE = (0.15, 0.6)  # of half the mouth's width: where lips stay apart, and from where on they meet
LIPS = (0.068, 0.10)  # EO: how thick the upper and the lower lip are on most faces
LIPS_EVERT = (0.015, 0.085)  # EO off the lip line: what stays, and what is turned out in full, as lips are pursed
THIN_LIPS_FILL = 0.6  # of what thinner lips lack comes back then
SEAL_SHARES = (0.28, 0.72)  # of a gap that the upper and the lower lip close

_JAW_CORNER = 0.36  # where both lips meet: the same share in both tables
# Share of the jaw's motion, by point of the right half of the face (the left half mirrors it).
_JAW_SKIN = {
    10: 0, 9: 0, 8: 0, 33: 0, 234: 0, 1: 0, 2: 0, 98: 0, 48: 0, 50: 0, 117: 0, 123: 0, 205: 0.13, 187: 0.22,
    207: 0.38, 147: 0.1, 213: 0.35, 132: 0.15, 58: 0.4, 172: 0.65, 136: 0.85, 150: 0.95, 152: 1, 148: 1, 176: 1,
    61: 0.38, 57: 0.36, 212: 0.5, 202: 0.75, 204: 0.9, 216: 0.3, 206: 0.12, 203: 0.05,
}  # fmt: skip
_JAW_CHIN = {200: 1, 199: 1, 18: 1, 83: 1}
_JAW_UPPER_LIP = {
    0: -0.02, 13: -0.02, 37: -0.02, 82: -0.02, 39: 0, 81: 0, 40: 0.06, 80: 0.07, 185: 0.2, 191: 0.22,
    78: _JAW_CORNER, 164: 0,
}  # fmt: skip
# Flat in the middle: a more triangular profile gives a pointed, fish-like mouth.
_JAW_LOWER_LIP = {
    14: 1, 17: 1, 87: 0.985, 84: 0.99, 178: 0.93, 181: 0.95, 88: 0.82, 91: 0.86, 95: 0.62, 146: 0.66, 78: _JAW_CORNER,
}  # fmt: skip


def smoothstep(x: Doubles, low: float, high: float) -> Doubles:
    """0 below `low`, 1 above `high`, between them a cubic without a step in slope; any shape."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def step(x: float, low: float, high: float) -> float:
    """`smoothstep` of one number, much quicker."""
    t = min(max((x - low) / (high - low), 0.0), 1.0)
    return t * t * (3 - 2 * t)


def shape_deltas(head: Points) -> Doubles:
    """Displacements, float64 (2 layers, shapes, 478, 3) in EO, for a person whose `head` points are (478, 3) in EO."""
    author = _Author(head)
    _jaw(author)
    _rounding(author)
    _mouth_sides(author)
    _lips(author)
    _cheeks_and_nose(author)
    _brows(author)
    _seals(author)
    return author.deltas


def lip_line(head: Points) -> Doubles:
    """Height (478,) of the line between the lips at the x of each point."""
    upper, lower = head[list(INNER_UPPER_LIP)], head[list(INNER_LOWER_LIP)]
    return np.interp(head[:, 0], upper[:, 0], (upper[:, 1] + lower[:, 1]) / 2)


def layer_points(head: Points) -> tuple[Indices, Indices, Mask]:
    """Which points carry each layer's field, and on which side of the lip line a point lies.

    Returns (upper, lower) point numbers and a bool (478,) `below`. Between the corners of the mouth each layer
    leaves out the other's lip and chin or philtrum, so that its field goes on smoothly across the cut.
    """
    x, y = head[:, 0], head[:, 1]
    corners = head[list(MOUTH_CORNERS)]
    middle = head[list(LIP_CENTRES), 0].mean()
    column = np.abs(x - middle) / (np.ptp(corners[:, 0]) / 2) < 0.93
    below = y > lip_line(head)
    upper_lip = _members(OUTER_UPPER_LIP[1:-1] + INNER_UPPER_LIP[1:-1])
    lower_lip = _members(OUTER_LOWER_LIP[1:-1] + INNER_LOWER_LIP[1:-1])
    under = column & below & (y < head[CHIN, 1] - 0.02)
    over = column & ~below & (y > head[NOSE_BASE, 1] + 0.03)
    skin = np.arange(POINTS) < 468
    in_upper = skin & ~((under & ~upper_lip) | lower_lip)
    in_lower = skin & ~((over & ~lower_lip) | upper_lip)
    return np.flatnonzero(in_upper), np.flatnonzero(in_lower), below


def agree_where_shared(deltas: Doubles, head: Points) -> Doubles:
    """A copy in which points that both layers hold move alike; else the layers part by up to 20 px at the chin."""
    upper, lower, below = layer_points(head)
    shared = np.intersect1d(upper, lower)
    result: Doubles = deltas.copy()
    under, over = shared[below[shared]], shared[~below[shared]]
    result[UPPER][:, under] = deltas[LOWER][:, under]
    result[LOWER][:, over] = deltas[UPPER][:, over]
    return result


def _members(points: tuple[int, ...]) -> Mask:
    mask = np.zeros(POINTS, bool)
    mask[list(points)] = True
    return mask


class _Author:
    """The tables being written, with windows on the average head to write through."""

    def __init__(self, head: Points):
        average, self.mirror = template()
        self.average, self.head = average, head
        self.x, self.y = average[:, 0], average[:, 1]
        self.mouth_y = float(average[list(LIP_CENTRES), 1].mean())
        self.mouth_half = float(abs(average[MOUTH_CORNERS[0], 0]))
        self.deltas = np.zeros((2, len(SHAPES), POINTS, 3))

    def window(self, x: float, y: float, wide: float, high: float) -> Doubles:
        """Gaussian (478,) around (x, y) of the average head."""
        return np.exp(-0.5 * ((self.x - x) / wide) ** 2 - 0.5 * ((self.y - y) / high) ** 2)

    def move(
        self, shape: str, by: tuple[float, float, float], where: Doubles, layers: tuple[int, ...] = LAYERS
    ) -> None:
        for layer in layers:
            self.deltas[layer, SHAPES.index(shape)] += np.asarray(by) * where[:, None]

    def along(self, shape: str, axis: int, amount: Doubles, layers: tuple[int, ...] = LAYERS) -> None:
        """Adds a different amount per point along one axis."""
        for layer in layers:
            self.deltas[layer, SHAPES.index(shape), :, axis] += amount


def _jaw_weights(author: _Author) -> Doubles:
    """(2, 478): how much of the jaw's motion each point follows, from the table by a linear-kernel RBF."""

    def spread(table: dict[int, float]) -> Doubles:
        both = {**table, **{int(author.mirror[point]): weight for point, weight in table.items()}}
        nodes = author.average[list(both), :2]

        def kernel(a: Points) -> Doubles:
            distance: Doubles = np.sqrt(((a[:, None] - nodes[None]) ** 2).sum(-1) + 0.02**2)
            return distance

        size = len(nodes)
        system = np.zeros((size + 1, size + 1))
        system[:size, :size] = kernel(nodes) + 1e-9 * np.eye(size)
        system[:size, size] = system[size, :size] = 1
        solved = np.linalg.solve(system, np.append(list(both.values()), 0))
        weights: Doubles = kernel(author.average[:, :2]) @ solved[:-1] + solved[-1]
        return weights

    upper = spread({**_JAW_SKIN, **_JAW_UPPER_LIP})
    lower = spread({**_JAW_SKIN, **_JAW_CHIN, **_JAW_LOWER_LIP})
    return np.stack([np.clip(upper, -0.05, 1), np.clip(lower, 0, 1.02)])


def _jaw(author: _Author) -> None:
    weights = _jaw_weights(author)
    hinge = author.head[list(EARS)].mean(axis=0) * (0, 1, 1) + (0, 0.08, 0)
    angle = np.radians(19)
    arm = author.head - hinge
    turned = np.column_stack([
        np.zeros(POINTS),
        arm[:, 1] * (np.cos(angle) - 1) + arm[:, 2] * -np.sin(angle),
        arm[:, 1] * np.sin(angle) + arm[:, 2] * (np.cos(angle) - 1),
    ])  # fmt: skip
    turned *= JAW_DROP / turned[LIP_CENTRES[1], 1]
    # A pure rotation shears the corner of the jaw: nearly half of the drop is straight down.
    turned[:, 1] = 0.55 * turned[:, 1] + 0.45 * JAW_DROP
    turned[:, 2] *= 0.8
    narrow = -0.10 * author.x * author.window(0, author.mouth_y, 0.35, 0.25)
    for layer in LAYERS:
        author.deltas[layer, SHAPES.index("jawOpen")] += turned * weights[layer][:, None]
        for shape, by in (("jawLeft", (0.07, 0, 0)), ("jawRight", (-0.07, 0, 0)), ("jawForward", (0, 0, -0.06))):
            author.move(shape, by, weights[layer], (layer,))
    author.along("jawOpen", 0, narrow)
    author.move("jawLeft", (0.025, 0, 0), author.window(0, 0.72, 0.25, 0.15))
    author.move("jawRight", (-0.025, 0, 0), author.window(0, 0.72, 0.25, 0.15))


def _rounding(author: _Author) -> None:
    my, head = author.mouth_y, author.head
    # An elliptic opening: a parabola, or less at the corners, makes a diamond.
    share = np.abs(author.x) / author.mouth_half
    bow = np.clip(1 - np.clip(share, 0, 1.3) ** 2, 0, 1) ** 0.6
    level = 1 - smoothstep(np.abs(author.x), 0.9 * author.mouth_half, 2.9 * author.mouth_half)
    off = np.abs(author.y - my)
    everted = smoothstep(off, *LIPS_EVERT) * np.exp(-0.5 * (np.clip(off - 0.10, 0, None) / 0.07) ** 2)
    everted *= np.exp(-0.5 * (author.x / 0.24) ** 2)
    # Who laughs in the photo has a wider mouth to round, and lips drawn thin.
    wide = float(np.ptp(head[list(MOUTH_CORNERS), 0]))
    narrower = float(np.clip(1 - ROUND_WIDTH / wide, *ROUNDED_BY)) * wide / (2 * author.mouth_half)
    # What is left open of a pursed mouth is a hole in its middle: beside it the lips meet.
    beside = smoothstep(share, *MEET_BESIDE) * level * author.window(0, my, 9, 0.10)
    # Its corners are folded in and hardly seen, else their shadows stand beside it as whiskers.
    seen = np.interp(share, (0, FOLDED_FROM, 1), (0, SEEN_WITHIN, 1)) + np.clip(share - 1, 0, None)
    inwards = -np.sign(author.x) * author.mouth_half * (share - (1 - narrower) * seen) * level
    thin = [float(np.clip(usual - own, -0.02, 0.03)) for usual, own in zip(LIPS, lip_thickness(head), strict=True)]
    for shape, of_it, apart, meet, forward, thick in (
        ("mouthPucker", 1.0, 0.0, 0.020, -0.10, (0.040, 0.034)),
        ("mouthFunnel", 0.55, 0.050, 0.0, -0.09, (0.020, 0.017)),
    ):
        author.along(shape, 0, of_it * inwards * author.window(0, my, 9, 0.22))
        author.along(shape, 2, forward * author.window(0, my, 0.36, 0.20))
        parting = apart * bow * author.window(0, my, 0.4, 0.16) - meet * beside
        for layer, upwards in ((UPPER, -1), (LOWER, 1)):
            fuller = thick[layer] + of_it * THIN_LIPS_FILL * thin[layer]
            author.along(shape, 1, upwards * (parting + fuller * everted), (layer,))


def lip_thickness(head: Points) -> tuple[float, float]:
    """Upper and lower lip at the middle, EO, from the inner to the outer edge."""
    outer, inner = head[list(OUTER_LIP_CENTRES)], head[list(LIP_CENTRES)]
    upper, lower = np.linalg.norm((outer - inner)[:, :2], axis=1)
    return float(upper), float(lower)


def _mouth_sides(author: _Author) -> None:
    my = author.mouth_y
    for side, sign, corner in (("Left", 1, MOUTH_CORNERS[1]), ("Right", -1, MOUTH_CORNERS[0])):
        cx, cy = author.average[corner, :2]
        outward = sign * author.x
        around = author.window(cx + sign * 0.04, cy - 0.02, 0.17, 0.15) * smoothstep(outward, 0, 0.22)
        on_lip = np.clip(outward / author.mouth_half, 0, 1) ** 1.3 * author.window(cx * 0.6, cy, 0.32, 0.12)
        pull = np.maximum(around, 0.95 * on_lip)
        cheek = author.window(sign * 0.42, 0.46, 0.16, 0.14) * smoothstep(outward, 0, 0.2)
        author.move(f"mouthSmile{side}", (sign * 0.080, -0.070, 0.05), pull)
        author.move(f"mouthSmile{side}", (sign * 0.03, -0.045, -0.02), cheek)
        author.move(f"mouthSmile{side}", (0, -0.022, 0), author.window(sign * 0.1, my - 0.07, 0.13, 0.07), (UPPER,))
        author.move(f"mouthFrown{side}", (sign * 0.01, 0.075, 0), pull)
        author.move(f"mouthStretch{side}", (sign * 0.10, 0.0, 0.04), pull)
        author.move(f"mouthDimple{side}", (sign * 0.06, -0.02, 0.05), author.window(cx + sign * 0.02, cy, 0.13, 0.10))
        author.move(f"mouth{side}", (sign * 0.09, 0, 0), author.window(0, my, 0.34, 0.22))


def _lips(author: _Author) -> None:
    my = author.mouth_y
    top, bottom = author.average[list(OUTER_LIP_CENTRES), 1]
    for side, sign in (("Left", 1), ("Right", -1)):
        upper = author.window(sign * 0.13, my - 0.08, 0.13, 0.10)
        lower = author.window(sign * 0.12, my + 0.08, 0.13, 0.10)
        author.move(f"mouthUpperUp{side}", (0, -0.065, 0), upper, (UPPER,))
        author.move(f"mouthLowerDown{side}", (0, 0.07, 0), lower, (LOWER,))
        pressed = author.window(sign * 0.12, my - 0.08, 0.14, 0.06), author.window(sign * 0.12, my + 0.10, 0.14, 0.06)
        author.move(f"mouthPress{side}", (0, 0.03, 0), pressed[0], (UPPER,))
        author.move(f"mouthPress{side}", (0, -0.035, 0), pressed[1], (LOWER,))
    author.move("mouthRollUpper", (0, 0.055, 0.01), author.window(0, top, 0.24, 0.045), (UPPER,))
    author.move("mouthRollLower", (0, -0.075, 0.01), author.window(0, bottom, 0.24, 0.055), (LOWER,))
    author.move("mouthShrugUpper", (0, -0.04, 0), author.window(0, my - 0.06, 0.24, 0.08), (UPPER,))
    author.move("mouthShrugLower", (0, -0.045, -0.01), author.window(0, my + 0.12, 0.24, 0.16), (LOWER,))
    author.move("mouthShrugLower", (0, -0.03, 0), author.window(0, my - 0.06, 0.24, 0.06), (UPPER,))


def _cheeks_and_nose(author: _Author) -> None:
    for side, sign in (("Left", 1), ("Right", -1)):
        author.move("cheekPuff", (sign * 0.055, 0, -0.08), author.window(sign * 0.42, 0.72, 0.15, 0.16))
        author.move(f"cheekSquint{side}", (0, -0.052, 0), author.window(sign * 0.40, 0.32, 0.17, 0.14))
        author.move(f"noseSneer{side}", (0, -0.035, 0), author.window(sign * 0.15, 0.42, 0.08, 0.10))
        lip = author.window(sign * 0.17, author.mouth_y - 0.1, 0.1, 0.08)
        author.move(f"noseSneer{side}", (0, -0.03, 0), lip, (UPPER,))


def _brows(author: _Author) -> None:
    def across(x: float, wide: float) -> Doubles:
        strip: Doubles = np.exp(-0.5 * ((author.x - x) / wide) ** 2)
        return strip

    def up_and_down(y: float, above: float, below: float, level: float = 0.0) -> Doubles:
        """Wide towards the forehead, narrow towards the eye; `level` for so far above `y`."""
        upwards = np.clip(y - author.y - level, 0, None) / above
        strip: Doubles = np.exp(-0.5 * (upwards + np.clip(author.y - y, 0, None) / below) ** 2)
        return strip

    # The skin over the brows goes with them: Face Mesh sees brows up to a brow's height too low, and where its own ones
    # moved more than the skin above them, a thick brow was squeezed into a line.
    raised, lowered = up_and_down(-0.25, 0.20, 0.085, level=0.14), up_and_down(-0.2, 0.16, 0.09)
    # Brows that a photo has raised already have less way to go under the hair.
    top, average_top = (
        points[list(BROW_PEAKS), 1].mean() - points[FOREHEAD, 1] for points in (author.head, author.average)
    )
    raised *= RAISE * np.clip(top / average_top, 0.6, 1.0)
    for side, sign in (("Left", 1), ("Right", -1)):
        author.move("browInnerUp", (-sign * 0.006, -0.10, 0), across(sign * 0.17, 0.17) * raised)
        author.move(f"browOuterUp{side}", (0, -0.085, 0), across(sign * 0.50, 0.18) * raised)
        author.move(f"browDown{side}", (-sign * 0.024, 0.060, 0), across(sign * 0.22, 0.20) * lowered)
        author.move(f"browDown{side}", (0, 0.042, 0), across(sign * 0.48, 0.15) * lowered)
    # Lids stay: otherwise every raised brow opens the eyes wide.
    lids = [point for eye in EYES for point in (*eye.upper, *eye.lower)]
    ring = [point for eye in EYES for point in eye.ring]
    brows = [index for index, name in enumerate(SHAPES) if name.startswith("brow")]
    kept = np.full(POINTS, 0.9)
    kept[ring] *= 0.30
    kept[lids] *= 0.04
    author.deltas[:, brows] *= kept[:, None]


def _seals(author: _Author) -> None:
    """Lips brought together column by column, mostly by the lower lip, fading into chin and philtrum."""
    head, average = author.head, author.average
    upper, lower = list(INNER_UPPER_LIP), list(INNER_LOWER_LIP)
    jaw = SHAPES.index("jawOpen")
    jaw_gap = author.deltas[LOWER, jaw, lower, 1] - author.deltas[UPPER, jaw, upper, 1]
    photo_gap = np.clip(head[lower, 1] - head[upper, 1], 0, None)
    # A little more than the gap, so that the lips of a parted mouth really meet.
    photo_gap = photo_gap * 1.07 + 0.012 * (photo_gap > 0.01)
    beneath = np.exp(-0.5 * (np.clip(author.y - average[LIP_CENTRES[1], 1], 0, None) / 0.17) ** 2)
    above = np.exp(-0.5 * (np.clip(average[LIP_CENTRES[0], 1] - author.y, 0, None) / 0.10) ** 2)
    for shape, gap in (("sealJaw", jaw_gap), ("sealPhoto", photo_gap)):
        columns = np.interp(head[:, 0], head[upper, 0], gap, left=0, right=0)
        author.along(shape, 1, -SEAL_SHARES[LOWER] * columns * beneath, (LOWER,))
        author.along(shape, 1, SEAL_SHARES[UPPER] * columns * above, (UPPER,))
