"""FLAME's pickles without running what is in them: arrays come out, anything else is refused.

A pickle names functions to be called. Here it may name only those that make numpy arrays; classes of chumpy and scipy,
which FLAME's files of the Python 2 era hold, become empty shells that keep their state, and the array is taken out.
"""

from __future__ import annotations

import io
import pickle
from typing import Any

import numpy as np

from avtr_cli.core.arrays import AnyArray

NUMBERS = "fiub"  # kinds of numpy dtypes that hold no objects


class Refused(pickle.UnpicklingError):
    """A pickle asks for something that is no array."""


class _Shell:
    """An instance of a class that is not loaded; keeps what the pickle says of it."""

    def __setstate__(self, state: object) -> None:
        if not isinstance(state, dict):
            raise Refused("an object with another state than a table")
        self.__dict__.update(state)


class _Chumpy(_Shell):
    """Any object of chumpy's; `x` is its array."""


class _Sparse(_Shell):
    """scipy's csc_matrix."""


def _array_shell(kind: object, shape: tuple[int, ...], code: object) -> AnyArray:
    """numpy's `_reconstruct`: an empty array, which its state fills."""
    if kind is not np.ndarray or tuple(shape) != (0,):
        raise Refused("an array of another kind than numpy's")
    return np.ndarray.__new__(np.ndarray, (0,), "b")


def _dtype(*code: object) -> np.dtype[Any]:
    made: np.dtype[Any] = np.dtype(code[0])  # type: ignore[call-overload]
    if made.kind not in NUMBERS:
        raise Refused(f"numbers of kind {made}")
    return made


def _scalar(kind: np.dtype[Any], data: object = b"") -> Any:
    raw = data.encode("latin1") if isinstance(data, str) else data
    if not isinstance(raw, bytes):
        raise Refused("a number that is none")
    return np.frombuffer(raw, kind, 1)[0]


def _reconstructor(kind: type, base: type, state: object) -> object:
    """copyreg's: an instance without a call of its class."""
    if not (isinstance(kind, type) and issubclass(kind, _Shell)):
        raise Refused("an object of a class that holds no array")
    return kind.__new__(kind)


def _latin1(text: str, encoding: str = "latin1") -> bytes:
    return text.encode("latin1")


_KNOWN: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): _dtype,
    ("_codecs", "encode"): _latin1,
}
for _package in ("__builtin__", "builtins"):
    _KNOWN |= {(_package, "object"): object, (_package, "set"): set}
for _package in ("copy_reg", "copyreg"):
    _KNOWN[_package, "_reconstructor"] = _reconstructor
for _package in ("numpy.core.multiarray", "numpy._core.multiarray"):
    _KNOWN |= {(_package, "_reconstruct"): _array_shell, (_package, "scalar"): _scalar}


class _Arrays(pickle.Unpickler):
    """An unpickler that finds what arrays are made of and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _KNOWN:
            return _KNOWN[module, name]
        if module == "chumpy" or module.startswith("chumpy."):
            return _Chumpy
        if module.startswith("scipy.sparse") and name == "csc_matrix":
            return _Sparse
        raise Refused(f"{module}.{name}")


def arrays_of(data: bytes) -> dict[str, AnyArray]:
    """The numeric arrays of a pickled table, dense, by name; texts and the like are left out.

    Raises pickle.UnpicklingError for a pickle that asks for more, and what a damaged one makes pickle raise.
    """
    held = _Arrays(io.BytesIO(data), encoding="latin1").load()
    if not isinstance(held, dict):
        raise Refused("no table at its top")
    found = ((name, _plain(value)) for name, value in held.items() if isinstance(name, str))
    return {name: array for name, array in found if array is not None}


def _plain(value: object) -> AnyArray | None:
    if isinstance(value, _Chumpy):
        value = vars(value).get("x")
    if isinstance(value, _Sparse):
        from scipy.sparse import csc_matrix  # loaded where it is met alone

        parts = vars(value)
        shape = parts.get("_shape", parts.get("shape"))
        value = csc_matrix((parts["data"], parts["indices"], parts["indptr"]), shape).toarray()
    return value if isinstance(value, np.ndarray) and value.dtype.kind in NUMBERS else None
