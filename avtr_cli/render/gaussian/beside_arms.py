"""Wall beside an arm that was taken for it: what the wall beyond goes over into without an edge, up to the arm's own.

A network that sees 256 px bridges the corner between a wide sleeve and the forearm below it, or two fingers. Light on
the wall changes there, so no one colour tells it; but nothing ends where the matte does, and then the arm begins with
an edge. A sleeve or a coat of the wall's colour has no such edge inside, and stays.
"""

from __future__ import annotations

import cv2
import numpy as np

from avtr_cli.core.arrays import AnyArray, Floats, Image, Mask, Matte
from avtr_cli.render.gaussian.body_model import LEFT_ARM, RIGHT_ARM

REACH, WITHIN, BEYOND = 0.2, 0.1, 0.3  # units beside the fitted arm, within its outline, and of wall beyond
SOFT = 0.7  # px: noise and compression are no edges
EVEN = 14.0  # of 255: what pixels side by side differ by at most where a wall's light changes
BACKGROUND, SOMEBODY = 0.1, 0.5  # of the matte
LEAST, MOST = 30, 0.06  # px, and square units, of a piece
WALL = 20  # px of the wall that a piece goes over into, at least
AROUND = 3.0  # px over which a piece's own colour is asked at its end
UNLIKE, MOSTLY = 20.0, 0.75  # of 255, by which the arm differs there; share of the end that has such an edge


def wall_beside_arms(picture: Image, matte: Matte, limb: AnyArray, unit: float) -> Mask:
    """(H, W): pixels of the person that are wall; `limb` (H, W) is that of the fitted body, -1 for none."""
    arms = np.isin(limb, (LEFT_ARM, RIGHT_ARM))
    nothing = np.zeros(matte.shape, bool)
    if not arms.any():
        return nothing
    away, elsewhere = _away(arms), _away((limb >= 0) & ~arms)
    near = (limb < 0) | (arms & (_away(~arms) < WITHIN * unit))
    zone = (matte > BACKGROUND) & near & (away < REACH * unit) & (away < elsewhere)
    beyond = (matte <= BACKGROUND) & (away < BEYOND * unit)
    soft = cv2.GaussianBlur(picture, (0, 0), SOFT).astype(np.float32)
    square = np.ones((3, 3), np.uint8)
    even = (cv2.dilate(soft, square) - cv2.erode(soft, square)).max(2) < EVEN
    count, pieces = cv2.connectedComponents(((zone | beyond) & even).astype(np.uint8), connectivity=4)
    of_wall = np.bincount(pieces.ravel(), beyond.ravel(), count) > WALL
    of_wall[0] = False
    inside = cv2.morphologyEx((of_wall[pieces] & zone).astype(np.uint8), cv2.MORPH_OPEN, square)
    inside = cv2.dilate(inside, square) * zone  # up to the middle of the edge
    count, pieces = cv2.connectedComponents(inside.astype(np.uint8))
    size = np.bincount(pieces.ravel(), (matte > SOMEBODY).ravel(), count)
    found = nothing
    for number in np.flatnonzero((size >= LEAST) & (size < MOST * unit**2)):
        if number and _ends_with_edge(soft, pieces == number, matte > SOMEBODY):
            found |= pieces == number
    return found


def _ends_with_edge(soft: Floats, piece: Mask, somebody: Mask) -> bool:
    """Whether most of what is `somebody` right beside the piece looks otherwise than the piece there."""
    share = cv2.GaussianBlur(piece.astype(np.float32), (0, 0), AROUND)[..., None]
    own = cv2.GaussianBlur(soft * piece[..., None], (0, 0), AROUND) / np.maximum(share, 1e-6)
    ring = _wider(piece, 7) & ~_wider(piece, 3) & somebody
    return bool(ring.any() and (np.abs(soft - own).max(2)[ring] > UNLIKE).mean() > MOSTLY)


def _wider(mask: Mask, side: int) -> Mask:
    return np.asarray(cv2.dilate(mask.astype(np.uint8), np.ones((side, side), np.uint8)) > 0)


def _away(mask: Mask) -> AnyArray:
    return cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5)
