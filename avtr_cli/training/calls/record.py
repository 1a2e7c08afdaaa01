"""One recorded call as a value and as a file: both people's controls, voices, and what of them is known.

The file is safetensors: `controls` float16 (2, T, 58), `known` uint8 (2, 58) which channels were measured, `valid` and
`speaks` uint8 (2, T), `sound` int16 (2, 640 T); its header says where it comes from and under which licence.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from avtr_cli.core.arrays import Floats, Mask, Sound
from avtr_cli.core.errors import InputError
from avtr_cli.core.files import reason, replacing
from avtr_cli.core.motion_space import CONTROLS
from avtr_cli.core.timing import FPS, SAMPLES_PER_FRAME

FORMAT = 1
FULL_SCALE = 32767.0


@dataclass(frozen=True, kw_only=True)
class CallRecord:
    """T frames of two people; of one alone, the other is never valid and silent."""

    controls: Floats  # (2, T, 58), zeros where nothing is known
    known: Mask  # (2, 58)
    valid: Mask  # (2, T): whether the face was followed
    speaks: Mask  # (2, T)
    sound: Sound  # (2, 640 T) at 16 kHz
    names: tuple[str, ...]  # of the recordings
    source: str
    licence: str
    split: str  # train | val | test

    def __post_init__(self) -> None:
        frames = self.controls.shape[1]
        assert self.controls.shape == (2, frames, len(CONTROLS))
        assert self.known.shape == (2, len(CONTROLS))
        assert self.valid.shape == self.speaks.shape == (2, frames)
        assert self.sound.shape == (2, frames * SAMPLES_PER_FRAME)

    @property
    def frames(self) -> int:
        """How long it is."""
        return self.controls.shape[1]


def save_record(path: Path, record: CallRecord) -> None:
    """Write it whole or not at all. Raises OSError."""
    about = {"format": FORMAT, "source": record.source, "licence": record.licence, "names": list(record.names),
             "fps": FPS, "split": record.split}  # fmt: skip
    tensors = {
        "controls": record.controls.astype(np.float16),
        "known": record.known.astype(np.uint8),
        "valid": record.valid.astype(np.uint8),
        "speaks": record.speaks.astype(np.uint8),
        "sound": np.round(record.sound.clip(-1, 1) * FULL_SCALE).astype(np.int16),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as partial:
        partial.write_bytes(save(tensors, {"avtr": json.dumps(about)}))


def load_record(path: Path) -> CallRecord:
    """Read such a file. Raises InputError where it is none."""
    try:
        with safe_open(path, "np") as held:
            tensors = {name: held.get_tensor(name) for name in held.keys()}  # noqa: SIM118
            about = json.loads((held.metadata() or {})["avtr"])
        if about["format"] != FORMAT:
            raise ValueError(f"format {about['format']}")
        return CallRecord(
            controls=tensors["controls"].astype(np.float32),
            known=tensors["known"].astype(bool),
            valid=tensors["valid"].astype(bool),
            speaks=tensors["speaks"].astype(bool),
            sound=tensors["sound"].astype(np.float32) / FULL_SCALE,
            names=tuple(about["names"]),
            source=about["source"],
            licence=about["licence"],
            split=about["split"],
        )
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({reason(error)})") from error
    except (SafetensorError, KeyError, TypeError, ValueError, AssertionError) as error:
        raise InputError(f"{path}: damaged, or no call that avtr imported; remove it and import again") from error
