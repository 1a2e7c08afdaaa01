"""MediaPipe, loaded without matplotlib, without chatter, and asked by one thread at a time.

MediaPipe 0.10's drawing helpers import matplotlib (half of the import time, a font cache on the first run), which
nothing here draws with; its C++ side writes to file descriptor 2 when a network is built and first run; and its graphs
are not made for two threads.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import types
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import numpy as np

from avtr_cli import runtime

_loading = threading.Lock()


def solutions() -> Any:
    """The module `mediapipe.solutions`."""
    with _loading:
        return _solutions()


@lru_cache(maxsize=1)
def _solutions() -> Any:
    runtime.settle()
    stand_ins = [name for name in ("matplotlib", "matplotlib.pyplot") if name not in sys.modules]
    for name in stand_ins:
        sys.modules[name] = types.ModuleType(name)
    try:
        with quiet():
            import mediapipe
    finally:
        for name in stand_ins:
            del sys.modules[name]
    return mediapipe.solutions


class Graph:
    """One of MediaPipe's networks: built when it is first asked, kept, and used by one thread at a time."""

    def __init__(self, make: Callable[[Any], Any]):
        """`make` builds it from `mediapipe.solutions`."""
        self._make = make
        self._graph: Any = None
        self._lock = threading.Lock()

    def __call__(self, image: np.ndarray) -> Any:
        """What the network finds in `image`, uint8 (H, W, 3) RGB."""
        with self._lock:
            known = solutions()
            with quiet():
                if self._graph is None:
                    self._graph = self._make(known)
                return self._graph.process(np.ascontiguousarray(image))


_quieting = threading.Lock()
_quiet_count = 0
_kept_stderr = -1


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Sends what C++ code writes to standard error into nothing, until the last thread inside has left.

    File descriptor 2 is the whole process's: what other threads of a host program write to standard error meanwhile is
    lost too. In a process that was started without a standard error (`2>&-`, a service) nothing is done, as 2 may be
    any file there.
    """
    global _quiet_count, _kept_stderr
    with _quieting:
        if _quiet_count == 0:
            _kept_stderr = _silenced()
        _quiet_count += 1
    try:
        yield
    finally:
        with _quieting:
            _quiet_count -= 1
            if _quiet_count == 0 and _kept_stderr >= 0:
                os.dup2(_kept_stderr, 2)
                os.close(_kept_stderr)


def _silenced() -> int:
    """Standard error turned into nothing; what it was as another file descriptor, -1 where there is none."""
    if sys.__stderr__ is None:
        return -1
    try:
        with contextlib.suppress(AttributeError, OSError, ValueError):  # none, full or closed
            sys.stderr.flush()
        kept = os.dup(2)
    except OSError:
        return -1
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)
    os.close(nothing)
    return kept
