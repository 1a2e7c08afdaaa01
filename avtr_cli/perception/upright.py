"""Whether a photo stands the right way up: a face is looked at again as it lies, and turned.

Face Mesh puts an upright face on one that stands on its head, so that neither tilt nor shape gives it away. What does
is how sure the long-range detector is, which knows upright faces alone, less how unlike a head the found points are. On
30 portraits, upright and turned by half, the right way up wins by 0.2 at least.
"""

from __future__ import annotations

import cv2
import numpy as np

from avtr_cli.core.arrays import Image, Points
from avtr_cli.perception.coverings import lips_and_eyes
from avtr_cli.perception.crop import resample
from avtr_cli.perception.landmarks import SEARCH_SIDE, face_height, face_points, find_faces, middle_score
from avtr_cli.perception.template import fit_pose, unlikeness
from avtr_cli.perception.topology import FACE_OVAL, OUTER_EYE_CORNERS

SIDE, HEIGHTS = 384, 2.4  # px, and face heights: the square around a face that is turned
LARGEST_TILT = 50.0  # degrees; beyond, the picture itself must lie on its side
UPRIGHT_TILT = 30.0  # degrees; a turned picture must show the face nearer to upright than this to be believed
WINS_BY = 0.1
LIGHT_IRIS, REDDER, BETTER_HEAD = 0.75, 4.0, 0.75  # what must speak for a face on its head besides; see `_on_its_head`
LEAST_PLAUSIBLE = 0.2  # of a face in a turned picture; most upright ones reach 0.6
SURELY = 0.5  # the same where a face, if a doubtful one, was found as the photo lies
QUARTERS = (1, 3, 2)  # clockwise
UNLIKENESS_COUNTS = 5.0
UNLIKE_FACE = 0.05  # EO, rms distance to the average head after fitting; portraits measure 0.012 to 0.034

LIES = "the photo lies on its side; turn it {}clockwise"
ADVICE = {1: LIES.format(""), 2: "the photo stands upside down; turn it round", 3: LIES.format("counter-")}
"""By the quarters that a picture is to be turned clockwise."""


def turning_advice(photo: Image, points: Points) -> str:
    """What to do about the face `points` found in `photo`: a sentence, or nothing where it stands upright."""
    tilt, shape = tilt_of(points), unlikeness(points, fit_pose(points))
    square = _square_around(photo, points)
    score = middle_score(square) if abs(tilt) <= LARGEST_TILT else 0.0
    own = score - UNLIKENESS_COUNTS * shape
    # A level face is one that stands upright, or on its head; quarters need looking at where it is neither.
    quarters = (2,) if abs(tilt) <= UPRIGHT_TILT else QUARTERS
    turned = {turns: _turned(square, turns) for turns in quarters}
    faces = {turns: face_points(picture) for turns, picture in turned.items()}
    scores = {turns: _plausible(picture, faces[turns]) for turns, picture in turned.items()}
    best = max(scores, key=lambda turns: scores[turns])
    face, wins = faces[best], scores[best] > max(own + WINS_BY, LEAST_PLAUSIBLE)
    if face is not None and wins and (best != 2 or _on_its_head(photo, points, score, turned[2], face)):
        return ADVICE[best]
    if abs(tilt) > LARGEST_TILT:
        return ADVICE[2 if abs(tilt) > 135 else 3 if tilt > 0 else 1]
    # A face that is hardly one may be none, found in a picture whose face lies on its side.
    return advice_without_face(photo, max(own + WINS_BY, SURELY)) if shape > UNLIKE_FACE else ""


def _on_its_head(photo: Image, points: Points, score: float, turned: Image, face: Points) -> bool:
    """Whether more speaks for the face in the `turned` picture than the detector, which a mask can mislead: as the
    photo lies, eyes or lips are not where they should be, or the turned face is the better head by far."""
    (red, iris), (turned_red, _) = lips_and_eyes(photo, points), lips_and_eyes(turned, face)
    better = unlikeness(face, fit_pose(face)) < BETTER_HEAD * unlikeness(points, fit_pose(points))
    return iris > LIGHT_IRIS or turned_red - red > REDDER or (score == 0 and better)


def advice_without_face(photo: Image, least: float = LEAST_PLAUSIBLE) -> str:
    """The same for a photo in which no face was found: whether one shows when it is turned, as good as `least`."""
    shrink = min(1.0, SEARCH_SIDE / max(photo.shape[:2]))
    small = cv2.resize(photo, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA) if shrink < 1 else photo
    for turns in QUARTERS:
        turned = _turned(small, turns)
        squares = (_square_around(turned, face) for face in find_faces(turned))
        if any(_plausible(square, face_points(square)) > max(least, LEAST_PLAUSIBLE) for square in squares):
            return ADVICE[turns]
    return ""


def tilt_of(points: Points) -> float:
    """Degrees by which the line of the eyes leaves the horizontal, clockwise positive."""
    x, y = np.diff(points[list(OUTER_EYE_CORNERS), :2], axis=0)[0]
    return float(np.degrees(np.arctan2(y, x)))


def _plausible(square: Image, points: Points | None) -> float:
    """How well an upright face in the middle, with `points`, explains the picture; least where none is found."""
    if points is None or abs(tilt_of(points)) > UPRIGHT_TILT:
        return -np.inf
    return middle_score(square) - UNLIKENESS_COUNTS * unlikeness(points, fit_pose(points))


def _square_around(photo: Image, points: Points) -> Image:
    side = HEIGHTS * face_height(points)
    left, top = points[list(FACE_OVAL), :2].mean(axis=0) - side / 2
    scale = SIDE / side
    return resample(photo, np.array([[scale, 0, -left * scale - 0.5], [0, scale, -top * scale - 0.5]]), SIDE, SIDE)


def _turned(picture: Image, quarters: int) -> Image:
    """Clockwise."""
    return np.ascontiguousarray(np.rot90(picture, -quarters))
