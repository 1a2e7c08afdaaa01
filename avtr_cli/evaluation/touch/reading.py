"""What a face does in a frame, as 17 numbers that Face Mesh reads, each with a unit from which on people see it."""

from __future__ import annotations

import numpy as np

from avtr_cli.core.arrays import Doubles, Image
from avtr_cli.perception.landmarks import face_points
from avtr_cli.perception.template import fit_pose, head_shape
from avtr_cli.perception.topology import CHIN, EYES, LIP_CENTRES, MOUTH_CORNERS, NOSE_TIP, NOSE_WINGS

# By name: the least change that is visible. Eye openings over widths; EO; degrees; px per EO relative; of eye widths.
VISIBLE = {
    "right_eye": 0.03, "left_eye": 0.03, "brows_inner": 0.012, "brows_outer": 0.012, "mouth_width": 0.02,
    "corners": 0.008, "lip_gap": 0.012, "nose_wings": 0.008, "pitch": 0.8, "yaw": 0.8, "roll": 0.8, "aside": 0.012,
    "below": 0.012, "nearer": 0.01, "gaze_right": 0.03, "gaze_down": 0.03, "chin": 0.015,
}  # fmt: skip
NAMES = tuple(VISIBLE)
UNITS = np.array(list(VISIBLE.values()))

_INNER_BROWS, _OUTER_BROWS = (55, 65, 285, 295, 107, 336), (46, 53, 70, 276, 283, 300)


def read_face(frame: Image) -> Doubles:
    """The numbers (17,) of a frame in the order of NAMES; NaN where no face is found."""
    points = face_points(frame)
    if points is None:
        return np.full(len(NAMES), np.nan)
    pose = fit_pose(points)
    head = head_shape(points, pose)
    eyes, gazes = [], []
    for eye in EYES:
        upper, lower = points[list(eye.upper), :2], points[list(eye.lower), :2]
        wide = np.linalg.norm(upper[0] - upper[-1])
        eyes.append(np.linalg.norm(upper[2:7] - lower[2:7], axis=1).mean() / wide)
        left, right = sorted((upper[0], upper[-1]), key=lambda corner: float(corner[0]))
        axis = (right - left) / wide
        away = points[eye.iris[0], :2] - (left + right) / 2
        gazes.append(np.array([away @ axis, away[1] * axis[0] - away[0] * axis[1]]) / wide)
    corners = head[list(MOUTH_CORNERS)]
    lips = head[list(LIP_CENTRES), 1]
    return np.array([
        *eyes, -head[list(_INNER_BROWS), 1].mean(), -head[list(_OUTER_BROWS), 1].mean(), np.ptp(corners[:, 0]),
        lips.mean() - corners[:, 1].mean(), lips[1] - lips[0], head[NOSE_TIP, 1] - head[list(NOSE_WINGS), 1].mean(),
        *pose.angles, pose.shift[0] / pose.scale, pose.shift[1] / pose.scale, np.log(pose.scale),
        *np.mean(gazes, axis=0), head[CHIN, 1],
    ])  # fmt: skip
