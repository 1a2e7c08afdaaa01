"""Commands that come out as commanded, on every face: a few frames are drawn, measured, and the gains corrected.

A warp of one photo turns less than it is told where depth had to be flattened, and faces differ in how far their lips
part. So a prepared avatar turns its head, opens its jaw and shuts its eyes once before its first frame,
Face Mesh reads what is seen, and the inverse of the response is applied to all later commands.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from avtr_cli.core.arrays import Doubles, Image, Points, Rotation
from avtr_cli.core.motion_space import CONTROLS
from avtr_cli.kernels.eye_measures import WIDENS
from avtr_cli.perception.landmarks import face_points
from avtr_cli.perception.lids import eye_opening
from avtr_cli.perception.template import fit_pose
from avtr_cli.perception.topology import LIP_CENTRES, MOUTH_CORNERS, OUTER_EYE_CORNERS
from avtr_cli.render.mesh.shapes import JAW_DROP

TURN = (7.0, 9.0, 7.0)  # degrees of pitch, yaw and roll that are tried, both ways
JAWS = (0.25, 0.5, 0.75)
# Limits of the correction. Face Mesh itself under-reads pitch, so it is not believed entirely.
LEAST_TURN, MOST_TURN, MOST_CROSSING = 0.85, 1.45, 0.25
COMMON_MOUTH, BROAD_SMILE = 0.56, 0.72  # EO: widths of the mouth
LEAST_JAW, MOST_JAW = 0.8, 1.3
LEAST_BEND, MOST_BEND = 0.8, 1.25


@dataclass(frozen=True)
class Calibration:
    """What a command is changed by before it is drawn."""

    turn: Rotation  # (3, 3): head rotation vectors are multiplied by it
    jaw: float = 1.0  # jawOpen is multiplied by it
    blink: float = 1.0  # exponent of eyeBlink: half a blink shall look half shut
    smile: float = 0.0  # 0 .. 1: how much the photo smiles already
    brows: float = 1.0  # what brow and squint controls are multiplied by: less behind glasses
    widens: float = 1.0  # eyeWide is multiplied by it: less where the photo has wide eyes already
    lids: float = 0.0  # half eye widths by which the photo's upper lids hang below those of open eyes

    @property
    def opens(self) -> float:
        """The eyeWide that opens eyes which the photo has shut, 0 .. 1."""
        return self.lids / (self.lids + WIDENS)


UNCALIBRATED = Calibration(np.eye(3))
Draw = Callable[[Doubles], Image]
"""Makes a uint8 RGB picture of one row of controls; the next call may overwrite it."""
Look = Future[Points | None]
"""Face points that a thread is finding."""


def calibrate(draw: Draw) -> Calibration:
    """The calibration that the pictures of `draw` ask for.

    A picture in which no face is found leaves what it was to measure uncorrected. While Face Mesh looks at one
    picture, the next is drawn.
    """
    with ThreadPoolExecutor(1) as looking:

        def look(**values: float) -> Look:
            return looking.submit(face_points, draw(_row(**values)).copy())

        first = look()
        turned = [
            [look(**{name: sign * math.radians(degrees)}) for sign in (-1, 1)]
            for name, degrees in zip(("headPitch", "headYaw", "headRoll"), TURN, strict=True)
        ]
        opened = [look(jawOpen=jaw) for jaw in JAWS]
        shut = [look(eyeBlinkLeft=blink, eyeBlinkRight=blink) for blink in (0.5, 1.0)]
        rest = first.result()
        if rest is None:
            return UNCALIBRATED
        return Calibration(_turn_gains(turned), _jaw_gain(opened, rest), _blink_bend(shut, rest), photo_smile(rest))


def lip_gap(points: Points) -> float:
    """Distance of the lips' inner edges in EO of these points."""
    return float(np.linalg.norm(points[LIP_CENTRES[1], :2] - points[LIP_CENTRES[0], :2])) / eye_distance(points)


def eye_distance(points: Points) -> float:
    """Distance of the outer eye corners, which is 1 EO, in the unit of the points (478, 2 or 3)."""
    return float(np.linalg.norm(np.diff(points[list(OUTER_EYE_CORNERS)], axis=0)))


def photo_smile(points: Points) -> float:
    """0 for a mouth of common width, 1 for a broad smile."""
    width = float(np.linalg.norm(points[MOUTH_CORNERS[1]] - points[MOUTH_CORNERS[0]])) / eye_distance(points)
    return float(np.clip((width - COMMON_MOUTH) / (BROAD_SMILE - COMMON_MOUTH), 0, 1))


def _row(**values: float) -> Doubles:
    row = np.zeros(len(CONTROLS))
    for name, value in values.items():
        row[CONTROLS.index(name)] = value
    return row


def _turn_gains(turned: list[list[Look]]) -> Rotation:
    """Inverse of the measured response of the head's angles to commanded ones."""
    response = np.eye(3)
    for axis, (looks, degrees) in enumerate(zip(turned, TURN, strict=True)):
        back, forth = (look.result() for look in looks)
        if back is None or forth is None:
            continue
        response[:, axis] = (fit_pose(forth).angles - fit_pose(back).angles) / (2 * degrees)
    diagonal = np.clip(np.diag(response), 1 / MOST_TURN, 1 / LEAST_TURN)
    crossing = np.clip(response - np.diag(np.diag(response)), -MOST_CROSSING, MOST_CROSSING)
    return np.asarray(np.linalg.inv(np.diag(diagonal) + crossing), np.float64)


def _jaw_gain(opened: list[Look], rest: Points) -> float:
    seen = [(jaw, look.result()) for jaw, look in zip(JAWS, opened, strict=True)]
    gaps = [(JAW_DROP * jaw, lip_gap(points) - lip_gap(rest)) for jaw, points in seen if points is not None]
    if not gaps:
        return 1.0
    wanted, measured = np.array(gaps).T
    slope = float(wanted @ measured / (wanted @ wanted))
    return float(np.clip(1 / max(slope, 1e-3), LEAST_JAW, MOST_JAW))


def _blink_bend(looks: list[Look], rest: Points) -> float:
    half, shut = (look.result() for look in looks)
    if half is None or shut is None:
        return 1.0
    opened = eye_opening(rest), eye_opening(half), eye_opening(shut)
    closed = (opened[0] - opened[1]) / max(opened[0] - opened[2], 1e-3)
    # closed = 0.5 ** (1 / bend) for a lid that answers to blink ** (1 / bend).
    return float(np.clip(math.log(0.5) / math.log(np.clip(closed, 0.05, 0.95)), LEAST_BEND, MOST_BEND))
