"""Sentences for the user about a face that can be used, but of which something will look wrong."""

from __future__ import annotations

from avtr_cli.core.arrays import Image, Points
from avtr_cli.perception.coverings import Covered, coverings
from avtr_cli.perception.landmarks import face_height
from avtr_cli.perception.lids import hanging_lids
from avtr_cli.perception.template import Pose, unlikeness
from avtr_cli.perception.topology import FACE_OVAL
from avtr_cli.perception.upright import UNLIKE_FACE

SMALL_FACE = 110.0  # px; the picture will look soft
LARGE_TURN = 26.0  # degrees of yaw or pitch
LEVEL_PITCH = 9.0  # degrees; what a head held level measures, as the template stands upright and foreheads recede
CUT_OFF = 0.02  # face heights by which a face's outline must leave the photo to be cut off


def doubts(photo: Image, points: Points, pose: Pose) -> list[str]:
    """What to tell about the face `points` in `photo`; none for most portraits."""
    told = []
    tall, turn = face_height(points), turned_by(pose)
    if tall < SMALL_FACE:
        told.append(f"the face is only {tall:.0f} px tall, so the video will look soft")
    if turn > LARGE_TURN:
        told.append(f"the face is turned {turn:.0f} degrees away, so its far side will look stretched")
    sides = cut_sides(points, photo.shape)
    if sides:
        told.append(
            f"the face is cut off by the picture's {' and '.join(sides)} border; a photo with the whole head in it "
            "looks better"
        )
    covered = coverings(photo, points)
    told += _about_coverings(covered)
    if hanging_lids(points) > 0 and not (covered.eyes or covered.dark_glasses):
        told.append("the eyes are nearly shut, and are opened by guess; a photo with open eyes looks better")
    if unlikeness(points, pose) > UNLIKE_FACE:
        told.append("this may not be a person's face; lips, lids and teeth are made for people")
    return told


def turned_by(pose: Pose) -> float:
    """Degrees by which the face is turned sideways, up or down; tilting is free."""
    pitch, yaw, _ = pose.angles
    return float(max(abs(yaw), abs(pitch - LEVEL_PITCH)))


def cut_sides(points: Points, shape: tuple[int, ...]) -> list[str]:
    """Names of the picture's borders that a face's outline reaches beyond; `shape` (height, width, ...) px."""
    outline, (height, width) = points[list(FACE_OVAL), :2], shape[:2]
    (left, top), (right, bottom) = outline.min(axis=0), outline.max(axis=0)
    beyond = {"left": -left, "right": right - (width - 1), "upper": -top, "lower": bottom - (height - 1)}
    return [side for side, distance in beyond.items() if distance > CUT_OFF * face_height(points)]


def _about_coverings(covered: Covered) -> list[str]:
    told = []
    if covered.dark:
        told.append("the face is very dark, and will be in the video; brighten the photo first")
    if covered.overexposed:
        told.append("the face is overexposed: much of it is plain white, which hides its shape; use a darker photo")
    if covered.mouth:
        what = "will not move" if covered.mouth_hidden else "may open in what covers it"
        told.append(
            "no lips are seen: the mouth seems to be covered (by a mask, a hand, a microphone), so it "
            f"{what}; use a photo that shows the mouth"
        )
    if covered.dark_glasses:
        told.append("the eyes are not seen behind dark glasses, so they will neither blink nor look about")
    elif covered.eyes:
        told.append(f"the {covered.eyes[0].lower()} eye is covered, so it will neither blink nor look about")
    return told
