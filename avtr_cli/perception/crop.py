"""Where the head is: the square crop around a face, and pictures resampled through an affine map."""

from __future__ import annotations

from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from avtr_cli.core.arrays import Affine, Points
from avtr_cli.perception.landmarks import face_height
from avtr_cli.perception.topology import FACE_OVAL

CROP_HEIGHTS = 2.15  # side of the crop in face heights: room for hair and shoulders
CROP_DOWN = 0.08  # the crop's centre lies this many face heights below the face's

_Value = TypeVar("_Value", bound=np.generic)


def head_crop(points: Points, photo_shape: tuple[int, ...], size: int) -> Affine:
    """Affine (2, 3) from photo pixels to a square crop of side `size` px, wholly inside the photo."""
    height, width = photo_shape[:2]
    outline = points[list(FACE_OVAL), :2]
    tall = face_height(points)
    side = min(CROP_HEIGHTS * tall, width, height)
    centre = outline.mean(axis=0) + np.array([0.0, CROP_DOWN * tall])
    # Pixel centres are integers: the picture spans -0.5 .. width - 0.5.
    left = float(np.clip(centre[0] - side / 2, -0.5, width - 0.5 - side))
    top = float(np.clip(centre[1] - side / 2, -0.5, height - 0.5 - side))
    scale = size / side
    return np.array([[scale, 0, -left * scale - 0.5], [0, scale, -top * scale - 0.5]])


def scaled(affine: Affine, factor: float) -> Affine:
    """`affine` into a picture of `factor` times the side, pixel centres kept."""
    result = affine * factor
    result[:, 2] += 0.5 * (factor - 1)
    return result


def apply(affine: Affine, points: Points) -> Points:
    """Points (n, 2 or 3) through `affine`; a third coordinate is scaled with the picture."""
    flat = points[:, :2] @ affine[:, :2].T + affine[:, 2]
    return flat if points.shape[1] == 2 else np.column_stack([flat, points[:, 2] * scale_of(affine)])


def invert(affine: Affine) -> Affine:
    """The affine map (2, 3) that leads back."""
    return cv2.invertAffineTransform(affine)


def scale_of(affine: Affine) -> float:
    """Pixels out per pixel in."""
    return float(np.sqrt(abs(np.linalg.det(affine[:, :2]))))


def resample(image: NDArray[_Value], affine: Affine, width: int, height: int) -> NDArray[_Value]:
    """`image` (any dtype and channels) through `affine` into (height, width); its edge pixels continue outside.

    Shrinking blurs first by 0.4 px of the result, which keeps hair and lashes from flickering into dots.
    """
    ratio = 1 / scale_of(affine)
    if ratio > 1.2:
        image, affine = _blurred_part(image, affine, width, height, ratio)
    flags = cv2.INTER_LINEAR if ratio > 1 else cv2.INTER_CUBIC
    return cv2.warpAffine(image, affine, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)


def _blurred_part(
    image: NDArray[_Value], affine: Affine, width: int, height: int, ratio: float
) -> tuple[NDArray[_Value], Affine]:
    """Only the part that is looked at, blurred, with the affine that starts from it: a large photo stays cheap."""
    back = invert(affine)
    corners = np.array([[-1, -1], [width, -1], [-1, height], [width, height]], float) @ back[:, :2].T + back[:, 2]
    reach = int(3 * ratio) + 2
    x0, y0 = np.maximum(np.floor(corners.min(0)).astype(int) - reach, 0)
    x1, y1 = np.ceil(corners.max(0)).astype(int) + reach + 1
    part = cv2.GaussianBlur(image[y0:y1, x0:x1], (0, 0), 0.4 * ratio)
    moved = affine.copy()
    moved[:, 2] += affine[:, :2] @ (x0, y0)
    return part, moved
