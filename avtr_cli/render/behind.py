"""What stands behind a head, made up from what is seen beside it.

A plain wall goes on smoothly, with its grain. Where more than that is seen, a shelf, a flag, leaves, it goes on in
patches of itself: mirrored edges would bend around the silhouette.
"""

from __future__ import annotations

import logging

import cv2
import numpy as np

from avtr_cli.core.arrays import Image, Mask, Picture
from avtr_cli.render.filling import fill_hole

logger = logging.getLogger(__name__)

TEXTURE = 0.15  # EO: structure finer than this is mirrored into the plate from outside the silhouette
TEXTURE_REACH = 0.7  # EO behind the silhouette to which a turning head may uncover the plate
SOFT_TEXTURE = 0.04  # EO over which that structure ends where none is known
GRAIN = 0.02  # EO: finer than this is grain, and no thing
BESIDE = 0.5  # EO from the silhouette in which things are looked for
LIVELY = 8.0  # of 255: root mean square of what is neither grain nor smooth, from which things are seen
FAR = (0.1, 0.1)  # see `completion.complete`


def behind(photo: Image, hidden: Mask, unit: float) -> Picture:
    """`photo` uint8 (H, W, 3) as float32 with the pixels of the mask `hidden` (H, W) made up; `unit` px per EO.

    Deeper than a turning head uncovers, colours are smooth.
    """
    smooth = fill_hole(photo, hidden)
    if hidden.all() or not hidden.any():
        return smooth
    depth = cv2.distanceTransform(hidden.astype(np.uint8), cv2.DIST_L2, 5)
    away = cv2.distanceTransform((~hidden).astype(np.uint8), cv2.DIST_L2, 5)
    if _liveliness(smooth, ~hidden & (away < BESIDE * unit), unit) >= LIVELY:
        try:
            return _in_patches(smooth, hidden, hidden & (depth < TEXTURE_REACH * unit))
        except Exception as error:  # Numba missing, switched off, or at odds with this NumPy, LLVM or CPU
            logger.warning("what stands behind the head is made up more simply: Numba does not work here (%s)", error)
    return _mirrored(smooth, hidden, depth - away, unit)


def _liveliness(picture: Picture, where: Mask, unit: float) -> float:
    """Root mean square, of 255, of what is coarser than grain and finer than `TEXTURE`."""
    grey = picture.mean(axis=2)
    things = cv2.GaussianBlur(grey, (0, 0), max(0.5, GRAIN * unit)) - cv2.GaussianBlur(grey, (0, 0), TEXTURE * unit)
    return float(np.sqrt(np.mean(things[where] ** 2))) if where.any() else 0.0


def _in_patches(smooth: Picture, hidden: Mask, hole: Mask) -> Picture:
    """`hole` filled with patches of what is not `hidden`; the rest is left smooth."""
    from avtr_cli.render.completion import QUICK, complete, ready  # they need Numba, and time to load

    ready()
    filled: Picture = 255 * complete(smooth / 255, hole, ~hidden, FAR, QUICK)
    return filled


def _mirrored(smooth: Picture, hidden: Mask, depth: Picture, unit: float) -> Picture:
    """Each hidden pixel takes the fine structure found as far outside the silhouette as it lies inside, `depth` px."""
    detail = smooth - cv2.GaussianBlur(smooth, (0, 0), TEXTURE * unit)
    depth = cv2.GaussianBlur(depth, (0, 0), max(1.0, 0.05 * unit))
    inward_y, inward_x = np.gradient(depth)
    y, x = np.mgrid[0 : hidden.shape[0], 0 : hidden.shape[1]].astype(np.float32)
    from_x = (x - 2 * depth * inward_x).astype(np.float32)
    from_y = (y - 2 * depth * inward_y).astype(np.float32)
    mirrored = cv2.remap(detail, from_x, from_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    known = cv2.remap((~hidden).astype(np.float32), from_x, from_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    weight = known * np.clip(2 - depth / (0.5 * TEXTURE_REACH * unit), 0, 1) * hidden
    weight = cv2.GaussianBlur(weight.astype(np.float32), (0, 0), max(0.6, SOFT_TEXTURE * unit)) * hidden
    return smooth + mirrored * weight[..., None]
