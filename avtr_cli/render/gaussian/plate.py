"""What stands behind the person: the photo without them."""

from __future__ import annotations

import cv2
import numpy as np

from avtr_cli.core.arrays import Floats, Image, Mask, Matte
from avtr_cli.render.completion import complete

HIDES = 0.1  # of the matte: what lies behind such pixels is made up
MARGIN, FADES = 7, (2, 5)  # px around them likewise; px from the matte at which the photo comes back, and over which
GIVEN = (1.0, 1.5)  # likewise of what was given back, whose own edge has the person's colours
JOINS, GOES_ON = 5.0, 8.0  # px over which the light of what was given back is asked, and goes on into what is made up
EVEN = 12.0  # of 255: a wall whose light differs by more from place to place tells no light
FAR = (0.15, 0.025)  # see `complete`: what stands behind people lies in layers


def behind_person(picture: Image, matte: Matte, given: Mask | None = None) -> Image:
    """`picture` uint8 (H, W, 3) without the person of `matte` (H, W); the photo to the bit from 7 px beside on.

    What was `given` back (H, W), as a gap between an arm and the body, is the photo's too. What an arm uncovers goes on
    as it does beside the arm: a rail, a shore, leaves.
    """
    hides, shows = (matte > HIDES).astype(np.uint8), (matte <= HIDES).astype(np.uint8)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * MARGIN + 1, 2 * MARGIN + 1))
    hole = cv2.dilate(hides, disc) > 0
    away = cv2.distanceTransform(shows, cv2.DIST_L2, 5)
    if given is not None:
        hole &= ~(given & (away > sum(GIVEN)))
    filled = 255 * complete(picture.astype(np.float32) / 255, hole, ~hole, FAR)
    if given is not None and given.any():
        filled = _with_light_of(picture, filled, given & ~hole, hole)
    own = np.clip((away - FADES[0]) / FADES[1], 0, 1)[..., None]
    if given is not None:
        own = np.maximum(own, (given * np.clip((away - GIVEN[0]) / GIVEN[1], 0, 1))[..., None])
    plate: Image = np.rint(filled + (picture - filled) * own).clip(0, 255).astype(np.uint8)
    return plate


def _with_light_of(picture: Image, filled: Floats, given: Mask, made_up: Mask) -> Floats:
    """`filled` with what is `made_up` (H, W) as light beside an even wall that was `given` back as that is."""
    off = picture - _around(filled, made_up)
    near = given & (_around(np.ones_like(filled), made_up)[..., 0] > 0)
    light = _around(off, near)
    uneven = np.sqrt(np.maximum(_around(off * off, near) - light * light, 0)).max(2)
    share = np.exp(-((cv2.distanceTransform((~given).astype(np.uint8), cv2.DIST_L2, 5) / GOES_ON) ** 2))
    share *= made_up & (uneven < EVEN)
    return np.asarray(filled + share[..., None] * light, np.float32)


def _around(values: Floats, where: Mask) -> Floats:
    """The mean of `values` (H, W, 3) in what of `where` is near, 0 where nothing is."""
    share = cv2.GaussianBlur(where.astype(np.float32), (0, 0), JOINS)[..., None]
    total = cv2.GaussianBlur((values * where[..., None]).astype(np.float32), (0, 0), JOINS)
    return np.where(share > 1e-6, total / np.maximum(share, 1e-6), np.float32(0))
