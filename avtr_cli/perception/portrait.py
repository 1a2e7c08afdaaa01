"""A photo into a `Portrait`: one face chosen, measured twice, cut out; or one sentence why not."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from avtr_cli.core.arrays import Image, Points
from avtr_cli.core.errors import PhotoError
from avtr_cli.core.types import Portrait
from avtr_cli.perception.crop import apply, head_crop, invert, resample, scale_of
from avtr_cli.perception.doubts import doubts, turned_by
from avtr_cli.perception.landmarks import face_height, face_points, find_faces
from avtr_cli.perception.matting import person_matte, whole_probability
from avtr_cli.perception.photo import decode_photo, read_bytes
from avtr_cli.perception.template import fit_pose
from avtr_cli.perception.upright import advice_without_face, turning_advice

CROP_SIZE = 512  # px; Face Mesh is most precise when the face fills about half of it
SMALLEST_FACE = 36.0  # px of height; below it lids and lips are one pixel
LARGEST_TURN = 40.0  # degrees of yaw or pitch


def find_portrait(path: str | Path, face: int | None = None, data: bytes | None = None) -> Portrait:
    """The face in the photo at `path`: the largest, or number `face` counted from 1, left to right.

    `data` are the file's bytes where they are known already. Raises PhotoError with one sentence when the photo cannot
    be read, shows no face, not that many, or one that is too small, turned too far or stands on its head.
    """
    data = read_bytes(path) if data is None else data
    photo = decode_photo(data, path)
    with ThreadPoolExecutor(1) as beside:
        whole = beside.submit(whole_probability, photo)
        points = _measure_again(photo, _choose(find_faces(photo), face, photo, path))
        _refuse(photo, points, path)
    matte = person_matte(photo, points, whole.result())
    return Portrait(
        photo=photo,
        landmarks=points,
        crop=head_crop(points, photo.shape, CROP_SIZE),
        matte=matte,
        crop_size=CROP_SIZE,
        sha256=hashlib.sha256(data).hexdigest(),
        warnings=tuple(f"{path}: {doubt}" for doubt in doubts(photo, points, fit_pose(points))),
    )


def _choose(faces: list[Points], face: int | None, photo: Image, path: str | Path) -> Points:
    if not faces:
        hint = advice_without_face(photo)
        raise PhotoError(f"{path}: no face found; {hint or 'give a photo of a person facing the camera'}")
    if face is None:
        return max(faces, key=face_height)
    if not 1 <= face <= len(faces):
        count = "one face" if len(faces) == 1 else f"{len(faces)} faces, numbered from left to right"
        raise PhotoError(f"{path}: there is no face {face}; the photo shows {count}")
    return faces[face - 1]


def _measure_again(photo: Image, points: Points) -> Points:
    """Finds the face once more in its own crop, where the network sees it largest, back in photo pixels."""
    for _ in range(2):
        crop = head_crop(points, photo.shape, CROP_SIZE)
        found = face_points(resample(photo, crop, CROP_SIZE, CROP_SIZE))
        if found is None:
            return points
        points = np.column_stack([apply(invert(crop), found[:, :2]), found[:, 2] / scale_of(crop)])
    return points


def _refuse(photo: Image, points: Points, path: str | Path) -> None:
    tall = face_height(points)
    if tall < SMALLEST_FACE:
        raise PhotoError(
            f"{path}: the face is only {tall:.0f} px tall; use a photo in which it has at least {SMALLEST_FACE:.0f} px"
        )
    advice = turning_advice(photo, points)
    if advice:
        raise PhotoError(f"{path}: {advice}")
    turn = turned_by(fit_pose(points))
    if turn > LARGEST_TURN:
        raise PhotoError(
            f"{path}: the face is turned {turn:.0f} degrees away; use a photo that shows it from the front "
            f"(up to {LARGEST_TURN:.0f} degrees)"
        )
