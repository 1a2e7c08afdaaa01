"""Background between an arm and the body that was taken for the person, found and given back.

The network that tells people from their background sees 256 px; a gap of a hand's width is filled. Such a gap lies
between the fitted arm and the fitted trunk or legs, on neither, and looks as the wall beside the person does; cloth
there does not, and where it does by chance, the rest of it does not. Before a lively wall its colours tell
(`wall_colours.py`). Wall to the other side of an arm is found by `beside_arms.py`.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from avtr_cli.core.arrays import AnyArray, Image, Mask, Matte
from avtr_cli.kernels import skinning
from avtr_cli.perception.body import SeenBody
from avtr_cli.perception.plain_wall import wall_beside
from avtr_cli.render.gaussian.beside_arms import wall_beside_arms
from avtr_cli.render.gaussian.body_model import LEFT_ARM, LEFT_LEG, RIGHT_ARM, RIGHT_LEG, TRUNK, BodyModel
from avtr_cli.render.gaussian.fitting import BodyFit
from avtr_cli.render.gaussian.surface import Surface, bone_maps
from avtr_cli.render.gaussian.wall_colours import of_the_wall

WIDEST = 0.35  # units from arm and from body
OPPOSITE = -0.3  # cosine between the ways to both: beyond an arm there is no gap
ALIKE = 22.0  # of 255, that a gap differs from the wall around at most
MOST_OF_IT, LEAST = 0.6, 30  # share of a gap that must be alike; px


def without_gaps(model: BodyModel, fit: BodyFit, seen: SeenBody, picture: Image) -> SeenBody:
    """`seen` with a matte that ends at gaps; `picture` uint8 (H, W, 3)."""
    limb = _limbs(model, fit, seen.matte)
    arms, body = np.isin(limb, (LEFT_ARM, RIGHT_ARM)), np.isin(limb, (TRUNK, LEFT_LEG, RIGHT_LEG))
    beside = cv2.dilate((limb >= 0).astype(np.uint8), np.ones((3, 3), np.uint8)) == 0
    between = beside & (seen.matte > 0.3) & lies_between(arms, body, WIDEST * seen.unit)
    gaps = wall_beside_arms(picture, seen.matte, limb, seen.unit)
    if between.any():
        gaps |= _alike(picture, seen, between) | of_the_wall(picture, seen.matte, between, seen.unit)
    if not gaps.any():
        return seen
    soft = cv2.GaussianBlur(gaps.astype(np.float32), (0, 0), 1.0)
    return replace(seen, matte=(seen.matte * (1 - np.minimum(2 * soft, 1))).astype(np.float32))


def _alike(picture: Image, seen: SeenBody, between: Mask) -> Mask:
    """Pieces of what is `between` (H, W) that look as the wall beside the person does."""
    alike = np.abs(picture - wall_beside(picture, seen.matte, seen.unit)).max(2) < ALIKE
    count, pieces = cv2.connectedComponents(between.astype(np.uint8))
    size, matching = (np.bincount(pieces.ravel(), one.ravel(), count) for one in (between, between & alike))
    gap = (size >= LEAST) & (matching >= MOST_OF_IT * size)
    gap[0] = False
    return np.asarray(gap[pieces])


def _limbs(model: BodyModel, fit: BodyFit, matte: Matte) -> AnyArray:
    """The limb that each pixel of the photo shows of the fitted body, (H, W), -1 for none."""
    heads = model.joints_of(fit.shape)[0].astype(np.float64)
    naked = np.empty_like(model.mean)
    maps = bone_maps(model, heads, fit.turns, fit.shift)
    skinning.skin(model.vertices(fit.shape), model.carried_by, model.shares, maps, naked)
    view = Surface(model).seen(naked, fit.lens, matte.shape[1], matte.shape[0])
    return np.where(view.shown, model.vertex_limb[model.triangles[view.which.clip(0), 0]].astype(int), -1)


def lies_between(one: Mask, other: Mask, most: float) -> Mask:
    """Where `one` lies to one side and `other` to the opposite, both within `most` px."""
    if not one.any() or not other.any():
        return np.zeros_like(one)
    y, x = np.mgrid[: one.shape[0], : one.shape[1]]
    ways, near = [], np.ones_like(one)
    for mask in (one, other):
        distance, label = cv2.distanceTransformWithLabels(
            (~mask).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
        )
        at = np.zeros(label.max() + 1, np.intp)
        at[label[mask]] = np.flatnonzero(mask)
        place = at[label]
        ways.append(
            np.stack([place % one.shape[1] - x, place // one.shape[1] - y], -1) / np.maximum(distance, 1)[..., None]
        )
        near &= distance < most
    return np.asarray(near & ((ways[0] * ways[1]).sum(-1) < OPPOSITE))
