"""Two videos of one clip into pairs of pictures, both cut alike: around the true face, or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

import cv2
import numpy as np

from avtr_cli.core.arrays import Doubles, Image
from avtr_cli.evaluation.folder.judged import MOST_APART, Unfit
from avtr_cli.evaluation.folder.points import FacePoints, pictures_at_25

ENLARGED = 1.6  # of the face's box
SIDE = 256  # px


def pairs(truth: Path, made: Path) -> Iterator[tuple[Image, Image, int]]:
    """Frames of both, as long as both last, and about how many there are. Raises Unfit where one lasts longer."""
    count = [0, 0]
    for one, other in zip_longest(pictures_at_25(truth), pictures_at_25(made)):
        count = [seen + (frame is not None) for seen, frame in zip(count, (one, other), strict=True)]
        if one is not None and other is not None:
            yield one[0], other[0], one[1]
        elif abs(count[0] - count[1]) > MOST_APART:
            raise Unfit(f"it ends at another frame than the truth; at most {MOST_APART} may be cut off")


def face_box(seen: FacePoints) -> Doubles:
    """(x1, y1, x2, y2) of the usual place of a face, enlarged, in shares of the picture."""
    median = np.median(seen.boxes, axis=0)
    middle, half = (median[:2] + median[2:]) / 2, (median[2:] - median[:2]) / 2 * ENLARGED
    box: Doubles = np.clip(np.concatenate([middle - half, middle + half]), 0.0, 1.0)
    return box


def framed(picture: Image, box: Doubles | None) -> Image:
    """What is in the box at 256 px, by area; the whole picture without one."""
    if box is None:
        return picture
    height, width = picture.shape[:2]
    x1, y1, x2, y2 = (int(edge) for edge in np.rint(box * (width, height, width, height)))
    cut: Image = cv2.resize(
        picture[y1 : max(y2, y1 + 1), x1 : max(x2, x1 + 1)], (SIDE, SIDE), interpolation=cv2.INTER_AREA
    )
    return cut
