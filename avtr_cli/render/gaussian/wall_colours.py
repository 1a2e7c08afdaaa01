"""Which pixels that may be anybody's have colours of what stands beside the person, and none of the person near by.

For a wall that is lively: leaves between an arm and a coat are no coat, though no two of them are alike. Where both
have a colour, it stays the person's.
"""

from __future__ import annotations

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter

from avtr_cli.core.arrays import AnyArray, Doubles, Floats, Image, Mask, Matte

STEPS, SOFT = 16, 0.7  # of each of red, green and blue; steps over which a colour counts
AROUND_WALL, AROUND_PERSON, APART = 0.5, 0.3, 0.035  # units about a piece that are asked; between wall and person
SURE, SOMEBODY = 0.97, 0.1  # of the matte
SELDOM = 1e-4  # share of pixels with which a colour is as good as not there
BEGINS, GOES_ON = 1.0, 0.0  # logarithm of how much more the wall has it: of a gap's middle, and of all of it
LEAST, MIDDLE = 30, 12  # px of a piece, and of its gap's middle


def of_the_wall(picture: Image, matte: Matte, between: Mask, unit: float) -> Mask:
    """Those of the pixels `between` (H, W); `picture` is uint8 (H, W, 3)."""
    count, pieces, about, _ = cv2.connectedComponentsWithStats(between.astype(np.uint8))
    colour = (picture.astype(np.int64) * STEPS // 256) @ np.array([STEPS**2, STEPS, 1])
    wall = ~_wider(matte > SOMEBODY, 2 * int(APART * unit) + 1)
    person = (cv2.erode((matte > SURE).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0) & ~_wider(between, 5)
    more = np.zeros(matte.shape, np.float32)
    for number in range(1, count):
        if about[number, cv2.CC_STAT_AREA] < LEAST:
            continue
        box = _around(about[number], AROUND_WALL * unit, matte.shape)
        piece = pieces[box] == number
        away = cv2.distanceTransform((~piece).astype(np.uint8), cv2.DIST_L2, 5) / unit
        of_wall = _shares(colour[box][wall[box] & (away < AROUND_WALL)])
        of_person = _shares(colour[box][person[box] & (away < AROUND_PERSON)])
        told = np.log((of_wall + SELDOM) / (of_person + SELDOM)).astype(np.float32)
        more[box][piece] = told[colour[box][piece]]
    return _gaps(between, more)


def _gaps(between: Mask, more: Floats) -> Mask:
    there = between.astype(np.float32)
    soft = cv2.GaussianBlur(more * there, (0, 0), 1.0) / np.maximum(cv2.GaussianBlur(there, (0, 0), 1.0), 1e-3)
    middle = (between & (soft > BEGINS)).astype(np.uint8)
    middle = cv2.morphologyEx(middle, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    count, pieces = cv2.connectedComponents((between & (soft > GOES_ON)).astype(np.uint8))
    gap = np.bincount(pieces.ravel(), middle.ravel(), count) >= MIDDLE
    gap[0] = False
    return np.asarray(gap[pieces])


def _shares(colours: AnyArray) -> Doubles:
    """How much of them has each of the STEPS^3 colours, or one like it."""
    counted = np.bincount(colours, minlength=STEPS**3).astype(np.float64).reshape(STEPS, STEPS, STEPS)
    return np.asarray(gaussian_filter(counted, SOFT, mode="nearest").ravel() / max(len(colours), 1))


def _around(about: AnyArray, margin: float, shape: tuple[int, ...]) -> tuple[slice, slice]:
    left, top, width, height = (int(value) for value in about[:4])
    far = int(margin) + 1
    rows = slice(max(0, top - far), min(shape[0], top + height + far))
    return rows, slice(max(0, left - far), min(shape[1], left + width + far))


def _wider(mask: Mask, side: int) -> Mask:
    return np.asarray(cv2.dilate(mask.astype(np.uint8), np.ones((side, side), np.uint8)) > 0)
