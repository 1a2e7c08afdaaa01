"""Files of published weights to tables of tensors that fit a network, or one sentence about why they do not.

Nothing in a file is ever executed: tensors only.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from avtr_cli.core.errors import WeightsError

COUNTER = "num_batches_tracked"  # not used in evaluation; some conversions leave it out

StateDict = dict[str, Tensor]
Layout = Mapping[str, tuple[torch.Size, torch.dtype]]
"""A network's keys in their order, with the shape and type of each."""


def read_table(path: Path, files: str) -> dict[str, Any]:
    """The outermost dict of a `.safetensors` file, or of one that torch wrote, old or new.

    `files` is what `avtr weights pull` fetches again. Raises WeightsError.
    """
    try:
        with path.open("rb") as file:
            start = file.read(64)
    except OSError as error:
        raise WeightsError(
            f"{path}: the weights cannot be read ({error.strerror}); get them with `avtr weights pull {files}`"
        ) from error
    if start.startswith(b"version https://git-lfs"):
        raise WeightsError(f"{path}: this is only a Git LFS pointer, not the weights; {again(files)}")
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:  # torch does not compare the checksums
                if archive.testzip() is not None:
                    raise ValueError("checksums differ")
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    # What a damaged file raises in the readers is of almost any kind.
    except Exception as error:
        reason = "it is empty" if not start else "it is damaged, cut short, or holds more than tensors"
        raise WeightsError(f"{path}: the weights cannot be loaded, {reason}; {again(files)}") from error
    if not isinstance(loaded, dict):
        raise WeightsError(f"{path}: holds a {type(loaded).__name__} instead of a table of weights; {again(files)}")
    return {str(key): value for key, value in loaded.items()}


def fitted(path: Path, name: str, tensors: Mapping[str, Any], layout: Layout, files: str) -> StateDict:
    """`tensors` of `path` in the order, shapes and types of `layout`, the network `name`'s.

    Raises WeightsError where one does not fit, is missing, or is not known.
    """
    missing = [key for key in layout if key not in tensors and not key.endswith(COUNTER)]
    surplus = [key for key in tensors if key not in layout]
    if missing or surplus:
        kind, keys = ("lacks", missing) if missing else ("has unknown", surplus)
        raise WeightsError(f"{path}: is not {name}: it {kind} {_some(keys)}; {again(files)}")
    state: StateDict = {}
    for key, (shape, dtype) in layout.items():
        value = tensors.get(key, torch.zeros(shape, dtype=dtype))
        if not isinstance(value, Tensor) or value.shape != shape:
            actual = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
            raise WeightsError(f"{path}: is not {name}: {key} is {actual} instead of {tuple(shape)}; {again(files)}")
        if value.is_floating_point() != dtype.is_floating_point or not torch.isfinite(value).all():
            raise WeightsError(f"{path}: {key} holds values that are no weights; the file is damaged: {again(files)}")
        state[key] = value.to(dtype).contiguous()
    return state


def layout_of(network: torch.nn.Module) -> Layout:
    """The keys of a network that is there."""
    return {key: (value.shape, value.dtype) for key, value in network.state_dict().items()}


def again(files: str) -> str:
    """What to do about a file that is not what it should be."""
    return f"fetch it again with `avtr weights pull {files}`"


def _some(keys: list[str]) -> str:
    more = f" and {len(keys) - 1} more" if len(keys) > 1 else ""
    return f"{keys[0]}{more}"
