"""What the photo shows of each arm, told along it: sleeves and skin as rings of one colour, and pixels of it elsewhere.

A fitted arm lies some pixels off, so what is seen on it may be a skirt's, and some of a hand lies on the hip. Medians
around the arm know better; what is unlike them is not the arm's.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.ndimage import median_filter

from avtr_cli.core.arrays import Colour, Doubles, Floats, Mask, Picture, Reals
from avtr_cli.render.gaussian.body_model import HEAD, LEFT_ARM, RIGHT_ARM, BodyModel
from avtr_cli.render.gaussian.surface import View
from avtr_cli.render.gaussian.wrapping import Wrapped

ARMS = (LEFT_ARM, RIGHT_ARM)
BESIDE, NOBODY = 255, 254  # instead of a limb: pixels of the person beside the mesh, and of the background
BINS, REACH = 20, 0.12  # of an arm, from shoulder to wrist; in lengths of upper arm and forearm that a ring looks about
INSIDE = 2.5  # px within the arm's outline from which a pixel is trusted to be its own
NARROW = 5  # rings: what is narrower than half of them, as a bracelet, is left out
ALONE, FRINGE = 0.1, 4.0  # units without anything else of the person, but px of the arm's own edge
FOLDS = (0.8, 1.8)  # times a ring's brightness, that what is of its hue has there
MIXED, CUFF = 0.1, 0.2  # share of skin in a mixture at least; L1 by which a cuff differs from all of them
WELL_INSIDE = 3.5  # px within the outline, where nothing but that tells
FOREARM = (1.2, 2.0)  # of `Sleeves.along`: nearer to the shoulder a sleeve's end throws its shade
BARE = (1.1, 1.7)  # of `Sleeves.along`, where a forearm is looked at whether it is bare
FEW = 6  # vertices of a ring that is left to its neighbours
STRAY_HAND, STRAY_ARM = 0.12, 0.04  # units beside a hand and a bare forearm within which skin is theirs
AROUND, MOSTLY = (0.14, 0.3), 0.25  # units; share of skin there above which it may be anything's
UNLIKE, SOFT, NEAR = 0.3, 0.8, 8.0  # L1 by which the photo may differ from a ring; px: blurred, and taken from so far
SHADES, LIGHT = 0.075, (0.3, 1.3)  # L1 of the colours' shares, and brightness, by which skin differs here


@dataclass(frozen=True)
class Sleeves:
    """Of both arms.

    along  float32 (V,): where a vertex is: 0 shoulder, 1 elbow, 2 wrist, more on the hand; -1 off the arms
    ring   float32 (V, 3): the colour of the ring that a vertex of an arm is on
    stray  bool (2, H, W): pixels of the left and of the right hand or forearm that do not lie on it
    inside float32 (H, W): px from a pixel of an arm to its outline
    alone  bool (H, W): pixels of an arm that has nothing else of the person beside it
    """

    along: Floats
    ring: Floats
    stray: Mask
    inside: Floats
    alone: Mask


def along_arms(model: BodyModel, wrapped: Wrapped) -> Floats:
    """float32 (V,), see `Sleeves.along`."""
    along = np.full(len(model.mean), -1.0, np.float32)
    for side, arm in zip("LR", ARMS, strict=True):
        ours = model.vertex_limb == arm
        joints = [
            wrapped.heads[model.bone(f"{bone}.{side}")] for bone in ("upperarm01", "lowerarm01", "wrist", "finger3-1")
        ]
        names = np.array([name[:8] for name in model.bones])
        for first, begins in ((0, ("upperarm",)), (1, ("lowerarm",)), (2, ("wrist", "finger", "metacarp"))):
            which = ours & np.isin(names, [n for n in names if n.startswith(begins)])[model.main_bone]
            bone = joints[first + 1] - joints[first]
            share = (wrapped.rest[which] - joints[first]) @ bone / (bone @ bone)
            along[which] = first + np.clip(share, 0, 1 if first < 2 else 2.5)
    return along


def tell_sleeves(
    model: BodyModel,
    wrapped: Wrapped,
    view: View,
    clean: Picture,
    places: tuple[Reals, Reals],
    shown: Mask,
    skin: Colour,
    unit: float,
    matte: Reals,
) -> Sleeves:
    """`places` are the pixels (x, y) of the vertices, `shown` which of them are seen, `unit` px as `SeenBody.unit`."""
    along = along_arms(model, wrapped)
    limb = np.where(view.shown, model.vertex_limb[model.triangles[np.maximum(view.which, 0), 0]], BESIDE)
    inside, stray, ring = (
        np.zeros(limb.shape, np.float32),
        np.zeros((2, *limb.shape), bool),
        np.zeros((len(along), 3), np.float32),
    )
    x, y = places
    alone = np.zeros(limb.shape, bool)
    for number, arm in enumerate(ARMS):
        ours = limb == arm
        inside = np.maximum(inside, cv2.distanceTransform(np.pad(ours, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1])
        vertices = model.vertex_limb == arm
        sure = vertices & shown & (inside[y, x] > INSIDE)
        ring[vertices] = _rings(along, clean[y, x], sure, vertices, skin)
        on = model.triangles[np.maximum(view.which, 0), 0]
        own_hue = like_colour(clean, ring[on], SHADES, FOLDS)
        alone |= _alone(ours, matte > 0.3, ALONE * unit) & own_hue
        stray[number] = _strays(model, view, np.where(matte > 0.3, limb, NOBODY), arm, along, ring, clean, skin, unit)
    return Sleeves(along, ring, stray, inside, alone)


def _bare(model: BodyModel, along: Floats, ring: Floats, arm: int, skin: Colour) -> bool:
    """Whether a forearm has no sleeve."""
    forearm = np.median(ring[(along > 1.3) & (along < 2) & (model.vertex_limb == arm)], axis=0)
    return bool(like_colour(forearm[None], skin, SHADES, LIGHT)[0])


def _alone(arm: Mask, somebody: Mask, most: float) -> Mask:
    """Which pixels of the `arm` (H, W) have nothing else of `somebody` within `most` px."""
    others = somebody & (cv2.distanceTransform((~arm).astype(np.uint8), cv2.DIST_L2, 5) > FRINGE)
    return np.asarray(arm & (cv2.distanceTransform((~others).astype(np.uint8), cv2.DIST_L2, 5) > most))


def _rings(along: Floats, colours: Floats, sure: Mask, vertices: Mask, skin: Colour) -> Floats:
    """(n, 3): the median around the arm where each of its `vertices` is."""
    middles = (np.arange(BINS) + 0.5) * 2 / BINS
    found = np.full((BINS, 3), np.nan)
    for number, middle in enumerate(middles):
        here = sure & (np.abs(along - middle) < REACH)
        if here.sum() >= FEW:
            found[number] = np.median(colours[here], axis=0)
    known = np.isfinite(found[:, 0])
    if not known.any():
        return np.tile(0.95 * skin, (int(vertices.sum()), 1)).astype(np.float32)
    filled = np.stack([np.interp(middles, middles[known], found[known, k]) for k in range(3)], axis=1)
    filled = median_filter(_with_wrist(filled, skin), (NARROW, 1), mode="nearest")[:BINS]
    where = along[vertices].clip(0, 2)
    return np.stack([np.interp(where, middles, filled[:, k]) for k in range(3)], axis=1).astype(np.float32)


def _with_wrist(rings: Doubles, skin: Colour) -> Doubles:
    """`rings` (BINS, 3), and below a bare forearm more of it: a skirt beside the wrist is no cuff.

    Below a sleeve a mixture of it and skin is the hand, on which the fitted wrist lies in part.
    """
    first, last = (int(end * BINS / 2) for end in BARE)
    forearm = np.median(rings[first:last], axis=0)
    bare = like_colour(forearm[None], skin, SHADES, LIGHT)[0]
    if not bare:
        way = skin - rings[last - 1]
        share = (rings - rings[last - 1]) @ way / max(float(way @ way), 1e-6)
        hands = (share > MIXED) & (np.abs(rings - rings[last - 1] - share[:, None] * way).sum(1) < CUFF)
        hands[:last] = False
        rings = np.where(hands[:, None], rings[last - 1], rings)
    return np.concatenate([rings, np.tile(forearm if bare else rings[-1], (NARROW, 1))])


def _strays(
    model: BodyModel,
    view: View,
    limb: Reals,
    arm: int,
    along: Floats,
    ring: Floats,
    clean: Picture,
    skin: Colour,
    unit: float,
) -> Mask:
    """Pixels (H, W) of a hand and of a bare forearm that lie beside them."""
    first = model.triangles[np.maximum(view.which, 0), 0]
    there = np.where(view.shown & (limb == arm), along[first], -1)
    like = like_colour(clean, skin, SHADES, LIGHT)
    elsewhere = (limb != arm) & (limb != HEAD) & (limb != NOBODY)
    stray = np.zeros(limb.shape, bool)
    bare = _bare(model, along, ring, arm, skin)
    for part, reach, counts in ((there > 1.9, STRAY_HAND, True), (there > 1.2, STRAY_ARM, bare)):
        if not part.any() or not counts:
            continue
        away = cv2.distanceTransform((~part).astype(np.uint8), cv2.DIST_L2, 5) / unit
        around = (away > AROUND[0]) & (away < AROUND[1]) & elsewhere
        if around.any() and like[around].mean() < MOSTLY:
            stray |= (away < reach) & like & elsewhere
    wide = cv2.dilate(stray.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    return np.asarray(wide & elsewhere)


def surely_of_arm(model: BodyModel, view: View, sleeves: Sleeves, clean: Picture, arm: int) -> Mask:
    """Pixels (H, W) that show an arm, above its wrist, and neither its edge nor what is unlike the ring around.

    Where nothing else is near, all of its hue is its own, as bright folds of a bandage and their shade.
    """
    first = model.triangles[np.maximum(view.which, 0), 0]
    found = view.shown & (model.vertex_limb[first] == arm) & (sleeves.inside > INSIDE)
    like = (sleeves.along[first] < BARE[1]) & (np.abs(clean - sleeves.ring[first]).sum(-1) < UNLIKE)
    on_forearm = (sleeves.along[first] > FOREARM[0]) & (sleeves.along[first] < FOREARM[1])
    found &= like | (sleeves.alone & on_forearm & (sleeves.inside > WELL_INSIDE))
    return np.asarray(cv2.morphologyEx(found.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)) > 0)


def seen_on_arm(
    model: BodyModel, view: View, sleeves: Sleeves, clean: Picture, arm: int, places: Reals, else_colours: Floats
) -> Floats:
    """(n, 3): what the photo shows of an arm at `places` (n, 2) px, or near by where that is surely its own.

    Of places on its other side too: folds of a sleeve go round. `else_colours` (n, 3) are taken where nothing is near.
    """
    sure = surely_of_arm(model, view, sleeves, clean, arm)
    if not sure.any():
        return else_colours
    share = cv2.GaussianBlur(sure.astype(np.float32), (0, 0), SOFT)
    soft = cv2.GaussianBlur(clean * sure[..., None], (0, 0), SOFT) / np.maximum(share, 1e-6)[..., None]
    far, labels = cv2.distanceTransformWithLabels(
        (~sure).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    at = np.zeros(labels.max() + 1, np.intp)
    at[labels[sure]] = np.flatnonzero(sure)
    height, width = sure.shape
    x, y = np.rint(places).astype(int).T
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    x, y = x.clip(0, width - 1), y.clip(0, height - 1)
    near = (inside & (far[y, x] < NEAR))[:, None]
    return np.where(near, soft.reshape(-1, 3)[at[labels[y, x]]], else_colours).astype(np.float32)


def like_colour(colours: Reals, wanted: Reals, shades: float, light: tuple[float, float]) -> Mask:
    """Which `colours` (..., 3) are as what is `wanted`, (3,) or each its own.

    Their shares are within L1 `shades`, and they are `light` times as bright, least and most.
    """
    shares, of_wanted = (c / np.maximum(c.sum(-1, keepdims=True), 0.05) for c in (colours, wanted))
    brightness = colours.mean(-1) / np.maximum(wanted.mean(-1), 0.02)
    unlike: Doubles = np.abs(shares - of_wanted).sum(-1)
    return np.asarray((unlike < shades) & (brightness > light[0]) & (brightness < light[1]))
