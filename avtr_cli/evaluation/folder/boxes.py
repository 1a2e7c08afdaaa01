"""A user's own boxes of faces, from a JSON file: those of a detector that somebody's published numbers came from.

    {"truth": {"ID": FRAMES}, "NAME": {"ID": FRAMES}}      NAME: a system's

FRAMES holds for every frame, at 25 a second, one box [x1, y1, x2, y2] in pixels, or a list of all boxes that were
found in it (none: []); of those the face is followed that stays longest.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from avtr_cli.core.arrays import Doubles
from avtr_cli.core.errors import ConfigError, InputError
from avtr_cli.core.textfile import why_no_file
from avtr_cli.evaluation.sync_faces import tracks

Boxes = Mapping[str, Mapping[str, Any]]


def read_boxes(path: Path) -> Boxes:
    """The table of a file. Raises ConfigError where it is no such table."""
    if why := why_no_file(path):
        raise ConfigError(f"{path}: {why}")
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: is no JSON file that can be read") from error
    if not isinstance(table, dict) or not all(isinstance(clips, dict) for clips in table.values()):
        raise ConfigError(f'{path}: must be a table of tables, as in {{"truth": {{"ID": [[x1, y1, x2, y2], ...]}}}}')
    return table


def boxes_of(table: Boxes, who: str, clip: str) -> tuple[int, Doubles]:
    """The first frame that has the face, and its boxes (n, 4) from there on. Raises InputError."""
    frames = table.get(who, {}).get(clip)
    if frames is None:
        raise InputError(f"no boxes of {who} {clip} were given")
    if not isinstance(frames, list) or not frames:
        raise InputError(f"the boxes of {who} {clip} are no list of frames")
    if all(_is_box(one) for one in frames):
        return 0, np.array(frames, np.float64)
    wrong = next((at for at, one in enumerate(frames) if not isinstance(one, list) or not all(map(_is_box, one))), None)
    if wrong is not None:
        raise InputError(f"the boxes of {who} {clip} are wrong at frame {wrong}: neither [x1, y1, x2, y2] nor a list")
    found = tracks(frames)
    if not found:
        raise InputError(f"no face of the given boxes stays in {who} {clip} for more than 100 frames of 100 px")
    return max(found, key=lambda track: len(track[1]))


def _is_box(one: Any) -> bool:
    """Four numbers, the second two behind the first two."""
    if not isinstance(one, list) or len(one) != 4:
        return False
    if not all(isinstance(side, (int, float)) and math.isfinite(side) for side in one):
        return False
    return bool(one[0] < one[2] and one[1] < one[3])
