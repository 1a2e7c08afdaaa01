"""Slider values of LivePortrait's portrait editor as changes of the expression.

Each control adds its coefficients times the slider to a few coordinates, before the head's rotation and scale; so the
table also says what the learned keypoints mean. The controls have ranges within which faces stay plausible; they are
not enforced here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from avtr_cli.render.liveportrait.pose import FacePose, rotation_angles, rotation_matrix
from avtr_cli.render.liveportrait.regions import KEYPOINTS

_AXES = {"x": 0, "y": 1, "z": 2}


@dataclass(frozen=True)
class Control:
    """One slider: its range, and coefficients by coordinate ("3y"); `below` holds those for values below or at 0."""

    low: float
    high: float
    above: dict[str, float]
    below: dict[str, float] | None = None


# Looking down (v < 0) also lowers the lids: the eyeballs' own -0.001 and the lids' +0.0005 on 11y and 15y are merged.
CONTROLS = {
    "smile": Control(
        -0.3,
        1.3,
        {
            "3y": -0.0035,
            "7y": -0.0035,
            "13y": -0.00275,
            "14y": -0.02,
            "16y": -0.00275,
            "17y": 0.0065,
            "17z": 0.003,
            "20y": -0.01,
        },
    ),
    "wink": Control(0, 39, {"3y": -0.0003, "11y": 0.001, "13y": -0.0003, "17x": 0.0003, "17y": 0.0003}),
    "eyebrow": Control(-30, 30, {"1y": 0.001, "2y": -0.001}, {"1x": -0.001, "2x": 0.001, "1y": 0.0003, "2y": -0.0003}),
    "gaze_x": Control(-30, 30, {"11x": 0.0007, "15x": 0.001}, {"11x": 0.001, "15x": 0.0007}),
    "gaze_y": Control(-63, 63, {"11y": -0.0005, "15y": -0.0005, "13y": -0.00015, "16y": -0.00015}),
    "pout": Control(-0.09, 0.09, {"19x": 1.0}),
    "purse": Control(-20, 15, {"14y": 0.001, "3y": -0.0005, "7y": -0.0005, "17z": -0.0005}),
    "grin": Control(0, 15, {"14y": -0.001, "20y": -0.001, "20z": -0.001}),
    "lips_open": Control(-90, 120, {"19y": 0.001, "19z": 0.0001, "17y": -0.0001}),
    "shift_x": Control(-0.19, 0.19, {"5x": -1.0}),
    "shift_y": Control(-0.19, 0.19, {"5y": 1.0}),
}


def expression_change(**sliders: float) -> Tensor:
    """What the given controls add to an expression: float32 (21, 3). Raises KeyError for an unknown control."""
    change = torch.zeros(KEYPOINTS, 3)
    for name, value in sliders.items():
        control = CONTROLS[name]
        coefficients = control.below if control.below and value <= 0 else control.above
        for coordinate, coefficient in coefficients.items():
            change[int(coordinate[:-1]), _AXES[coordinate[-1]]] += coefficient * value
    return change


def edited(
    pose: FacePose, *, pitch: float = 0, yaw: float = 0, roll: float = 0, zoom: float = 1, **sliders: float
) -> FacePose:
    """`pose` with degrees added to its angles, its scale times `zoom`, and `sliders` added to its expression."""
    angles = rotation_angles(pose.rotation)
    turned = (angle + extra for angle, extra in zip(angles, (pitch, yaw, roll), strict=True))
    change = expression_change(**sliders).to(pose.exp)
    return replace(pose, rotation=rotation_matrix(*turned), scale=pose.scale * zoom, exp=pose.exp + change)
