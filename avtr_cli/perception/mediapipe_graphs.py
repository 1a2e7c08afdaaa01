"""MediaPipe, loaded without matplotlib, without chatter, and asked by one thread at a time.

MediaPipe 0.10's drawing helpers import matplotlib (half of the import time, a font cache on the first run), which
nothing here draws with; its C++ side writes to file descriptor 2 when a network is built and first run; and its graphs
are not made for two threads.
"""

from __future__ import annotations

import sys
import threading
import types
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from avtr_cli.core import runtime
from avtr_cli.core.arrays import Image
from avtr_cli.perception.silence import quiet

_loading = threading.Lock()


def solutions() -> Any:
    """The module `mediapipe.solutions`."""
    with _loading:
        return _solutions()


@lru_cache(maxsize=1)
def _solutions() -> Any:
    runtime.set_library_environment()
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

    def __call__(self, image: Image) -> Any:
        """What the network finds in `image`, uint8 (H, W, 3) RGB."""
        with self._lock:
            known = solutions()
            with quiet():
                if self._graph is None:
                    self._graph = self._make(known)
                return self._graph.process(np.ascontiguousarray(image))

    def close(self) -> None:
        """Give the network's memory and threads back, which nobody else does; asked again, it is built anew."""
        with self._lock, quiet():
            if self._graph is not None:
                self._graph.close()
                self._graph = None
