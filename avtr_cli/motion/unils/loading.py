"""Files of tensors into networks, or one sentence about why not: nothing but tensors and plain values is read."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load
from torch import Tensor, nn

from avtr_cli.core.errors import WeightsError
from avtr_cli.core.files import reason

NAMED = 3  # keys in a message


def load_plain(path: Path, mend: str) -> Any:
    """What a `.pt`, `.pth`, `.bin` or `.safetensors` file holds, on the CPU. Raises WeightsError."""
    try:
        with path.open("rb"):
            pass
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({reason(error)}); {mend}") from error
    try:
        if path.suffix == ".safetensors":
            return load(path.read_bytes())
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise WeightsError(
            f"{path}: holds more than tensors and plain values, or is damaged, and is not loaded, as that would run "
            f"what is in it; {mend}"
        ) from error
    except Exception as error:  # what a damaged file raises is of almost any kind
        raise WeightsError(f"{path}: damaged, or no file of weights ({_first_line(error)}); {mend}") from error


def load_tensors(path: Path, mend: str) -> dict[str, Tensor]:
    """As `load_plain`, of a file that holds named tensors and nothing else. Raises WeightsError."""
    held = load_plain(path, mend)
    if not isinstance(held, Mapping) or not all(isinstance(tensor, Tensor) for tensor in held.values()):
        raise WeightsError(f"{path}: holds no table of tensors; {mend}")
    return dict(held)


def strictly(network: nn.Module, state: Mapping[str, Tensor], path: Path, what: str, mend: str) -> None:
    """Fill `network`, made on the meta device, with float32 of `state`. Raises WeightsError where anything differs."""
    wanted = network.state_dict()
    missing, more = [key for key in wanted if key not in state], [key for key in state if key not in wanted]
    if missing or more:
        told = [f"{word} {_named(keys)}" for word, keys in (("lacks", missing), ("has besides", more)) if keys]
        raise WeightsError(f"{path}: not {what}: it {' and '.join(told)}; {mend}")
    for key, tensor in wanted.items():
        if state[key].layout != torch.strided or not state[key].is_floating_point() or state[key].is_meta:
            raise WeightsError(f"{path}: not {what}: {key} is {state[key].dtype} and {state[key].layout}, no numbers "
                               f"of weights; {mend}")  # fmt: skip
        if state[key].shape != tensor.shape:
            raise WeightsError(
                f"{path}: not {what}: {key} is {tuple(state[key].shape)}, not {tuple(tensor.shape)}; {mend}"
            )
        if not torch.isfinite(state[key]).all():
            raise WeightsError(f"{path}: {key} holds values that are no numbers (NaN or infinite); {mend}")
    network.load_state_dict({key: state[key].float() for key in wanted}, strict=True, assign=True)


def _named(keys: list[str]) -> str:
    more = f" and {len(keys) - NAMED} more" if len(keys) > NAMED else ""
    return f"{', '.join(keys[:NAMED])}{more}"


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:160] if lines else type(error).__name__
