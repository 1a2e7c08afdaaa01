"""What a face is hidden by: a mask or a hand before the mouth, dark glasses, hair over an eye, darkness.

All is read off one small picture of the face with its eyes level, in CIELAB: colours as different as they look. The
thresholds lie between 30 portraits with 60 frames of video, and what was drawn onto eight of them: masks, fingers,
microphones, lenses, hair. (Least and most that uncovered faces measured stand beside them.)
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from avtr_cli.core.arrays import Floats, Grey, Image, Mask, Picture, Points
from avtr_cli.perception.crop import apply, resample
from avtr_cli.perception.template import fit_pose
from avtr_cli.perception.topology import (
    EYES,
    FACE_OVAL,
    INNER_LOWER_LIP,
    INNER_UPPER_LIP,
    OUTER_EYE_CORNERS,
    OUTER_LOWER_LIP,
    OUTER_UPPER_LIP,
    EyePoints,
)

UNIT = 96  # px per EO of the small picture
WIDTH, ABOVE = 2.6, 0.9  # EO: its side, and how much of it lies above the eyes
SKIN = (151, 9, 6, 197, 50, 280, 101, 330, 117, 346)  # points on forehead, nose and cheeks
LIPS_LIKE_SKIN = 3.5  # colour difference of lips to what surrounds them; faces: 5.0 at least, covered ones 0.4 at most
LIPS_GONE = 1.5  # the same, below which the mouth does not move: well above what covers, far below any face
DARK_LENS, FLAT_LENS = 0.36, 16.0  # lightness over the skin's, and its range in the eye; faces: one of both is above
HIDDEN_EYE, FLAT_EYE = 0.5, 8.0  # the same where one eye alone is hidden, the 85th percentile of lightness
VERY_DARK, OVEREXPOSED = 40.0, 0.25  # mean luminance, and the share of white pixels; faces: 92 at least, 0.03 at most


@dataclass(frozen=True)
class Covered:
    """What hides a face."""

    mouth: bool  # no lips are seen where they should be
    mouth_hidden: bool  # and for certain: a mouth drawn there would open in what covers it
    dark_glasses: bool
    eyes: tuple[str, ...]  # sides (Left, Right: the subject's own) of eyes that do not show
    dark: bool
    overexposed: bool


def coverings(photo: Image, points: Points) -> Covered:
    """What hides the face `points` (478, 3) in `photo` uint8 (H, W, 3). Light that tells nothing hides nothing else."""
    picture, points = _face(photo, points)
    colours = cv2.cvtColor(cv2.GaussianBlur(picture, (0, 0), 1.0), cv2.COLOR_RGB2LAB)
    seen = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)[_inside(picture, points[list(FACE_OVAL)])]
    dark, overexposed = float(255 * seen.mean()) < VERY_DARK, float((seen > 250 / 255).mean()) > OVEREXPOSED
    if dark or overexposed:
        return Covered(False, False, False, (), dark, overexposed)
    eyes = _hidden_eyes(colours[..., 0], points)
    # On a mask, a hand, a microphone the lips' place has the very colour of what surrounds it.
    apart = float(np.linalg.norm(_lips_over_ring(colours, points)))
    return Covered(apart < LIPS_LIKE_SKIN, apart < LIPS_GONE, len(eyes) == 2, eyes, False, False)


def _face(photo: Image, points: Points) -> tuple[Picture, Points]:
    """The face with its eyes level, float32 (h, w, 3) in 0 .. 1, and its points (478, 2) there."""
    right, left = points[list(OUTER_EYE_CORNERS), :2]
    across = (left - right) / max(float(np.linalg.norm(left - right)), 1e-6)
    turn = np.array([across, [-across[1], across[0]]]) * (UNIT / fit_pose(points).scale)
    side = round(WIDTH * UNIT)
    shift = np.array([side / 2, ABOVE * UNIT]) - turn @ (right + left) / 2
    affine = np.column_stack([turn, shift])
    return resample(photo, affine, side, side).astype(np.float32) / np.float32(255), apply(affine, points[:, :2])


def _inside(picture: Picture, outline: Points) -> Mask:
    mask = np.zeros(picture.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.rint(outline).astype(np.int32)], (1,))
    return mask > 0


def lips_and_eyes(photo: Image, points: Points) -> tuple[float, float]:
    """By how much redder (a* of CIELAB) the lips are than what surrounds them, and how light the lighter of the irises
    is over the skin: 0 and 1 where the points lie on plain skin."""
    picture, points = _face(photo, points)
    colours = cv2.cvtColor(cv2.GaussianBlur(picture, (0, 0), 1.0), cv2.COLOR_RGB2LAB)
    irises = [_around(colours[..., 0], points[eye.iris[0]]) for eye in EYES]
    return float(_lips_over_ring(colours, points)[1]), max(irises) / _skin(colours[..., 0], points)


def _lips_over_ring(colours: Picture, points: Points) -> Floats:
    """CIELAB (3,) of the lips' place less that of the ring around it; nothing where they are too small to be told."""
    outer = _inside(colours, points[[*OUTER_UPPER_LIP, *OUTER_LOWER_LIP[::-1]]]).astype(np.uint8)
    inner = _inside(colours, points[[*INNER_UPPER_LIP, *INNER_LOWER_LIP[::-1]]]).astype(np.uint8)
    small = np.ones((3, 3), np.uint8)
    lips = (cv2.erode(outer, small) > 0) & (cv2.dilate(inner, small) == 0)
    ring = (_grown(outer, 12) > 0) & (_grown(outer, 4) == 0)
    if lips.sum() < 10 or ring.sum() < 10:
        return np.full(3, np.nan)
    apart: Floats = np.median(colours[lips], axis=0) - np.median(colours[ring], axis=0)
    return apart


