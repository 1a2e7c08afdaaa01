"""Motion as a file: safetensors with a JSON header, read back as a generator that replays it.

The header's `avtr` entry is JSON: format, space, channels, fps, seed. The tensor `motion` is float32 (T, C).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load, save
from torch import Tensor

from avtr_cli.core.errors import InputError, OutputError
from avtr_cli.core.files import reason, replacing
from avtr_cli.core.motion_space import SPACES, MotionSpace
from avtr_cli.core.timing import FPS
from avtr_cli.motion.replay import Replay

FORMAT = 1
LARGEST = 100.0  # of any number: weights end at 1, radians at 3, shifts at a few eye distances


def save_motion(path: Path, space: MotionSpace, values: Tensor, seed: int, **more: Any) -> None:
    """Write motion float32 (T, C) to `path`. Raises OutputError."""
    header = {"format": FORMAT, "space": space.name, "channels": space.channels, "fps": FPS, "seed": seed, **more}
    content = save({"motion": values.contiguous().cpu()}, {"avtr": json.dumps(header)})
    try:
        with replacing(path) as partial:
            partial.write_bytes(content)
    except OSError as error:
        raise OutputError(f"{path}: the motion cannot be written ({reason(error)})") from error


def load_motion(path: Path) -> tuple[MotionSpace, Tensor, dict[str, Any]]:
    """Space, float32 (T, C) and header of a motion file. Raises InputError where it is not one that can be drawn."""
    header, values = _read(path)
    space = SPACES.get(header["space"]) if isinstance(header.get("space"), str) else None
    if space is None or header.get("format") != FORMAT:
        raise InputError(
            f"{path}: its motion space or format is none that this avtr knows; make it again with avtr render "
            "--motion-out"
        )
    if header.get("fps") != FPS:
        raise InputError(f"{path}: its motion has {header.get('fps')} frames a second, and avtr draws {FPS}")
    channels = header.get("channels")
    shaped = values.ndim == 2 and values.shape[1] == len(space) and len(values) > 0
    if not isinstance(channels, list) or channels != list(space.channels) or not shaped:
        raise InputError(
            f"{path}: its channels are not those of '{space.name}'; make it again with avtr render --motion-out"
        )
    values = values.float()
    if not torch.isfinite(values).all():
        frame = int((~torch.isfinite(values)).any(dim=1).nonzero()[0])
        raise InputError(f"{path}: frame {frame} holds values that are no numbers (NaN or infinite); correct them")
    if values.abs().max() > LARGEST:
        raise InputError(
            f"{path}: holds {float(values.abs().max()):.3g}, which is no motion; no number may be beyond {LARGEST:g}"
        )
    return space, values, header


def _read(path: Path) -> tuple[dict[str, Any], Tensor]:
    """Header and motion of a file as they stand in it."""
    if path.suffix.lower() == ".csv":
        raise InputError(
            f"{path}: a Live Link table (.csv) is for other programs; to draw motion again write it with "
            "--motion-out NAME.safetensors"
        )
    try:
        there = path.is_file()
    except (OSError, ValueError):  # a name that no file can have
        there = False
    if not there:
        raise InputError(f"{str(path)[:200]}: there is no such file")
    try:
        data = path.read_bytes()  # safetensors opens names in UTF-8 alone
        values = load(data)["motion"]
        described = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        header = json.loads(described["__metadata__"]["avtr"])
        if not isinstance(header, dict) or not values.is_floating_point():
            raise ValueError("no table of floating-point numbers")
    except Exception as error:  # what a damaged file raises is of almost any kind
        raise InputError(f"{path}: not a motion file of avtr; make one with avtr render --motion-out") from error
    return header, values


class ReplayGenerator(Replay):
    """A MotionGenerator that speaks what a motion file holds, whatever it hears; the last frame holds on."""

    def __init__(self, path: Path):
        space, values, self.header = load_motion(path)
        super().__init__(space, values)
