"""Silence for C and C++ code, which writes to file descriptor 2 whatever Python's standard error is."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator

from avtr_cli.core.interruption import interruptions_held

_lock = threading.Lock()
_inside = 0
_kept_stderr = -1


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Sends what C++ code writes to standard error into nothing, until the last thread inside has left.

    File descriptor 2 is the whole process's: what other threads of a host program write to standard error meanwhile is
    lost too. In a process that was started without a standard error (`2>&-`, a service) nothing is done, as 2 may be
    any file there.
    """
    global _inside, _kept_stderr
    entered = False
    try:
        with interruptions_held(), _lock:  # interrupted half way, it would stay silent for good
            if _inside == 0:
                _kept_stderr = _silenced()
            _inside += 1
            entered = True
        yield
    finally:
        with interruptions_held(), _lock:
            _inside -= entered
            if entered and _inside == 0 and _kept_stderr >= 0:
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
