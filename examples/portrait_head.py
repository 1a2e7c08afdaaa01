"""The shape of the drawn man's head: its outlines, and its height in every point, in units of the drawing.

Proportions of an adult face: eyes at half the height of the head, one eye's width between them, the mouth a
third of the way from nose to chin. Outlines are given off the middle line and used on both sides of it.
"""

from __future__ import annotations

import numpy as np
from painting import Canvas, Points, curve

MIDDLE = 384.0  # x of the face's middle line
EYE_X, EYE_Y, IRIS_RADIUS = 57.5, 373.5, 12.6  # eye centres: off the middle line, and down
MOUTH_Y, MOUTH_HALF = 504.0, 49.0
CHIN_Y = 580.0

# fmt: off
HEAD = [(0, 188), (60, 198), (104, 232), (126, 290), (131, 350), (130, 398), (125, 440), (116, 482), (100, 523),
        (76, 556), (46, 576), (16, 582)]
EAR = [(125, 374), (134, 360), (147, 358), (156, 372), (154, 398), (147, 424), (140, 446), (131, 452), (124, 440)]
EAR_RIM = [(128, 368), (143, 363), (151, 376), (149, 402), (141, 428)]
EAR_BOWL = [(130, 388), (140, 382), (142, 402), (136, 420), (130, 412)]
UPPER_LID = [(28.5, 379.8), (36, 373.2), (46, 367.2), (58, 364.8), (70, 366.6), (79, 370.8), (87.5, 376.5)]
LOWER_LID = [(87.5, 376.5), (79, 381.4), (67, 384.4), (55, 385.2), (43, 383.6), (35, 381.5), (28.5, 379.8)]
LID_CREASE = [(31, 370), (40, 362), (52, 356.5), (66, 356), (78, 361), (89, 369)]
BROW = [(24, 344), (38, 339.5), (54, 335.5), (70, 333.5), (84, 336.5), (98, 345)]
NOSTRIL = [(6, 461.5), (11, 458), (17.5, 458.5), (18.5, 461.5), (12, 463.5)]
NOSE_WING = [(23, 444), (27.5, 452), (25, 461), (19, 464)]
SMILE_LINE = [(28, 460), (42, 471), (55, 488), (61, 502)]
NECK = [(84, 500), (86, 560), (88, 610), (104, 650), (150, 690), (150, 768), (-150, 768), (-150, 690), (-104, 650),
        (-88, 610), (-86, 560), (-84, 500)]
NECK_MUSCLE = [(74, 560), (56, 620), (26, 672), (12, 694)]

# The bridge of the nose from between the eyes to its base: row, height and half width there.
NOSE_ROWS = [352, 372, 392, 412, 432, 446, 453, 459, 465, 472, 480]
NOSE_HIGH = [0, 6, 12, 19, 26, 31, 30, 25, 16, 7, 0]
NOSE_WIDE = [19, 15, 14, 14.5, 16, 18, 19, 20, 20, 19, 18]
# fmt: on


def at(points: Points, side: int = 1) -> list[tuple[float, float]]:
    """Points off the middle line as points of the drawing, on the right (1) or the left (-1) of the picture."""
    return [(MIDDLE + side * x, y) for x, y in points]


def lip_line(x: np.ndarray | float) -> np.ndarray:
    """y of the line between the lips, `x` off the middle: a soft bow whose corners rise to a light smile."""
    t = np.abs(x) / MOUTH_HALF
    return MOUTH_Y + 1.3 * np.cos(3.2 * t) - 5.4 * t**2


def lip_top(x: np.ndarray | float) -> np.ndarray:
    """y of the upper edge of the upper lip, with the dip in its middle."""
    t = np.abs(x) / MOUTH_HALF
    return MOUTH_Y - 12.5 * np.clip(1 - t**1.6, 0, 1) + 2.6 * np.exp(-((t / 0.12) ** 2)) - 5.2 * t**2


def lip_bottom(x: np.ndarray | float) -> np.ndarray:
    """y of the lower edge of the lower lip."""
    t = np.abs(x) / MOUTH_HALF
    return MOUTH_Y + 15.5 * np.clip(1 - t**2.6, 0, 1) ** 0.9 - 5.2 * t**2


def head_outline() -> np.ndarray:
    return curve(at(HEAD) + at(HEAD, -1)[::-1][:-1], closed=True, samples=400)


