"""Faces that were detected into 478 points each: MediaPipe's landmark network with attention, and what surrounds it.

A face is cut out of the picture, level and 1.5 times its box, and the network says where its points lie; lips and eyes
it looks at a second time through windows of their own (Grishchenko et al. 2020, arXiv:2006.10962). Points are float64
(478, 3) in pixels of the picture, z in the same unit and away from the camera. Numbers are those of MediaPipe's graphs.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from avtr_cli.core.arrays import Doubles, Floats, Image, Indices, Points
from avtr_cli.perception.cutout import cut_out
from avtr_cli.perception.detection import NEAR, Detection, probability
from avtr_cli.perception.following import Places
from avtr_cli.perception.networks import Network
from avtr_cli.perception.rects import Rect, each_once, square
from avtr_cli.perception.topology import OUTER_EYE_CORNERS, POINTS, SKIN_POINTS

SIDE = 192  # px of a face that the network sees
ENLARGED = 1.5  # that, over the larger side of the face's box
THERE = 0.5  # how sure the network must be that it sees a face at all
LID_POINTS = 16  # the first so many of an eye's points; an iris is as deep as their mean

_network = Network("face_points")


def faces_in(image: Image, most: int, least: float) -> list[Points]:
    """Points of the faces in `image`, uint8 RGB, at most `most`, that are detected with the score `least` (0 .. 1)."""
    return points_in(image, _detected(image, most, least))


class Follower:
    """The pictures of a video in their order: a face is looked for where the picture before had it.

    The whole picture is searched only while fewer faces than `most` are followed, or where its size has changed.
    """

    def __init__(self, most: int, least: float):
        self._most, self._least = most, least
        self._places = Places(most)

    def __call__(self, image: Image) -> list[Points]:
        """Points of the faces in the next picture, as `faces_in`."""
        faces = points_in(image, self._places.in_next(image.shape, lambda: _detected(image, self._most, self._least)))
        self._places.keep(image.shape, [_around_points(points, image.shape) for points in faces])
        return faces


def _detected(image: Image, most: int, least: float) -> list[Rect]:
    found = NEAR(image, least)[:most]
    return each_once([_around_detection(face, image.shape) for face in found])


def _around_detection(face: Detection, shape: tuple[int, ...]) -> Rect:
    size = np.array([shape[1], shape[0]])
    return _level_square(face.box * np.tile(size, 2), face.points[:2] * size, shape)


def _around_points(points: Points, shape: tuple[int, ...]) -> Rect:
    flat = points[:, :2]
    return _level_square(np.concatenate([flat.min(0), flat.max(0)]), flat[list(OUTER_EYE_CORNERS)], shape)


def _level_square(box: Doubles, eyes: Points, shape: tuple[int, ...]) -> Rect:
    """The square around `box`, enlarged, level with the line of the `eyes` (2, 2); pixels of a picture of `shape`."""
    x, y = eyes[1] - eyes[0]
    width, height = box[2:] - box[:2]
    return square((box[:2] + box[2:]) / 2, ENLARGED * max(float(width), float(height)), math.atan2(y, x), shape)


def points_in(image: Image, rects: list[Rect]) -> list[Points]:
    """The points in each of `rects` in which the network sees a face, in pixels of `image`."""
    if not rects:
        return []
    answers = _network(np.stack([cut_out(image, rect, SIDE, extended=True) for rect in rects]))
    *parts, there = (answer.reshape(len(rects), -1) for answer in answers)
    faces = _joined(parts)
    return [
        rect.in_picture(points)
        for points, rect, sure in zip(faces, rects, probability(there[:, 0]), strict=True)
        if sure > THERE
    ]


def _joined(parts: list[Floats]) -> Floats:
    """Mesh, lips, eyes and irises, each (n, ...) px, as points (n, 478, 3) in fractions of what the network sees."""
    mesh, *seen_closer = parts[:4]
    points: Floats = np.zeros((len(mesh), POINTS, 3), np.float32)
    points[:, :SKIN_POINTS] = mesh.reshape(-1, SKIN_POINTS, 3)
    lips_and_eyes = [_points_of(part) for part in ("lips", "left_eye", "right_eye")]
    for numbers, part in zip(lips_and_eyes, seen_closer, strict=True):
        points[:, numbers, :2] = part.reshape(-1, len(numbers), 2)  # the depth stays the mesh's
    irises = (np.arange(SKIN_POINTS, SKIN_POINTS + 5), np.arange(SKIN_POINTS + 5, POINTS))
    for numbers, part, eye in zip(irises, parts[4:], lips_and_eyes[1:], strict=True):
        points[:, numbers, :2] = part.reshape(-1, 5, 2)
        points[:, numbers, 2] = points[:, eye[:LID_POINTS], 2].mean(1, keepdims=True)
    fractions: Floats = points / np.float32(SIDE)
    return fractions


@lru_cache(maxsize=3)
def _points_of(part: str) -> Indices:
    """Numbers of the points of lips or an eye (`left_eye` is the picture's left), in the order of their output."""
    return np.array(_network.about(f"points of {part}").split(), np.intp)
