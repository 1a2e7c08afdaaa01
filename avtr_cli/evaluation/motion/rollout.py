"""A motion model performing a dialogue by the session's own path, with nobody drawing what it says.

The same windows, states and cut tail as a rendered file: what is measured here is what a video shows.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from avtr_cli.core.arrays import Floats, Frames, Sound
from avtr_cli.core.camera import FRONT, Camera
from avtr_cli.core.errors import ConfigError
from avtr_cli.core.motion_space import CONTROLS, MotionSpace
from avtr_cli.core.protocols import MotionGenerator
from avtr_cli.core.timing import SAMPLE_RATE
from avtr_cli.core.types import Identity, Motion, Portrait
from avtr_cli.streaming.session import StreamingSession


class Unseen:
    """A renderer without pictures."""

    free_camera = False
    weights_files: tuple[Path, ...] = ()

    def __init__(self, space: MotionSpace):
        self.space = space

    def prepare(self, portrait: Portrait) -> Identity:
        """Not to be asked."""
        raise NotImplementedError("an unseen motion has no portrait")

    def draw(self, identity: Identity, motion: Motion, camera: Camera = FRONT) -> Frames:
        """Nothing."""
        return np.empty((0, 0, 0, 3), np.uint8)


class SessionPerformer:
    """A `Perform` that runs `generator` in a `StreamingSession`. Raises ConfigError unless it speaks controls."""

    def __init__(self, generator: MotionGenerator):
        if generator.space != CONTROLS:
            raise ConfigError(
                f"this motion model speaks '{generator.space.name}', but motion is measured in '{CONTROLS.name}': "
                "choose motion.generator 'lmfm'"
            )
        self._generator = generator
        self._identity = Identity(CONTROLS, torch.zeros(len(CONTROLS)), None, (0, 0))
        self.chunk_ms: list[float] = []  # wall time of every chunk so far

    def __call__(self, sound: Sound, seed: int) -> Floats:
        session = StreamingSession(self._identity, self._generator, Unseen(CONTROLS), seed)
        values = []
        for at in range(0, sound.shape[1], SAMPLE_RATE):
            values += [chunk.motion.values for chunk in session.stream(sound[:, at : at + SAMPLE_RATE])]
        values += [chunk.motion.values for chunk in session.stream_tail()]
        self.chunk_ms += session.clock.chunk_ms
        return torch.cat(values).cpu().numpy()
