"""Where hands are, as gestures are drawn: wrists as points beside their shoulders, in arm lengths.

Amplitudes in arm lengths carry over to every body, straight paths look right, and keeping out of the trunk is a clamp.
Both arms are told alike: out is away from the body's middle. `to_body.py` makes joints of it.
"""

from __future__ import annotations

import math

import numpy as np

from avtr_cli.core.arms import Arm
from avtr_cli.core.arrays import Doubles

ARM = ("out", "up", "front", "swivel", "supin", "flex", "open", "point", "fist", "pinch")
"""Of one arm: the wrist from its own shoulder in the chest's axes, in arm lengths; degrees of the elbow about the line
to the wrist (0 below it, 90 outside), of the palm (0 thumb up, 90 palm up), of the hand downwards; 0 .. 1 of shapes."""
TORSO = ("lean", "twist", "side", "hipX", "hipYaw", "hipRoll", "breath", "leftShrug", "rightShrug")
"""Degrees forward, to the left, and aside to the left; hips in metres and degrees; breath -1 .. 1; shrugs 0 .. 1."""

OUT, UP, FRONT, SWIVEL, SUPIN, FLEX, OPEN, POINT = range(8)
WRIST = slice(OUT, FRONT + 1)

RESTS = {
    "hang": ((0.12, -0.985, 0.06, 8, 10, 5), (0.12, -0.985, 0.06, 8, 10, 5)),
    "clasp": ((-0.19, -0.72, 0.36, 32, 20, 0), (-0.19, -0.67, 0.47, 32, 10, 5)),
}
"""Where hands may be told to rest, left and right: the first six of ARM."""
HOME = np.array([-0.04, -0.45, 0.50, 34, 35, -5, 0.35, 0, 0, 0])
"""Of a hand in gesture space: between waist and chest, the elbow at about a right angle."""

LIMITS = {
    OUT: (-0.75, 0.85),
    UP: (-1.0, 0.35),
    FRONT: (-0.15, 0.95),
    SWIVEL: (-15, 80),
    SUPIN: (-80, 100),
    FLEX: (-50, 50),
}
REACH = 0.985  # arm lengths
INMOST = -0.15  # `out` in gesture space: beyond it hands meet
LOWEST = -0.66  # `up` in gesture space: below it a beat ends at the hip
HALF_SHOULDERS = 0.34  # arm lengths from the body's middle to a shoulder
FINGERS = 0.2  # arm lengths by which fingers are nearer to the middle than the wrist
TRUNK = 0.42  # arm lengths: half the width of the trunk that hands keep out of; its depth is the body's own


def rest_of(arm: Arm) -> Doubles:
    """(10,): where the photo has an arm, which `to_body` makes zeros of."""
    row = np.zeros(len(ARM))
    row[WRIST], row[SWIVEL], row[SUPIN] = arm.rest[:3], arm.rest[3], math.degrees(arm.palm)
    return row


def rest_named(name: str) -> Doubles:
    """(2, 10) of a rest of RESTS, left and right."""
    return np.array([[*arm, 0.0, 0.0, 0.0, 0.0] for arm in RESTS[name]])


def within_reach(target: Doubles, depth: float) -> Doubles:
    """`target` (10,) where a gesture may lead: within the arm's limits and before the trunk.

    `depth` is how far that reaches before the shoulders, in arm lengths.
    """
    kept = target.copy()
    for channel, (low, high) in LIMITS.items():
        kept[channel] = min(max(kept[channel], low), high)
    kept[OPEN:] = kept[OPEN:].clip(0, 1)
    kept[OUT] = max(kept[OUT], INMOST)
    kept[UP] = max(kept[UP], LOWEST)
    reach = float(np.linalg.norm(kept[WRIST]))
    if reach > REACH:
        kept[WRIST] *= REACH / reach
    aside = max(HALF_SHOULDERS + kept[OUT] - FINGERS, 0.0)
    if aside < TRUNK and kept[UP] < 0.1:
        kept[FRONT] = max(kept[FRONT], depth * math.sqrt(1 - (aside / TRUNK) ** 2))
    return kept
