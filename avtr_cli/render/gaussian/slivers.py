"""Where a face ends before something else of the person in the photo: slivers of skin, and the skin beside them.

Along a jaw or a cheek the photo shows skin that looks away, in pixels that are half of what lies behind, or a drawn
line. Such a sliver is as wide as a cheek once the head turns, and what was a line is a row of dots: so colours from
further inside are found for it.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from avtr_cli.core.arrays import Labels, Mask, Matte, Picture, Points
from avtr_cli.perception.topology import CHIN, FACE_OVAL, FOREHEAD, OUTER_EYE_CORNERS
from avtr_cli.render.gaussian.body_model import HEAD, BodyModel
from avtr_cli.render.gaussian.surface import View

JUMP = 0.012  # m from one pixel to the next: more is an edge
WIDE, LEAST_WIDE = 0.03, 3  # of the face's height, px: how far inside its edge a pixel may be no skin's
WITHIN = 3  # times as far within the face's outline there are other edges: nostrils
BELOW_EYES = 0.25  # of the face's height: above, the edge is hair's or glasses'; from twice that on it is the face's
SOFT, LEAST = 0.8, 1e-4  # of the width, by which the colours inside are blurred; how much of them must be near
UNLIKE = (0.15, 0.45)  # L1 from the colours inside up to which a pixel is skin, and from which it is not
FADES = 2.0  # the inner half of the width goes over into the photo's own colours
FURTHEST = 1e3  # m: where nobody is


class Slivers(NamedTuple):
    """which bool (H, W): pixels along the edge of the face, from the eyes down; picture float32 (H, W, 3): the photo
    with the colours from further inside there; share float32 (H, W), 0 .. 1: how much of it these are;
    face bool (H, W): all within its outline."""

    which: Mask
    picture: Picture
    share: Matte
    face: Mask


def slivers(model: BodyModel, view: View, clean: Picture, points: Points) -> Slivers:
    """Of the photo that is `clean`, of the face `points` (478, 3) px."""
    limb = model.vertex_limb[model.triangles[np.maximum(view.which, 0), 0]]
    head = view.shown & (limb == HEAD)
    depth = np.where(view.shown, view.depth, np.float32(FURTHEST))
    around = np.ones((3, 3), np.uint8)
    face = points[:, :2]
    down = face[CHIN] - face[FOREHEAD]
    tall = float(np.linalg.norm(down))
    wide = max(LEAST_WIDE, round(WIDE * tall))
    y, x = np.mgrid[: limb.shape[0], : limb.shape[1]]
    below = (np.stack([x, y], -1) - face[list(OUTER_EYE_CORNERS)].mean(0)) @ down / tall**2
    oval = np.zeros(limb.shape, np.uint8)
    cv2.fillPoly(oval, [np.rint(face[list(FACE_OVAL)]).astype(np.int32)], (1,))
    inside = cv2.erode(oval, _disc(WITHIN * wide)) > 0
    edge = head & (cv2.dilate(depth, around) > depth + JUMP) & ~inside
    which = _grown(edge, wide) & head & (below > BELOW_EYES) & _grown(oval > 0, wide)
    known = ((oval > 0) & head & ~_grown(edge, wide)).astype(np.float32)
    sums = cv2.GaussianBlur(known[..., None] * clean, (0, 0), SOFT * wide)
    weight = cv2.GaussianBlur(known, (0, 0), SOFT * wide)
    which &= weight > LEAST
    far = cv2.distanceTransform((~edge).astype(np.uint8), cv2.DIST_L2, 5)[which]
    share = (below[which] / BELOW_EYES - 1).clip(0, 1) * (FADES * (1 - (far - 1) / wide)).clip(0, 1)
    within = sums[which] / weight[which, None]
    share *= ((np.abs(within - clean[which]).sum(-1) - UNLIKE[0]) / (UNLIKE[1] - UNLIKE[0])).clip(0, 1)
    picture, made = clean.copy(), np.zeros(limb.shape, np.float32)
    picture[which] += share[:, None] * (within - clean[which])
    made[which] = share
    return Slivers(which, picture, made, oval > 0)


def _disc(reach: int) -> Labels:
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))


def _grown(mask: Mask, reach: int) -> Mask:
    return np.asarray(cv2.dilate(mask.astype(np.uint8), _disc(reach)) > 0)
