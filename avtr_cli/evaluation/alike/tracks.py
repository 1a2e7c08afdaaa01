"""Face points of every frame into tracks: how far lips, brows and lids part, how the head turns, where the face is.

A length is a share of the face's height in the same frame (points 10 to 152, in three dimensions), so neither the size
of the picture nor the distance to the camera counts; angles are in degrees. The definitions, and the names in the file,
are those by which tracks of others' videos were taken: both sides of a comparison must be measured alike.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from avtr_cli.core.arrays import Doubles, Mask, Points
from avtr_cli.core.errors import InputError, OutputError
from avtr_cli.core.files import reason, replacing
from avtr_cli.core.textfile import why_no_file
from avtr_cli.core.timing import FPS
from avtr_cli.perception.topology import CHIN, EARS, FOREHEAD

CURVES = (
    "aperture", "width", "outer", "ear_l", "ear_r", "brow_l", "brow_r", "gaze_x", "gaze_y", "yaw", "pitch", "roll",
    "x", "y",
)  # fmt: skip
"""In the order of the file: lips apart (inner edges), mouth width (inner corners), lips from outer edge to outer edge;
opening over width of each eye; brows over the upper lids; irises off the eyes' middles, in eye widths; degrees; bridge
of the nose. `_l` is the person's own left."""

SUFFIX = ".npz"
NOSE_BRIDGE = 168
LENGTHS = {"aperture": (13, 14), "width": (78, 308), "outer": (0, 17), "brow_l": (334, 386), "brow_r": (105, 159)}
LIDS = {"ear_l": (386, 374, 263, 362), "ear_r": (159, 145, 33, 133)}  # upper, lower, outer corner, inner corner
GAZES = ((473, 362, 263), (468, 33, 133))  # iris, then the eye's corners from the left of the picture to the right
_SAME_FPS = 1e-3
USUAL_RATES = (24000 / 1001, 24.0, 25.0, 30000 / 1001, 30.0, 50.0, 60000 / 1001, 60.0)  # at which pictures are taken
_MISTOLD = 0.02  # of a rate: a container tells a mean over its longest stream, and the padding of coded sound is a part


@dataclass(frozen=True)
class Tracks:
    """What was seen of T frames.

    curves  float64 (T,) for each of CURVES, NaN where no face was found
    found   bool (T,): the frames with a face
    fps     frames a second
    """

    curves: Mapping[str, Doubles]
    found: Mask
    fps: float

    def __getitem__(self, name: str) -> Doubles:
        return self.curves[name]

    def __len__(self) -> int:
        return len(self.found)

    @property
    def brow(self) -> Doubles:
        """Both brows' height over the lids, averaged."""
        both: Doubles = (self["brow_l"] + self["brow_r"]) / 2
        return both

    @property
    def ear(self) -> Doubles:
        """Opening over width of the eyes, averaged."""
        both: Doubles = (self["ear_l"] + self["ear_r"]) / 2
        return both

    @property
    def head(self) -> Doubles:
        """Yaw, pitch and roll, (T, 3) in degrees."""
        return np.column_stack([self["yaw"], self["pitch"], self["roll"]])

    def beside(self, seconds: float) -> Tracks:
        """The same beside its sound of so many seconds: at the usual rate, where at the one told it outlasts the sound.

        101 pictures taken at 25 fps, in a file whose coded sound has 4.096 s with its padding, are told as 24.66 fps;
        at that rate the last ones would be 1.4 frames late. A rate under which no picture outlasts the sound stays.
        """
        if not self._outlasts(seconds, self.fps):
            return self
        usual = (rate for rate in USUAL_RATES if self.fps < rate < self.fps * (1 + _MISTOLD))
        rate = next((rate for rate in usual if not self._outlasts(seconds, rate)), self.fps)
        return replace(self, fps=rate)

    def _outlasts(self, seconds: float, fps: float) -> bool:
        """Whether at this rate a whole picture would come after the sound."""
        return (len(self) - 1) / fps > seconds

    def at_25_fps(self) -> Tracks:
        """The same at avtr's rate: each frame between its two neighbours in time, lost where one of them is."""
        if abs(self.fps - FPS) < _SAME_FPS:
            return self
        count = int((len(self) - 1) / self.fps * FPS + 1e-6) + 1
        at = np.minimum(np.arange(count) / FPS * self.fps, len(self) - 1)
        here = np.floor(at + 1e-9).astype(int)
        then, share = np.minimum(here + 1, len(self) - 1), at - here
        then = np.where(share < 1e-6, here, then)  # a frame that is hit needs no neighbour
        between = {name: curve[here] * (1 - share) + curve[then] * share for name, curve in self.curves.items()}
        return Tracks(between, self.found[here] & self.found[then], float(FPS))


