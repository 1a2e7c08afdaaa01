"""Controls as the CSV of Epic's Live Link Face app, for animation programs; nothing here reads it back."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from avtr_cli.core.errors import ConfigError, OutputError
from avtr_cli.core.files import reason, replacing
from avtr_cli.core.motion_space import ARKIT_BLENDSHAPES, CONTROLS, FULL
from avtr_cli.core.timing import FPS


def write_live_link_csv(path: Path, values: Tensor) -> None:
    """Write controls (T, 58), or those of a whole body (T, 94): time code, 52 blendshapes, head and eyes.

    Raises ConfigError for motion that is no controls, OutputError where it cannot be written. Column names are ARKit's
    with a capital; head angles in radians (yaw, pitch, roll); eyes from the look weights.
    """
    if values.shape[1] not in (len(CONTROLS), len(FULL)):
        raise ConfigError(
            f"{path}: a Live Link table (.csv) has no columns for LivePortrait's keypoints; write .safetensors, or use "
            "the mesh renderer"
        )
    names = [name[0].upper() + name[1:] for name in ARKIT_BLENDSHAPES]
    eyes = [f"{side}Eye{angle}" for side in ("Left", "Right") for angle in ("Yaw", "Pitch", "Roll")]
    try:
        with replacing(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["Timecode", "BlendShapeCount", *names, "HeadYaw", "HeadPitch", "HeadRoll", *eyes])
            for frame, row in enumerate(values[:, : len(CONTROLS)].tolist()):
                writer.writerow(_row(frame, row))
    except OSError as error:
        raise OutputError(f"{path}: the motion cannot be written ({reason(error)})") from error


def _row(frame: int, row: Sequence[float]) -> list[str]:
    seconds, rest = divmod(frame, FPS)
    code = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}:{rest:02d}.000"
    value = dict(zip(CONTROLS.channels, row, strict=True))
    numbers = [max(value[name], 0.0) for name in ARKIT_BLENDSHAPES]  # none is below 0 there, as a smile may be here
    numbers += [value["headYaw"], value["headPitch"], value["headRoll"]]
    for side, inward in (("Left", -1.0), ("Right", 1.0)):  # a left eye looking in turns towards the picture's left
        yaw = inward * (value[f"eyeLookIn{side}"] - value[f"eyeLookOut{side}"])
        numbers += [yaw, value[f"eyeLookDown{side}"] - value[f"eyeLookUp{side}"], 0.0]
    return [code, str(len(ARKIT_BLENDSHAPES)), *(f"{number:.6f}" for number in numbers)]
