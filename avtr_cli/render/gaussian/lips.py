"""Which pixels of a photo show what is between the lips: teeth of a smile, and the dark line of lips that are shut.

The mesh lies deep there, and what fills the body under the skin of the lips would hide such pixels' own Gaussians: the
picture at rest would lose its line of lips, and every expression, which adds to these colours, keep a ghost of it.
So they are Gaussians of their own, as deep as the lips beside them.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from scipy.ndimage import distance_transform_edt

from avtr_cli.core.arrays import Floats, Labels, Mask
from avtr_cli.perception.body import SeenBody
from avtr_cli.render.gaussian.surface import View, unit

INNER = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95)
OUTER = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146)
CENTRES, EDGES = (13, 14), (0, 17)  # upper and lower: where the lips meet, and where they end
PARTED = 2.2  # px between lips that show teeth
LIP = 0.008  # of the torso: half a lip
SLIT = 0.002  # m that a pixel between shut lips lies deeper than they do


class BetweenLips(NamedTuple):
    """pixels bool (H, W); depth float32 (H, W) m of the nearest of the lips around them."""

    pixels: Mask
    depth: Floats


def between_lips(seen: SeenBody, view: View) -> BetweenLips:
    """All pixels between lips that are parted, and between shut ones those whose mesh lies in the slit."""
    parted, lips, line = np.zeros((3, *seen.matte.shape), np.uint8)
    inner, outer = (np.rint(seen.face[list(points), :2]).astype(np.int32) for points in (INNER, OUTER))
    if np.linalg.norm(np.diff(seen.face[list(CENTRES), :2], axis=0)) > PARTED:
        cv2.fillPoly(parted, [inner], (1,))
    reach = max(1, round(LIP * seen.unit))
    cv2.fillPoly(lips, [outer], (1,))
    cv2.polylines(line, [inner], True, (1,), 2 * reach + 1)
    depth = np.where((lips > 0) & view.shown, view.depth, np.inf).astype(np.float32)
    nearest = cv2.erode(depth, _across(seen, 2 * reach))
    slit = (line > 0) & np.isfinite(depth) & (depth > nearest + SLIT)
    pixels = np.asarray((parted > 0) | slit)
    on_lips = np.isfinite(depth) & ~pixels
    if not on_lips.any():
        return BetweenLips(pixels, view.depth)
    beside = distance_transform_edt(~on_lips, return_distances=False, return_indices=True)
    return BetweenLips(pixels, np.asarray(view.depth[tuple(beside)]))


def _across(seen: SeenBody, reach: int) -> Labels:
    """The neighbourhood of a pixel from one lip to the other alone: along them faces curve away."""
    line = np.zeros((2 * reach + 1,) * 2, np.uint8)
    along = reach * unit(np.diff(seen.face[list(EDGES), :2], axis=0))[0]
    x, y = np.rint(reach + np.linspace(-1, 1, 4 * reach + 1)[:, None] * along).astype(int).T
    line[y, x] = 1
    return line