def head_height(canvas: Canvas) -> np.ndarray:
    """The head without its hair, towards the viewer: a skull, with hills and hollows on it."""
    z = _skull(canvas)
    z += 6 * pair(canvas, 46, 338, 34, 11) + 3 * canvas.bump(MIDDLE, 345, 20, 12)  # brow ridge
    z -= 11 * pair(canvas, 30, 372, 13, 13) + 6 * pair(canvas, 62, 374, 32, 15)  # eye sockets
    z += 8.5 * pair(canvas, EYE_X, 375, 21, 13)  # the balls under the lids
    z += 9 * pair(canvas, 80, 430, 34, 28, -20) - 5 * pair(canvas, 98, 490, 22, 36, 20)  # cheek bones; below them
    z -= 4 * pair(canvas, 120, 318, 18, 30)  # temples
    z += 9 * canvas.bump(MIDDLE, 500, 44, 30)  # the teeth behind the lips
    z += 11 * canvas.bump(MIDDLE, 556, 22, 14) - 5 * canvas.bump(MIDDLE, 530, 26, 6.5)  # chin, and the fold above it
    z -= 2.8 * lines(canvas, SMILE_LINE, 5, 3.5)
    z -= 3 * pair(canvas, MOUTH_HALF + 4, 499, 5, 6)  # corners of the mouth
    z += _nose(canvas)
    z -= 2 * canvas.bump(MIDDLE, 479, 4.5, 7) - pair(canvas, 9, 480, 4, 9)  # the groove under the nose
    z += _lips(canvas)
    return canvas.blur(z, 0.8)


def neck_height(canvas: Canvas) -> np.ndarray:
    """A column that widens into the shoulders, with its two muscles, behind the chin."""
    half = np.interp(canvas.y, [480, 560, 610, 650, 690, 768], [84, 86, 90, 106, 150, 260])
    column = -75 + 62 * np.sqrt(1 - np.clip(np.abs(canvas.x - MIDDLE) / half, 0, 1) ** 2.2)
    muscles = 5 * lines(canvas, NECK_MUSCLE, 8, 6)
    throat = 3 * canvas.bump(MIDDLE, 628, 10, 12) - 5 * canvas.bump(MIDDLE, 684, 10, 12)
    return canvas.blur((column + muscles + throat).astype(np.float32), 7)


def pair(canvas: Canvas, x: float, y: float, wide: float, high: float, degrees: float = 0.0) -> np.ndarray:
    """The same hill on both halves of the face."""
    left, right = canvas.bump(MIDDLE - x, y, wide, high, -degrees), canvas.bump(MIDDLE + x, y, wide, high, degrees)
    return left + right


def lines(canvas: Canvas, points: Points, width: float, soft: float) -> np.ndarray:
    """The same soft line on both halves of the face."""
    left, right = (canvas.stroke(curve(at(points, side)), [1, width, width, 1], soft) for side in (-1, 1))
    return left + right


def _skull(canvas: Canvas) -> np.ndarray:
    """Round towards the outline and flat in front; beyond the outline it falls on, so that no edge shows."""
    middle = np.array([MIDDLE, 396.0])
    off = head_outline() - middle
    angle, radius = np.arctan2(off[:, 1], off[:, 0]), np.hypot(off[:, 0], off[:, 1])
    order = np.argsort(angle)
    dx, dy = canvas.x - middle[0], canvas.y - middle[1]
    r = np.hypot(dx, dy) / np.interp(np.arctan2(dy, dx), angle[order], radius[order], period=2 * np.pi)
    z = 128 * np.sqrt(1.12 - np.clip(r, 0, 1) ** 2.6) - 470 * np.clip(r - 1, 0, 0.3)
    return z.astype(np.float32)


def _nose(canvas: Canvas) -> np.ndarray:
    high, wide = (np.interp(canvas.y, NOSE_ROWS, values).astype(np.float32) for values in (NOSE_HIGH, NOSE_WIDE))
    bridge = canvas.blur(high, 4) / (1 + np.abs((canvas.x - MIDDLE) / wide) ** 2.8)
    return bridge + 11 * pair(canvas, 19.5, 453, 6.5, 7.5) + 9 * canvas.bump(MIDDLE, 447, 12, 11)


def _lips(canvas: Canvas) -> np.ndarray:
    """Two rolls that meet in a furrow."""
    x, y = canvas.x - MIDDLE, canvas.y
    line = lip_line(x)
    lower = np.clip((y - line) / np.maximum(lip_bottom(x) - line, 1), 0, 1)
    upper = np.clip((line - y) / np.maximum(line - lip_top(x), 1), 0, 1)
    rolls = 5.5 * np.sin(np.pi * lower**0.8) + 3.0 * np.sin(np.pi * upper**0.8)
    ends = np.clip(1 - (np.abs(x) / (MOUTH_HALF + 2)) ** 2.5, 0, 1)
    return canvas.blur((rolls * ends).astype(np.float32), 1.3) - 3 * np.exp(-(((y - line) / 2.2) ** 2)) * ends
