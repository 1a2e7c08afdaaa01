"""Which of an avatar's own Gaussians go as an arm leaves the photo's pose, sooner or later, and which come.

The photo's hand goes with the painted one. What lies beside an arm, or between it and the body, may be the arm's, and
is gone before; and so is what would be left alone in the air: a ribbon's end that hung behind a hand, specks along the
trunk.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from avtr_cli.core.arrays import AnyArray, Floats, Indices, Mask
from avtr_cli.render.gaussian.body_model import LEFT_ARM, BodyModel
from avtr_cli.render.gaussian.lifting import Riding
from avtr_cli.render.gaussian.loose import Loose
from avtr_cli.render.gaussian.painting import UNLIKE, Painted
from avtr_cli.render.gaussian.sleeves import ARMS, Sleeves, surely_of_arm
from avtr_cli.render.gaussian.surface import View

FROM = 0.45  # of `Sleeves.along`: nearer to the shoulder the photo's own arm stays
TORN = 0.003  # share that an arm has in what lies between it and the body, from which that goes when the arm leaves
OF_HEAD, OF_ARM = 0.02, 0.25  # shares that the head has in hair at least, and an arm at most: it stays, however near
FRINGE = 3.5  # px beside an arm whose pixels fade too: they would hang in the air as threads
SOLID, THIN, NEXT, NEAR = (
    0.3,
    5,
    2,
    30,
)  # opacity of what holds; px: of a thread, kept beside what holds, from what goes


@dataclass(frozen=True)
class Leaving:
    """Numbers of Gaussians, loose ones first, then those that ride.

    fading  intp (n,): the photo's hand, and of its arm what a painted one takes the place of
    going   intp (k,): what lies beside the arm: gone as soon as it leaves
    coming  intp (l,): what is there instead of some of that, made up of the rest of the body
    """

    fading: Indices
    going: Indices
    coming: Indices


def leaving(model: BodyModel, view: View, painted: Painted, loose: Loose, riding: Riding, number: int) -> Leaving:
    """Of the left arm, 0, or the right one, 1."""
    limb, sleeves, beneath = ARMS[number], painted.sleeves, painted.beneath
    ours = model.limb == limb
    stray, zone, between = (where[number].reshape(-1) for where in (sleeves.stray, beneath.zone, beneath.between))
    lower = np.array([name.startswith(("wrist", "finger", "metacarpal", "lowerarm")) for name in model.bones])
    near = cv2.distanceTransform((~view.shown).astype(np.uint8), cv2.DIST_L2, 5).reshape(-1)
    beside: Mask = near[loose.origin] < FRINGE
    carrier = loose.carried_by[:, 0]
    odd = np.abs(loose.colours - _ring_of_bones(model, sleeves)[carrier]).sum(-1) > UNLIKE
    nearer = _nearer(model, view, limb).reshape(-1)[loose.origin]
    torn = (ours[loose.carried_by] & (loose.shares > TORN)).any(1) & between[loose.origin]
    hair = ((loose.carried_by == model.bone("head")) & (loose.shares > OF_HEAD)).any(1)
    hair &= (ours[loose.carried_by] * loose.shares).sum(1) < OF_ARM
    of_loose = ours[carrier] & (lower[carrier] | beside | odd | stray[loose.origin])
    loose_beside = torn | (~ours[carrier] & (nearer | zone[loose.origin]))
    loose_beside &= ~hair
    loose_beside |= ~ours[carrier] & ~hair & _alone(model, view, painted, loose, limb, of_loose | loose_beside)
    first = model.triangles[riding.on, 0]
    on_arm, seen = model.vertex_limb[first] == limb, riding.origin >= 0
    sure = surely_of_arm(model, view, sleeves, painted.clean, limb).reshape(-1)[riding.origin]
    of_riding = on_arm & (sleeves.along[first] > FROM) & (model.on_hand[first] | ~sure | ~seen)
    riding_beside = ~on_arm & seen & zone[riding.origin]
    instead = (riding.hides >= 0) & zone[riding.hides]
    instead &= view.which.reshape(-1)[riding.hides] == riding.on  # of the very skin that the photo's pixels are on
    return Leaving(
        _numbers(of_loose & ~loose_beside, of_riding),
        _numbers(loose_beside, riding_beside),
        _numbers(np.zeros(len(loose.rest), bool), instead),
    )


def _alone(model: BodyModel, view: View, painted: Painted, loose: Loose, limb: int, gone: Mask) -> Mask:
    """Which loose Gaussians would be left alone in the air, or as threads, once the arm and what is `gone` are away."""
    first = model.triangles[np.maximum(view.which, 0), 0]
    body = (view.shown & (model.vertex_limb[first] != limb)) | (
        painted.beneath.view.shown & painted.beneath.zone[0 if limb == LEFT_ARM else 1]
    )
    rest, left = np.zeros(view.which.size, bool), np.zeros(view.which.size, bool)
    rest[loose.origin[~gone & (loose.opacities > SOLID)]] = True
    left[loose.origin[gone]] = True
    there = (body | rest.reshape(body.shape)).astype(np.uint8)
    whole = cv2.morphologyEx(there, cv2.MORPH_OPEN, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (THIN, THIN)))
    count, pieces = cv2.connectedComponents(whole)
    holds = np.bincount(pieces.ravel(), body.ravel(), count) > 0
    holds[0] = False
    kept = _away(holds[pieces]) <= NEXT
    around = _away((view.shown & ~body) | left.reshape(body.shape)) < NEAR
    return np.asarray((around & ~kept).reshape(-1)[loose.origin])


def _numbers(loose: Mask, riding: Mask) -> Indices:
    """Which Gaussians these are, loose ones first."""
    found: Indices = np.concatenate([np.flatnonzero(loose), len(loose) + np.flatnonzero(riding)]).astype(np.intp)
    return found


def _nearer(model: BodyModel, view: View, limb: int) -> Mask:
    """(H, W): where an arm is nearer than all else of the body."""
    of_arm = view.shown & (model.vertex_limb[model.triangles[np.maximum(view.which, 0), 0]] == limb)
    return np.asarray(_away(of_arm) < _away(view.shown & ~of_arm))


def _away(mask: Mask) -> AnyArray:
    return cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5)


def _ring_of_bones(model: BodyModel, sleeves: Sleeves) -> Floats:
    """(J, 3): the colour of the rings that each bone of an arm carries; others have none that could be odd."""
    rings = np.full((len(model.bones), 3), np.nan, np.float32)
    for bone in np.unique(model.main_bone[sleeves.along >= 0]):
        rings[bone] = np.median(sleeves.ring[(model.main_bone == bone) & (sleeves.along >= 0)], axis=0)
    return rings
