"""Which bones carry what lies beside the body's mesh: those of the outline near by, of one limb, or of two by shares.

What hangs beside the body follows one limb only, else what is between an arm and a leg would be torn into threads. Two
things do not: hair follows the head ever less the further down, and what is between an arm and the body goes from the
one to the other, so that no slit opens while neither moves far (where the arm leaves, it fades).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.spatial import cKDTree

from avtr_cli.core.arrays import AnyArray, Doubles, Floats, Indices, Labels, Mask
from avtr_cli.render.gaussian.body_model import LEFT_ARM, RIGHT_ARM, TRUNK, BodyModel
from avtr_cli.render.gaussian.surface import View
from avtr_cli.render.gaussian.wrapping import BLOCKS, BODY

NEIGHBOURS = 12  # of the outline that a pixel listens to
SOFTENED, FALLS = 0.7, 4  # px, power: how the say of the outline falls with the distance
OF_LIMB, LEAST_LIMB, OF_HAND = 0.4, 1.5, 2.5  # of the distance to the trunk; px: nearer than that it is the limb's
HANDS_REACH = 25  # px from the trunk within which the last holds
GOES = (0.25, 0.75)  # of the way from the body to an arm over which what is between goes from one to the other
HANGS_BY, HANGS_SOFT, HANGS_FALLS = 40, 8.0, 2  # the same of the trunk below hair, smoother


@dataclass(frozen=True)
class Outline:
    """The e pixels along the edge of the mesh in the photo.

    places    float64 (e, 2): rows and columns
    shares    float32 (e, J): what each bone has in what the pixel shows; depth (e,) m how far away that is
    limb      uint8 (e,); on_hand bool (e,)
    """

    places: Doubles
    shares: Floats
    depth: Floats
    limb: Labels
    on_hand: Mask

    def __len__(self) -> int:
        return len(self.places)

    @property
    def block(self) -> AnyArray:
        """(e,): of BLOCKS."""
        return BLOCKS[self.limb]


def outline_of(model: BodyModel, view: View) -> Outline:
    """Of what the photo shows of the mesh."""
    shown = view.shown.astype(np.uint8)
    y, x = np.nonzero((shown > 0) & (cv2.erode(shown, np.ones((3, 3), np.uint8)) == 0))
    vertices = model.triangles[view.which[y, x], 0]
    shares = np.zeros((len(y), len(model.bones)), np.float32)
    np.add.at(shares, (np.arange(len(y))[:, None], model.carried_by[vertices]), model.shares[vertices])
    places = np.column_stack([y, x]).astype(np.float64)
    return Outline(places, shares, view.depth[y, x], model.vertex_limb[vertices], model.on_hand[vertices])


def carriers(
    outline: Outline, pixels: Doubles, head: int, hair: Floats, between: Mask, held: Mask | None = None
) -> tuple[Floats, Doubles]:
    """Shares of the bones (n, J) and depths (n,) m of `pixels` (n, 2), rows and columns.

    `head` is that bone, `hair` (n,) its share where that is 0 or more, `between` (2, n) what lies between the left or
    the right arm and the body, `held` (n,) what touches arms alone, as a ball does.
    """
    shares, depth = _of_one_limb(outline, pixels)
    body = np.flatnonzero(np.isin(outline.block, BODY))
    for of_arm, limb in zip(between, (LEFT_ARM, RIGHT_ARM), strict=True):
        here, arm = np.flatnonzero(of_arm), np.flatnonzero(outline.limb == limb)
        if not len(here) or not len(arm) or not len(body):
            continue
        (far, own, deep), (far_body, own_body, deep_body) = (
            _near(outline, among, pixels[here], NEIGHBOURS, SOFTENED, FALLS) for among in (arm, body)
        )
        share = np.clip((far_body / np.maximum(far + far_body, 1e-6) - GOES[0]) / (GOES[1] - GOES[0]), 0, 1)
        share = share * share * (3 - 2 * share)
        shares[here] = share[:, None] * own + (1 - share[:, None]) * own_body
        depth[here] = share * deep + (1 - share) * deep_body
    arms = np.flatnonzero(~np.isin(outline.block, BODY))
    if held is not None and held.any() and len(arms):
        which = np.flatnonzero(held)
        _, shares[which], depth[which] = _near(outline, arms, pixels[which], NEIGHBOURS, SOFTENED, FALLS)
    hanging, trunk = np.flatnonzero(hair >= 0), np.flatnonzero(outline.limb == TRUNK)
    if len(hanging) and len(trunk):
        _, below, _ = _near(outline, trunk, pixels[hanging], HANGS_BY, HANGS_SOFT, HANGS_FALLS)
        shares[hanging] = (1 - hair[hanging, None]) * below
        shares[hanging, head] += hair[hanging]
    return shares, depth


def _near(
    outline: Outline, among: Indices, pixels: Doubles, count: int, soft: float, power: float
) -> tuple[Doubles, Floats, Doubles]:
    """Distance (n,) to the nearest of the outline's pixels `among`, and the mean of what the nearest `count` say."""
    count = min(count, len(among))
    far, which = cKDTree(outline.places[among]).query(pixels, k=count)
    return _mean(outline, far.reshape(-1, count), among[which.reshape(-1, count)], soft, power)


def _mean(
    outline: Outline, far: Doubles, which: Indices, soft: float, power: float, counts: Mask | None = None
) -> tuple[Doubles, Floats, Doubles]:
    weights = (1.0 if counts is None else counts) / (far + soft) ** power
    weights /= weights.sum(1, keepdims=True)
    shares = np.zeros((len(far), outline.shares.shape[1]), np.float32)
    depth = np.zeros(len(far))
    for k in range(far.shape[1]):
        shares += weights[:, k, None] * outline.shares[which[:, k]]
        depth += weights[:, k] * outline.depth[which[:, k]]
    return far[:, 0], shares, depth


def _of_one_limb(outline: Outline, pixels: Doubles) -> tuple[Floats, Doubles]:
    """What the nearest of the outline says, of one block alone: of an arm or a leg only what is near to it."""
    count, block = min(NEIGHBOURS, len(outline)), outline.block
    far, which = cKDTree(outline.places).query(pixels, k=count)
    far, which = far.reshape(-1, count), which.reshape(-1, count)
    body = np.flatnonzero(np.isin(block, BODY))
    if len(body) >= count:
        to_body, other = cKDTree(outline.places[body]).query(pixels, k=count)
        to_body, other = to_body.reshape(-1, count), body[other.reshape(-1, count)]
        of_limb = block[which[:, 0]] != block[other[:, 0]]
        too_far = far[:, 0] > np.maximum(LEAST_LIMB, OF_LIMB * to_body[:, 0])
        no_hand = outline.on_hand[which[:, 0]] & (far[:, 0] > OF_HAND) & (to_body[:, 0] < HANDS_REACH)
        given = of_limb & (too_far | no_hand)
        far[given], which[given] = to_body[given], other[given]
    _, shares, depth = _mean(outline, far, which, SOFTENED, FALLS, block[which] == block[which[:, :1]])
    return shares, depth
