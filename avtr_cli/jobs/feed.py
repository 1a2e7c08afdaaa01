"""One call fed to one session, or to two that hear it from either side: what comes out is what a video is made of.

The sessions go in step, a chunk of each at a time, so memory does not grow with the call.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

import numpy as np

from avtr_cli.audio.source import DialogueSource
from avtr_cli.core.arrays import Image, Sound
from avtr_cli.core.clocks import STEPS, ChunkClock
from avtr_cli.core.types import Chunk, Motion, Window
from avtr_cli.jobs.workfolder import WorkFolder
from avtr_cli.output.layout import Layout
from avtr_cli.streaming.pace import RealtimePace
from avtr_cli.streaming.session import SessionWindow, StreamingSession


@dataclass(frozen=True)
class FedChunk:
    """What one chunk gave: pictures that live until the next take, and the motion of every avatar, on the CPU."""

    pictures: Iterator[Image]
    motions: tuple[Motion, ...]
    count: int


class Feed:
    """Feeds `source` to `sessions`: the first hears it as it is, the second with the two sides swapped.

    Two sessions need a `layout`; they may share a renderer. `pace` is `max` or `realtime`.
    """

    def __init__(
        self,
        sessions: Sequence[StreamingSession],
        source: DialogueSource,
        layout: Layout | None = None,
        pace: str = "max",
    ):
        assert len(sessions) == (1 if layout is None else 2)
        self.sessions, self.pace = tuple(sessions), None if pace == "max" else RealtimePace()
        self._source, self.layout = source, layout
        self.at_once = False  # whether two sessions are drawn each by a core
        self._first: tuple[Chunk, list[Image]] | None = None  # of a pair, until the second's chunk comes
        self._kept: list[Image] = []
        self._layout_ms: list[float] = []  # per chunk

    def heard(self) -> Generator[list[SessionWindow], None, None]:
        """What the sessions still have to hear, a window of each at a time, for `in_step`; `receive` takes the chunks.

        Audio they have heard before is skipped, not heard again.
        """
        blocks = _skipped(self._source.blocks(), self.sessions[0].heard)
        if self.pace is not None:
            self.pace = RealtimePace(self.sessions[0].heard)
            blocks = self.pace.packets(blocks)
        for block in blocks:
            sides = (block, np.ascontiguousarray(block[::-1]))
            yield from self._paired([one.hear(side) for one, side in zip(self.sessions, sides, strict=False)])
        yield from self._paired([one.end() for one in self.sessions])

    def _paired(self, windows: list[Iterator[Window]]) -> Iterator[list[SessionWindow]]:
        for row in zip(*windows, strict=True):
            yield list(zip(self.sessions, row, strict=True))

    def receive(self, chunk: Chunk) -> FedChunk | None:
        """Take the sessions' chunks of one moment, one by one in their order; with the last comes the Take."""
        pictures: Iterator[Image] = (frame.pixels for frame in chunk.frames)
        chunks = [chunk]
        if self.layout is not None:
            if self._first is None:
                self._first = (chunk, self._keep(chunk))  # the second session may draw into the same scratch memory
                return None
            (first, kept), self._first = self._first, None
            chunks = [first, chunk]
            pictures = self._composed(kept, chunk)
        motions = tuple(replace(one.motion, values=one.motion.values.cpu()) for one in chunks)
        if self.pace is not None:
            self.pace.left(chunk.motion.first, len(chunk.frames))
        return FedChunk(pictures, motions, len(chunk.frames))

    def _keep(self, chunk: Chunk) -> list[Image]:
        while len(self._kept) < len(chunk.frames):
            self._kept.append(np.empty_like(chunk.frames[0].pixels))
        for buffer, frame in zip(self._kept, chunk.frames, strict=False):
            np.copyto(buffer, frame.pixels)
        return self._kept[: len(chunk.frames)]

    def _composed(self, first: list[Image], second: Chunk) -> Iterator[Image]:
        assert self.layout is not None
        self._layout_ms.append(0.0)
        for pixels, frame in zip(first, second.frames, strict=True):
            began = time.perf_counter()
            composed = self.layout.compose(pixels, frame.pixels, frame.index)
            self._layout_ms[-1] += (time.perf_counter() - began) * 1e3
            yield composed

    def save(self, folder: WorkFolder, index: int) -> None:
        """Write what every session remembers after segment `index`."""
        for avatar, session in enumerate(self.sessions):
            session.save(folder.state(index, avatar))

    def restore(self, folder: WorkFolder, index: int) -> None:
        """Every session as it was after segment `index`."""
        for avatar, session in enumerate(self.sessions):
            session.restore(folder.state(index, avatar))

    def clock(self) -> ChunkClock:
        """Milliseconds per chunk of all sessions and the layout together."""
        clocks = [session.clock for session in self.sessions]
        if len(clocks) == 1:
            return clocks[0]
        if self.sessions[0].joint:  # one forward for both, on either clock
            clocks = clocks[:1]
        total = ChunkClock()
        for clock in clocks:
            clock.finish()
        drawn = [clock.chunk_ms for clock in clocks]
        if self.at_once:  # each waits for the slower one
            drawn = [[max(both) for both in zip_longest(*drawn, fillvalue=0.0)]]
        total.chunk_ms = _summed([*drawn, self._layout_ms])
        total.stages_ms = {name: _summed([clock.stages_ms[name] for clock in clocks]) for name in STEPS}
        total.cpu_ms = {name: _summed([clock.cpu_ms[name] for clock in clocks]) for name in STEPS}
        total.stages_ms["composite"] = _summed([total.stages_ms["composite"], self._layout_ms])
        return total


def _summed(lists: list[list[float]]) -> list[float]:
    return [sum(values) for values in zip_longest(*lists, fillvalue=0.0)]


def _skipped(blocks: Iterator[Sound], skip: int) -> Iterator[Sound]:
    for block in blocks:
        passed = min(skip, block.shape[1])
        skip -= passed
        if passed < block.shape[1]:
            yield block[:, passed:]
