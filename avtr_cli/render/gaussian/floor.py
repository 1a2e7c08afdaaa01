"""The shadow of two feet on the floor: dark where they touch, faint around, and it goes where they go.

There is no light: what a foot hides of the sky is blurred on the plane that it stands on, twice, and that picture of
the floor is laid into the frame as the camera sees the plane.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from avtr_cli.core.arrays import Doubles, Floats, Image, Indices
from avtr_cli.core.camera import Pinhole
from avtr_cli.render.gaussian.body_model import BodyModel

CELL = 0.01  # m
ROOM = 0.6  # m around a foot that its shadow may reach
NEAR, WIDE = 0.018, 0.11  # m: standard deviations of the two
DARK, FAINT = 0.55, 0.34  # by which they darken at most
FALLS = 0.04  # m that a foot is lifted by which the near one falls to 1 / e
FEET = ("foot.L", "foot.R")
SOLE = 0.05  # m of a foot's height that counts


@dataclass(frozen=True)
class Floor:
    """What each foot stands on in the photo: vertices (n,) of the sole, and the height of its plane, m down."""

    soles: tuple[Indices, Indices]
    levels: tuple[float, float]


def floor_of(model: BodyModel, skin: Floats) -> Floor:
    """Below the person whose `skin` (V, 3) m stands as in the photo."""
    soles, levels = [], []
    for name in FEET:
        foot = np.flatnonzero(model.main_bone == model.bone(name))
        level = float(np.percentile(skin[foot, 1], 99))
        soles.append(foot[skin[foot, 1] > level - SOLE])
        levels.append(level)
    return Floor((soles[0], soles[1]), (levels[0], levels[1]))


def cast(floor: Floor, skin: Floats, camera: Pinhole, strength: float, behind: Image) -> Image:
    """`behind` (H, W, 3) with the shadow of the feet of `skin` (V, 3) m, as `camera` sees it."""
    height, width = behind.shape[:2]
    light = np.ones((height, width), np.float32)
    for sole, level in zip(floor.soles, floor.levels, strict=True):
        points = skin[sole]
        drawn, corner = _from_above(points, max(0.0, level - float(points[:, 1].max())))
        seen = _plane_seen(camera, corner, level)
        if seen is not None:
            light *= 1 - strength * cv2.warpPerspective(drawn, seen, (width, height), flags=cv2.INTER_LINEAR)
    rows = np.flatnonzero((light < 1).any(1))
    if not len(rows):
        return behind
    shaded, part = behind.copy(), slice(rows[0], rows[-1] + 1)
    shaded[part] = np.rint(behind[part] * light[part, :, None]).astype(np.uint8)
    return shaded


def _from_above(points: Floats, lifted: float) -> tuple[Floats, tuple[float, float]]:
    """How dark each cell of the floor is, (z, x), and the place of the corner of cell (0, 0), metres."""
    left, far = (float(points[:, axis].min()) - ROOM for axis in (0, 2))
    size = [int((float(points[:, axis].max()) + ROOM - low) / CELL) + 1 for axis, low in ((2, far), (0, left))]
    hull = cv2.convexHull(np.rint((points[:, [0, 2]] - [left, far]) / CELL).astype(np.int32))
    below = np.zeros(size, np.float32)
    cv2.fillPoly(below, [hull], (1.0,))
    near, wide = (cv2.GaussianBlur(below, (0, 0), spread / CELL) for spread in (NEAR, WIDE))
    dark = 1 - (1 - DARK * np.exp(-lifted / FALLS) * near) * (1 - FAINT * wide)
    return dark.astype(np.float32), (left, far)


def _plane_seen(camera: Pinhole, corner: tuple[float, float], level: float) -> Doubles | None:
    """(3, 3) from cells of the floor (x, z) to pixels of the frame; None where it is seen from below or edge on."""
    view = camera.view
    if level - camera.position[1] < 0.05:
        return None
    lens = np.array([
        [camera.focal_px[0], 0, camera.centre_px[0] - 0.5], [0, camera.focal_px[1], camera.centre_px[1] - 0.5],
        [0, 0, 1],
    ])  # fmt: skip
    start = view @ np.array([corner[0], level, corner[1], 1.0])
    seen: Doubles = lens @ np.column_stack([view[:, 0] * CELL, view[:, 2] * CELL, start])
    return seen
