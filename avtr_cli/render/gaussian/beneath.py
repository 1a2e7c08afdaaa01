"""The trunk and the legs where an arm hides them in the photo, made up of patches of what the photo shows of them.

A fitted arm lies some pixels off and its shade falls beside it, so what is near a forearm or a hand is no more believed
than what is below. Where the arm leaves, cloth then goes on: pleats, quilting, a belt.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from avtr_cli.core.arrays import Labels, Mask, Matte, Picture
from avtr_cli.render.completion import complete
from avtr_cli.render.gaussian.body_model import LEFT_ARM, LEFT_LEG, NECK, RIGHT_ARM, RIGHT_LEG, TRUNK, BodyModel
from avtr_cli.render.gaussian.gaps import WIDEST, lies_between
from avtr_cli.render.gaussian.sleeves import ARMS, Sleeves
from avtr_cli.render.gaussian.surface import View
from avtr_cli.render.gaussian.wrapping import BESIDE_ARM, BESIDE_HAND

FROM, BARE = 0.45, 1.85  # of `Sleeves.along`: where an arm begins to leave the body, and its hand
SURE = 0.9  # of the matte
AROUND = 0.6  # units beside what is hidden that are asked
BODY = (TRUNK, LEFT_LEG, RIGHT_LEG)
FAR = (0.6, 0.15)  # see `complete`: a belt is as high on either side


@dataclass(frozen=True)
class Beneath:
    """What stands behind the arms of the photo.

    zone     bool (2, H, W): pixels that are the left or the right arm's, or so near that they may be;
             before the head none
    between  bool (2, H, W): pixels between that arm and the body, on neither
    view     what the photo would show of the body without arms
    picture  float32 (H, W, 3), 0 .. 1: the person with `zone` made up of the rest
    """

    zone: Mask
    between: Mask
    view: View
    picture: Picture

    @property
    def shown(self) -> Mask:
        """(H, W): where an arm hides the body."""
        return np.asarray(self.zone.any(0) & self.view.shown)


def beneath_arms(
    model: BodyModel, view: View, without_arms: View, sleeves: Sleeves, clean: Picture, matte: Matte, unit: float
) -> Beneath:
    """Of a body that `view` shows; `clean` is the photo with the person's own colours, `unit` px as `SeenBody.unit`."""
    head = without_arms.shown & (model.vertex_limb[model.triangles[np.maximum(without_arms.which, 0), 0]] <= NECK)
    zone = np.stack([_zone(model, view, sleeves, number, unit) & ~head for number in (0, 1)])
    limb = np.where(view.shown, model.vertex_limb[model.triangles[np.maximum(view.which, 0), 0]].astype(int), -1)
    body = np.isin(limb, BODY)
    between = np.stack([lies_between(limb == arm, body, WIDEST * unit) & (limb < 0) for arm in ARMS])
    hidden = zone.any(0) & without_arms.shown
    picture = clean.copy()
    if hidden.any():
        ours = (matte > SURE) & ~zone.any(0) & (_nearest(model, view) == 0)
        box = _around(hidden, round(AROUND * unit))
        picture[box] = complete(clean[box], hidden[box], ours[box], FAR)
    return Beneath(zone, between, without_arms, picture)


def _zone(model: BodyModel, view: View, sleeves: Sleeves, number: int, unit: float) -> Mask:
    first = model.triangles[np.maximum(view.which, 0), 0]
    ours = view.shown & (model.vertex_limb[first] == ARMS[number])
    along = np.where(ours, sleeves.along[first], -1)
    found = ours | sleeves.stray[number]
    for part, beside in ((along > FROM, BESIDE_ARM), (along > BARE, BESIDE_HAND)):
        if part.any():
            found = found | (cv2.distanceTransform((~part).astype(np.uint8), cv2.DIST_L2, 5) < beside * unit)
    return np.asarray(found)


def _nearest(model: BodyModel, view: View) -> Labels:
    """uint8 (H, W): what of the body is nearest to each pixel: 0 trunk and legs, 1 head and neck, 2 arms."""
    limb = model.vertex_limb[model.triangles[np.maximum(view.which, 0), 0]]
    head, arm = limb <= NECK, (limb == LEFT_ARM) | (limb == RIGHT_ARM)
    parts = (view.shown & ~head & ~arm, view.shown & head, view.shown & arm)
    far = [cv2.distanceTransform((~part).astype(np.uint8), cv2.DIST_L2, 5) for part in parts]
    nearest: Labels = np.argmin(far, axis=0).astype(np.uint8)
    return nearest


def _around(mask: Mask, margin: int) -> tuple[slice, slice]:
    """Rows and columns of what is in `mask`, and of `margin` px around it."""
    found = []
    for axis in (1, 0):
        where = np.flatnonzero(mask.any(axis))
        found.append(slice(max(0, int(where[0]) - margin), int(where[-1]) + margin + 1))
    return found[0], found[1]
