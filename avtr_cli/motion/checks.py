"""Files of published motion models looked into before they are taken: what cannot be loaded is not imported."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from avtr_cli.weights.registry import WeightFile


def check_file(file: WeightFile, path: Path) -> None:
    """Load `path` as `file` would be, and forget it. Raises WeightsError; of other models' files nothing is asked."""
    if file.name in _LOADERS:
        _LOADERS[file.name](path)


def _network(path: Path) -> None:
    import torch

    from avtr_cli.motion.unils.checkpoint import load_network

    load_network(path, torch.device("cpu"))


def _speech(path: Path) -> None:
    import torch

    from avtr_cli.motion.unils.speech import load_speech

    load_speech(path, torch.device("cpu"))


def _head(path: Path) -> None:
    from avtr_cli.motion.flame.model import load

    load(path)


def _landmarks(path: Path) -> None:
    from avtr_cli.motion.flame.landmarks import load_landmarks

    load_landmarks(path)


_LOADERS: dict[str, Callable[[Path], None]] = {
    "unils/model": _network,
    "unils/speech": _speech,
    "flame/model": _head,
    "flame/landmarks": _landmarks,
}
