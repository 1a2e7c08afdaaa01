"""Anybody's video into what Face Mesh sees of its person at 25 frames a second; kept by content, so seen once.

Of several faces the largest counts, and then the one that overlaps it most from frame to frame. A file's name and place
do not matter to what is kept: the same bytes are the same tracks.
"""

from __future__ import annotations

import contextlib
import logging
import os
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg
import numpy as np

from avtr_cli.core.arrays import Doubles, Image, Indices, Mask, Points
from avtr_cli.core.errors import InputError
from avtr_cli.core.files import file_sha256, replacing
from avtr_cli.core.folders import cache_folder
from avtr_cli.core.textfile import why_no_file
from avtr_cli.core.timing import FPS
from avtr_cli.evaluation.video import eye_aspect_ratio
from avtr_cli.output import ffmpeg
from avtr_cli.perception.face_mesh import Follower
from avtr_cli.perception.template import fit_pose, head_shape
from avtr_cli.perception.topology import (
    EYES,
    INNER_EYE_CORNERS,
    INNER_LOWER_LIP,
    INNER_UPPER_LIP,
    MOUTH_CORNERS,
    NOSE_TIP,
    OUTER_EYE_CORNERS,
    OUTER_LOWER_LIP,
    OUTER_UPPER_LIP,
)

VERSION = 3  # of what is kept: it changes with whatever changes the numbers
MOST_FACES = 3
SURE_ENOUGH = 0.5  # score of a face that is followed from then on
LIPS = tuple(sorted({*INNER_LOWER_LIP, *INNER_UPPER_LIP, *OUTER_LOWER_LIP, *OUTER_UPPER_LIP}))
UPPER = tuple(sorted({point for eye in EYES for point in (*eye.brow, *eye.upper, *eye.lower, *eye.ring)}))
KEPT = (*LIPS, *UPPER)
"""Which of Face Mesh's points are kept, in this order."""

OnFrames = Callable[[int, int], None]
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class FacePoints:
    """What was seen of T frames. A frame without a face holds what the nearest one with a face does.

    found (T,)      points (T, len(KEPT), 3) in the head's own frame, EO      angles (T, 3) of the head, degrees
    ears (T,) eye aspect ratio      boxes (T, 4) of the face: x1, y1, x2, y2 in shares of the picture's width, height
    marks (T, 5, 2) in the same shares, see `face_marks`
    """

    found: Mask
    points: Points
    angles: Doubles
    ears: Doubles
    boxes: Doubles
    marks: Points

    def __len__(self) -> int:
        return len(self.found)


def tracks_folder() -> Path:
    """AVTR_TRACKS, or `tracks` in avtr's cache folder."""
    chosen = os.environ.get("AVTR_TRACKS")
    return Path(chosen).expanduser() if chosen else cache_folder() / "tracks"


def points_of(video: Path, watch: OnFrames | None = None) -> FacePoints:
    """The face points of a video, from the cache where its bytes were seen before.

    `watch` is told (frames done, about how many there are). Raises InputError where it is no video, or shows no face.
    """
    if why := why_no_file(video):
        raise InputError(f"{video}: {why}")
    kept = tracks_folder() / f"{file_sha256(video)}-{VERSION}.npz"
    if (known := _read(kept)) is not None:
        return known
    seen = _follow(video, watch)
    with contextlib.suppress(OSError):  # where nothing can be kept, it is seen again next time
        kept.parent.mkdir(parents=True, exist_ok=True)
        with replacing(kept) as partial, partial.open("wb") as file:
            np.savez_compressed(
                file,
                found=seen.found,
                points=seen.points.astype(np.float32),
                angles=seen.angles.astype(np.float32),
                ears=seen.ears.astype(np.float32),
                boxes=seen.boxes.astype(np.float32),
                marks=seen.marks.astype(np.float32),
            )
        return _read(kept) or seen  # the same numbers as the next time
    return seen


