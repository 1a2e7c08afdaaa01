"""Sound at the speed of a call: packets that arrive when they would have been spoken, and what waits for them.

`--pace realtime` proves that a machine keeps up with a live call. It changes when the session hears, never what it
hears, so the frames are those of `--pace max`.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Any

from avtr_cli.core.arrays import Sound
from avtr_cli.core.clocks import statistics
from avtr_cli.core.timing import (
    CHUNK_FRAMES,
    CHUNK_SAMPLES,
    DEADLINE_MS,
    FIRST_CHUNK_SAMPLES,
    SAMPLE_RATE,
    SAMPLES_PER_FRAME,
)

PACKET_SAMPLES = 320  # 20 ms, as calls send them


class RealtimePace:
    """One call's wall clock: `packets` hands sound on when it is due, `left` notes when frames come out."""

    def __init__(self, first_sample: int = 0):
        self._first = self._spoken = first_sample
        self._began = 0.0
        self.latency_ms: list[float] = []  # per frame: from the moment its own sound began until it left
        self.delay_ms: list[float] = []  # per chunk: from the moment all sound it hears was there

    def packets(self, blocks: Iterable[Sound]) -> Iterator[Sound]:
        """Cut float32 (2, n) blocks into 20 ms packets; each waits until its last sample has been spoken."""
        self._began = time.perf_counter() - self._first / SAMPLE_RATE
        for block in blocks:
            for at in range(0, block.shape[1], PACKET_SAMPLES):
                packet = block[:, at : at + PACKET_SAMPLES]
                self._spoken += packet.shape[1]
                wait = self._began + self._spoken / SAMPLE_RATE - time.perf_counter()
                if wait > 0:
                    time.sleep(wait)
                yield packet

    def left(self, first_frame: int, count: int) -> None:
        """`count` frames from `first_frame` on have left the session now."""
        now = time.perf_counter() - self._began
        for frame in range(first_frame, first_frame + count):
            self.latency_ms.append((now - frame * SAMPLES_PER_FRAME / SAMPLE_RATE) * 1e3)
        heard = FIRST_CHUNK_SAMPLES + first_frame // CHUNK_FRAMES * CHUNK_SAMPLES
        heard = min(heard, self._spoken)  # once the call is over nothing more is waited for
        self.delay_ms.append((now - heard / SAMPLE_RATE) * 1e3)

    def entry(self) -> dict[str, Any]:
        """The report's `timing.pace`. A chunk misses its deadline when the next one's sound is complete before it."""
        misses = sum(ms > DEADLINE_MS for ms in self.delay_ms)
        return {
            "mode": "realtime",
            "packet_ms": 1000 * PACKET_SAMPLES / SAMPLE_RATE,
            "frame_latency_ms": statistics(self.latency_ms),
            "chunk_delay_ms": statistics(self.delay_ms),
            "deadline_ms": DEADLINE_MS,
            "deadline_misses": misses,
        }
