"""What of the photo is shown: the square crop around the head, or the whole photo; even sides, as video wants them."""

from __future__ import annotations

import cv2
import numpy as np

from avtr_cli.core.arrays import Affine, Image
from avtr_cli.core.types import Portrait
from avtr_cli.perception.crop import scaled


def crop_view(portrait: Portrait, size: int) -> tuple[Affine, int]:
    """The affine from photo pixels to the crop of at most `size` px a side, and that side: even, as video wants it."""
    side = size // 2 * 2
    return scaled(portrait.crop, side / portrait.crop_size), side


def whole_photo(photo: Image, longest: int) -> tuple[Image, Affine]:
    """The photo with its longer side at most `longest` and both sides even, and the affine that leads there.

    A photo that is small enough keeps its pixels (an odd last row or column is cut off); it is never enlarged.
    """
    height, width = photo.shape[:2]
    longest = longest // 2 * 2
    scale = min(1.0, longest / max(height, width))
    if scale == 1.0:
        return np.ascontiguousarray(photo[: height // 2 * 2, : width // 2 * 2]), np.eye(2, 3)
    wide, high = (max(2, round(side * scale / 2) * 2) for side in (width, height))
    affine = np.array([[wide / width, 0, 0], [0, high / height, 0]], float)
    affine[:, 2] = 0.5 * (affine[[0, 1], [0, 1]] - 1)
    return cv2.resize(photo, (wide, high), interpolation=cv2.INTER_AREA), affine
