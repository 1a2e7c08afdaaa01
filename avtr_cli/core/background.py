"""Work begun in a thread of its own and waited for where its result is needed.

A plain thread, not an executor's: at its end Python waits for it too, but says before that the main thread is over, so
that long work can ask `threading.main_thread().is_alive()` between its steps, and stop.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

_T = TypeVar("_T")


def begun(work: Callable[[], _T], name: str) -> Future[_T]:
    """`work` under way in a thread called `name`; what it raises is raised by the future's `result`."""
    future: Future[_T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, name=name).start()
    return future
