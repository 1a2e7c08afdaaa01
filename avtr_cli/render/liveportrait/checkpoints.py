"""Files of published weights to state dicts that fit our networks, or one sentence about why they do not.

The big four networks lie in flat `.pth` files whose keys are the networks' own. The small three share one file, a dict
of dicts with `module.` before every key and further entries that nobody here needs; community conversions flatten it
into safetensors. Nothing in a file is ever executed: tensors only.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor

from avtr_cli.core.errors import WeightsError
from avtr_cli.render.liveportrait import networks
from avtr_cli.weights.tensors import StateDict, again, fitted, read_table

BASE_NETWORKS = ("appearance_feature_extractor", "motion_extractor", "warping_module", "spade_generator")
SHARED_FILE = "stitching_retargeting_module"
SHARED_ENTRIES = {"stitching": "retarget_shoulder", "lip": "retarget_mouth", "eye": "retarget_eye"}
REQUIRED_ENTRIES = (
    "stitching",
)  # a portrait can be driven without retargeting eyes and lips; Ditto's file has no more
_FILES = "liveportrait"  # what `avtr weights pull` fetches again


def read_network(path: Path, name: str) -> StateDict:
    """The state dict of one of `BASE_NETWORKS` from its file, float32. Raises WeightsError."""
    tensors = read_table(path, _FILES)
    if not tensors or not all(isinstance(value, Tensor) for value in tensors.values()):
        raise WeightsError(f"{path}: not the flat weights of {name}; {again(_FILES)}")
    return _fitted(path, name, tensors)


def read_shared(path: Path) -> dict[str, StateDict]:
    """The state dicts of stitching, lip and eye from their common file, as far as there. Raises WeightsError."""
    entries = read_table(path, _FILES)
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
        raise WeightsError(f"{path}: has no entry {', '.join(missing)}, so it is not {SHARED_FILE}; {again(_FILES)}")
    return found


def _fitted(path: Path, name: str, tensors: dict[str, Any]) -> StateDict:
    """`tensors` in the order, shapes and types of the network. Raises WeightsError where one does not fit."""
    layout = networks.layout(name)
    other = next((other for other in networks.NAMES if set(networks.layout(other)) == set(tensors)), None)
    if other is not None and set(layout) != set(tensors):
        raise WeightsError(f"{path}: holds {other} where {name} belongs; the files are swapped: {again(_FILES)}")
    return fitted(path, name, tensors, layout, _FILES)
