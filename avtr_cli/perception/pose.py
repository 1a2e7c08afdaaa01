"""A picture into the poses of people: 33 points of each body, in pixels and in metres, and the body's matte if asked.

A person is found by the face, cut out upright with all limbs around the hips, and measured; a heat map of each point
then draws it to where it is warmest (BlazePose, the "full" one: Bazarevsky et al. 2020, arXiv:2006.10204). Numbers are
those of MediaPipe's graphs, but for the window on the heat map: its file says 7 cells, its program takes 9.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from avtr_cli.core.arrays import Doubles, Floats, Image, Matte, Points
from avtr_cli.core.timing import FPS
from avtr_cli.perception.cutout import cut_out
from avtr_cli.perception.detection import Detector, probability
from avtr_cli.perception.networks import Network
from avtr_cli.perception.rects import Rect, from_upright, square, turned
from avtr_cli.perception.smoothing import LowPass, OneEuro

POINTS = 33  # nose, eyes and mouth, then from the shoulders to fingers and feet, each time the person's left side first
SIDE = 256  # px of a person that the network sees
ENLARGED = 1.25  # that, over the circle around the body
THERE = 0.5  # how sure the network must be that it sees a person at all
REACH = 4  # cells of the heat map around a point in which its warmth is weighed
WARM = 0.5  # the warmth that counts

PERSON = Detector("pose_detector", 224, ((28, 2), (14, 2), (7, 6)))
_network = Network("pose_points")


@dataclass(frozen=True)
class Pose:
    """One person.

    points      float64 (33, 3): pixels of the picture; depth from between the hips, away from the camera, likewise
    visibility  float64 (33,) in 0 .. 1: how sure it is that the point is in the picture and not hidden
    metres      float64 (33, 3): right, down and away from the camera, from between the hips, of a person of usual size
    matte       float32 (H, W) in 0 .. 1, where it was asked for: what belongs to the person
    """

    points: Points
    visibility: Doubles
    metres: Points
    matte: Matte | None = None


def poses_in(image: Image, most: int, least: float, mattes: bool = False) -> list[Pose]:
    """The people in `image`, uint8 RGB, at most `most`, that are detected with the score `least` (0 .. 1).

    The surest first: that one is MediaPipe's, which knows no second.
    """
    measured = [_measured(image, rect, mattes) for rect in _detected(image, most, least)]
    return [seen.pose for seen in measured if seen is not None]


class Follower:
    """The pictures of a video in their order: a person is looked for where the picture before had them, and steadied.

    The whole picture is searched only where nobody is followed, or where its size has changed. Mattes are not steadied
    (MediaPipe's option for that does nothing), and nothing is remembered of who was lost (MediaPipe remembers metres
    and visibility).
    """

    def __init__(self, least: float, rate: float = FPS, mattes: bool = False):
        """`least`: the score, 0 .. 1, of a person that is found; `rate` pictures a second."""
        self._least, self._rate, self._mattes = least, rate, mattes
        self._shape: tuple[int, ...] = ()
        self._rect: Rect | None = None
        self._steady = _Steady(rate)

    def __call__(self, image: Image) -> Pose | None:
        """The pose in the next picture, as `poses_in`; None where nobody is seen."""
        if image.shape != self._shape:
            self._shape, self._rect, self._steady = image.shape, None, _Steady(self._rate)
        rects = [self._rect] if self._rect else _detected(image, 1, self._least)
        seen = _measured(image, rects[0], self._mattes) if rects else None
        if seen is None:
            self._rect, self._steady = None, _Steady(self._rate)
            return None
        pose, line = self._steady(seen)
        self._rect = _around(line, image.shape)
        return pose


@dataclass(frozen=True)
class _Seen:
    """A pose as the network sees it, and the line (2, 2) px from between the hips to the circle around the body."""

    pose: Pose
    line: Points


class _Steady:
    """A person's points over time; the line most, so that the next picture is looked at in the same place."""

    def __init__(self, rate: float):
        self._points, self._metres = OneEuro(0.05, 80.0, rate), OneEuro(0.1, 40.0, rate)
        self._line, self._visibility = OneEuro(0.01, 10.0, rate), LowPass(0.1)

    def __call__(self, seen: _Seen) -> tuple[Pose, Points]:
        pose, size = seen.pose, 2 * _length(seen.line)
        steady = replace(
            pose,
            points=self._points(pose.points, size),
            visibility=self._visibility(pose.visibility),
            metres=self._metres(pose.metres),
        )
        return steady, self._line(seen.line, size)


def _detected(image: Image, most: int, least: float) -> list[Rect]:
    size = np.array([image.shape[1], image.shape[0]])
    return [_around(person.points[:2] * size, image.shape) for person in PERSON(image, least)[:most]]


def _around(line: Points, shape: tuple[int, ...]) -> Rect:
    """The square of a person whose `line` (2, 2) px goes from between the hips to the circle around the body."""
    return square(line[0], ENLARGED * 2 * _length(line), from_upright(line), shape)


def _length(line: Points) -> float:
    return float(np.hypot(*(line[1] - line[0])))


def _measured(image: Image, rect: Rect, matte: bool) -> _Seen | None:
    """The person in a rectangle, where the network sees one there."""
    answers = _network(cut_out(image, rect, SIDE, extended=True)[None])
    raw, there, body, heat, metres = (answer[0] for answer in answers)
    if there[0] <= THERE:
        return None
    raw = raw.reshape(-1, 5)  # x, y, z, visibility, presence
    points = rect.in_picture(_to_the_warmest(raw[:, :3] / np.float32(SIDE), heat))
    pose = Pose(
        points[:POINTS],
        probability(raw[:POINTS, 3]),
        turned(metres.reshape(-1, 3)[:POINTS].T.astype(np.float64), rect.turn).T,
        _matte(body[:, :, 0], rect, image.shape) if matte else None,
    )
    return _Seen(pose, points[POINTS : POINTS + 2, :2])


def _to_the_warmest(points: Floats, heat: Floats) -> Floats:
    """Points (n, 3) in fractions, moved to the centre of warmth around them; `heat` (rows, columns, n) is logits."""
    rows, columns, count = heat.shape
    places = (points[:, :2] * np.array([columns, rows], np.float32)).astype(int)  # towards zero
    around = np.arange(-REACH, REACH + 1)
    x, y = places[:, 0, None, None] + around, places[:, 1, None, None] + around[:, None]
    inside = (x >= 0) & (x < columns) & (y >= 0) & (y < rows)
    logits = heat[np.clip(y, 0, rows - 1), np.clip(x, 0, columns - 1), np.arange(count)[:, None, None]]
    warmth = np.where(inside, probability(logits), 0)
    moved: Floats = points.copy()
    centred = (warmth.max((1, 2)) >= WARM) & inside[:, REACH, REACH]
    total = warmth[centred].sum((1, 2))
    moved[centred, 0] = (warmth * x).sum((1, 2))[centred] / total / columns
    moved[centred, 1] = (warmth * y).sum((1, 2))[centred] / total / rows
    return moved


def _matte(body: Floats, rect: Rect, shape: tuple[int, ...]) -> Matte:
    """The network's logits (256, 256) in a rectangle, as a matte of the whole picture; 0 beyond the rectangle."""
    back = turned(np.eye(2), -rect.turn) * np.array([[SIDE / rect.width], [SIDE / rect.height]])
    affine = np.column_stack([back, SIDE / 2 - back @ (rect.x, rect.y)])
    inside = probability(body).astype(np.float32)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(inside, affine, (shape[1], shape[0]), flags=flags)
