"""What of the photo a frame shows at a place: the person is touched where they are clicked on, however they have moved.

Of the Gaussians about the place the nearest ones are what is seen; where they are in the photo's own pose is told, also
of those that no pixel of the photo shows.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from avtr_cli.core.arrays import Doubles, Floats
from avtr_cli.core.camera import Pinhole
from avtr_cli.render.gaussian.avatar import BodyAvatar, Scratch, at_rest, photo_pixels, pose
from avtr_cli.render.gaussian.gaussians import Gaussians

ABOUT = (1.0, 2.0)  # px of the photo about a place, the first of them in which anything is
SEEN = 0.3  # opacity of what is seen
CLEAR = 0.02  # of the photo's longer side, that what shows nothing of the person keeps from them
TOGETHER = 0.02  # m behind the nearest: what else is of the same surface


def located(avatar: BodyAvatar, shown: Gaussians, view: Pinhole, place: tuple[float, float]) -> tuple[float, float]:
    """The place of the photo that `view` of the person, as `shown`, has at `place`; both in shares of their picture.

    Beside the person it is what the photo has there, or the nearest beside the person as the photo has them.
    """
    at = np.array(place) * view.size
    pixels, depth = projected(view, shown.means)
    away = np.hypot(*(pixels - at).T) * avatar.camera.focal_px[0] / view.focal_px[0]
    away[(depth <= 0) | (shown.opacities < SEEN)] = np.inf
    size = np.array(avatar.camera.size)
    for about in ABOUT:
        near = np.flatnonzero(away < about)
        if len(near):
            near = near[depth[near] < depth[near].min() + TOGETHER]
            x, y = _places_at_rest(avatar, len(shown))[near].mean(0) / size
            return float(x), float(y)
    x, y = _beside(avatar, (at - view.centre_px) / view.focal_px * avatar.camera.focal_px + avatar.camera.centre_px)
    return x / int(size[0]), y / int(size[1])


def projected(view: Pinhole, points: Floats) -> tuple[Doubles, Doubles]:
    """Pixels (n, 2) and depths (n,) m of `points` (n, 3)."""
    placed = points.astype(np.float64) @ view.view[:, :3].T + view.view[:, 3]
    with np.errstate(divide="ignore", invalid="ignore"):
        return placed[:, :2] / placed[:, 2:] * view.focal_px + view.centre_px, placed[:, 2]


def _places_at_rest(avatar: BodyAvatar, count: int) -> Doubles:
    """Pixels of the photo (count, 2) where the last `count` Gaussians are in its pose, painted hands among them."""
    scratch = Scratch(avatar)
    pose(avatar, replace(at_rest(avatar), moved=(1.0, 1.0)), scratch)
    return projected(avatar.camera, scratch.means[-count:])[0]


def _beside(avatar: BodyAvatar, at: Doubles) -> tuple[float, float]:
    """The pixel `at` (2,) of the photo, or the nearest one that shows nothing of the person."""
    width, height = avatar.camera.size
    pixels, sides = photo_pixels(avatar)
    person = np.zeros(width * height, np.uint8)
    for beyond in (0, 1, width, width + 1):
        person[pixels[(pixels >= 0) & ((sides == 2) | (beyond == 0))] + beyond] = 1
    person = person.reshape(height, width)
    x, y = (int(np.clip(one, 0, most - 1)) for one, most in zip(at, (width, height), strict=True))
    if not person[y, x] or person.all():
        return float(at[0]), float(at[1])
    side = 2 * int(np.ceil(CLEAR * max(width, height))) + 1
    free_y, free_x = np.nonzero(cv2.dilate(person, np.ones((side, side), np.uint8)) == 0)
    if not len(free_x):
        return float(at[0]), float(at[1])
    nearest = int(np.hypot(free_x - x, free_y - y).argmin())
    return float(free_x[nearest]) + 0.5, float(free_y[nearest]) + 0.5