def _skin(lightness: Picture, points: Points) -> float:
    x, y = np.rint(points[list(SKIN)]).astype(int).T.clip(0, len(lightness) - 1)
    return max(float(np.median(lightness[y, x])), 1.0)


def _around(lightness: Picture, place: Points) -> float:
    x, y = np.rint(place).astype(int).clip(2, len(lightness) - 3)
    return float(lightness[y - 2 : y + 3, x - 2 : x + 3].mean())


def _hidden_eyes(lightness: Picture, points: Points) -> tuple[str, ...]:
    """Sides of the eyes that do not show: both behind dark lenses, or one behind hair."""
    skin = _skin(lightness, points)
    both = {eye.side: _eye(lightness, points, eye, skin) for eye in EYES}
    if all(middle < DARK_LENS and spread < FLAT_LENS for middle, _, spread in both.values()):
        return tuple(both)
    hidden = tuple(side for side, (_, light, spread) in both.items() if light < HIDDEN_EYE and spread < FLAT_EYE)
    return hidden if len(hidden) == 1 else ()


def _eye(lightness: Picture, points: Points, eye: EyePoints, skin: float) -> tuple[float, float, float]:
    """Of an eye and the skin close around it: median and 85th percentile of lightness over the `skin`'s, and the
    range of lightness between the lids."""
    upper, lower = points[list(eye.upper)], points[list(eye.lower)]
    middle, width = (upper[0] + upper[-1]) / 2, float(np.linalg.norm(upper[0] - upper[-1]))
    around = np.zeros(lightness.shape, np.uint8)
    axes = max(2, int(0.55 * width)), max(2, int(0.42 * width))
    cv2.ellipse(around, (int(middle[0]), int(middle[1])), axes, 0, 0, 360, (1,), -1)
    seen, opening = lightness[around > 0], lightness[_inside(lightness, np.concatenate([upper, lower[::-1]]))]
    if len(seen) < 10 or len(opening) < 5:
        return 1.0, 1.0, 100.0  # too small or outside of the picture: nothing is said
    low, high = np.percentile(opening, (10, 90))
    return float(np.median(seen)) / skin, float(np.percentile(seen, 85)) / skin, float(high - low)


def _grown(mask: Grey, by: int) -> Grey:
    return cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * by + 1, 2 * by + 1)))
