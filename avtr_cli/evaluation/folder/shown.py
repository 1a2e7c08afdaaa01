"""One file of a person, true or made, into what it shows at 25 frames a second: face curves, head, jaw, vertices.

Videos are seen by Face Mesh; motion files of avtr hold controls; .npz holds whatever another system wrote. What is not
of one kind is never compared: each says its `space`.
"""

from __future__ import annotations

import functools
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from avtr_cli.core.arrays import Doubles
from avtr_cli.core.errors import InputError
from avtr_cli.core.motion_space import CONTROLS, HEAD_CHANNELS, speaks_controls
from avtr_cli.core.suffixes import VIDEOS
from avtr_cli.core.textfile import why_no_file
from avtr_cli.core.timing import FPS
from avtr_cli.evaluation.motion.face import Face, read_face
from avtr_cli.evaluation.seen_face import Lengths, seen_face
from avtr_cli.perception.topology import EYES, LIP_CENTRES, MOUTH_CORNERS

if TYPE_CHECKING:
    from avtr_cli.motion.flame.lists import VertexLists
    from avtr_cli.motion.flame.model import FlameModel

FEWEST_FOUND = 0.9  # of a video's frames must show the face
EO_MM = 92.0  # between the outer eye corners of an adult
FLAME_VERTICES = 5023
LARGEST = 1e6  # of any number: beyond it nothing is motion
TRACKS = {
    "motion": (2, None),
    "vertices": (3, 3),
    "head": (2, 3),
    "jaw": (2, 1),
    "embedding": (2, None),
    "heard": (2, None),
}
"""Of an .npz: how many axes each has, and the size of the last one where it is given."""
KEYS = (*TRACKS, "channels", "unit", "lips", "upper", "encoder", "fps", "flame")  # of an .npz that are read
UNITS_MM = {"mm": 1.0, "m": 1000.0}
SPACES = {"controls": "_arkit", "mesh": "_mesh", "flame": "_flame", "npz": ""}
"""What a file can hold, and how rows of UniLS's measures are named then: numbers of two spaces are never alike."""

OnFrames = Callable[[int, int], None]


@dataclass(frozen=True)
class Shown:
    """What a file shows of T frames; None for what it does not tell.

    face        curves, from controls or a video        head  (T, 3) radians        jaw  (T, 1)
    expression  (T, C), without the head                vertices  (T, V, 3) in mm, without head rotation
    found       share of a video's frames with a face   boxes  (T, 4) of it, in shares of the picture
    embedding   (T, v) of the face by `encoder`         heard  (T, a) of the partner's sound by the same
    """

    space: str
    frames: int
    face: Face | None = None
    head: Doubles | None = None
    jaw: Doubles | None = None
    expression: Doubles | None = None
    vertices: Doubles | None = None
    lips: tuple[int, ...] = ()
    upper: tuple[int, ...] = ()
    found: float = 1.0
    boxes: Doubles | None = None
    embedding: Doubles | None = None
    heard: Doubles | None = None
    encoder: str = ""
    note: str = ""


def read_shown(path: Path, watch: OnFrames | None = None, lists: VertexLists | None = None) -> Shown:
    """What a file shows; `lists` are for vertices of FLAME's head in files that have none of their own.

    Raises InputError, which says why it cannot be judged.
    """
    if why := why_no_file(path):
        raise InputError(f"{path}: {why}")
    if not path.stat().st_size:
        raise InputError(f"{path}: is empty (0 bytes)")
    suffix = path.suffix.lower()
    if suffix in VIDEOS:
        return _of_video(path, watch)
    return _of_npz(path, lists) if suffix == ".npz" else _of_motion(path)


def _of_motion(path: Path) -> Shown:
    from avtr_cli.motion.file import load_motion

    space, values, _ = load_motion(path)
    if not speaks_controls(space):
        raise InputError(
            f"{path}: holds '{space.name}', and only '{CONTROLS.name}' can be judged; render it to a video"
        )
    return _of_controls(values[:, : len(CONTROLS)].numpy().astype(np.float64))


def _of_controls(values: Doubles) -> Shown:
    head = [CONTROLS.index(name) for name in HEAD_CHANNELS]
    rest = [at for at in range(len(CONTROLS)) if at not in head]
    return Shown(
        "controls",
        len(values),
        face=read_face(values),
        head=values[:, head[:3]],
        jaw=values[:, [CONTROLS.index("jawOpen")]],
        expression=values[:, rest],
    )


