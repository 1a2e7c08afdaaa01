"""What stands behind the person: the photo without them."""

from __future__ import annotations

import cv2
import numpy as np

from avtr_cli.core.arrays import Image, Mask, Matte
from avtr_cli.render.completion import complete

HIDES = 0.1  # of the matte: what lies behind such pixels is made up
MARGIN, FADES = 7, (2, 5)  # px around them likewise; px from the matte at which the photo comes back, and over which
FAR = (0.15, 0.025)  # see `complete`: what stands behind people lies in layers


def behind_person(picture: Image, matte: Matte, given: Mask | None = None) -> Image:
    """`picture` uint8 (H, W, 3) without the person of `matte` (H, W); the photo to the bit from 7 px beside on.

    What was `given` back (H, W), as a gap between an arm and the body, is the photo's too. What an arm uncovers goes on
    as it does beside the arm: a rail, a shore, leaves.
    """
    hides, shows = (matte > HIDES).astype(np.uint8), (matte <= HIDES).astype(np.uint8)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * MARGIN + 1, 2 * MARGIN + 1))
    hole = cv2.dilate(hides, disc) > 0
    if given is not None:
        hole &= ~given
    filled = 255 * complete(picture.astype(np.float32) / 255, hole, ~hole, FAR)
    away = cv2.distanceTransform(shows, cv2.DIST_L2, 5)
    own = np.clip((away - FADES[0]) / FADES[1], 0, 1)[..., None]
    if given is not None:
        own = np.maximum(own, given[..., None])
    plate: Image = np.rint(filled + (picture - filled) * own).clip(0, 255).astype(np.uint8)
    return plate