def face_marks(points: Points) -> Points:
    """Where eyes, nose and mouth of Face Mesh's (478, 3) points lie, (5, 2): what a face is set upright by.

    Right eye (the picture's left), left eye, tip of the nose, right and left corner of the mouth.
    """
    eyes = [points[list(corners), :2].mean(0) for corners in zip(OUTER_EYE_CORNERS, INNER_EYE_CORNERS, strict=True)]
    return np.stack([*eyes, points[NOSE_TIP, :2], *points[list(MOUTH_CORNERS), :2]])


def pictures_at_25(video: Path) -> Iterator[tuple[Image, int]]:
    """RGB pictures by their time stamps at 25 a second, and about how many there are. Raises InputError."""
    try:
        reader = imageio_ffmpeg.read_frames(ffmpeg.named(video), pix_fmt="rgb24", output_params=["-vf", f"fps={FPS}"])
        facts = next(reader)
        (width, height), total = facts["size"], round(facts["duration"] * FPS)
        for data in reader:
            yield np.frombuffer(data, np.uint8).reshape(height, width, 3), total
    except (OSError, RuntimeError, StopIteration, KeyError, ValueError, OverflowError) as error:
        raise InputError(f"{video}: is no video that can be read") from error


def _read(path: Path) -> FacePoints | None:
    """What is kept there; None where nothing is, or it is damaged."""
    try:
        with np.load(path, allow_pickle=False) as data:
            parts = [np.asarray(data[name], np.float64) for name in ("points", "angles", "ears", "boxes", "marks")]
            found: Mask = data["found"].astype(bool)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    if parts[0].shape != (len(found), len(KEPT), 3):
        return None
    return FacePoints(found, *parts)


def _follow(video: Path, watch: OnFrames | None) -> FacePoints:
    mesh = Follower(most=MOST_FACES, least=SURE_ENOUGH)
    found, shapes, angles, ears, boxes, marks = [], [], [], [], [], []
    last: Doubles | None = None
    for index, (picture, total) in enumerate(pictures_at_25(video), 1):
        points = _chosen(mesh, picture, last)
        found.append(points is not None)
        if points is not None:
            last = _box(points)
            height, width = picture.shape[:2]
            pose = fit_pose(points)
            shapes.append(head_shape(points, pose)[list(KEPT)].astype(np.float32))
            angles.append(pose.angles)
            ears.append(eye_aspect_ratio(points))
            boxes.append(last / (width, height, width, height))
            marks.append(face_marks(points) / (width, height))
        if watch is not None:
            watch(index, max(total, index))
    if not shapes:
        raise InputError(f"{video}: Face Mesh finds no face in any of its {len(found)} frames")
    rows = _nearest(np.array(found))
    return FacePoints(
        np.array(found),
        np.array(shapes)[rows].astype(np.float64),
        np.array(angles)[rows],
        np.array(ears)[rows],
        np.array(boxes)[rows],
        np.array(marks)[rows],
    )


def _chosen(mesh: Follower, picture: Image, last: Doubles | None) -> Points | None:
    """The points (478, 3) of the face that overlaps the last one most, or of the largest."""
    faces = mesh(picture)

    def rank(points: Points) -> tuple[float, float]:
        box = _box(points)
        size = float((box[2:] - box[:2]).prod())
        if last is None:
            return 0.0, size
        sides = np.maximum(np.minimum(box[2:], last[2:]) - np.maximum(box[:2], last[:2]), 0)
        both = float(sides.prod())
        return both / (size + float((last[2:] - last[:2]).prod()) - both), size

    return max(faces, key=rank) if faces else None


def _box(points: Points) -> Doubles:
    return np.concatenate([points[:, :2].min(0), points[:, :2].max(0)])


def _nearest(found: Mask) -> Indices:
    """For every frame the row, among those with a face, of the nearest one."""
    there = np.flatnonzero(found)
    at = np.arange(len(found))
    right = np.minimum(np.searchsorted(there, at), len(there) - 1)
    left = np.maximum(right - 1, 0)
    rows: Indices = np.where(np.abs(there[left] - at) <= np.abs(there[right] - at), left, right)
    return rows
