"""Ctrl-C, a polite kill and a closed terminal, taken where nothing is half made.

Python raises KeyboardInterrupt between any two steps of the main thread: also between making a thing and noting that
it has to be removed, in the middle of removing it, or in a callback from C, where it is lost. Inside
`interruptions_held` an interruption is remembered instead, and raised at the next `raise_if_interrupted` or at once in
the body of `interruptible`, which stands around what takes long and leaves nothing behind.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, TypeVar

_T = TypeVar("_T")
_Handler = Callable[[int, FrameType | None], Any]

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _HeldInterruptions:
    """What the main thread knows of interruptions while it holds them."""

    def __init__(self) -> None:
        asked = {number: signal.getsignal(number) for number in SIGNALS}
        self.handlers: dict[int, _Handler] = {number: found for number, found in asked.items() if callable(found)}
        self.open = False  # whether it may be raised wherever the thread is
        self.waiting: int | None = None  # number of the signal that came, until it is known to have got through
        self._raised = False

    def note(self, number: int, frame: FrameType | None) -> None:
        """The handler meanwhile. Once one was raised, another does not cut the cleaning up short."""
        ended = _current is not self
        if self._raised and not ended:
            return
        self.waiting = number
        if self.open or ended:
            self._raise(number, frame)
            self.waiting = None

    def deliver(self) -> None:
        """Raise what waits."""
        number, self.waiting = self.waiting, None
        if number is not None:
            self._raise(number, None)

    def _raise(self, number: int, frame: FrameType | None) -> None:
        """By the handler that was there before; one that does something else is free to."""
        self._raised = True
        self.handlers[number](number, frame)
        self._raised = False


_current: _HeldInterruptions | None = None  # of the main thread; no other is ever interrupted


def _current_of_this_thread() -> _HeldInterruptions | None:
    return _current if threading.current_thread() is threading.main_thread() else None


@contextmanager
def interruptions_held() -> Iterator[None]:
    """Inside, signals that Python handles wait for `raise_if_interrupted`, `interruptible` or the end.

    Inside `interruptible`, it holds them again. In other threads, which are never interrupted, it does nothing.
    """
    global _current
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    if _current is not None:
        with _opened(_current, False):
            yield
        if _current.open:
            raise_if_interrupted()
        return
    hold = _HeldInterruptions()
    try:
        _current = hold
        for number in hold.handlers:
            signal.signal(number, hold.note)
        yield
    finally:
        _current = None
        for number, handler in hold.handlers.items():
            signal.signal(number, handler)
        hold.deliver()


@contextmanager
def interruptible() -> Iterator[None]:
    """Inside `interruptions_held`, the body may be interrupted anywhere: it takes long and leaves nothing behind."""
    hold = _current_of_this_thread()
    if hold is None:
        yield
        return
    hold.deliver()
    try:
        with _opened(hold, True):
            yield
    except KeyboardInterrupt:
        hold.waiting = None
        raise
    hold.deliver()  # again, where it was raised inside and lost


def raise_if_interrupted() -> None:
    """Inside `interruptions_held`, nothing is half made here: raise the interruption that waits, if any."""
    hold = _current_of_this_thread()
    if hold is not None:
        hold.deliver()


def each_interruptible(items: Iterable[_T]) -> Iterator[_T]:
    """`items`, each of them waited for in `interruptible`."""
    iterator, end = iter(items), object()
    while True:
        with interruptible():
            item: Any = next(iterator, end)
        if item is end:
            return
        yield item


@contextmanager
def _opened(hold: _HeldInterruptions, open_: bool) -> Iterator[None]:
    before, hold.open = hold.open, open_
    try:
        yield
    finally:
        hold.open = before
