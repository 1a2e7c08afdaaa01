"""Holes in pictures filled with what surrounds them, smoothly."""

from __future__ import annotations

import cv2
import numpy as np

from avtr_cli.core.arrays import AnyArray, Floats, Mask, Picture


def fill_hole(picture: AnyArray, hole: Mask) -> Picture:
    """`picture` as float32 with the pixels of the bool mask `hole` replaced by what surrounds them, smoothly.

    A push-pull pyramid (Gortler et al. 1996): averages of the known pixels, coarse where nothing finer is known.
    """
    known = (~hole).astype(np.float32)
    if not known.any():
        return picture.astype(np.float32)
    values = picture.astype(np.float32) * known[..., None]
    levels: list[tuple[Picture, Floats]] = [(values, known)]
    while min(levels[-1][1].shape) > 2:
        levels.append((cv2.pyrDown(levels[-1][0]), cv2.pyrDown(levels[-1][1])))
    coarse, weight = levels.pop()
    filled = coarse / np.maximum(weight, 1e-6)[..., None]
    for coarse, weight in reversed(levels):
        above = cv2.pyrUp(filled, dstsize=weight.shape[::-1])
        filled = above + (coarse / np.maximum(weight, 1e-6)[..., None] - above) * np.clip(weight, 0, 1)[..., None]
    return np.where(hole[..., None], filled, picture).astype(np.float32)
