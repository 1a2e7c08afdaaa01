"""FLAME motion as UniLS speaks it: 108 numbers a frame, and the file that other programs read.

The file is an npz of float32: `expression` (T, 100), `head` (T, 3), `jaw` (T, 1), `eyes` (T, 4), beside `fps` 25 and
`flame` "2020". Head, jaw and eyes are radians; see `core.motion_space.FLAME`.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np

from avtr_cli.core.arrays import Floats
from avtr_cli.core.errors import InputError, OutputError
from avtr_cli.core.files import reason, replacing
from avtr_cli.core.timing import FPS

EXPRESSION = 100
HEAD, JAW, EYES = slice(100, 103), 103, slice(104, 108)  # eyes: left down, left to the right of the picture, right ...
CODES = 108
PARTS = {"expression": slice(0, EXPRESSION), "head": HEAD, "jaw": slice(JAW, JAW + 1), "eyes": EYES}
VERSION = "2020"
LARGEST = 100.0  # of any number: expressions end at 10, radians at 3


def save_codes(path: Path, codes: Floats) -> None:
    """Write motion float32 (T, 108). Raises OutputError."""
    parts = {name: np.ascontiguousarray(codes[:, part], np.float32) for name, part in PARTS.items()}
    made = io.BytesIO()
    np.savez_compressed(made, fps=np.int64(FPS), flame=np.str_(VERSION), **parts)
    try:
        with replacing(path) as partial:
            partial.write_bytes(made.getvalue())
    except OSError as error:
        raise OutputError(f"{path}: the motion cannot be written ({reason(error)})") from error


def load_codes(path: Path) -> Floats:
    """Motion float32 (T, 108) of such a file, T at least 1. Raises InputError where it is none."""
    try:
        with np.load(path, allow_pickle=False) as table:
            held = {name: table[name] for name in (*PARTS, "fps", "flame") if name in table}
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({reason(error)})") from error
    except (ValueError, EOFError, KeyError, zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError) as error:
        raise InputError(f"{path}: damaged, or no FLAME motion; make one with --motion-out NAME.flame.npz") from error
    if lacking := [name for name in PARTS if name not in held]:
        raise InputError(f"{path}: no FLAME motion: it has no {lacking[0]}; it needs {', '.join(PARTS)}")
    if (fps := held.get("fps", np.int64(FPS))).shape != () or fps != FPS:
        raise InputError(f"{path}: its motion has {fps} frames a second, and avtr draws {FPS}")
    if (flame := str(held.get("flame", VERSION))) != VERSION:
        raise InputError(f"{path}: its numbers are of FLAME {flame[:20]}, and avtr reads those of FLAME {VERSION}")
    count = len(held["expression"]) if held["expression"].ndim else 0
    for name, part in PARTS.items():
        if held[name].shape != (count, part.stop - part.start) or held[name].dtype.kind not in "fiu" or not count:
            raise InputError(f"{path}: no FLAME motion: {name} is {held[name].dtype} {held[name].shape}")
    codes = np.concatenate([held[name] for name in PARTS], 1).astype(np.float32)
    if not np.isfinite(codes).all():
        frame = int(np.flatnonzero(~np.isfinite(codes).all(1))[0])
        raise InputError(f"{path}: frame {frame} holds values that are no numbers (NaN or infinite); correct them")
    if np.abs(codes).max() > LARGEST:
        raise InputError(f"{path}: holds {np.abs(codes).max():.3g}, which is no motion; no number may be over {LARGEST:g}")
    return codes
