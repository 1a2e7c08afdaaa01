"""Landmarks to the square crop that the networks look at, as an exact similarity transform.

The crop is level with the face: its y axis runs from the eyes to the mouth. Matrices are 3 x 3 and map (x, y, 1) in
pixels whose centres are integers, as OpenCV has them. Any set of landmarks serves that covers the face from brows to
chin and says where eyes and mouth are.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from avtr_cli.core.arrays import Affine, Floats, Image, Points

NETWORK_SIZE = 256  # side of the picture that F and M see


@dataclass(frozen=True)
class CropSpec:
    """What the crop holds: its side is `scale` times the face's, its centre `vy_ratio` sides down the face's y axis."""

    size: int = 512  # px
    scale: float = 2.3
    vy_ratio: float = -0.125  # negative: more forehead
    level: bool = True  # rotated with the face


LIVEPORTRAIT = CropSpec()
AVTR1 = CropSpec(scale=2.2, vy_ratio=-0.1)
DRIVING = CropSpec(scale=2.2, vy_ratio=-0.1, level=False)  # of LivePortrait's driving video
REFINEMENT = CropSpec(size=224, scale=1.5, vy_ratio=-0.1)  # what the 203-point landmark network sees


@dataclass(frozen=True)
class FaceAnchors:
    """Which points of a landmark scheme, averaged, are the centres of the eyes and the mouth; which bound the face."""

    left_eye: tuple[int, ...]
    right_eye: tuple[int, ...]
    mouth: tuple[int, ...]
    outline: tuple[int, ...] | None = None  # None: all of them


ANCHORS = {
    203: FaceAnchors((0, 6, 12, 18), (24, 30, 36, 42), (48, 66)),
    106: FaceAnchors((33, 35, 40, 39), (87, 89, 94, 93), (52, 61)),
    # MediaPipe's 478: corners and lid middles of the eyes, corners of the mouth. The published schemes end at the
    # brows, MediaPipe's at the hairline, so here brows and jaw (the face oval from ear to ear) bound the face.
    478: FaceAnchors(
        (33, 159, 133, 145),
        (362, 386, 263, 374),
        (61, 291),
        outline=(
            *(70, 63, 105, 66, 107, 46, 53, 52, 65, 55),  # right brow of the subject
            *(300, 293, 334, 296, 336, 276, 283, 282, 295, 285),  # left brow
            *(127, 234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152),  # jaw, ear to chin
            *(377, 400, 378, 379, 365, 397, 288, 361, 323, 454, 356),  # jaw, chin to ear
        ),
    ),
}


def crop_matrix(landmarks: Points, spec: CropSpec = LIVEPORTRAIT) -> Affine:
    """The map photo -> crop, float64 (3, 3), from landmarks (n, 2) in photo pixels, n one of `ANCHORS`."""
    anchors = ANCHORS[len(landmarks)]
    points = np.asarray(landmarks, np.float64)[:, :2]
    eyes = (points[list(anchors.left_eye)].mean(axis=0) + points[list(anchors.right_eye)].mean(axis=0)) / 2
    down = points[list(anchors.mouth)].mean(axis=0) - eyes
    down /= np.linalg.norm(down)
    right = np.array([down[1], -down[0]])

    face = points if anchors.outline is None else points[list(anchors.outline)]
    axes = np.stack([right, down])
    middle = face.mean(axis=0)
    projected = (face - middle) @ axes.T
    low, high = projected.min(axis=0), projected.max(axis=0)
    side = (high - low).max() * spec.scale
    centre = middle + (low + high) / 2 @ axes + spec.vy_ratio * side * down

    linear = (axes if spec.level else np.eye(2)) * (spec.size / side)
    matrix = np.eye(3)
    matrix[:2, :2] = linear
    matrix[:2, 2] = spec.size / 2 - linear @ centre
    return matrix


def transformed(points: Points, matrix: Affine) -> Points:
    """Points (n, 2) through an affine map (3, 3) or (2, 3)."""
    moved: Points = points @ matrix[:2, :2].T + matrix[:2, 2]
    return moved


def cropped(photo: Image, matrix: Affine, size: int) -> Image:
    """uint8 (size, size, 3) of the photo (H, W, 3), bilinear, black where the photo ends.

    A photo at least twice as fine as the crop is first averaged down by a whole factor.
    """
    factor = int(1 / np.sqrt(abs(np.linalg.det(matrix[:2, :2]))))
    if factor > 1:
        height, width = (side // factor for side in photo.shape[:2])
        photo = cv2.resize(photo[: height * factor, : width * factor], (width, height), interpolation=cv2.INTER_AREA)
        matrix = matrix @ np.array([[factor, 0, (factor - 1) / 2], [0, factor, (factor - 1) / 2], [0, 0, 1]])
    return cv2.warpAffine(photo, matrix[:2], (size, size), flags=cv2.INTER_LINEAR)


def network_input(crop: Image) -> Floats:
    """A uint8 crop (512, 512, 3) as F and M take it: float32 (1, 3, 256, 256) in [0, 1], reduced by area averaging."""
    small = cv2.resize(crop, (NETWORK_SIZE, NETWORK_SIZE), interpolation=cv2.INTER_AREA)
    picture: Floats = np.ascontiguousarray(small.transpose(2, 0, 1)[None], np.float32) / np.float32(255)
    return picture
