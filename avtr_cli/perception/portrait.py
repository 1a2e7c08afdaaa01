"""A photo into a `Portrait`: one face chosen, measured twice, cut out; or one sentence why not."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from avtr_cli.errors import PhotoError
from avtr_cli.perception.crop import apply, head_crop, invert, resample, scale_of
from avtr_cli.perception.landmarks import face_height, face_points, find_faces
from avtr_cli.perception.matting import person_matte, whole_probability
from avtr_cli.perception.mediapipe_quiet import solutions
from avtr_cli.perception.photo import decode_photo, read_bytes
from avtr_cli.perception.template import Pose, fit_pose, head_shape, template
from avtr_cli.perception.topology import OUTER_EYE_CORNERS, RIGID
from avtr_cli.types import Portrait

CROP_SIZE = 512  # px; Face Mesh is most precise when the face fills about half of it
SMALLEST_FACE = 36.0  # px of height; below it lids and lips are one pixel
SMALL_FACE = 110.0  # px; the picture will look soft
LARGEST_TURN, LARGE_TURN = 40.0, 26.0  # degrees of yaw or pitch
LARGEST_TILT = 50.0  # degrees; beyond, the picture itself must lie on its side
LEVEL_PITCH = 9.0  # degrees; what a head held level measures, as the template stands upright and foreheads recede
UNLIKE_FACE = 0.05  # EO, rms distance to the average head after fitting; portraits measure 0.012 to 0.034


def find_portrait(path: str | Path, face: int | None = None) -> Portrait:
    """The face in the photo at `path`: the largest, or number `face` counted from 1, left to right.

    Raises PhotoError with one sentence when the photo cannot be read, shows no face, not that many, or one that
    is too small or turned too far.
    """
    data = read_bytes(path)
    photo = decode_photo(data, path)
    solutions()  # before two threads ask for it
    with ThreadPoolExecutor(1) as beside:
        whole = beside.submit(whole_probability, photo)
        points = _measure_again(photo, _choose(find_faces(photo), face, photo, path))
        pose = fit_pose(points)
        _refuse(points, pose, path)
    matte = person_matte(photo, points, whole.result())
    return Portrait(
        photo=photo,
        landmarks=points,
        crop=head_crop(points, photo.shape, CROP_SIZE),
        matte=matte,
        crop_size=CROP_SIZE,
        sha256=hashlib.sha256(data).hexdigest(),
        warnings=tuple(_doubts(points, pose, path)),
    )


def _choose(faces: list[np.ndarray], face: int | None, photo: np.ndarray, path: str | Path) -> np.ndarray:
    if not faces:
        hint = _lies_on_its_side(photo)
        raise PhotoError(f"{path}: no face found; {hint or 'give a photo of a person facing the camera'}")
    if face is None:
        return max(faces, key=face_height)
    if not 1 <= face <= len(faces):
        count = "one face" if len(faces) == 1 else f"{len(faces)} faces, numbered from left to right"
        raise PhotoError(f"{path}: there is no face {face}; the photo shows {count}")
    return faces[face - 1]


def _lies_on_its_side(photo: np.ndarray) -> str:
    for turns in (1, 3, 2):  # clockwise
        faces = find_faces(np.ascontiguousarray(np.rot90(photo, -turns)))
        if any(unlikeness(face, fit_pose(face)) < UNLIKE_FACE and abs(_tilt(face)) < 30 for face in faces):
            return _turning_advice(-90.0 * turns if turns < 3 else 90.0)
    return ""


def _turning_advice(tilt: float) -> str:
    """What to do about a face tilted by `tilt` degrees, clockwise positive."""
    if abs(tilt) > 135:
        return "the photo stands upside down; turn it round"
    return f"the photo lies on its side; turn it {'counter-' if tilt > 0 else ''}clockwise"


def _measure_again(photo: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Finds the face once more in its own crop, where the network sees it largest, back in photo pixels."""
    for _ in range(2):
        crop = head_crop(points, photo.shape, CROP_SIZE)
        found = face_points(resample(photo, crop, CROP_SIZE, CROP_SIZE))
        if found is None:
            return points
        points = np.column_stack([apply(invert(crop), found[:, :2]), found[:, 2] / scale_of(crop)])
    return points


def _refuse(points: np.ndarray, pose: Pose, path: str | Path) -> None:
    tall = face_height(points)
    if tall < SMALLEST_FACE:
        raise PhotoError(
            f"{path}: the face is only {tall:.0f} px tall; use a photo in which it has at least {SMALLEST_FACE:.0f} px"
        )
    tilt = _tilt(points)
    if abs(tilt) > LARGEST_TILT:
        raise PhotoError(f"{path}: {_turning_advice(tilt)}")
    turn = _turn(pose)
    if turn > LARGEST_TURN:
        raise PhotoError(
            f"{path}: the face is turned {turn:.0f} degrees away; use a photo that shows it from the front "
            f"(up to {LARGEST_TURN:.0f} degrees)"
        )


def _doubts(points: np.ndarray, pose: Pose, path: str | Path) -> list[str]:
    doubts = []
    tall, turn = face_height(points), _turn(pose)
    if tall < SMALL_FACE:
        doubts.append(f"{path}: the face is only {tall:.0f} px tall, so the video will look soft")
    if turn > LARGE_TURN:
        doubts.append(f"{path}: the face is turned {turn:.0f} degrees away, so its far side will look stretched")
    if unlikeness(points, pose) > UNLIKE_FACE:
        doubts.append(f"{path}: this may not be a person's face; lips, lids and teeth are made for people")
    return doubts


def unlikeness(points: np.ndarray, pose: Pose) -> float:
    """Root mean square distance, in EO, of a face's rigid points to the average head's."""
    rigid = list(RIGID)
    difference = head_shape(points, pose)[rigid] - template().points[rigid]
    return float(np.sqrt((difference[:, :2] ** 2).sum(axis=1).mean()))


def _tilt(points: np.ndarray) -> float:
    """Degrees by which the line of the eyes leaves the horizontal, clockwise positive."""
    x, y = np.diff(points[list(OUTER_EYE_CORNERS), :2], axis=0)[0]
    return float(np.degrees(np.arctan2(y, x)))


def _turn(pose: Pose) -> float:
    """Degrees by which the face is turned sideways, up or down; tilting is free."""
    pitch, yaw, _ = pose.angles
    return float(max(abs(yaw), abs(pitch - LEVEL_PITCH)))
