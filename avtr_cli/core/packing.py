"""A value made of dataclasses, arrays and plain things into text and arrays, and back: what a file can hold.

The text is JSON, the arrays are NumPy's, so reading runs no code of a file's choosing: it makes only the classes that
the reader names. Numbers come back to the bit, NumPy's as NumPy's, and arrays in the order of memory that they had, so
that what is computed from them is the same.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from avtr_cli.core.arrays import AnyArray

if TYPE_CHECKING:
    import torch

MADE_ANEW = {"packed": False}
"""Metadata of a dataclass field that is left out, and has its default in what comes back."""

_PLAIN = (bool, int, float, str, type(None))


class PackingError(ValueError):
    """What was read is nothing that `packed` gave, or of other classes."""


def packed(value: Any) -> tuple[str, dict[str, AnyArray]]:
    """`value` as JSON and the arrays that it speaks of, by name. Raises TypeError for what cannot be told so."""
    arrays: dict[str, AnyArray] = {}
    return json.dumps(_told(value, arrays)), arrays


def unpacked(
    text: str, arrays: Mapping[str, AnyArray], classes: Sequence[type], device: torch.device | None = None
) -> Any:
    """The value that `packed` told; its dataclasses are of `classes`, its tensors on `device` (None: the CPU).

    Arrays are taken over, not copied. Raises PackingError.
    """
    known = {one.__name__: one for one in classes}
    try:
        return _made(json.loads(text), arrays, known, device)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise PackingError(f"not what was packed: {error}") from error


def _told(value: Any, arrays: dict[str, AnyArray]) -> Any:
    if isinstance(value, np.generic):  # np.float64 is a float, and computes otherwise
        return {"number": _kept(np.asarray(value), arrays)}
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, np.ndarray):
        if value.flags.f_contiguous and not value.flags.c_contiguous:
            return {"array": _kept(value.T, arrays), "order": "F"}
        return {"array": _kept(value, arrays)}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = [one.name for one in dataclasses.fields(value) if one.metadata.get("packed", True)]
        return {"class": type(value).__name__, "fields": {name: _told(getattr(value, name), arrays) for name in fields}}
    if isinstance(value, slice):
        return {"slice": [value.start, value.stop, value.step]}
    if isinstance(value, Path):
        return {"path": str(value)}
    if isinstance(value, (list, tuple)):
        return {type(value).__name__: [_told(one, arrays) for one in value]}
    if isinstance(value, Mapping) and all(isinstance(name, str) for name in value):
        return {"mapping": {name: _told(one, arrays) for name, one in value.items()}}
    if hasattr(value, "detach"):
        return {"tensor": _kept(value.detach().cpu().numpy(), arrays)}
    raise TypeError(f"{type(value).__name__} cannot be packed")


def _kept(array: AnyArray, arrays: dict[str, AnyArray]) -> str:
    name = str(len(arrays))
    arrays[name] = np.asarray(array, order="C")
    return name


def _made(told: Any, arrays: Mapping[str, AnyArray], known: Mapping[str, type], device: torch.device | None) -> Any:
    def made(one: Any) -> Any:
        return _made(one, arrays, known, device)

    if isinstance(told, _PLAIN):
        return told
    match told:
        case {"number": name}:
            return arrays[name][()]
        case {"array": name, "order": "F"}:
            return arrays[name].T
        case {"array": name}:
            return arrays[name]
        case {"class": name, "fields": fields}:
            return known[name](**{field: made(one) for field, one in fields.items()})
        case {"slice": [start, stop, step]}:
            return slice(start, stop, step)
        case {"path": path}:
            return Path(path)
        case {"list": ones}:
            return [made(one) for one in ones]
        case {"tuple": ones}:
            return tuple(made(one) for one in ones)
        case {"mapping": ones}:
            return {name: made(one) for name, one in ones.items()}
        case {"tensor": name}:
            import torch

            return torch.from_numpy(arrays[name]).to(device or torch.device("cpu"))
    raise PackingError(f"not what was packed: {str(told)[:60]}")