def _of_video(path: Path, watch: OnFrames | None) -> Shown:
    from avtr_cli.evaluation.folder.points import KEPT, LIPS, UPPER, points_of

    seen = points_of(path, watch)
    found = float(seen.found.mean())
    if found < FEWEST_FOUND:
        raise InputError(f"{path}: shows a face in {found:.0%} of its frames; {FEWEST_FOUND:.0%} are needed")
    at = {point: place for place, point in enumerate(KEPT)}  # of a point kept twice, the later
    upper, lower = (at[point] for point in LIP_CENTRES)
    left, right = (at[point] for point in MOUTH_CORNERS)
    brows = [at[point] for eye in EYES for point in eye.brow]
    lengths = Lengths(
        gap=seen.points[:, lower, 1] - seen.points[:, upper, 1],
        width=np.linalg.norm(seen.points[:, right] - seen.points[:, left], axis=1),
        brows=seen.points[:, brows, 1].mean(1),
    )
    usual = (float(np.median(lengths.width)), float(np.median(lengths.brows)))
    face = seen_face(lengths, seen.angles - np.median(seen.angles, axis=0), seen.ears, *usual)
    return Shown(
        "mesh",
        len(seen),
        face=face,
        head=np.radians(seen.angles),
        expression=np.column_stack([face.aperture, face.rounding, face.brow, face.smile, face.blink]),
        vertices=seen.points * EO_MM,
        lips=tuple(range(len(LIPS))),
        upper=tuple(range(len(LIPS), len(LIPS) + len(UPPER))),
        found=found,
        boxes=seen.boxes,
    )


def _of_npz(path: Path, lists: VertexLists | None) -> Shown:
    """Raises InputError where it is no such file, or its arrays do not fit together."""
    arrays = _arrays(path)
    if "flame" in arrays:
        return _of_flame(path, arrays, lists)
    tracks = {name: arrays[name] for name in TRACKS if name in arrays}
    if not tracks:
        raise InputError(f"{path}: holds none of {', '.join(TRACKS)}")
    for name, array in tracks.items():
        _check(path, name, array, TRACKS[name])
    if len({len(array) for array in tracks.values()}) > 1:
        lengths = ", ".join(f"{name} {len(array)}" for name, array in tracks.items())
        raise InputError(f"{path}: its tracks are not of one length ({lengths} frames)")
    fps = _number(path, arrays, "fps", FPS)
    even: dict[str, Doubles] = {name: at_25(array.astype(np.float64), fps) for name, array in tracks.items()}
    encoder = str(arrays["encoder"].item()) if "encoder" in arrays and arrays["encoder"].size == 1 else ""
    shown = _named(path, arrays, even)
    if lists is not None and shown.vertices is not None and shown.vertices.shape[1] == FLAME_VERTICES:
        shown = replace(shown, lips=shown.lips or lists.lips, upper=shown.upper or lists.upper)
    shown = replace(shown, embedding=even.get("embedding"), heard=even.get("heard"), encoder=encoder)
    return shown if abs(fps - FPS) < 1e-3 else replace(shown, note=f"{path.name}: resampled from {fps:g} to {FPS} fps")


def _of_flame(path: Path, arrays: dict[str, Any], lists: VertexLists | None) -> Shown:
    """FLAME's numbers as vertices of the user's own head, which does not turn. Raises InputError, WeightsError.

    The published lists of vertices make it comparable with other systems' vertices; without them it is FLAME's alone.
    """
    from avtr_cli.motion.flame.codes import EXPRESSION, HEAD, JAW, load_codes
    from avtr_cli.motion.flame.landmarks import load_landmarks
    from avtr_cli.motion.flame.lists import lips_and_upper
    from avtr_cli.motion.flame.model import vertices
    from avtr_cli.weights.store import Store

    codes = load_codes(path).codes.astype(np.float64)
    store = Store()
    found = store.find("flame/model")
    model = _head(found, found.stat().st_mtime_ns)
    there = vertices(model, codes, head=False).astype(np.float64) * UNITS_MM["m"]
    own = tuple(_indices(path, arrays, name, there) for name in ("lips", "upper"))
    published = all(own) or (lists is not None and lists.published)
    lists = lists or lips_and_upper(model, load_landmarks(store.find("flame/landmarks")))
    lips, upper = own if all(own) else (lists.lips, lists.upper)
    return Shown(
        "npz" if published else "flame",
        len(codes),
        head=codes[:, HEAD],
        jaw=codes[:, [JAW]],
        expression=codes[:, :EXPRESSION],
        vertices=there,
        lips=lips,
        upper=upper,
    )


