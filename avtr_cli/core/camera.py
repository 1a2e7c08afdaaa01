"""Where a frame is seen from: a pinhole camera, told relative to the one that took the photo, or in full."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from avtr_cli.core.arrays import Doubles
from avtr_cli.core.errors import ConfigError

Vector = tuple[float, float, float]
Rows = tuple[Vector, Vector, Vector]
UNTURNED: Rows = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


@dataclass(frozen=True)
class Camera:
    """Axes as in CONTROLS: x to the right of the picture, y down, z away from the camera.

    rotation  rows are this camera's axes, in the photo camera's
    position  metres, in the photo camera's axes
    focal_px  focal length in pixels of the frame; None: the photo's own
    centre_px where the axis meets the frame, px; None: the photo's, at the same share of the frame
    size      (width, height) of the frame; None: the identity's own
    moves     whether it is one of a camera that moves: what stood behind the person is then shown at no moment, as
              it is known from the photo's own place alone
    """

    rotation: Rows = UNTURNED
    position: Vector = (0.0, 0.0, 0.0)
    focal_px: float | None = None
    centre_px: tuple[float, float] | None = None
    size: tuple[int, int] | None = None
    moves: bool = False

    @property
    def turned(self) -> bool:
        """Whether it stands elsewhere than the photo's, or looks elsewhere, or does so in other frames."""
        return self.moves or self.rotation != UNTURNED or self.position != (0.0, 0.0, 0.0)


FRONT = Camera()
"""The photo's own view."""


@dataclass(frozen=True)
class MovingCamera:
    """A camera for each frame, counted from the video's first; all of one `size` (width, height)."""

    at: Callable[[int], Camera]
    size: tuple[int, int] | None


@dataclass(frozen=True)
class Pinhole:
    """A camera told in full, so that points can be projected. Axes and units are those of `Camera`.

    focal_px  focal lengths along x and y, px
    centre_px where the axis meets the frame, px; pixel (0, 0) reaches from 0 to 1
    size      (width, height) of the frame
    """

    focal_px: tuple[float, float]
    centre_px: tuple[float, float]
    size: tuple[int, int]
    rotation: Rows = UNTURNED
    position: Vector = (0.0, 0.0, 0.0)

    @property
    def view(self) -> Doubles:
        """(3, 4): leads points of the world, and a 1, to this camera's axes."""
        rotation = np.array(self.rotation)
        return np.column_stack([rotation, -rotation @ np.array(self.position)])

    def seen_by(self, camera: Camera) -> Pinhole:
        """The view of `camera` where this is the photo's."""
        width, height = camera.size or self.size
        wider, higher = width / self.size[0], height / self.size[1]
        focal = self.focal_px if camera.focal_px is None else (camera.focal_px, camera.focal_px)
        own = np.array(self.rotation)
        position = np.array(self.position) + own.T @ np.array(camera.position)
        return Pinhole(
            focal_px=focal,
            centre_px=camera.centre_px or (self.centre_px[0] * wider, self.centre_px[1] * higher),
            size=(width, height),
            rotation=_rows(np.array(camera.rotation) @ own),
            position=(float(position[0]), float(position[1]), float(position[2])),
        )


def orbit(yaw_deg: float, pitch_deg: float, pivot: Vector) -> Camera:
    """The photo's camera walked about `pivot`, metres, which stays where it is in the frame.

    With positive yaw it goes to the right of the picture, with positive pitch it rises and looks down.
    """
    yaw, pitch = math.radians(yaw_deg), math.radians(pitch_deg)
    about_y = np.array([[math.cos(yaw), 0, math.sin(yaw)], [0, 1, 0], [-math.sin(yaw), 0, math.cos(yaw)]])
    about_x = np.array([[1, 0, 0], [0, math.cos(pitch), -math.sin(pitch)], [0, math.sin(pitch), math.cos(pitch)]])
    rotation = about_x @ about_y
    x, y, z = np.array(pivot) - rotation.T @ np.array(pivot)
    return Camera(rotation=_rows(rotation), position=(float(x), float(y), float(z)))


def _rows(rotation: Doubles) -> Rows:
    x, y, z = ((float(a), float(b), float(c)) for a, b, c in rotation)
    return x, y, z


def check_front(camera: Camera | MovingCamera, renderer: str) -> None:
    """Raises ConfigError for any view but the photo's, of a renderer that knows no other."""
    if camera != FRONT:
        raise ConfigError(f"the {renderer} renderer draws the photo's own view alone; leave the camera out")
