"""Stage clocks: how long each stage of a chunk took, without stopping the machine to ask.

`stage("render")` marks the work inside it for the clock that is running, if any. Stages may nest: time
inside an inner stage counts for the inner one alone. On a GPU a stage is bracketed by CUDA events that are
read when the chunk after the next is done; on a CPU by a monotonic clock. Beside it goes what the thread itself did, in
CPU time: what the wall clock has more, it waited, or others had its core.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

STEPS = ("audio", "motion", "render", "composite", "encode")
_CLOCKED = STEPS[:-1]  # in `chunk`

_running: ContextVar[ChunkClock | None] = ContextVar("stage clock", default=None)


class ChunkClock:
    """Milliseconds per chunk of every stage. `chunk()` brackets a chunk, `stage()` what happens inside."""

    def __init__(self, cuda: bool = False, keep: int | None = None):
        """`keep` is how many of the last chunks are remembered at least; None: all, as a report of a file wants."""
        self._keep = keep
        self.chunk_ms: list[float] = []
        self.stages_ms: dict[str, list[float]] = {name: [] for name in STEPS}
        self.cpu_ms: dict[str, list[float]] = {name: [] for name in STEPS}  # of the thread at work, without its helpers
        self._cuda = cuda
        self._spent: dict[str, float] = {}
        self._spent_cpu: dict[str, float] = {}
        self._apart_ms = 0.0  # of this chunk, in another thread
        self._inner: list[tuple[float, float]] = []  # ms, wall and CPU, of stages inside those under way
        self._events: list[tuple[int, str, Any, Any]] = []
        self._company: tuple[ChunkClock, ...] = (self,)

    @contextmanager
    def chunk(self, *others: ChunkClock) -> Iterator[None]:
        """All the work from a window of audio to its finished frames.

        `others` are the clocks of sessions that go in step with this one: each waits for all, so the same time counts.
        """
        token = _running.set(self)
        self._spent, self._spent_cpu, self._apart_ms, self._company = {}, {}, 0.0, (self, *others)
        began = time.perf_counter()
        try:
            yield
        finally:
            _running.reset(token)
            took = (time.perf_counter() - began) * 1e3 + self._apart_ms
            for clock in self._company:
                clock.chunk_ms.append(took)
                for name in _CLOCKED:
                    clock.stages_ms[name].append(self._spent.get(name, 0.0))
                    clock.cpu_ms[name].append(self._spent_cpu.get(name, 0.0))
                if self._cuda:
                    clock._read_events(before=len(clock.chunk_ms) - 1)
                clock._forget()

    def include(self, apart: ChunkClock) -> None:
        """Inside `chunk`: count what `apart` clocked of this chunk in another thread, as if it had been waited for."""
        self._apart_ms += sum(apart.chunk_ms)
        for name in STEPS:
            self._spent[name] = self._spent.get(name, 0.0) + sum(apart.stages_ms[name])
            self._spent_cpu[name] = self._spent_cpu.get(name, 0.0) + sum(apart.cpu_ms[name])

    def add(self, name: str, ms: float, cpu_ms: float) -> None:
        """A stage that was clocked elsewhere, such as the encoder's thread."""
        self.stages_ms[name].append(ms)
        self.cpu_ms[name].append(cpu_ms)

    def finish(self) -> None:
        """Wait for what the GPU still does, and read the clocks of all chunks."""
        if self._cuda:
            self._read_events(before=len(self.chunk_ms) + 1)

    def _enter(self) -> tuple[Any, float, float]:
        self._inner.append((0.0, 0.0))
        return self._event() if self._cuda else None, time.perf_counter(), time.thread_time()

    def _leave(self, name: str, began: tuple[Any, float, float]) -> None:
        event, wall, cpu = began
        took, did = (time.perf_counter() - wall) * 1e3, (time.thread_time() - cpu) * 1e3
        inner_ms, inner_cpu_ms = self._inner.pop()
        self._spent_cpu[name] = self._spent_cpu.get(name, 0.0) + did - inner_cpu_ms
        if self._inner:
            self._inner[-1] = self._inner[-1][0] + took, self._inner[-1][1] + did
        if self._cuda:
            ended = self._event()
            for clock in self._company:
                clock._events.append((len(clock.chunk_ms), name, event, ended))
        else:
            self._spent[name] = self._spent.get(name, 0.0) + took - inner_ms

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
        for times in (*self.stages_ms.values(), *self.cpu_ms.values()):
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
    began = clock._enter()
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
