"""What was found in a job's photos, drawn on them: the face's points, its outline, and the crop that is rendered."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from avtr_cli.core.arrays import Image, Points
from avtr_cli.core.errors import ConfigError, OutputError
from avtr_cli.core.files import reason, replacing
from avtr_cli.core.types import Portrait
from avtr_cli.jobs.checking import check_writable
from avtr_cli.jobs.job import Job
from avtr_cli.jobs.placement import refuse_taken
from avtr_cli.perception.crop import apply, invert
from avtr_cli.perception.topology import FACE_OVAL

HEIGHT = 720  # px of each photo in the preview
_POINTS, _OUTLINE, _CROP = (90, 220, 90), (255, 200, 60), (80, 160, 255)


def check_preview(path: Path, job: Job) -> None:
    """Raises ConfigError or OutputError where no preview can come to lie at `path`."""
    if path.suffix.lower() != ".png":
        raise ConfigError(f"--preview {path}: name it .png")
    check_writable(path, "--preview")
    if not job.overwrite:
        refuse_taken([path])


def draw_preview(path: Path, portraits: Sequence[Portrait]) -> None:
    """Write the preview of all photos side by side. Raises OutputError."""
    picture = np.concatenate([_drawn(portrait) for portrait in portraits], axis=1)
    done, data = cv2.imencode(".png", picture[..., ::-1])
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as partial:
            partial.write_bytes(data.tobytes() if done else b"")
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({reason(error)})") from error


def _drawn(portrait: Portrait) -> Image:
    scale = HEIGHT / portrait.photo.shape[0]
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    picture = cv2.resize(portrait.photo, None, fx=scale, fy=scale, interpolation=method)
    side = portrait.crop_size
    corners = apply(invert(portrait.crop), np.array([(0, 0), (side, 0), (side, side), (0, side)], np.float64))
    points = portrait.landmarks[:, :2] * scale
    _line(picture, corners * scale, _CROP)
    _line(picture, points[list(FACE_OVAL)], _OUTLINE)
    for x, y in np.rint(points).astype(int):
        cv2.circle(picture, (int(x), int(y)), 1, _POINTS, -1)
    return picture


def _line(picture: Image, points: Points, colour: tuple[int, int, int]) -> None:
    cv2.polylines(picture, [np.rint(points).astype(np.int32)], True, colour, 2, cv2.LINE_AA)
