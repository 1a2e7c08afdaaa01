"""Blocks into windows: what one chunk hears, float32 (2, 8400), every 3200 samples.

A window is 3 past frames, the chunk's 5, 5 of look-ahead and 80 samples; before the first sample lies silence.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from avtr_cli.core.arrays import AnyArray, Sound
from avtr_cli.core.errors import AudioError
from avtr_cli.core.timing import CHUNK_FRAMES, CHUNK_SAMPLES, FIRST_CHUNK_SAMPLES, WINDOW_SAMPLES, frames_of
from avtr_cli.core.types import Window


class Windows:
    """Gathers samples into windows; how they are cut into pushes changes nothing."""

    def __init__(self) -> None:
        self._held = np.zeros((2, WINDOW_SAMPLES), np.float32)
        self._filled = WINDOW_SAMPLES - FIRST_CHUNK_SAMPLES  # the silence before the call
        self.heard = 0  # samples pushed in all
        self.index = 0  # of the next chunk

    def push(self, samples: Sound) -> Iterator[Window]:
        """Hear float32 (2, n), any n, and yield every window this completes.

        Raises AudioError on another shape, and where a sample is NaN or infinite, before any of it is heard.
        """
        if samples.ndim != 2 or samples.shape[0] != 2 or samples.dtype != np.float32:
            raise AudioError(
                f"audio must be float32 (2, n), rows (avatar, partner), not {samples.dtype} {samples.shape}"
            )
        if not np.isfinite(samples).all():
            raise AudioError("audio must be finite: there are NaN or infinite samples in what was pushed")
        at = 0
        while at < samples.shape[1]:
            count = min(WINDOW_SAMPLES - self._filled, samples.shape[1] - at)
            self._held[:, self._filled : self._filled + count] = samples[:, at : at + count]
            self._filled += count
            self.heard += count
            at += count
            if self._filled == WINDOW_SAMPLES:
                yield self._window()

    def finish(self) -> Iterator[Window]:
        """The windows of the tail, padded with silence, until every frame of what was heard is covered."""
        while self.index * CHUNK_FRAMES < frames_of(self.heard):
            self._held[:, self._filled :] = 0
            yield self._window()

    def _window(self) -> Window:
        window = Window(self._held.copy(), self.index)
        kept = WINDOW_SAMPLES - CHUNK_SAMPLES
        self._held[:, :kept] = self._held[:, CHUNK_SAMPLES:].copy()
        self._filled = kept
        self.index += 1
        return window

    def state(self) -> dict[str, AnyArray]:
        """All that is remembered, by name; `restored` goes on from it bit for bit."""
        return {"held": self._held.copy(), "counts": np.array([self._filled, self.heard, self.index], np.int64)}

    @classmethod
    def restored(cls, state: dict[str, AnyArray]) -> Windows:
        """The windows as they were when `state` was taken."""
        windows = cls()
        windows._held = np.array(state["held"], np.float32)
        windows._filled, windows.heard, windows.index = (int(n) for n in state["counts"])
        return windows
