"""People and hands drawn by rule, by numpy alone, so that they are the same with every version of it and of OpenCV.

Limbs are rods with round ends, lit from the front: that is enough for the networks to see them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np

from tests.face_goldens import drawn

WALL, SKIN, CLOTH, SHOES = (125, 130, 120), (224, 172, 140), (45, 82, 95), (60, 45, 40)
ROUND = 22  # px from a rod's edge at which it faces us


@dataclass(frozen=True)
class Rod:
    """A bent limb: its path through (x, y), its radius, px both, and its colour."""

    path: tuple[tuple[float, float], ...]
    radius: float
    colour: tuple[int, int, int] = SKIN


HAND = (
    Rod(((170, 330), (130, 270), (100, 225), (80, 190)), 22),
    Rod(((195, 255), (180, 190), (172, 150), (166, 112)), 19),
    Rod(((235, 245), (232, 175), (230, 130), (228, 88)), 19),
    Rod(((273, 252), (283, 188), (289, 146), (294, 108)), 19),
    Rod(((305, 272), (328, 222), (342, 190), (354, 160)), 19),
    Rod(((200, 300), (210, 350)), 45),
    Rod(((240, 290), (240, 350)), 45),
    Rod(((280, 300), (270, 350)), 45),
    Rod(((240, 360), (240, 520)), 48),
)
HALF_A_PERSON = (  # to the right of the middle of the body
    Rod(((20, 270), (28, 370), (30, 465)), 17, CLOTH),
    Rod(((31, 478), (40, 488)), 9, SHOES),
    Rod(((42, 120), (78, 178), (120, 130)), 12, CLOTH),
    Rod(((124, 126), (136, 108)), 7),
    Rod(((132, 108), (124, 88)), 2.6),
    Rod(((132, 108), (134, 82)), 2.6),
    Rod(((132, 108), (142, 84)), 2.6),
    Rod(((132, 108), (149, 92)), 2.6),
    Rod(((126, 116), (114, 104)), 3),
    Rod(((32, 125), (24, 260)), 22, CLOTH),
    Rod(((0, 125), (0, 260)), 22, CLOTH),
)


@cache
def hand() -> np.ndarray:
    """A hand that is held up with spread fingers, uint8 (240, 240, 3)."""
    return _painted(_wall(480, 480), HAND)[::2, ::2].copy()


@cache
def hands() -> np.ndarray:
    """That and its mirror image side by side, uint8 (240, 480, 3)."""
    return np.hstack([hand(), hand()[:, ::-1]])


@cache
def person() -> np.ndarray:
    """Someone who stands with open arms, uint8 (520, 400, 3): the head of the drawn portrait on rods."""
    half = _painted(_wall(520, 200), HALF_A_PERSON)
    picture = np.hstack([half[:, ::-1], half])
    y, x = np.mgrid[0:96, 0:96]
    head = ((x - 48) / 23) ** 2 + ((y - 42) / 33) ** 2 < 1
    picture[20:116, 152:248][head] = drawn()[::8, ::8][head]
    return picture


def _wall(height: int, width: int) -> np.ndarray:
    return np.full((height, width, 3), WALL, np.uint8)


def _painted(picture: np.ndarray, rods: tuple[Rod, ...]) -> np.ndarray:
    """`picture` with rods over it; what is further inside of its rod lies over the others."""
    y, x = np.mgrid[0 : picture.shape[0], 0 : picture.shape[1]] + 0.5
    shown, depth = picture.astype(np.float64), np.zeros(picture.shape[:2])
    for rod in rods:
        for (x0, y0), (x1, y1) in pairwise(rod.path):
            across, down = x1 - x0, y1 - y0
            along = np.clip(((x - x0) * across + (y - y0) * down) / (across**2 + down**2), 0, 1)
            inside = rod.radius - np.sqrt((x - x0 - along * across) ** 2 + (y - y0 - along * down) ** 2)
            slope = 1 - np.clip(inside / min(rod.radius, ROUND), 0, 1)
            lit = 0.5 + 0.5 * np.sqrt(1 - slope**2)
            shown = np.where((inside > depth)[:, :, None], rod.colour * lit[:, :, None], shown)
            depth = np.maximum(depth, inside)
    return np.rint(shown).astype(np.uint8)
