"""MediaPipe, loaded without matplotlib and without chatter.

MediaPipe 0.10's drawing helpers import matplotlib (half of the import time, a font cache on the first run), which
nothing here draws with; and its C++ side writes to file descriptor 2 when a network is built and first run.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import types
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from avtr_cli import runtime


@lru_cache(maxsize=1)
def solutions() -> Any:
    """The module `mediapipe.solutions`."""
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


_quieting = threading.Lock()
_quiet_count = 0
_kept_stderr = -1


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Sends what C++ code writes to standard error into nothing, until the last thread inside has left."""
    global _quiet_count, _kept_stderr
    with _quieting:
        if _quiet_count == 0:
            sys.stderr.flush()
            _kept_stderr = os.dup(2)
            nothing = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nothing, 2)
            os.close(nothing)
        _quiet_count += 1
    try:
        yield
    finally:
        with _quieting:
            _quiet_count -= 1
            if _quiet_count == 0:
                os.dup2(_kept_stderr, 2)
                os.close(_kept_stderr)
