"""Where a frame is seen from: a pinhole camera, told relative to the one that took the photo."""

from __future__ import annotations

from dataclasses import dataclass

from avtr_cli.core.errors import ConfigError

Vector = tuple[float, float, float]


@dataclass(frozen=True)
class Camera:
    """Axes as in CONTROLS: x to the right of the picture, y down, z away from the camera.

    rotation  rows are this camera's axes, in the photo camera's
    position  metres, in the photo camera's axes
    focal_px  focal length in pixels of the frame; None: the photo's own
    size      (width, height) of the frame; None: the identity's own
    """

    rotation: tuple[Vector, Vector, Vector] = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
    position: Vector = (0.0, 0.0, 0.0)
    focal_px: float | None = None
    size: tuple[int, int] | None = None


FRONT = Camera()
"""The photo's own view."""


def check_front(camera: Camera, renderer: str) -> None:
    """Raises ConfigError for any view but the photo's, of a renderer that knows no other."""
    if camera != FRONT:
        raise ConfigError(f"the {renderer} renderer draws the photo's own view alone; leave the camera out")
