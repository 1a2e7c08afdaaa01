"""What the face does when told to: lips, lids, pose and expressions, read from the frames by Face Mesh.

Every check commands a `Studio`'s renderer and returns numbers by name; bounds are in `evaluation/mesh/renderer.py`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np

from avtr_cli.core.arrays import Image, Points
from avtr_cli.evaluation.mesh.lip_band import LipBand
from avtr_cli.evaluation.mesh.studio import AXES, Numbers, Studio, distance
from avtr_cli.evaluation.stats import correlation
from avtr_cli.perception.lids import eye_opening
from avtr_cli.perception.template import fit_pose
from avtr_cli.perception.topology import CHIN, EYES, FOREHEAD, MOUTH_CORNERS
from avtr_cli.render.mesh.calibration import eye_distance, lip_gap
from avtr_cli.render.mesh.shapes import JAW_DROP

HAIR_STRIP = 0.25  # EO above the topmost face point whose stretch is measured
BROW_HEIGHT = 0.08  # EO of a thick brow
BROW_RIDGES = (63, 105, 66, 293, 334, 296)  # points on the upper edges of both brows


def lips(studio: Studio) -> Numbers:
    """How the gap follows the jaw, how well the lips seal again, and how thick each stays as the mouth opens."""
    stretches = np.arange(0.6, 1.5, 0.02).tolist()
    opened = studio.frame(jawOpen=0.5)
    jaws = np.linspace(0, 0.8, 9)
    gaps = np.array([lip_gap(studio.face(jawOpen=float(jaw))) for jaw in jaws])
    sealed = lip_gap(studio.face(jawOpen=0.4, mouthClose=0.4))
    return {
        "lips.gap_r": correlation(JAW_DROP * jaws, gaps),
        "lips.gap_slope": float(np.polyfit(JAW_DROP * jaws, gaps, 1)[0]),
        "lips.sealed_gap": sealed,
        "lips.upper_thickness": LipBand(studio, True).found(opened, stretches)[1],
        "lips.lower_thickness": LipBand(studio, False).found(opened, stretches)[1],
    }


def lids(studio: Studio) -> Numbers:
    """How the eyes follow a blink, what the brows do meanwhile, and what raised brows do to the eyes."""
    blinks = np.linspace(0, 1, 6)
    faces = [studio.face(eyeBlink=float(blink)) for blink in blinks]
    openings = np.array([eye_opening(face) for face in faces])
    raised = studio.face(browInnerUp=1, browOuterUp=1)
    brows = [point for eye in EYES for point in eye.brow]
    moved = max(_shift(studio, eye.brow, studio.frame(), studio.frame(eyeBlink=1)) for eye in EYES)
    lifted = _above_eyes(raised, brows) - _above_eyes(faces[0], brows)
    return {
        "lids.r": correlation(blinks, openings),
        "lids.shut_over_open": float(openings[-1] / openings[0]),
        "lids.brow_moved": moved / studio.unit,
        "lids.changed_by_brow": _lids_drawn_along(studio),
        "brow.raised": lifted,
        "brow.thickness": _brow_thickness(studio),
    }


def pose(studio: Studio) -> Numbers:
    """Degrees turned per degree commanded about each axis, and the most that leaks into the others."""
    rest = fit_pose(studio.face()).angles
    numbers: Numbers = {}
    leakage = 0.0
    for axis, (short, _, most) in enumerate(AXES):
        commanded = np.array([-1, -0.67, -0.33, 0.33, 0.67, 1]) * most
        turned = np.array([fit_pose(studio.face(**{short: float(angle)})).angles - rest for angle in commanded])
        numbers[f"pose.{short}_slope"] = float(np.polyfit(commanded, turned[:, axis], 1)[0])
        numbers[f"pose.{short}_r"] = correlation(commanded, turned[:, axis])
        leakage = max(leakage, float(np.abs(np.delete(turned, axis, axis=1)).max()))
    return numbers | {"pose.leakage_degrees": leakage, "pose.hair_stretch": _hair_stretch(studio)}


def expressions(studio: Studio) -> Numbers:
    """How far smile and pucker move the corners of the mouth, and a look the irises, in shares of the face at rest."""
    rest, smile, pucker = studio.face(), studio.face(mouthSmile=1), studio.face(mouthPucker=1)
    corners = list(MOUTH_CORNERS)
    left = studio.face(eyeLookOutRight=1, eyeLookInLeft=1)
    right = studio.face(eyeLookOutLeft=1, eyeLookInRight=1)
    middle = _iris_place(rest)
    return {
        "smile.wider": distance(smile, *corners) / distance(rest, *corners) - 1,
        "smile.lifted": float((_heights(rest, corners) - _heights(smile, corners)) / eye_distance(rest)),
        "pucker.wider": distance(pucker, *corners) / distance(rest, *corners) - 1,
        "pucker.gap": lip_gap(pucker),
        "gaze.least_travel": min(middle - _iris_place(left), _iris_place(right) - middle),
    }


def _hair_stretch(studio: Studio) -> float:
    """How many times a nod makes what lies over the forehead taller or, the inverse, lower; the larger of both ways.

    The field is asked, as Face Mesh sees no hair. A head that nods shows its hair from another side, all but as tall.
    """
    top = studio.points[FOREHEAD, :2]
    up = top - studio.points[CHIN, :2]
    strip = np.stack([top, top + HAIR_STRIP * studio.unit * up / np.linalg.norm(up)])
    most = {short: degrees for short, _, degrees in AXES}["pitch"]
    heights = [float(np.linalg.norm(np.diff(studio.taken(strip, pitch=sign * most), axis=0))) for sign in (-1, 1)]
    ratios = np.array(heights) / (HAIR_STRIP * studio.unit)
    return float(np.maximum(ratios, 1 / ratios).max())


def _brow_thickness(studio: Studio) -> float:
    """How many times thicker raised brows are: the field's stretch from their upper points to a brow's height above.

    Face Mesh's points lie in the lower half of thick brows, which would be squeezed into lines.
    """
    brows = studio.points[list(BROW_RIDGES), :2]
    above = brows - (0, BROW_HEIGHT * studio.unit)
    lower, upper = (studio.taken(places, browInnerUp=1, browOuterUp=1) for places in (brows, above))
    return float((lower - upper)[:, 1].mean() / (BROW_HEIGHT * studio.unit))


def _lids_drawn_along(studio: Studio) -> float:
    """The share by which raised brows change the opening of the eyes, by the field that draws both.

    Face Mesh, which knows faces that are surprised, sees eyes opened where only the brows have moved.
    """
    lids = [point for eye in EYES for point in (*eye.upper, *eye.lower)]
    moved = studio.points.copy()
    moved[lids, :2] = studio.taken(studio.points[lids, :2], browInnerUp=1, browOuterUp=1)
    return abs(eye_opening(moved) / eye_opening(studio.points) - 1)


def _heights(points: Points, which: list[int]) -> float:
    """Mean y of points from the line of the eyes' corners, px."""
    corners = [corner for eye in EYES for corner in (eye.upper[0], eye.upper[-1])]
    return float(points[which, 1].mean() - points[corners, 1].mean())


