"""How far a face's eyes are open."""

from __future__ import annotations

import numpy as np

from avtr_cli.core.arrays import Points
from avtr_cli.perception.topology import EYES

# Of `eye_opening`: eyes that are shut but for a slit, at most; open ones, at least; what open eyes have.
SHUT_EYES, OPEN_EYES, COMMON_EYES = 0.16, 0.20, 0.25
_WIDE_EYES, _LEAST_ROOM = 0.36, 0.25  # eyes as wide open as people's get, and what of widening they still show
_OF_PEAK = 0.43  # what the opening grows by as the upper lid's middle rises by half an eye width


def eye_opening(points: Points) -> float:
    """Mean height of both openings over their widths (eye aspect ratio)."""
    ratios = []
    for eye in EYES:
        upper, lower = points[list(eye.upper), :2], points[list(eye.lower), :2]
        ratios.append(np.linalg.norm(upper - lower, axis=1)[2:7].mean() / np.linalg.norm(upper[0] - upper[-1]))
    return float(np.mean(ratios))


def hanging_lids(points: Points) -> float:
    """Half eye widths by which the upper lids must rise for eyes that are shut in the photo to be open; 0 of open ones.

    A picture taken in mid-blink, or of somebody who looks down: the person would else talk half asleep.
    """
    opening = eye_opening(points)
    shut = float(np.clip((OPEN_EYES - opening) / (OPEN_EYES - SHUT_EYES), 0, 1))
    return shut * (COMMON_EYES - opening) / _OF_PEAK


def room_to_widen(points: Points) -> float:
    """1 for eyes that are commonly open in the photo, less for wide ones: widened as far, they would stare."""
    beyond = (eye_opening(points) - COMMON_EYES) / (_WIDE_EYES - COMMON_EYES)
    return float(np.clip(1 - (1 - _LEAST_ROOM) * beyond, _LEAST_ROOM, 1))
