"""How much of a person a frame shows: boxes of the photo around the whole body, its upper half, or the head."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from avtr_cli.core.arrays import Doubles, Reals
from avtr_cli.core.camera import Camera, Pinhole, Vector
from avtr_cli.render.gaussian.avatar import BodyAvatar, Scratch, at_rest, pose
from avtr_cli.render.gaussian.body_model import TRUNK
from avtr_cli.render.gaussian.wrapping import face_places

WHOLE, FULL, HALF, CLOSE = "photo", "full", "half", "head"  # as render.framing has them
OWN_SHARE = {WHOLE: 1.0, FULL: 1.0, HALF: 1.5, CLOSE: 2.5}  # of render.size, at which the photo is lifted
MOST_LIFTED = 1600  # px of its longer side then
MOST_ENLARGED = 3.0  # frame pixels to a pixel that was lifted: more would only be larger
FOREHEAD, CHIN = 10, 152  # points of the face
AROUND_HEAD = 1.0  # of the distance between them: half a side of the head's square
BESIDE, BELOW_HIPS, MARGIN = 0.8, 0.06, 0.04  # of the height: a half's width; below its hips; around a full body
SOLID = 0.5  # opacity of what counts as the person
HIPS = ("upperleg01.L", "upperleg01.R")


@dataclass(frozen=True)
class Framing:
    """A part of the photo, and what a camera walks around there.

    box    left, top, right, bottom, px of the photo's camera, where pixel (0, 0) reaches from 0 to 1
    pivot  metres
    """

    box: tuple[float, float, float, float]
    pivot: Vector

    def seen(self, photo: Pinhole, longest: int) -> Camera:
        """The camera that sees this part alone, from the front; `longest` px of its frame's longer side at most."""
        left, top, right, bottom = self.box
        scale = min(longest / max(right - left, bottom - top), MOST_ENLARGED)
        width, height = (max(2, round(side * scale / 2) * 2) for side in (right - left, bottom - top))
        return Camera(
            focal_px=photo.focal_px[0] * scale,
            centre_px=((photo.centre_px[0] - left) * scale, (photo.centre_px[1] - top) * scale),
            size=(width, height),
        )


def framings(avatar: BodyAvatar) -> dict[str, Framing]:
    """Those that the photo shows, by name."""
    scratch = Scratch(avatar)
    gaussians = pose(avatar, at_rest(avatar), scratch, front=True)
    skin, model, photo = scratch.posed, avatar.model, avatar.camera
    face = face_places(model, skin)[[FOREHEAD, CHIN]].astype(np.float64)
    head, ends = face.mean(0), _project(photo, face)
    reach = AROUND_HEAD * float(np.hypot(*(ends[1] - ends[0])))
    (x, y), solid = ends.mean(0), gaussians.opacities > SOLID
    person = _project(photo, gaussians.means[solid])
    top = float(max(np.percentile(person[:, 1], 0.1) - 0.5 * reach, 0))
    found = {
        WHOLE: Framing((0.0, 0.0, float(photo.size[0]), float(photo.size[1])), _vector(avatar.pivot)),
        CLOSE: _within(photo, (x - reach, y - reach, x + reach, y + reach), _vector(head)),
    }
    hips = float(_project(photo, _joints(avatar, HIPS))[:, 1].mean())
    bottom = min(hips + BELOW_HIPS * (hips - top), float(photo.size[1]))
    trunk = skin[model.vertex_limb == TRUNK].mean(0)
    beside = BESIDE * (bottom - top) / 2
    middle = float((_project(photo, trunk[None])[0, 0] + x) / 2)
    found[HALF] = _within(photo, (middle - beside, top, middle + beside, bottom), _vector((trunk + head) / 2))
    if avatar.rest.legs:
        (left, low), (right, high) = np.percentile(person, 0.1, axis=0), np.percentile(person, 99.9, axis=0)
        air = MARGIN * (high - low)
        found[FULL] = _within(photo, (left - air, low - air, right + air, high + air), _vector(avatar.pivot))
    return found


def with_view(framed: Camera, around: Camera) -> Camera:
    """`framed`, from where `around` stands."""
    return replace(framed, rotation=around.rotation, position=around.position)


def _joints(avatar: BodyAvatar, names: tuple[str, ...]) -> Doubles:
    """Where bones begin in the photo's pose, (n, 3) m."""
    import torch

    rest = avatar.rest
    _, placed = avatar.model.posed(*(torch.from_numpy(one) for one in (avatar.heads, rest.turns, rest.shift)))
    joints: Doubles = placed.numpy()[[avatar.model.bone(name) for name in names]]
    return joints


def _project(photo: Pinhole, places: Reals) -> Doubles:
    """(n, 2) px of places (n, 3) m in the photo camera's own axes."""
    x, y, z = np.asarray(places, np.float64).T
    projected: Doubles = np.column_stack([
        photo.focal_px[0] * x / z + photo.centre_px[0], photo.focal_px[1] * y / z + photo.centre_px[1]
    ])  # fmt: skip
    return projected


def _within(photo: Pinhole, box: tuple[float, float, float, float], pivot: Vector) -> Framing:
    """Moved, and where that is not enough cut, so that it lies in the photo."""
    sides = []
    for low, high, end in ((box[0], box[2], photo.size[0]), (box[1], box[3], photo.size[1])):
        aside = max(-low, 0.0) - max(high - end, 0.0) if high - low <= end else 0.0
        sides.append((max(float(low) + aside, 0.0), min(float(high) + aside, float(end))))
    (left, right), (top, bottom) = sides
    return Framing((left, top, right, bottom), pivot)


def _vector(place: Reals) -> Vector:
    x, y, z = map(float, place)
    return x, y, z
