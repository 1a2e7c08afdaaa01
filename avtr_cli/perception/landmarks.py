"""A picture into the points of the faces in it, 478 a face with irises, however small they are.

Points are float64 (478, 3) in pixels of the picture given, z in the same unit and away from the camera.
"""

from __future__ import annotations

import cv2
import numpy as np

from avtr_cli.core.arrays import Image, Points, Vector
from avtr_cli.perception.detection import FAR
from avtr_cli.perception.face_mesh import faces_in
from avtr_cli.perception.topology import FACE_OVAL

MOST_FACES = 12
SURE_ENOUGH = 0.4  # score of a near face; paintings and old photographs lie between it and MediaPipe's own 0.5
FAR_SURE_ENOUGH = 0.6  # score of a far one
MIDDLE = 0.25  # of the picture's sides: a face whose centre lies nearer to the picture's is in the middle
SEARCH_SIDE = 1280  # px; a larger picture is shrunk to this before it is searched


def face_points(image: Image) -> Points | None:
    """The points of the one face in `image` (uint8 RGB), or None."""
    found = faces_in(image, 1, SURE_ENOUGH)
    return found[0] if found else None


def find_faces(image: Image) -> list[Points]:
    """Points of every face found in `image` (uint8 RGB), each once, from the left of the picture to the right.

    Face Mesh sees faces that fill a good part of the picture; smaller ones are found by the long-range detector first,
    in parts of the picture if need be, and then measured in an enlarged cut-out.
    """
    shrink = min(1.0, SEARCH_SIDE / max(image.shape[:2]))
    seen = cv2.resize(image, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA) if shrink < 1 else image
    faces = [points / shrink for points in faces_in(seen, MOST_FACES, SURE_ENOUGH)]
    boxes = _far_boxes(seen) or ([] if faces else _boxes_in_tiles(seen))
    for centre, side in boxes:
        points = _measure_around(image, centre / shrink, side / shrink)
        if points is not None:
            faces.append(points)
    return sorted(_each_once(faces), key=lambda points: float(points[:, 0].mean()))


def face_height(points: Points) -> float:
    """Size of a face in pixels: the height of its outline, or 1.2 times the width if that is more (a tilted face)."""
    extent = np.ptp(points[list(FACE_OVAL), :2], axis=0)
    return float(max(extent[1], 1.2 * extent[0]))


def middle_score(image: Image) -> float:
    """How sure (0 .. 1) the long-range detector is of an upright face in the middle of `image`; 0: it sees none."""
    size = np.array(image.shape[1::-1])
    seen = _far_detections(image)
    return max((score for centre, _, score in seen if (abs(centre / size - 0.5) < MIDDLE).all()), default=0.0)


def _far_boxes(image: Image) -> list[tuple[Vector, float]]:
    """(centre, side) of the boxes of the long-range detector."""
    return [(centre, side) for centre, side, _ in _far_detections(image)][:MOST_FACES]


def _far_detections(image: Image) -> list[tuple[Vector, float, float]]:
    """(centre, side, score) of every face that the long-range detector sees."""
    size = np.array(image.shape[1::-1])
    return [
        ((face.box[:2] + face.box[2:]) / 2 * size, float(((face.box[2:] - face.box[:2]) * size).max()), face.score)
        for face in FAR(image, FAR_SURE_ENOUGH)
    ]


def _boxes_in_tiles(image: Image) -> list[tuple[Vector, float]]:
    """As `_far_boxes`, looked for in overlapping squares of half and then a third of the longer side."""
    for parts in (2, 3):
        side = -(-max(image.shape[:2]) // parts)
        boxes = []
        for top in _starts(image.shape[0], side):
            for left in _starts(image.shape[1], side):
                tile = image[top : top + side, left : left + side]
                boxes += [(centre + np.array([left, top]), width) for centre, width in _far_boxes(tile)]
        if boxes:
            return boxes
    return []


def _starts(length: int, side: int) -> list[int]:
    """Where tiles of `side` px begin along `length` px so that they overlap by half."""
    count = max(1, -(-2 * (length - side) // side) + 1)
    return sorted({round(k * max(0, length - side) / max(1, count - 1)) for k in range(count)})


def _measure_around(image: Image, centre: Vector, side: float) -> Points | None:
    """Face points found in a cut-out of 2.4 times the box, enlarged to 384 px."""
    reach, size = 1.2 * side, 384
    scale = size / (2 * reach)
    origin = centre - reach
    affine = np.array([[scale, 0, -origin[0] * scale], [0, scale, -origin[1] * scale]])
    cut = cv2.warpAffine(image, affine, (size, size), flags=cv2.INTER_LINEAR)
    points = face_points(cut)
    if points is None:
        return None
    return np.column_stack([points[:, :2] / scale + origin, points[:, 2] / scale])


def _each_once(faces: list[Points]) -> list[Points]:
    kept: list[Points] = []
    for points in sorted(faces, key=face_height, reverse=True):
        centre = points[:, :2].mean(axis=0)
        if all(np.linalg.norm(centre - other[:, :2].mean(axis=0)) > 0.4 * face_height(other) for other in kept):
            kept.append(points)
    return kept