@functools.lru_cache(maxsize=1)
def _head(path: Path, changed_ns: int) -> FlameModel:
    """Read once as long as it does not change: every file of a folder is judged by the same."""
    from avtr_cli.motion.flame.model import load

    return load(path)


def _named(path: Path, arrays: dict[str, Any], tracks: dict[str, Doubles]) -> Shown:
    motion, frames = tracks.get("motion"), len(next(iter(tracks.values())))
    channels = [str(name) for name in arrays["channels"].ravel()] if "channels" in arrays else []
    if motion is not None and channels and len(channels) != motion.shape[1]:
        raise InputError(f"{path}: names {len(channels)} channels for {motion.shape[1]} columns of motion")
    if motion is not None and set(CONTROLS.channels) <= set(channels):
        return _of_controls(motion[:, [channels.index(name) for name in CONTROLS.channels]])
    unit = str(arrays["unit"].item()) if "unit" in arrays and arrays["unit"].size == 1 else "mm"
    if unit not in UNITS_MM:
        raise InputError(f"{path}: its unit is mm or m, not {unit[:20]!r}")
    vertices = tracks.get("vertices")
    lists = {name: _indices(path, arrays, name, vertices) for name in ("lips", "upper")}
    return Shown(
        "npz",
        frames,
        head=tracks.get("head"),
        jaw=tracks.get("jaw"),
        expression=motion,
        vertices=None if vertices is None else vertices * UNITS_MM[unit],
        lips=lists["lips"],
        upper=lists["upper"],
    )


def at_25(track: Doubles, fps: float) -> Doubles:
    """A track (T, ...) at `fps` between its frames' middles, at 25 a second."""
    if abs(fps - FPS) < 1e-3 or len(track) < 2:
        return track
    count = max(1, round(len(track) / fps * FPS))
    at = np.clip((np.arange(count) + 0.5) / FPS * fps - 0.5, 0, len(track) - 1)
    here = np.minimum(at.astype(int), len(track) - 2)
    share = (at - here).reshape(-1, *[1] * (track.ndim - 1))
    between: Doubles = track[here] * (1 - share) + track[here + 1] * share
    return between


def _arrays(path: Path) -> dict[str, Any]:
    try:
        with np.load(path, allow_pickle=False) as data:
            if not isinstance(data, np.lib.npyio.NpzFile):
                raise InputError(f"{path}: holds one array; an .npz holds them by name: motion, vertices, head, ...")
            return {name: data[name] for name in KEYS if name in data}
    except (OSError, ValueError, TypeError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: is no .npz file that can be read without pickle") from error


def _check(path: Path, name: str, array: Any, shape: tuple[int, int | None]) -> None:
    """Raises InputError for another number of axes or columns, no frame, or values that are no numbers."""
    axes, last = shape
    if array.dtype.kind not in "fiu" or array.ndim != axes or not array.size or (last and array.shape[-1] != last):
        raise InputError(f"{path}: '{name}' has shape {array.shape} of {array.dtype}, which is none of its kind")
    if not np.isfinite(array).all():
        frame = int(np.argmax(~np.isfinite(array).reshape(len(array), -1).all(1)))
        raise InputError(f"{path}: frame {frame} of '{name}' holds values that are no numbers (NaN or infinite)")
    if np.abs(array).max() > LARGEST:
        raise InputError(f"{path}: '{name}' holds {np.abs(array).max():.3g}, which is no motion")


def _number(path: Path, arrays: dict[str, Any], name: str, default: float) -> float:
    if name not in arrays:
        return default
    array = arrays[name]
    if array.size != 1 or array.dtype.kind not in "fiu" or not 1 <= float(array.item()) <= 1000:
        raise InputError(f"{path}: its {name} must be one number from 1 to 1000")
    return float(array.item())


def _indices(path: Path, arrays: dict[str, Any], name: str, vertices: Doubles | None) -> tuple[int, ...]:
    if name not in arrays or vertices is None:
        return ()
    listed = arrays[name].ravel()
    if listed.dtype.kind not in "iu" or (len(listed) and not 0 <= listed.min() <= listed.max() < vertices.shape[1]):
        raise InputError(f"{path}: '{name}' must list vertices from 0 to {vertices.shape[1] - 1}")
    return tuple(int(at) for at in listed)
