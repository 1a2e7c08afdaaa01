"""A video into the points of its face at 25 fps, as Face Mesh follows it, and where the picture was cut.

Frames come through a pipe as PPM, whose header has each picture's true size: a video that a phone held upright and
marked as turned is read as players show it. The points of a video of another rate are taken between frames.
"""

from __future__ import annotations

import math
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import cv2
import imageio_ffmpeg
import numpy as np

from avtr_cli.core import ffmpeg_program
from avtr_cli.core.arrays import Doubles, Floats, Image, Indices, Points
from avtr_cli.core.errors import InputError
from avtr_cli.core.textfile import why_no_file
from avtr_cli.core.timing import FPS
from avtr_cli.output import ffmpeg
from avtr_cli.perception.face_mesh import Follower
from avtr_cli.perception.topology import POINTS

SURE_ENOUGH = 0.5  # score of a face that is followed from then on
LARGEST_SIDE = 960  # px: larger pictures are shrunk to this before they are searched
_SAME_FPS = 1e-3
_THUMBNAIL = (32, 24)  # px of the pictures by which cuts are noticed

OnFrames = Callable[[int, int], None]


@dataclass(frozen=True)
class Seen:
    """What was seen of T frames at 25 fps.

    points  float64 (T, 478, 3) px of a picture of `size`; NaN where no face was found
    faces   int (T,): how many faces were found, 2 for more than one
    jumps   float64 (T,): mean change of the whole picture from the frame before, of 255; the first is 0
    size    (width, height) px of the pictures searched
    """

    points: Points
    faces: Indices
    jumps: Doubles
    size: tuple[int, int]

    def __len__(self) -> int:
        return len(self.points)


class Watcher:
    """Face Mesh over a video, of one face or of two; looks near the face of the picture before."""

    def __init__(self, most: int = 1):
        self._follower = Follower(most, SURE_ENOUGH)

    def faces(self, picture: Image) -> list[Points]:
        """The points of each face found, (478, 3) px, the largest first."""
        return sorted(self._follower(picture), key=lambda points: -float(np.ptp(points[:, 1])))

    def look(self, picture: Image) -> Points:
        """The points of the one face, (478, 3) px; NaN where none is found."""
        return next(iter(self.faces(picture)), np.full((POINTS, 3), np.nan))


def watch(path: Path, told: OnFrames | None = None) -> Seen:
    """What the video at `path` shows, at 25 fps; `told` hears (frames done, about how many there are).

    Raises InputError where it is no video.
    """
    fps, total = _rate_of(path)
    rows, faces, jumps = [], [], []
    last: Floats | None = None
    size = (0, 0)
    watcher = Watcher(most=2)
    for index, picture in enumerate(_pictures(path, fps), 1):
        found = watcher.faces(picture)
        rows.append(found[0] if found else np.full((POINTS, 3), np.nan))
        faces.append(_counted(found))
        small = cv2.resize(picture, _THUMBNAIL, interpolation=cv2.INTER_AREA).astype(np.float32)
        jumps.append(0.0 if last is None else float(np.abs(small - last).mean()))
        last, size = small, (picture.shape[1], picture.shape[0])
        if told is not None:
            told(index, max(total, index))
    if not rows:
        raise InputError(f"{path}: is no video that can be read")
    return _at_25_fps(np.stack(rows), np.array(faces), np.array(jumps), fps, size)


def still_at(path: Path, seconds: float, side: int) -> Image:
    """The picture at `seconds`, `side` px high at most. Raises InputError where there is none."""
    arguments = ["-ss", f"{max(seconds, 0):.3f}", "-i", ffmpeg.named(path.absolute()), "-frames:v", "1"]
    picture = next(_ppm(path, [*arguments, "-vf", _shrunk(side)]), None)
    if picture is None:
        raise InputError(f"{path}: shows nothing at {seconds:.1f} s")
    return picture


def _counted(faces: list[Points]) -> int:
    """How many faces that matter: another one half as tall as the first does, one far behind does not."""
    tall = [float(np.ptp(points[:, 1])) for points in faces]
    return sum(height > 0.5 * tall[0] for height in tall)


def _rate_of(path: Path) -> tuple[float, int]:
    """Frames a second and about how many frames. Raises InputError."""
    if why := why_no_file(path):
        raise InputError(f"{path}: {why}")
    try:
        with closing(imageio_ffmpeg.read_frames(ffmpeg.named(path.absolute()))) as reader:
            facts = next(reader)
        fps = float(facts["fps"])
        total = float(facts["duration"]) * fps
    except (OSError, RuntimeError, StopIteration, KeyError, ValueError, OverflowError) as error:
        raise InputError(f"{path}: is no video that can be read") from error
    if not (math.isfinite(fps) and fps >= 10):
        raise InputError(f"{path}: has {fps:g} frames a second; give a video with at least 10")
    return fps, round(total) if math.isfinite(total) else 0


def _shrunk(side: int) -> str:
    """The filter that makes neither side longer than `side` px."""
    return f"scale='min({side},iw)':'min({side},ih)':force_original_aspect_ratio=decrease"


def _pictures(path: Path, fps: float) -> Iterator[Image]:
    """Every picture, uint8 (H, W, 3), `fps` a second whatever the file's own times are."""
    return _ppm(path, ["-i", ffmpeg.named(path.absolute()), "-vf", f"fps={fps:g},{_shrunk(LARGEST_SIDE)}"])


def _ppm(path: Path, arguments: list[str]) -> Iterator[Image]:
    command = ["-loglevel", "error", *arguments, "-an", "-sn", "-f", "image2pipe", "-c:v", "ppm", "-"]
    try:
        process = ffmpeg_program.start(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    except OSError as error:
        raise InputError(f"{path}: cannot be read, for ffmpeg cannot be started") from error
    with process, ffmpeg_program.ended_with(process):
        assert process.stdout is not None
        while (picture := _one_ppm(process.stdout)) is not None:
            yield picture


def _one_ppm(pipe: IO[bytes]) -> Image | None:
    """The next picture of a stream of them; None at its end, or where it breaks off."""
    if pipe.readline().strip() != b"P6":
        return None
    width, height = map(int, pipe.readline().split())
    pipe.readline()  # the largest value, 255
    data = pipe.read(3 * width * height)
    return np.frombuffer(data, np.uint8).reshape(height, width, 3) if len(data) == 3 * width * height else None


def _at_25_fps(points: Points, faces: Indices, jumps: Doubles, fps: float, size: tuple[int, int]) -> Seen:
    """Each frame of 25 a second between its two neighbours in time, lost where one of them is."""
    if abs(fps - FPS) < _SAME_FPS:
        return Seen(points, faces, jumps, size)
    count = int((len(points) - 1) / fps * FPS + 1e-6) + 1
    at = np.minimum(np.arange(count) / FPS * fps, len(points) - 1)
    here = np.floor(at + 1e-9).astype(int)
    share = np.clip(at - here, 0, 1)
    then = np.where(share < 1e-6, here, np.minimum(here + 1, len(points) - 1))
    between = points[here] * (1 - share)[:, None, None] + points[then] * share[:, None, None]
    since = np.concatenate([[0], here[:-1] + 1])
    largest = np.array([jumps[first : last + 1].max(initial=0.0) for first, last in zip(since, then, strict=True)])
    return Seen(between, np.maximum(faces[here], faces[then]), largest, size)