def _above_eyes(points: Points, which: list[int]) -> float:
    return -_heights(points, which) / eye_distance(points)


def _iris_place(points: Points) -> float:
    """Where the irises lie between the corners of their eyes, 0 at the left one of the picture, 1 at the right one."""
    places = []
    for eye in EYES:
        a, b = sorted((points[eye.upper[0], 0], points[eye.upper[-1], 0]))
        places.append((points[eye.iris[0], 0] - a) / (b - a))
    return float(np.mean(places))


def _shift(studio: Studio, points: Sequence[int], before: Image, after: Image) -> float:
    """How far the picture around and above `points` moved between two frames, px, by phase correlation.

    Face Mesh itself moves the brows of a face that only shuts its eyes.
    """
    x0, y0 = (studio.points[list(points), :2].min(axis=0) - np.array([0.05, 0.15]) * studio.unit).astype(int).clip(0)
    x1, y1 = studio.points[list(points), :2].max(axis=0).astype(int)
    x1, y1 = int(x1 + 0.05 * studio.unit), int(studio.points[list(points), 1].mean())
    a, b = (cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)[y0:y1, x0:x1].astype(np.float64) for frame in (before, after))
    if a.size == 0 or np.array_equal(a, b):
        return 0.0
    (x, y), _ = cv2.phaseCorrelate(a, b, cv2.createHanningWindow((a.shape[1], a.shape[0]), cv2.CV_64F))
    return math.hypot(x, y)
