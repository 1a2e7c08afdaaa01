"""Stage clocks: how long each stage of a chunk took, without stopping the machine to ask.

`stage("render")` marks the work inside it for the clock that is running, if any. Stages may nest: time
inside an inner stage counts for the inner one alone. On a GPU a stage is bracketed by CUDA events that are
read when the chunk after the next is done; on a CPU by a monotonic clock.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

STEPS = ("audio", "motion", "render", "composite", "encode")

_running: ContextVar[ChunkClock | None] = ContextVar("stage clock", default=None)


class ChunkClock:
    """Milliseconds per chunk of every stage. `chunk()` brackets a chunk, `stage()` what happens inside."""

    def __init__(self, cuda: bool = False, keep: int | None = None):
        """`keep` is how many of the last chunks are remembered at least; None: all, as a report of a file wants."""
        self._keep = keep
        self.chunk_ms: list[float] = []
        self.stages_ms: dict[str, list[float]] = {name: [] for name in STEPS}
        self._cuda = cuda
        self._spent: dict[str, float] = {}
        self._apart_ms = 0.0  # of this chunk, in another thread
        self._inner: list[float] = []
        self._events: list[tuple[int, str, Any, Any]] = []
        self._company: tuple[ChunkClock, ...] = (self,)

    @contextmanager
    def chunk(self, *others: ChunkClock) -> Iterator[None]:
        """All the work from a window of audio to its finished frames.

        `others` are the clocks of sessions that go in step with this one: each waits for all, so the same time counts.
        """
        token = _running.set(self)
        self._spent, self._apart_ms, self._company = {}, 0.0, (self, *others)
        began = time.perf_counter()
        try:
            yield
        finally:
            _running.reset(token)
            took = (time.perf_counter() - began) * 1e3 + self._apart_ms
            for clock in self._company:
                clock.chunk_ms.append(took)
                for name in ("audio", "motion", "render", "composite"):
                    clock.stages_ms[name].append(self._spent.get(name, 0.0))
                if self._cuda:
                    clock._read_events(before=len(clock.chunk_ms) - 1)
                clock._forget()

    def include(self, apart: ChunkClock) -> None:
        """Inside `chunk`: count what `apart` clocked of this chunk in another thread, as if it had been waited for."""
        self._apart_ms += sum(apart.chunk_ms)
        for name, times in apart.stages_ms.items():
            self._spent[name] = self._spent.get(name, 0.0) + sum(times)

    def add(self, name: str, ms: float) -> None:
        """A stage that was clocked elsewhere, such as the encoder's thread."""
        self.stages_ms[name].append(ms)

    def finish(self) -> None:
        """Wait for what the GPU still does, and read the clocks of all chunks."""
        if self._cuda:
            self._read_events(before=len(self.chunk_ms) + 1)

    def _enter(self, name: str) -> Any:
        self._inner.append(0.0)
        return self._event() if self._cuda else time.perf_counter()

    def _leave(self, name: str, began: Any) -> None:
        inner = self._inner.pop()
        if self._cuda:
            ended = self._event()
            for clock in self._company:
                clock._events.append((len(clock.chunk_ms), name, began, ended))
            return
        took = (time.perf_counter() - began) * 1e3
        self._spent[name] = self._spent.get(name, 0.0) + took - inner
        if self._inner:
            self._inner[-1] += took

    @staticmethod
    def _event() -> Any:
        import torch

        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event

    def _forget(self) -> None:
        """Drop the oldest chunks of a call without an end, now and then."""
        if self._keep is None or len(self.chunk_ms) < 2 * self._keep + 2:
            return
        gone = len(self.chunk_ms) - self._keep
        del self.chunk_ms[:gone]
        for times in self.stages_ms.values():
            del times[: max(0, len(times) - self._keep)]
        self._events = [(chunk - gone, *rest) for chunk, *rest in self._events if chunk >= gone]

    def _read_events(self, before: int) -> None:
        waiting = []
        for chunk, name, began, ended in self._events:
            if chunk < before and ended.query():
                self.stages_ms[name][chunk] += began.elapsed_time(ended)
            else:
                waiting.append((chunk, name, began, ended))
        self._events = waiting


@contextmanager
def timed(name: str) -> Iterator[None]:
    """Count the work inside for stage `name` of the running clock; nothing where none runs."""
    clock = _running.get()
    if clock is None:
        yield
        return
    began = clock._enter(name)
    try:
        yield
    finally:
        clock._leave(name, began)


def statistics(values: list[float]) -> dict[str, float]:
    """The report's numbers for a list of milliseconds: count, mean, p50, p90, p99, max."""
    import numpy as np

    if not values:
        return {"count": 0, "mean": 0.0, "p50": 0.0, "p90": 0.0, "p99": 0.0, "max": 0.0}
    p50, p90, p99 = np.percentile(values, (50, 90, 99))
    numbers = {"mean": np.mean(values), "p50": p50, "p90": p90, "p99": p99, "max": np.max(values)}
    return {"count": len(values)} | {name: round(float(value), 3) for name, value in numbers.items()}