def curves_of(points: Points) -> dict[str, float]:
    """One frame's values of CURVES from its face points (478, 3) in pixels."""
    height = _distance(points, FOREHEAD, CHIN)
    across, down = points[EARS[1]] - points[EARS[0]], points[CHIN] - points[FOREHEAD]
    level = across / np.linalg.norm(across)
    down = down - (down @ level) * level  # at a right angle to the line of the ears: a tilted head has not nodded
    gazes = [_gaze(points, *eye) for eye in GAZES]
    return {
        **{name: _distance(points, *pair) / height for name, pair in LENGTHS.items()},
        **{name: _distance(points, *lids[:2]) / _distance(points, *lids[2:]) for name, lids in LIDS.items()},
        "gaze_x": float(np.mean([x for x, _ in gazes])),
        "gaze_y": float(np.mean([y for _, y in gazes])),
        "yaw": float(np.degrees(np.arctan2(across[2], across[0]))),
        "pitch": float(np.degrees(np.arctan2(down[2], down[1]))),
        "roll": float(np.degrees(np.arctan2(across[1], across[0]))),
        "x": float(points[NOSE_BRIDGE, 0] / height),
        "y": float(points[NOSE_BRIDGE, 1] / height),
    }


def tracks_of(frames: Sequence[Points | None], fps: float) -> Tracks:
    """Face points of every frame, None where there was no face, as tracks."""
    rows = [curves_of(points) if points is not None else dict.fromkeys(CURVES, np.nan) for points in frames]
    return gathered(rows, fps)


def gathered(rows: Sequence[Mapping[str, float]], fps: float) -> Tracks:
    """The values of every frame as tracks; a frame whose values are NaN is one without a face."""
    curves = {name: np.array([row[name] for row in rows], np.float64) for name in CURVES}
    return Tracks(curves, np.isfinite(curves["yaw"]), fps)


def read_tracks(path: Path) -> Tracks:
    """Tracks from a file that `write_tracks` wrote, or one of its kind. Raises InputError, naming what it lacks."""
    if why := why_no_file(path):
        raise InputError(f"{path}: {why}")
    try:
        with np.load(path, allow_pickle=False) as data:
            if not isinstance(data, np.lib.npyio.NpzFile):
                raise InputError(f"{path}: holds one array, not tracks; give what avtr eval alike --tracks wrote")
            arrays = {name: np.asarray(data[name], np.float64) for name in (*CURVES, "found", "fps") if name in data}
    except (OSError, ValueError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(
            f"{path}: is no file of tracks; give a video, or what avtr eval alike --tracks wrote"
        ) from error
    if missing := [name for name in (*CURVES, "found", "fps") if name not in arrays]:
        raise InputError(f"{path}: lacks the tracks {', '.join(missing)}; track its video again")
    fps, found = arrays["fps"], arrays["found"]
    if fps.size != 1 or not (np.isfinite(fps).all() and 1 <= float(fps.item()) <= 1000):
        raise InputError(f"{path}: its fps must be one number from 1 to 1000; track its video again")
    if found.ndim != 1 or not len(found) or any(arrays[name].shape != found.shape for name in CURVES):
        raise InputError(f"{path}: its tracks are not of one length; track its video again")
    there = (found > 0.5) & np.all([np.isfinite(arrays[name]) for name in CURVES], axis=0)
    return Tracks({name: np.where(there, arrays[name], np.nan) for name in CURVES}, there, float(fps.item()))


def write_tracks(path: Path, tracks: Tracks) -> None:
    """All of it as float32 arrays in one .npz, whole or not at all. Raises OutputError."""
    arrays: dict[str, Any] = {name: tracks[name].astype(np.float32) for name in CURVES}
    arrays |= {"found": tracks.found.astype(np.float32), "fps": np.array(tracks.fps, np.float32)}
    try:
        with replacing(path) as partial, partial.open("wb") as file:
            np.savez(file, **arrays)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({reason(error)})") from error


def _distance(points: Points, one: int, other: int) -> float:
    return float(np.linalg.norm(points[one] - points[other]))


def _gaze(points: Points, iris: int, left: int, right: int) -> tuple[float, float]:
    """How far the iris lies from the middle of its eye, in eye widths: along the line of the corners, and down."""
    line, middle = points[right, :2] - points[left, :2], (points[left] + points[right]) / 2
    along = (points[iris, :2] - points[left, :2]) @ line / (line @ line) - 0.5
    return float(along), float((points[iris, 1] - middle[1]) / _distance(points, left, right))
