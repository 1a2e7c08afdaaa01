"""One picture of a small face into points that are read many times: what Face Mesh says of it, with less of its noise.

A body's face has 57 to 107 px, and its lips part by one or two of them where a tenth of the jaw is asked. What the
network says of such a face hangs on its own cut-out: gaps of one picture scatter by 0.01 to 0.04 EO, as much
as a step of the jaw. So the picture is read in cut-outs of several sizes and turns, and mirrored, and the mean counts.
Enlarged faces are soft, and the network sees soft lips shut: they are sharpened first, all alike. Nothing is known of
what was asked or of other frames, so lips that stand still are read as standing still.
"""

from __future__ import annotations

import math
from itertools import product

import cv2
import numpy as np

from avtr_cli.core.arrays import Image, Points
from avtr_cli.perception.face_mesh import points_in
from avtr_cli.perception.landmarks import face_points
from avtr_cli.perception.rects import Rect, square
from avtr_cli.perception.template import template
from avtr_cli.perception.topology import OUTER_EYE_CORNERS

SIZES = (1.35, 1.5, 1.65)  # of a cut-out, over the face's larger side; Face Mesh's own is 1.5
TURNS = (-0.2, -0.1, 0.0, 0.1, 0.2)  # radians from level
SHARPER, SOFT = 0.8, 1 / 48  # how much of what a blur takes is added, and that blur, of the picture's side
_MIRROR = np.array([-1.0, 1.0, 1.0])


def read_often(picture: Image) -> Points:
    """The points (478, 3) px of the one face in a square `picture`, uint8 RGB; NaN where none is found."""
    first = face_points(picture)
    if first is None:
        return np.full((478, 3), np.nan)
    sharp, across = sharpened(picture), np.array([picture.shape[1], 0, 0])
    readings = points_in(sharp, _cutouts(first, picture))
    order = template().mirror
    other = points_in(np.ascontiguousarray(sharp[:, ::-1]), _cutouts(first[order] * _MIRROR + across, picture))
    readings += [(across + points * _MIRROR)[order] for points in other]
    return np.asarray(np.mean(readings, axis=0)) if readings else np.full((478, 3), np.nan)


def sharpened(picture: Image) -> Image:
    """With more of what a blur would take."""
    soft = cv2.GaussianBlur(picture, (0, 0), SOFT * len(picture))
    return np.asarray(cv2.addWeighted(picture, 1 + SHARPER, soft, -SHARPER, 0))


def _cutouts(points: Points, picture: Image) -> list[Rect]:
    """Squares around a face."""
    flat = points[:, :2]
    low, high = flat.min(0), flat.max(0)
    x, y = np.diff(flat[list(OUTER_EYE_CORNERS)], axis=0)[0]
    level, side = math.atan2(y, x), float((high - low).max())
    return [square((low + high) / 2, size * side, level + turn, picture.shape) for size, turn in product(SIZES, TURNS)]
