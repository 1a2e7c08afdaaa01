"""Motion as a file: safetensors with a JSON header, read back as a generator that replays it.

The header's `avtr` entry is JSON: format, space, channels, fps, seed. The tensor `motion` is float32 (T, C).
"""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from avtr_cli.errors import InputError, OutputError
from avtr_cli.timing import CHUNK_FRAMES, FPS
from avtr_cli.types import ARKIT_BLENDSHAPES, CONTROLS, KEYPOINTS, Identity, Motion, MotionSpace, MotionState, Window

SPACES = {space.name: space for space in (CONTROLS, KEYPOINTS)}


def save_motion(path: Path, space: MotionSpace, values: Tensor, seed: int, **more: Any) -> None:
    """Write motion float32 (T, C) to `path`. Raises OutputError."""
    header = {"format": 1, "space": space.name, "channels": space.channels, "fps": FPS, "seed": seed, **more}
    partial = path.with_name(f".{path.name}.partial")
    try:
        save_file({"motion": values.contiguous().cpu()}, partial, {"avtr": json.dumps(header)})
        partial.replace(path)
    except (OSError, SafetensorError) as error:
        raise OutputError(f"{path}: the motion cannot be written ({error})") from error
    finally:
        partial.unlink(missing_ok=True)


def load_motion(path: Path) -> tuple[MotionSpace, Tensor, dict[str, Any]]:
    """Space, float32 (T, C) and header of a motion file. Raises InputError where it is not one."""
    if not path.is_file():
        raise InputError(f"{path}: there is no such file")
    try:
        with safe_open(path, "pt") as file:
            header = json.loads((file.metadata() or {})["avtr"])
            values = file.get_tensor("motion")
        space = SPACES[header["space"]]
    except (SafetensorError, KeyError, ValueError) as error:
        raise InputError(f"{path}: not a motion file of avtr; make one with avtr render --motion-out") from error
    if tuple(header["channels"]) != space.channels or values.shape[1:] != (len(space),) or not len(values):
        raise InputError(
            f"{path}: its channels are not those of '{space.name}'; make it again with avtr render --motion-out"
        )
    return space, values.float(), header


class ReplayGenerator:
    """A MotionGenerator that speaks what a motion file holds, whatever it hears; the last frame holds on."""

    def __init__(self, path: Path):
        self.space, self._values, self.header = load_motion(path)

    @property
    def frames(self) -> int:
        return len(self._values)

    def start(self, identity: Identity, seed: int) -> MotionState:
        return {}

    def step(self, window: Window, state: MotionState) -> tuple[Motion, MotionState]:
        first = window.index * CHUNK_FRAMES
        rows = torch.arange(first, first + CHUNK_FRAMES).clamp(max=len(self._values) - 1)
        return Motion(self.space, self._values[rows], first), state


def write_live_link_csv(path: Path, values: Tensor) -> None:
    """Write controls (T, 58) as the CSV of Epic's Live Link Face app: time code, 52 blendshapes, head and eyes.

    Column names are ARKit's with a capital; head angles in radians (yaw, pitch, roll); eyes from the look weights.
    """
    names = [name[0].upper() + name[1:] for name in ARKIT_BLENDSHAPES]
    eyes = [f"{side}Eye{angle}" for side in ("Left", "Right") for angle in ("Yaw", "Pitch", "Roll")]
    partial = path.with_name(f".{path.name}.partial")
    try:
        with partial.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["Timecode", "BlendShapeCount", *names, "HeadYaw", "HeadPitch", "HeadRoll", *eyes])
            for frame, row in enumerate(values.tolist()):
                writer.writerow(_live_link_row(frame, row))
        partial.replace(path)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror})") from error
    finally:
        partial.unlink(missing_ok=True)


def _live_link_row(frame: int, row: Sequence[float]) -> list[str]:
    seconds, rest = divmod(frame, FPS)
    code = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}:{rest:02d}.000"
    value = dict(zip(CONTROLS.channels, row, strict=True))
    numbers = [value[name] for name in ARKIT_BLENDSHAPES]
    numbers += [value["headYaw"], value["headPitch"], value["headRoll"]]
    for side, inward in (("Left", -1.0), ("Right", 1.0)):  # a left eye looking in turns towards the picture's left
        yaw = inward * (value[f"eyeLookIn{side}"] - value[f"eyeLookOut{side}"])
        numbers += [yaw, value[f"eyeLookDown{side}"] - value[f"eyeLookUp{side}"], 0.0]
    return [code, str(len(ARKIT_BLENDSHAPES)), *(f"{number:.6f}" for number in numbers)]
