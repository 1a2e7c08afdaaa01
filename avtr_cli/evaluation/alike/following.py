"""A finished video into the tracks of its face, frame by frame, as Face Mesh follows it.

The video mode of Face Mesh looks near the face of the frame before and smooths over time; its very first frame is
unsure. A video may have any size and any constant rate of frames; the tracks keep its rate.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import imageio_ffmpeg
import numpy as np

from avtr_cli.core.errors import InputError
from avtr_cli.core.textfile import why_no_file
from avtr_cli.evaluation.alike.tracks import CURVES, SUFFIX, Tracks, curves_of, gathered, read_tracks
from avtr_cli.output import ffmpeg
from avtr_cli.perception.mediapipe_graphs import Graph

OnFrames = Callable[[int, int], None]


def tracks_from(path: Path, watch: OnFrames | None = None) -> Tracks:
    """The tracks in an .npz, or of a video, which is followed then. Raises InputError."""
    return read_tracks(path) if path.suffix.lower() == SUFFIX else follow(path, watch)


def follow(path: Path, watch: OnFrames | None = None) -> Tracks:
    """The tracks of the one face in a video; `watch` is told (frames done, about how many there are).

    Raises InputError where it is no video, or no frame shows a face.
    """
    if why := why_no_file(path):
        raise InputError(f"{path}: {why}")
    mesh = Graph(
        lambda solutions: solutions.face_mesh.FaceMesh(static_image_mode=False, refine_landmarks=True, max_num_faces=1)
    )
    try:
        reader = imageio_ffmpeg.read_frames(ffmpeg.named(path), pix_fmt="rgb24")
        facts = next(reader)
        (width, height), fps = facts["size"], float(facts["fps"])
        total = round(facts["duration"] * fps)
    except (OSError, RuntimeError, StopIteration, KeyError, ValueError, OverflowError) as error:
        raise InputError(f"{path}: is no video that can be read") from error
    if not (math.isfinite(fps) and fps >= 1):
        raise InputError(f"{path}: has {fps:g} frames a second; give a video with at least 1")
    rows = []
    for index, data in enumerate(reader, 1):
        seen = mesh(np.frombuffer(data, np.uint8).reshape(height, width, 3)).multi_face_landmarks
        if seen:
            points = np.array([(point.x, point.y, point.z) for point in seen[0].landmark]) * (width, height, width)
            rows.append(curves_of(points))
        else:
            rows.append(dict.fromkeys(CURVES, math.nan))
        if watch is not None:
            watch(index, max(total, index))
    tracks = gathered(rows, fps)
    if not tracks.found.any():
        raise InputError(f"{path}: Face Mesh finds no face in any of its {len(tracks)} frames")
    return tracks
