"""The networks that judge, made up: weights in the published formats, put into a store as `avtr weights` would."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from avtr_cli.diagnostics.made_up.numbers import stream
from avtr_cli.weights.store import MADE_UP, Record, Store, sha256_of
from tests.evaluation_goldens import results

GAINS = {"netcnnaud.0.weight": 0.02, "netcnnlip.0.weight": 0.0002}


def syncnet() -> dict[str, torch.Tensor]:
    """The public weights of the contract: sizes that keep activations sensible."""
    made = {}
    for key, shape in results("syncnet_keys").items():
        drawn = stream(f"public/syncnet/{key}", math.prod(shape))
        if key.endswith("running_var"):
            drawn = 1 + 0.1 * np.abs(drawn)
        elif key.endswith(".weight") and len(shape) > 1:
            drawn = drawn * math.sqrt(GAINS.get(key, 2) / (math.prod(shape) // shape[0]))
        elif key.endswith(".weight"):
            drawn = 1 + 0.1 * drawn
        else:
            drawn = 0.1 * drawn
        made[key] = torch.from_numpy(drawn.astype(np.float32).reshape(shape))
    return made


def write_syncnet(path: Path) -> None:
    """As it is published: a flat table in torch's old format, without counters."""
    torch.save(syncnet(), path, _use_new_zipfile_serialization=False)


def put(store: Store, name: str, write: Callable[[Path], None], source: str = MADE_UP) -> Path:
    """Write a file of the registry where it belongs, with a record of where it came from."""
    path = store.target(store.registry.files[name])
    path.parent.mkdir(parents=True, exist_ok=True)
    write(path)
    store.note(path, Record(sha256=sha256_of(path), size=path.stat().st_size, source=source))
    return path
