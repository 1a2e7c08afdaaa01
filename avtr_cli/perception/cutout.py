"""A turned rectangle of a picture into the square of pixels that a network sees, sampled as MediaPipe samples it.

MediaPipe calls OpenCV 4's warpPerspective on the full picture, without any blur. That rounds the places it samples to
32nds of a pixel, and points and mattes hang on which way: OpenCV 5, which rounds no more, moves points by half a pixel.
So `plainly_cut_out` computes the same places for any OpenCV; `cut_out` is three times as quick where OpenCV does.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from avtr_cli.core.arrays import Doubles, Image
from avtr_cli.perception.rects import Rect

OPENCV_ROUNDS = cv2.getVersionMajor() == 4
PARTS = 32  # of a pixel, to which OpenCV 4 rounds the places it samples
BLOCK = 64  # columns that OpenCV 4 computes from one start


def cut_out(image: Image, rect: Rect, side: int, extended: bool) -> Image:
    """The rectangle of `image` as uint8 (side, side, 3), bilinear; beyond the picture's edge is black, or the edge
    goes on where `extended`. Pixel 0 is taken at the rectangle's very edge, not half a pixel inside.
    """
    if not OPENCV_ROUNDS:
        return plainly_cut_out(image, rect, side, extended)
    onto = _onto_square(rect, side)
    return cv2.warpPerspective(image, onto, (side, side), flags=cv2.INTER_LINEAR, borderMode=_border(extended))


def plainly_cut_out(image: Image, rect: Rect, side: int, extended: bool) -> Image:
    """The same, from whole pixels and 32nds that are computed here.

    Places often lie halfway between two 32nds, so that the noise of the matrix decides: it is solved from the corners,
    inverted, and summed in blocks of columns as OpenCV 4 does.
    """
    back = cv2.invert(_onto_square(rect, side))[1]
    column, row = np.arange(side), np.arange(side)[:, None]
    start, within = column - column % BLOCK, column % BLOCK
    x, y, depth = ((r[0] * start + r[1] * row + r[2]) + r[0] * within for r in back)
    scale = np.divide(PARTS, depth, out=np.zeros_like(depth), where=depth != 0)
    places = np.rint(np.stack([x * scale, y * scale], -1)).astype(np.int32)
    pixels = np.clip(places // PARTS, -32768, 32767).astype(np.int16)
    part = places % PARTS
    table = (part[..., 1] * PARTS + part[..., 0]).astype(np.uint16)
    return cv2.remap(image, pixels, table, cv2.INTER_LINEAR, borderMode=_border(extended))


def _border(extended: bool) -> int:
    return cv2.BORDER_REPLICATE if extended else cv2.BORDER_CONSTANT


def _onto_square(rect: Rect, side: int) -> Doubles:
    """Pixels of the picture -> pixels of the square, (3, 3)."""
    degrees = float(np.float32(rect.turn) * np.float32(180)) / math.pi
    corners = cv2.boxPoints(((rect.x, rect.y), (rect.width, rect.height), degrees))
    target = np.array([[0, side], [0, 0], [side, 0], [side, side]], np.float32)
    return cv2.getPerspectiveTransform(corners, target)
