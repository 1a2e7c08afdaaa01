"""One avatar on one call: audio goes in as it arrives, frames come out once they can.

This is the real-time path. A file is rendered by feeding it here (offline.py); there is no second path, so
a rendered file and a live call cannot differ.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from avtr_cli.audio.windows import Windows
from avtr_cli.clocks import StageClock, stage
from avtr_cli.errors import ConfigError
from avtr_cli.timing import CHUNK_FRAMES, frames_of
from avtr_cli.types import Chunk, Frame, Identity, Motion, MotionGenerator, MotionState, Renderer, Window


class StreamingSession:
    """Joins a motion generator and a renderer over one call; the only place that knows both.

    Cutting the audio differently changes no frame (tests/test_session.py).
    Raises ConfigError when the renderer does not draw the space that the generator speaks.
    """

    def __init__(
        self,
        identity: Identity,
        motion: MotionGenerator,
        renderer: Renderer,
        seed: int = 0,
        clock: StageClock | None = None,
    ):
        if motion.space.name != renderer.space.name:
            raise ConfigError(
                f"this motion model speaks '{motion.space.name}' and this renderer draws '{renderer.space.name}': "
                "choose another motion.generator or render.renderer"
            )
        self._identity, self._motion, self._renderer = identity, motion, renderer
        self._windows = Windows()
        self._state: MotionState = motion.start(identity, seed)
        self.clock = clock or StageClock()

    @property
    def frames_out(self) -> int:
        """How many frames have left; a whole number of chunks until `finish`."""
        return self._windows.index * CHUNK_FRAMES

    @property
    def heard(self) -> int:
        """How many samples a side it has heard."""
        return self._windows.heard

    def push(self, samples: np.ndarray) -> list[Frame]:
        """Hear `samples`, float32 (2, n) in [-1, 1] at 16 kHz, rows (avatar, partner), any n.

        Returns the frames this completes, oldest first: 5 once 6480 samples are in (405 ms), then 5 per
        3200. Raises AudioError on another shape or dtype.
        """
        return _kept(self.stream(samples))

    def finish(self) -> list[Frame]:
        """The call is over: the frames still owed, ceil(samples / 640) in all."""
        return _kept(self.stream_tail())

    def stream(self, samples: np.ndarray) -> Iterator[Chunk]:
        """As `push`, a chunk at a time; the frames of a chunk may be overwritten by the next."""
        for window in self._windows.push(samples):
            yield self._chunk(window)

    def stream_tail(self) -> Iterator[Chunk]:
        """As `finish`, a chunk at a time."""
        owed = frames_of(self._windows.heard)
        for window in self._windows.finish():
            chunk = self._chunk(window)
            values = chunk.motion.values[: owed - chunk.motion.first]
            yield Chunk(Motion(chunk.motion.space, values, chunk.motion.first), chunk.frames[: len(values)])

    def _chunk(self, window: Window) -> Chunk:
        with self.clock.chunk():
            with stage("motion"):
                motion, self._state = self._motion.step(window, self._state)
            with stage("render"):
                pictures = self._renderer.draw(self._identity, motion)
        return Chunk(motion, [Frame(picture, motion.first + i) for i, picture in enumerate(pictures)])

    def save(self, path: Path) -> None:
        """Write what the session remembers to `path` (safetensors); `restore` goes on bit for bit."""
        tensors = {f"motion.{name}": tensor.contiguous().cpu() for name, tensor in self._state.items()}
        tensors |= {f"windows.{name}": torch.from_numpy(array) for name, array in self._windows.state().items()}
        partial = path.with_name(path.name + ".partial")
        save_file(tensors, partial)
        partial.replace(path)

    def restore(self, path: Path) -> None:
        """Take over what `save` wrote for a session of the same identity, models and settings."""
        tensors = load_file(path)
        windows = {n.removeprefix("windows."): t.numpy() for n, t in tensors.items() if n.startswith("windows.")}
        self._windows = Windows.restored(windows)
        self._state = {name: tensors[f"motion.{name}"].to(tensor.device) for name, tensor in self._state.items()}


def _kept(chunks: Iterator[Chunk]) -> list[Frame]:
    return [Frame(frame.pixels.copy(), frame.index) for chunk in chunks for frame in chunk.frames]
