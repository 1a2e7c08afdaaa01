"""Loops written in Python, compiled to machine code by Numba: once on a machine, and kept in a folder for later runs.

A `kernel` says the types of its arguments, and for these alone it is compiled: other arguments are a TypeError, never a
second compilation. Nothing is compiled on import; `load` does that. What is kept belongs to one state of the sources,
one kind of CPU and one version of Numba: anything else is another folder. Kernels hold no memory and let other threads
run (`nogil`); without `fastmath`, so that a sum is the same in every CPU's vector width.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import platform
import tempfile
import threading
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

import llvmlite
import llvmlite.binding
import numba
import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Bytes = NDArray[np.uint8]
Words = NDArray[np.uint32]
Counts = NDArray[np.int32]
Integers = NDArray[np.int64]
AnyPlane = NDArray[Any]
Number = Any
"""In a loop: a number as wide as what it is made of, which mypy cannot follow."""

Function = TypeVar("Function", bound=Callable[..., Any])

_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True}
_INNER = _OPTIONS | {"no_cpython_wrapper": True}  # called by kernels alone: to be called by Python takes a tenth longer
config: Any = numba.config
_COMPLETE = ".complete"  # of a file for each module, written last: its kernels need no compilation
_SOURCES = b"".join(
    [os.fsencode(__file__), *(file.read_bytes() for file in sorted(Path(__file__).parent.glob("*.py")))]
)
_kernels: list[Kernel[Any]] = []
_lock = threading.Lock()
logger = logging.getLogger(__name__)


class NumbaUnusable(Exception):
    """Numba is here, and does not compile."""


class Kernel(Generic[Function]):
    """One compiled loop; see `kernel`."""

    def __init__(self, function: Function, signature: str):
        self.plain, self.signature = function, signature
        self._compiled: Any = None
        _kernels.append(self)

    @property
    def ready(self) -> bool:
        """Whether it can be called."""
        return self._compiled is not None

    def __call__(self, *arguments: Any) -> Any:
        """What the function returns. `load` must have been called."""
        return self._compiled(*arguments)

    def compile(self, folder: Path | None) -> None:
        """Make it ready: from `folder`, or compiled and kept there; with None it is kept in this process alone."""
        compiled: Any = njit(**_OPTIONS)
        dispatcher = compiled(self.plain)
        if folder is not None:
            others, config.CACHE_DIR = config.CACHE_DIR, str(folder)
            try:
                dispatcher.enable_caching()
            finally:
                config.CACHE_DIR = others
        dispatcher.compile(self.signature)
        dispatcher.disable_compile()
        self._compiled = dispatcher


def kernel(signature: str) -> Callable[[Function], Kernel[Function]]:
    """Makes a `Kernel` of a function with arguments of these types, in Numba's words: "void(f4[:,::1], i8)"."""
    return lambda function: Kernel(function, signature)


def helper(function: Function) -> Function:
    """A function for kernels to call; it becomes part of theirs, as handing it arrays would cost more than it does."""
    compiled: Any = njit(forceinline=True, **_INNER)
    return cast(Function, compiled(function))


def passage(function: Function) -> Function:
    """A pass over many pixels, for kernels to call: not made part of theirs, which would compile it at every call."""
    compiled: Any = njit(**_INNER)
    return cast(Function, compiled(function))


def load(base: Path, tell: Callable[[str], None], only: Collection[str] | None = None) -> Path | None:
    """Make every kernel ready whose module has been imported, or is named in `only`; at once where it was done before.

    They are kept in a folder below `base`, or NUMBA_CACHE_DIR where that is set. `tell` hears a sentence where they
    must be compiled, which takes some seconds. Returns the folder; None where it cannot be written, which costs a
    compilation in every run, and no more. Raises NumbaUnusable where Numba is told not to compile.
    """
    if config.DISABLE_JIT:
        raise NumbaUnusable("NUMBA_DISABLE_JIT is set")
    with _lock:
        base = Path(config.CACHE_DIR or base)
        folder = _writable(base / _state())
        wanting = [one for one in _kernels if not one.ready and (only is None or one.plain.__module__ in only)]
        if wanting and folder is None:
            tell(f"{base}: cannot be written, so the drawing loops are compiled anew in every run")
        elif folder is not None and not all(_complete(one, folder).exists() for one in wanting):
            tell(f"compiling the drawing loops for this machine, once (kept in {folder})")
        for one in wanting:
            if not threading.main_thread().is_alive():
                return None  # the program is over, and waits for this thread alone
            _compile(one, folder)
        if folder is not None:
            _finish(wanting, folder)
        return folder


def _compile(one: Kernel[Any], folder: Path | None) -> None:
    """Make `one` ready; what is damaged in `folder` is made anew, and a full disk keeps nothing."""
    for place in (folder, folder, None):
        try:
            return one.compile(place)
        except Exception as error:  # unpickling what was cut short may raise anything
            if place is None:
                raise
            logger.info("%s is not taken from %s: %s", one.plain.__name__, folder, error)
            _forget(one, place)


def _forget(one: Kernel[Any], folder: Path) -> None:
    """Removes what is kept of a kernel: Numba's index of it, without which nothing else is read."""
    for index in folder.rglob(f"*{one.plain.__name__}-{one.plain.__code__.co_firstlineno}.*.nbi"):
        with contextlib.suppress(OSError):
            index.unlink()


def _writable(folder: Path) -> Path | None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        return None
    return folder


def _complete(one: Kernel[Any], folder: Path) -> Path:
    return folder / f"{one.plain.__module__}{_COMPLETE}"


def _finish(made: list[Kernel[Any]], folder: Path) -> None:
    try:
        for one in made:
            _complete(one, folder).touch()
    except OSError as error:
        logger.info("%s: %s", folder, error)


def _state() -> str:
    """A name for all that machine code depends on."""
    machine = config.CPU_NAME or llvmlite.binding.get_host_cpu_name()
    features = config.CPU_FEATURES or llvmlite.binding.get_host_cpu_features().flatten()
    versions = (numba.__version__, llvmlite.__version__, np.__version__, platform.python_version())
    digest = hashlib.sha256(repr((versions, platform.machine(), machine, features, config.BOUNDSCHECK)).encode())
    digest.update(_SOURCES)
    return digest.hexdigest()[:16]
