"""Reads the golden LivePortrait outputs and measures how far an array is from one.

The goldens were made by running the published code in float64 on made-up weights; README.md beside them says what each
file holds. A large array is stored as a strided sample together with the mean and deviation of all of it and of every
channel, so that between them every element is seen.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from avtr_cli.diagnostics.made_up import numbers as made_up
from avtr_cli.render.liveportrait import networks

DATA = Path(__file__).parent / "data" / "liveportrait"
SINGLE, CHAINED = 1e-4, 5e-4  # allowed error over the output's deviation, float32: one network, several in a row


@cache
def golden(name: str) -> dict[str, np.ndarray]:
    with np.load(DATA / f"golden_{name}.npz") as file:
        return dict(file)


@cache
def contract(name: str) -> dict:
    return json.loads((DATA / f"{name}.json").read_text())


@cache
def network(name: str) -> torch.nn.Module:
    """The plain network with the public made-up weights; built once per test run."""
    return networks.load(name, made_up.weights(name))


def inputs(name: str, kind, *args) -> torch.Tensor:
    """The made-up input "case/name"."""
    case, _, short = name.partition("/")
    return torch.from_numpy(kind(f"public/{case}/input:{short}", *args))


def keypoints(case: str, sources: int, frames: int) -> tuple[torch.Tensor, torch.Tensor]:
    """kp_source (sources, 21, 3) and kp_driving (frames, 21, 3) of a made-up case."""
    source = inputs(f"{case}/kp_source", made_up.plain, (sources, 21, 3), 0.25)
    return source, source + inputs(f"{case}/kp_move", made_up.plain, (frames, 21, 3), 0.06)


def error(actual: torch.Tensor, file: str, name: str) -> float:
    """The largest difference from the golden array, its mean and deviation and those of its channels, relative."""
    return _error(actual, golden(file), name)


def frame_error(actual: torch.Tensor, file: str, name: str, frame: int) -> float:
    """The same for one frame (1, ...) of a golden batch, whose sample, means and deviations are kept by frame."""
    data = dict(golden(file))
    assert len(actual) == 1
    assert (data[f"{name}/offset"][0], data[f"{name}/stride"][0]) == (0, 1)
    data[f"{name}/shape"] = np.array([1, *data[f"{name}/shape"][1:]])
    for kept in ("sample", "channel_mean", "channel_std"):
        data[f"{name}/{kept}"] = data[f"{name}/{kept}"][frame : frame + 1]
    return _error(actual, data, name, whole=False)


def _error(actual: torch.Tensor, data: dict[str, np.ndarray], name: str, whole: bool = True) -> float:
    x = actual.detach().double().numpy()
    if name in data:
        expected = data[name].astype(np.float64)
        assert x.shape == expected.shape
        return float(np.abs(x - expected).max() / max(expected.std(), 1e-12))
    assert x.shape == tuple(data[f"{name}/shape"])
    mean, deviation, peak = data[f"{name}/mean_std_absmax"].astype(np.float64)
    picked = tuple(slice(o, None, s) for o, s in zip(data[f"{name}/offset"], data[f"{name}/stride"], strict=True))
    rest = tuple(range(2, x.ndim))
    differences = [
        np.abs(x[picked] - data[f"{name}/sample"]).max(),
        np.abs(x.mean(axis=rest) - data[f"{name}/channel_mean"]).max(),
        np.abs(x.std(axis=rest) - data[f"{name}/channel_std"]).max(),
    ]
    if whole:
        differences += [abs(x.mean() - mean), abs(x.std() - deviation), abs(np.abs(x).max() - peak)]
    return float(max(differences) / deviation)


def probe_errors(module: torch.nn.Module, file: str, call: Callable[[], Any]) -> tuple[Any, dict[str, float]]:
    """Runs `call()` and measures every probed submodule on the way: the result and the error by module path."""
    data = golden(file)
    errors: dict[str, float] = {}
    hooks = []
    for path in (key.split("/")[1] for key in data if key.endswith("/values")):

        def look(_module, _args, output, path=path):
            flat = output.detach().double().reshape(-1).numpy()
            assert output.shape == tuple(data[f"probe/{path}/shape"])
            picked = (np.arange(64, dtype=np.uint64) * np.uint64(2654435761) + np.uint64(12345)) % np.uint64(flat.size)
            difference = np.abs(flat[picked.astype(np.int64)] - data[f"probe/{path}/values"]).max()
            errors[path] = float(difference / data[f"probe/{path}/mean_std_absmax"][1])

        hooks.append(module.get_submodule(path).register_forward_hook(look))
    try:
        return call(), errors
    finally:
        for hook in hooks:
            hook.remove()
