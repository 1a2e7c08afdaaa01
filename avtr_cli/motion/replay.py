"""Motion that is there already, behind the same two calls as motion that is being made."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from avtr_cli.core.arrays import Reals
from avtr_cli.core.motion_space import MotionSpace
from avtr_cli.core.timing import CHUNK_FRAMES
from avtr_cli.core.types import Asked, Identity, Motion, MotionState, Window


class Replay:
    """A MotionGenerator that speaks float32 (T, C), whatever it hears; the last frame holds on."""

    cues: frozenset[str] = frozenset()
    weights_files: tuple[Path, ...] = ()

    def __init__(self, space: MotionSpace, values: Tensor):
        self.space, self.values = space, values

    @property
    def frames(self) -> int:
        """How many frames there are."""
        return len(self.values)

    def start(self, identity: Identity, seed: int) -> MotionState:
        """Nothing to remember: it is all there."""
        return {}

    def step(self, window: Window, state: MotionState, asked: Asked = ()) -> tuple[Motion, MotionState]:
        """The chunk's 5 rows; behind the end the last one stays."""
        first = window.index * CHUNK_FRAMES
        rows = torch.arange(first, first + CHUNK_FRAMES).clamp(max=len(self.values) - 1)
        return Motion(self.space, self.values[rows], first), state


class RestingReplay(Replay):
    """Motion in a space whose zeros are nobody's face at rest: `rest` (C,) is how this one rests.

    `attribution` is what the licence of its model wants to be said of it.
    """

    def __init__(self, space: MotionSpace, values: Tensor, rest: Reals, attribution: str = ""):
        super().__init__(space, values)
        self.rest, self.attribution = rest, attribution
