"""FLAME motion as UniLS speaks it: 108 numbers a frame, and the file that other programs read.

The file is an npz of float32: `expression` (T, 100), `head` (T, 3), `jaw` (T, 1), `eyes` (T, 4), beside `fps` 25 and
`flame` "2020"; ours have `rest` (108,) too, how the face rests, and `attribution` where a licence wants one. Head, jaw
and eyes are radians; see `core.motion_space.FLAME`.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from avtr_cli.core.arrays import AnyArray, Doubles, Floats, Reals
from avtr_cli.core.errors import InputError, OutputError
from avtr_cli.core.files import reason, replacing
from avtr_cli.core.timing import FPS

EXPRESSION = 100
HEAD, JAW, EYES = slice(100, 103), 103, slice(104, 108)  # eyes: left down, left to the right of the picture, right ...
CODES = 108
PARTS = {"expression": slice(0, EXPRESSION), "head": HEAD, "jaw": slice(JAW, JAW + 1), "eyes": EYES}
VERSION = "2020"
BESIDES = ("fps", "flame", "rest", "attribution")
LONGEST_TEXT = 2000
LARGEST = 100.0  # of any number: expressions end at 10, radians at 3


@dataclass(frozen=True)
class FlameMotion:
    """A clip float32 (T, 108), how its face rests (108,) where that is known, and what its licence wants said."""

    codes: Floats
    rest: Reals | None = None
    attribution: str = ""

    @property
    def resting(self) -> Reals:
        """`rest`, or where nobody says it, the clip's own."""
        return clip_rest(self.codes) if self.rest is None else self.rest


def mean_rest(mean: Reals) -> Doubles:
    """(108,) of the mean (108,) of many people's motion: their expression and gaze, with a shut jaw.

    FLAME's zeros are an average face, a tracked person's numbers lie about their own; zeros of controls are the photo.
    """
    rest = np.asarray(mean, np.float64).copy()
    rest[HEAD], rest[JAW] = 0.0, 0.0
    return rest


def clip_rest(codes: Reals) -> Doubles:
    """(108,) of a clip (T, 108) alone: its median expression and gaze, with a shut jaw."""
    return mean_rest(np.median(np.asarray(codes, np.float64), axis=0))


def save_codes(path: Path, motion: FlameMotion) -> None:
    """Write a clip; one of ours, whose zeros are its rest, says so. Raises OutputError."""
    parts = {name: np.ascontiguousarray(motion.codes[:, part], np.float32) for name, part in PARTS.items()}
    rest = np.zeros(CODES) if motion.rest is None else motion.rest
    made = io.BytesIO()
    said = {"attribution": np.str_(motion.attribution)} if motion.attribution else {}
    np.savez_compressed(made, fps=np.int64(FPS), flame=np.str_(VERSION), rest=rest.astype(np.float32), **parts, **said)
    try:
        with replacing(path) as partial:
            partial.write_bytes(made.getvalue())
    except OSError as error:
        raise OutputError(f"{path}: the motion cannot be written ({reason(error)})") from error


def load_codes(path: Path) -> FlameMotion:
    """The clip in such a file, at least one frame. Raises InputError where it is none."""
    held = _read(path)
    if lacking := [name for name in PARTS if name not in held]:
        raise InputError(f"{path}: no FLAME motion: it has no {lacking[0]}; it needs {', '.join(PARTS)}")
    if (fps := held.get("fps", np.int64(FPS))).shape != () or fps != FPS:
        raise InputError(f"{path}: its motion has {fps} frames a second, and avtr draws {FPS}")
    if (flame := str(held.get("flame", VERSION))) != VERSION:
        raise InputError(f"{path}: its numbers are of FLAME {flame[:20]}, and avtr reads those of FLAME {VERSION}")
    count = len(held["expression"]) if held["expression"].ndim else 0
    shapes: dict[str, tuple[int, ...]] = {name: (count, part.stop - part.start) for name, part in PARTS.items()}
    if "rest" in held:
        shapes["rest"] = (CODES,)
    for name, shape in shapes.items():
        if held[name].shape != shape or held[name].dtype.kind not in "fiu" or not count:
            raise InputError(
                f"{path}: no FLAME motion: {name} is {held[name].dtype} {held[name].shape}; write expression (T, 100), "
                "head (T, 3), jaw (T, 1) and eyes (T, 4)"
            )
        if not np.isfinite(held[name]).all():
            raise InputError(f"{path}: {name} holds values that are no numbers (NaN or infinite); correct them")
        if (most := np.abs(held[name]).max()) > LARGEST:
            raise InputError(f"{path}: {name} holds {most:.3g}, which is no motion; no number may be over {LARGEST:g}")
    codes = np.concatenate([held[name] for name in PARTS], 1).astype(np.float32)
    return FlameMotion(codes, held.get("rest"), str(held.get("attribution", ""))[:LONGEST_TEXT])


def _read(path: Path) -> dict[str, AnyArray]:
    """The arrays of the file that are asked for, as they stand in it."""
    try:
        with np.load(path, allow_pickle=False) as table:
            return {name: table[name] for name in (*PARTS, *BESIDES) if name in table}
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({reason(error)})") from error
    except Exception as error:  # what a damaged file raises is of almost any kind
        raise InputError(f"{path}: damaged, or no FLAME motion; make one with --motion-out NAME.npz") from error
