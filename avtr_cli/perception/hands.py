"""A picture into the hands in it: 21 points of each, in pixels and in metres, and which of the two hands it is.

A palm is found, since it is rigid; the square above it holds the fingers too, upright, and is measured (Zhang et al.
2020, "MediaPipe Hands", arXiv:2006.10214; the "full" networks). Numbers are those of MediaPipe's graphs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from avtr_cli.core.arrays import Doubles, Image, Points
from avtr_cli.perception.cutout import cut_out
from avtr_cli.perception.detection import Detection, Detector
from avtr_cli.perception.following import Places
from avtr_cli.perception.networks import Network
from avtr_cli.perception.rects import Rect, each_once, from_upright, square, turned

POINTS = 21  # the wrist, then four of each finger from its root to its tip, the thumb first
SIDE = 224  # px of a hand that the network sees
ROOTS = (5, 9, 13)  # of index, middle and ring finger
PALM_POINTS = (0, 1, 2, 3, 5, 6, 9, 10, 13, 14, 17, 18)
DEEPER = 0.4  # of a depth that it tells, in the unit of its pixels
THERE = 0.5  # how sure it must be that it sees a hand at all

PALM = Detector("palm_detector", 192, ((24, 2), (12, 6)))
_network = Network("hand_points")


@dataclass(frozen=True)
class Hand:
    """One hand.

    points  float64 (21, 3): pixels of the picture; depth in the same unit from the wrist, away from the camera
    metres  float64 (21, 3): right, down and away from the camera, from the middle of the hand
    right   0 .. 1: how sure it is that this is the person's right hand, in a picture that is no mirror's (MediaPipe
            speaks of mirrors, and says "Left")
    """

    points: Points
    metres: Points
    right: float


def hands_in(image: Image, most: int, least: float) -> list[Hand]:
    """The hands in `image`, uint8 RGB, at most `most`, whose palms are detected with the score `least` (0 .. 1)."""
    return _measured(image, each_once(_detected(image, most, least)))


class Follower:
    """The pictures of a video in their order: a hand is looked for where the picture before had it.

    The whole picture is searched only while fewer hands than `most` are followed, or where its size has changed.
    """

    def __init__(self, most: int, least: float):
        self._most, self._least = most, least
        self._places = Places(most)

    def __call__(self, image: Image) -> list[Hand]:
        """The hands in the next picture, as `hands_in`."""
        hands = _measured(image, self._places.in_next(image.shape, lambda: _detected(image, self._most, self._least)))
        self._places.keep(image.shape, [_around_points(hand.points, image.shape) for hand in hands])
        return hands


def _detected(image: Image, most: int, least: float) -> list[Rect]:
    return [_around_palm(palm, image.shape) for palm in PALM(image, least)[:most]]


def _around_palm(palm: Detection, shape: tuple[int, ...]) -> Rect:
    size = np.array([shape[1], shape[0]])
    box = palm.box * np.tile(size, 2)
    return _above((box[:2] + box[2:]) / 2, box[2:] - box[:2], from_upright(palm.points[[0, 2]] * size), 0.5, 2.6, shape)


def _around_points(points: Points, shape: tuple[int, ...]) -> Rect:
    """Around the palm and the fingers' first joints, upright along the line from the wrist to the fingers' roots."""
    index, middle, ring = points[list(ROOTS), :2]
    turn = from_upright(np.stack([points[0, :2], ((index + ring) / 2 + middle) / 2]))
    palm = points[list(PALM_POINTS), :2]
    centre = (palm.min(0) + palm.max(0)) / 2
    upright = turned((palm - centre).T, -turn)
    low, high = upright.min(1), upright.max(1)
    return _above(centre + turned((low + high) / 2, turn), high - low, turn, 0.1, 2.0, shape)


def _above(middle: Doubles, size: Doubles, turn: float, up: float, enlarged: float, shape: tuple[int, ...]) -> Rect:
    """The square around a box of `size` that is turned, moved `up` along itself by a share of its height, enlarged."""
    return square(middle + turned(np.array([0, -up * size[1]]), turn), enlarged * float(size.max()), turn, shape)


def _measured(image: Image, rects: list[Rect]) -> list[Hand]:
    """The hand in each rectangle in which the network sees one."""
    if not rects:
        return []
    answers = _network(np.stack([cut_out(image, rect, SIDE, extended=True) for rect in rects]))
    hands = []
    for rect, raw, there, right, metres in zip(rects, *answers, strict=True):
        if there[0] <= THERE:
            continue
        points = raw.reshape(POINTS, 3) / np.float32(SIDE) / np.array([1, 1, DEEPER], np.float32)
        space = turned(metres.reshape(POINTS, 3).T.astype(np.float64), rect.turn).T
        hands.append(Hand(rect.in_picture(points), space, float(right[0])))
    return hands
