"""The 68 face points that many trackers follow (iBUG's), flat and in pixels, into what of our controls they can say.

Lips, brows and lids are measured against the person's own median face, in distances of the outer eye corners, upright
in the picture. Turns of the head are the weak-perspective pose of the points that expressions hardly move.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import median_filter

from avtr_cli.core.arrays import Doubles, Mask
from avtr_cli.core.motion_space import CONTROLS
from avtr_cli.perception.template import rotation_vector, template
from avtr_cli.render.mesh.shapes import JAW_DROP

POINTS = 68
OUTER_EYES = (36, 45)  # of the subject's right and left eye: from left to right in the picture
INNER_LIPS, CORNERS = (62, 66), {"Right": 48, "Left": 54}
LIDS = {"Right": ((37, 41), (38, 40)), "Left": ((43, 47), (44, 46))}
OUTER_BROWS, INNER_BROWS = {"Right": (17, 18, 19), "Left": (24, 25, 26)}, (21, 22)
RIGID = {36: 33, 39: 133, 42: 362, 45: 263, 27: 168, 28: 6, 29: 197, 30: 1, 31: 98, 33: 2, 35: 327}  # to MediaPipe's
OPEN_SHARE = 90  # percentile of the lids' gap that is an open eye
SMILE_UP, SMILE_OUT, STRETCH_OUT, PUCKER_NARROW = 0.07, 0.08, 0.10, 0.40  # EO, and a share: `render/mesh/shapes.py`
INNER_UP, OUTER_UP, DOWN = 0.10, 0.085, 0.065
TREMBLE = 3  # frames of the median that takes single leaps away
KNOWN = (
    "jawOpen", "mouthSmileLeft", "mouthSmileRight", "mouthStretchLeft", "mouthStretchRight", "mouthPucker",
    "browInnerUp", "browOuterUpLeft", "browOuterUpRight", "browDownLeft", "browDownRight", "eyeBlinkLeft",
    "eyeBlinkRight",
)  # fmt: skip


def face_of(points: Doubles) -> Doubles:
    """Points (T, 68, 2) px -> controls (T, 58) in which KNOWN and head x and y are told, all else is zero."""
    made = np.zeros((len(points), len(CONTROLS)))
    upright, unit, middle = _upright(points)

    def tell(name: str, values: Doubles) -> None:
        made[:, CONTROLS.index(name)] = median_filter(values, TREMBLE, mode="nearest").clip(0, 1)

    def moved(which: tuple[int, ...] | int, axis: int) -> Doubles:
        place: Doubles = upright[:, np.atleast_1d(which), axis].mean(1)
        away: Doubles = place - np.median(place)
        return away

    gap = upright[:, INNER_LIPS[1], 1] - upright[:, INNER_LIPS[0], 1]
    tell("jawOpen", (gap - np.percentile(gap, 10)) / JAW_DROP)
    width = upright[:, CORNERS["Left"], 0] - upright[:, CORNERS["Right"], 0]
    tell("mouthPucker", (1 - width / np.median(width)) / PUCKER_NARROW)
    tell("browInnerUp", -moved(INNER_BROWS, 1) / INNER_UP)
    for side, outwards in (("Left", 1), ("Right", -1)):
        smile = (-moved(CORNERS[side], 1) / SMILE_UP).clip(0, 1)
        tell(f"mouthSmile{side}", smile)
        tell(f"mouthStretch{side}", (outwards * moved(CORNERS[side], 0) - SMILE_OUT * smile) / STRETCH_OUT)
        raised = -moved(OUTER_BROWS[side], 1)
        tell(f"browOuterUp{side}", raised / OUTER_UP)
        tell(f"browDown{side}", -raised / DOWN)
        above, below = (upright[:, list(lid), 1].sum(1) for lid in zip(*LIDS[side], strict=True))
        lids = below - above
        opened = max(float(np.percentile(lids, OPEN_SHARE)), 1e-6)
        blink = 1 - lids / opened
        made[:, CONTROLS.index(f"eyeBlink{side}")] = blink.clip(0, 1)  # as short as it is
    for axis, name in enumerate(("headX", "headY")):
        place = middle[:, axis] / np.median(unit)
        made[:, CONTROLS.index(name)] = place - np.median(place)
    return made


def turns_of(points: Doubles) -> Doubles:
    """Points (T, 68, 2) px -> head rotation vectors (T, 3) as the controls have them, about their mean."""
    head = template().points[list(RIGID.values())]
    arms = head - head.mean(0)
    flat = points[:, list(RIGID)]
    seen = flat - flat.mean(1, keepdims=True)
    scaled = np.einsum("kn,tnd->tdk", np.linalg.pinv(arms), seen)  # (T, 2, 3): the first two rows, times the scale
    turns = np.stack([rotation_vector(_rotation(rows)) for rows in scaled])
    centred: Doubles = turns - turns.mean(0)
    return centred


def _rotation(rows: Doubles) -> Doubles:
    """The rotation whose first two rows are most like `rows` (2, 3), whatever their length."""
    u, _, vt = np.linalg.svd(rows, full_matrices=False)
    first, second = u @ vt
    return np.stack([first, second, np.cross(first, second)])


def _upright(points: Doubles) -> tuple[Doubles, Doubles, Doubles]:
    """Points in the frame of the outer eye corners, (T, 68, 2) in their distance; that distance, and the middle, px."""
    right, left = points[:, OUTER_EYES[0]], points[:, OUTER_EYES[1]]
    across = left - right
    unit = np.linalg.norm(across, axis=1).clip(1e-6)
    x = across / unit[:, None]
    y = np.stack([-x[:, 1], x[:, 0]], 1)
    middle = (left + right) / 2
    arms = (points - middle[:, None]) / unit[:, None, None]
    return np.stack([np.einsum("tnd,td->tn", arms, axis) for axis in (x, y)], -1), unit, middle


def believable(points: Doubles, least: float = 5.0) -> Mask:
    """(T,): frames whose eyes lie apart at all; where a box was invalid all points are zero."""
    apart = np.linalg.norm(points[:, OUTER_EYES[1]] - points[:, OUTER_EYES[0]], axis=1)
    told: Mask = np.isfinite(points).all((1, 2)) & (apart > least)
    return told
