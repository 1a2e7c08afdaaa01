"""Files of published weights to state dicts that fit our networks, or one sentence about why they do not.

The big four networks lie in flat `.pth` files whose keys are the networks' own. The small three share one file, a dict
of dicts with `module.` before every key and further entries that nobody here needs; community conversions flatten it
into safetensors. Nothing in a file is ever executed: tensors only.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from avtr_cli.core.errors import WeightsError
from avtr_cli.render.liveportrait import networks

BASE_NETWORKS = ("appearance_feature_extractor", "motion_extractor", "warping_module", "spade_generator")
SHARED_FILE = "stitching_retargeting_module"
SHARED_ENTRIES = {"stitching": "retarget_shoulder", "lip": "retarget_mouth", "eye": "retarget_eye"}
REQUIRED_ENTRIES = (
    "stitching",
)  # a portrait can be driven without retargeting eyes and lips; Ditto's file has no more
_AGAIN = "fetch it again with `avtr weights pull liveportrait`"
_COUNTER = "num_batches_tracked"  # not used in evaluation; some conversions leave it out

StateDict = dict[str, Tensor]


def read_network(path: Path, name: str) -> StateDict:
    """The state dict of one of `BASE_NETWORKS` from its file, float32. Raises WeightsError."""
    tensors = _read(path)
    if not tensors or not all(isinstance(value, Tensor) for value in tensors.values()):
        raise WeightsError(f"{path}: not the flat weights of {name}; {_AGAIN}")
    return _fitted(path, name, tensors)


def read_shared(path: Path) -> dict[str, StateDict]:
    """The state dicts of stitching, lip and eye from their common file, as far as there. Raises WeightsError."""
    entries = _read(path)
    found: dict[str, StateDict] = {}
    for name, entry in SHARED_ENTRIES.items():
        inner = entries.get(entry)
        if not isinstance(inner, dict):  # the flattened form
            inner = {key[len(entry) + 1 :]: value for key, value in entries.items() if key.startswith(f"{entry}_")}
        if inner:
            tensors = {key.replace("module.", ""): value for key, value in inner.items()}
            found[name] = _fitted(path, name, tensors)
    missing = [SHARED_ENTRIES[name] for name in REQUIRED_ENTRIES if name not in found]
    if missing:
        raise WeightsError(f"{path}: has no entry {', '.join(missing)}, so it is not {SHARED_FILE}; {_AGAIN}")
    return found


def _read(path: Path) -> dict[str, Any]:
    """The outermost dict of a `.pth` or `.safetensors` file."""
    try:
        with path.open("rb") as file:
            start = file.read(64)
    except OSError as error:
        raise WeightsError(
            f"{path}: the weights cannot be read ({error.strerror}); get them with `avtr weights pull liveportrait`"
        ) from error
    if start.startswith(b"version https://git-lfs"):
        raise WeightsError(f"{path}: this is only a Git LFS pointer, not the weights; {_AGAIN}")
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
        raise WeightsError(f"{path}: the weights cannot be loaded, {reason}; {_AGAIN}") from error
    if not isinstance(loaded, dict):
        raise WeightsError(f"{path}: holds a {type(loaded).__name__} instead of a table of weights; {_AGAIN}")
    return {str(key): value for key, value in loaded.items()}


def _fitted(path: Path, name: str, tensors: dict[str, Any]) -> StateDict:
    """`tensors` in the order, shapes and types of the network. Raises WeightsError where one does not fit."""
    layout = networks.layout(name)
    missing = [key for key in layout if key not in tensors and not key.endswith(_COUNTER)]
    surplus = [key for key in tensors if key not in layout]
    if missing or surplus:
        other = next((other for other in networks.NAMES if set(networks.layout(other)) == set(tensors)), None)
        if other is not None:
            raise WeightsError(f"{path}: holds {other} where {name} belongs; the files are swapped: {_AGAIN}")
        kind, keys = ("lacks", missing) if missing else ("has unknown", surplus)
        raise WeightsError(f"{path}: is not {name}: it {kind} {_some(keys)}; {_AGAIN}")
    state: StateDict = {}
    for key, (shape, dtype) in layout.items():
        value = tensors.get(key, torch.zeros(shape, dtype=dtype))
        if not isinstance(value, Tensor) or value.shape != shape:
            actual = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
            raise WeightsError(f"{path}: is not {name}: {key} is {actual} instead of {tuple(shape)}; {_AGAIN}")
        if value.is_floating_point() != dtype.is_floating_point or not torch.isfinite(value).all():
            raise WeightsError(f"{path}: {key} holds values that are no weights; the file is damaged: {_AGAIN}")
        state[key] = value.to(dtype).contiguous()
    return state


def _some(keys: list[str]) -> str:
    more = f" and {len(keys) - 1} more" if len(keys) > 1 else ""
    return f"{keys[0]}{more}"
