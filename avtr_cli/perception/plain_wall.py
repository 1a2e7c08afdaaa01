"""A plain wall beside a person's arms tells better than a network who is there: what is unlike it is the person's.

A ribbon's end or a strap is thin, and networks that see 256 px take it for the wall, or half for it. Before a plain
wall all that is not like it belongs to the person, if it is small and touches them; and what is like it, and no more
than half believed, is the wall.
"""

from __future__ import annotations

import cv2
import numpy as np

from avtr_cli.core.arrays import AnyArray, Floats, Image, Mask, Matte, Picture, Points

REACH = 0.5  # units beside a forearm that are looked at
UNLIKE, ALIKE = 24.0, 9.0  # of 255: by which a pixel is no wall, or is
PLAIN = 0.93  # share of the wall around that is like itself
LEAST, MOST = 30, 0.08  # px, units^2: of a thing
TOUCHES = 4  # px to the person
HALF = 0.75  # of the matte, up to which it is half believed
SCALES = (0.05, 0.1, 0.2, 0.4)  # units over which the wall is looked for, the nearest counting most
FROM_PERSON = 0.035  # units that the wall begins away from the person


def worn_before(picture: Image, matte: Matte, forearms: list[Points], unit: float) -> tuple[Matte, Mask]:
    """`matte` (H, W) with what is beside the `forearms`, lines (n, 2) px, and what was found; `picture` is uint8.

    Before any other wall the matte stays as it was.
    """
    nothing = np.zeros(matte.shape, bool)
    lines = np.zeros(matte.shape, np.uint8)
    for line in forearms:
        cv2.polylines(lines, [np.rint(line).astype(np.int32)], False, (1,), 3)
    near, there = _away(lines > 0) < REACH * unit, matte > 0.5
    beside = near & ~there
    if not lines.any() or not beside.any():
        return matte, nothing
    off = _off(picture, matte, unit)
    things = _things((off > UNLIKE) & ~there, there, near, unit)
    around = beside & ~things & (_away(matte > 0.1) > TOUCHES)
    if not around.any() or (off[around] < ALIKE).mean() < PLAIN:
        return matte, nothing
    soft = cv2.GaussianBlur(things.astype(np.float32), (0, 0), 0.7)
    wall = near & (off < ALIKE) & (matte < HALF)
    made: Matte = np.where(wall, np.float32(0), np.maximum(matte, np.minimum(1.4 * soft, 1))).astype(np.float32)
    return made, things


def wall_beside(picture: Image, matte: Matte, unit: float) -> Picture:
    """What stands beside the person, spread over the whole picture, (H, W, 3) of 255."""
    side = 2 * int(FROM_PERSON * unit) + 1
    wall = (cv2.dilate((matte > 0.1).astype(np.uint8), np.ones((side, side), np.uint8)) == 0).astype(np.float32)
    total, weight = np.zeros(picture.shape, np.float32), np.zeros((*matte.shape, 1), np.float32)
    for scale in SCALES:
        seen = cv2.GaussianBlur(wall, (0, 0), scale * unit)[..., None]
        colour = cv2.GaussianBlur(picture * wall[..., None], (0, 0), scale * unit) / np.maximum(seen, 1e-6)
        share = np.float32(10.0 ** (-8 * scale)) * (seen > 0.02)
        total, weight = total + share * colour, weight + share
    return np.where(weight > 0, total / np.maximum(weight, 1e-12), np.float32(1e3))


def _off(picture: Image, matte: Matte, unit: float) -> Floats:
    """(H, W): how much the picture differs from the wall around, once what differs most is not asked."""
    off = np.abs(picture - wall_beside(picture, matte, unit)).max(2)
    asked = np.maximum(matte, (off > UNLIKE).astype(np.float32))
    return np.asarray(np.abs(picture - wall_beside(picture, asked, unit)).max(2), np.float32)


def _things(unlike: Mask, there: Mask, near: Mask, unit: float) -> Mask:
    """Pieces of what is `unlike` the wall that are small, lie `near` wholly, and touch the person who is `there`."""
    square = np.ones((3, 3), np.uint8)
    count, pieces = cv2.connectedComponents(cv2.morphologyEx(unlike.astype(np.uint8), cv2.MORPH_OPEN, square))
    size, inside, touches = (
        np.bincount(pieces.ravel(), one.ravel(), count) for one in (unlike, unlike & near, _away(there) <= TOUCHES)
    )
    kept = (size > LEAST) & (size < MOST * unit**2) & (inside >= size) & (touches > 0)
    kept[0] = False
    return np.asarray(kept[pieces])  # without what is as thin as the person's own edge


def _away(mask: Mask) -> AnyArray:
    return cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5)
