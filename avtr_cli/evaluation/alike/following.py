"""A finished video into the tracks of its face, frame by frame, as Face Mesh follows it.

A face is looked for where the frame before had it; the very first frame is unsure. A video may have any size and any
constant rate of frames; the tracks keep its rate.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np

from avtr_cli.core.errors import InputError
from avtr_cli.core.textfile import why_no_file
from avtr_cli.evaluation.alike.tracks import CURVES, SUFFIX, Tracks, curves_of, gathered, read_tracks
from avtr_cli.output import ffmpeg
from avtr_cli.perception.face_mesh import Follower

SURE_ENOUGH = 0.5  # score of a face that is followed from then on

OnFrames = Callable[[int, int], None]


def tracks_from(path: Path, watch: OnFrames | None = None) -> Tracks:
    """The tracks in an .npz, or of a video, which is followed then. Raises InputError."""
    return read_tracks(path) if path.suffix.lower() == SUFFIX else follow(path, watch)


def follow(path: Path, watch: OnFrames | None = None) -> Tracks:
    """The tracks of the one face in a video; `watch` is told (frames done, about how many there are).

    Raises InputError where it is no video, or no frame shows a face.
    """
    follower = Follower(most=1, least=SURE_ENOUGH)
    pictures = _pictures(path)
    fps, total = next(pictures)
    rows = []
    for index, picture in enumerate(pictures, 1):
        faces = follower(picture)
        rows.append(curves_of(faces[0]) if faces else dict.fromkeys(CURVES, math.nan))
        if watch is not None:
            watch(index, max(total, index))
    tracks = gathered(rows, fps)
    if not tracks.found.any():
        raise InputError(f"{path}: Face Mesh finds no face in any of its {len(tracks)} frames")
    return tracks


def _pictures(path: Path) -> Iterator[Any]:
    """First (frames a second, about how many frames), then every frame, uint8 (H, W, 3). Raises InputError."""
    if why := why_no_file(path):
        raise InputError(f"{path}: {why}")
    try:
        reader = imageio_ffmpeg.read_frames(ffmpeg.named(path), pix_fmt="rgb24")
        facts = next(reader)
        (width, height), fps = facts["size"], float(facts["fps"])
        if not (math.isfinite(fps) and fps >= 1):
            raise InputError(f"{path}: has {fps:g} frames a second; give a video with at least 1")
        yield fps, round(facts["duration"] * fps)
        for data in reader:
            yield np.frombuffer(data, np.uint8).reshape(height, width, 3)
    except (OSError, RuntimeError, StopIteration, KeyError, ValueError, OverflowError) as error:
        raise InputError(f"{path}: is no video that can be read") from error
