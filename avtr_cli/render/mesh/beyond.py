"""What lies beyond the photo's edges, where a head that moves draws it into the frame.

The picture goes on mirrored: continued edge pixels would be streaks of hair. But a head that touches the photo's upper
edge ends above it in a dome, as heads do. Lengths are canvas pixels.
"""

from __future__ import annotations

from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from avtr_cli.core.arrays import Affine, AnyArray, Floats, Image, Mask
from avtr_cli.perception.crop import apply
from avtr_cli.render.mesh.rectangle import Rectangle

_Value = TypeVar("_Value", bound=np.generic)
HEAD_RADIUS = 1.1  # EO, of the dome: with the hair
SOFT_END = 0.03  # EO over which it fades there
SOLID = 128  # of 255: alpha at the edge from which the person is taken to touch it


def photo_part(photo: AnyArray, affine: Affine, frame: Rectangle) -> Rectangle:
    """The pixels of a canvas that show the `photo` (H, W, ...) led there by `affine`; all of `frame` does."""
    height, width = photo.shape[:2]
    (x0, y0), (x1, y1) = apply(affine, np.array([[0.0, 0.0], [width - 1.0, height - 1.0]]))
    left, top = min(int(np.ceil(x0)), frame.x), min(int(np.ceil(y0)), frame.y)
    right, bottom = max(int(x1) + 1, frame.x + frame.width), max(int(y1) + 1, frame.y + frame.height)
    return Rectangle(left, top, right - left, bottom - top)


def mirrored(canvas: NDArray[_Value], known: Rectangle) -> NDArray[_Value]:
    """`canvas` (H, W) or (H, W, C) with what lies outside `known` mirrored from inside."""
    height, width = canvas.shape[:2]
    part = known.within(Rectangle(0, 0, width, height))
    below, aside = height - part.y - part.height, width - part.x - part.width
    return np.asarray(
        cv2.copyMakeBorder(part.of(canvas), part.y, below, part.x, aside, cv2.BORDER_REFLECT), dtype=canvas.dtype
    )


def trimmed(person: Image, known: Rectangle, unit: float) -> Image:
    """`person`, premultiplied uint8 (H, W, 4), gone on beyond `known` only where it touches its sides; a copy.

    Above it she ends in a dome. What is mirrored and touches nothing would be a second person.
    """
    height, width = person.shape[:2]
    part = known.within(Rectangle(0, 0, width, height))
    right = part.x + part.width
    result: Image = person.copy()
    for beyond, edge in ((slice(0, part.x), part.x), (slice(right, width), right - 1)):
        touches = (person[:, edge, 3:] >= SOLID).astype(np.float32)
        softly = cv2.GaussianBlur(touches, (0, 0), SOFT_END * unit)
        result[:, beyond] = np.rint(result[:, beyond] * softly.reshape(height, 1, 1))
    if part.y:
        covers = _dome(person[part.y, :, 3] >= SOLID, part.y, unit)
        result[: part.y] = np.rint(result[: part.y] * covers[..., None])
    return result


def _dome(touching: Mask, above: int, unit: float) -> Floats:
    """(above, W) 0 .. 1: what of the rows over the photo the head covers that is `touching` (W,) its upper edge."""
    roof = np.zeros(len(touching), np.float32)
    border = np.diff(np.pad(touching.astype(np.int8), 1))
    for start, end in zip(np.flatnonzero(border == 1), np.flatnonzero(border == -1), strict=True):
        wide = end - start
        place = (np.arange(wide) + 0.5) / wide
        roof[start:end] = min(wide**2 / (8 * HEAD_RADIUS * unit), wide / 4) * (1 - (2 * place - 1) ** 2)
    away = above - np.arange(above, dtype=np.float32)[:, None]
    covers: Floats = np.clip(roof[None] - away + 1, 0, 1)
    return covers
