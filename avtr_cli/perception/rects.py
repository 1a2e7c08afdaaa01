"""Rectangles of a picture in which a network looks: around what, how turned, and how its points come back out of them.

Numbers and their rounding are MediaPipe's: it keeps rectangles as float32 fractions of the picture.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from avtr_cli.core.arrays import Doubles, Points, Reals

SAME = 0.5  # overlap above which two rectangles are about one face or hand


@dataclass(frozen=True)
class Rect:
    """A rectangle: centre and size in pixels of the picture, which spans 0 .. width; `turn` clockwise, in radians."""

    x: float
    y: float
    width: float
    height: float
    turn: float = 0.0

    @property
    def box(self) -> Doubles:
        """(left, top, right, bottom) as if it were not turned."""
        width, height = self.width / 2, self.height / 2
        return np.array([self.x - width, self.y - height, self.x + width, self.y + height])

    def in_picture(self, points: Reals) -> Points:
        """`points` (n, 3) in fractions of the rectangle -> pixels of the picture, the depth in the same unit."""
        x, y, depth = (points.astype(np.float64) - (0.5, 0.5, 0)).T
        across, down = turned(np.stack([x, y]), self.turn)
        return np.column_stack([across * self.width + self.x, down * self.height + self.y, depth * self.width])


def whole(shape: tuple[int, ...]) -> Rect:
    """All of a picture of `shape` (height, width, ...)."""
    height, width = shape[:2]
    return Rect(width / 2, height / 2, width, height)


def letterbox(shape: tuple[int, ...]) -> Rect:
    """The square of the longer side around the whole picture of `shape` (height, width, ...)."""
    height, width = shape[:2]
    return Rect(width / 2, height / 2, max(height, width), max(height, width))


def square(middle: Doubles, side: float, turn: float, shape: tuple[int, ...]) -> Rect:
    """A square around `middle` (2,), in pixels of a picture of `shape`, rounded as MediaPipe does.

    Which way the places are rounded that are sampled in it hangs on that.
    """
    size = np.array([shape[1], shape[0]], np.float32)
    (x, y), (wide, high) = ((pixels / size).astype(np.float32) * size for pixels in (middle, np.full(2, side)))
    return Rect(float(x), float(y), float(wide), float(high), turn)


def from_upright(line: Points) -> float:
    """How far the `line` (2, 2) from its first point to its second is turned from pointing up: clockwise, radians."""
    x, y = line[1] - line[0]
    return math.atan2(x, -y)


def turned(rows: Doubles, turn: float) -> Doubles:
    """x and y, the first two of `rows` (2 or 3, ...), turned clockwise by `turn`, y pointing down."""
    cos, sin = math.cos(turn), math.sin(turn)
    x, y, *rest = rows
    return np.stack([cos * x - sin * y, sin * x + cos * y, *rest])


def overlap(one: Doubles, other: Doubles) -> float:
    """Intersection over union of two boxes (left, top, right, bottom)."""
    width, height = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])
    if width <= 0 or height <= 0:
        return 0.0
    both = sum(float((box[2] - box[0]) * (box[3] - box[1])) for box in (one, other))
    return float(width * height / (both - width * height))


def each_once(rects: list[Rect]) -> list[Rect]:
    """Of those that overlap, as if unturned, the last stays."""
    kept: list[Rect] = []
    for rect in rects:
        kept = [other for other in kept if overlap(rect.box, other.box) <= SAME] + [rect]
    return kept
