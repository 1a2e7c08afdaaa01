"""Motion that is there already, behind the same two calls as motion that is being made."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from avtr_cli.core.arrays import Reals
from avtr_cli.core.interaction import Contact
from avtr_cli.core.motion_space import MotionSpace
from avtr_cli.core.timing import CHUNK_FRAMES
from avtr_cli.core.types import Asked, Identity, Motion, MotionState, Window


class Replay:
    """A MotionGenerator that speaks float32 (T, C), whatever it hears; the last frame holds on.

    `contacts` are what touches the skin, by frame.
    """

    cues: frozenset[str] = frozenset()
    weights_files: tuple[Path, ...] = ()

    def __init__(self, space: MotionSpace, values: Tensor, contacts: Mapping[int, tuple[Contact, ...]] | None = None):
        self.space, self.values, self._contacts = space, values, contacts or {}

    @property
    def frames(self) -> int:
        """How many frames there are."""
        return len(self.values)

    def start(self, identity: Identity, seed: int) -> MotionState:
        """Nothing to remember: it is all there."""
        return {}

    def step(self, window: Window, state: MotionState, asked: Asked = ()) -> tuple[Motion, MotionState]:
        """The chunk's 5 rows, with their contacts; behind the end the last row stays."""
        first = window.index * CHUNK_FRAMES
        rows = torch.arange(first, first + CHUNK_FRAMES).clamp(max=len(self.values) - 1)
        contacts = tuple(self._contacts.get(frame, ()) for frame in range(first, first + CHUNK_FRAMES))
        return Motion(self.space, self.values[rows], first, contacts if any(contacts) else ()), state

    def in_space(self, space: MotionSpace, values: Tensor) -> Replay:
        """The same frames, touched alike, told as `values` (T, C) of another space."""
        other = Replay(space, values, self._contacts)
        other.weights_files = self.weights_files
        return other


class RestingReplay(Replay):
    """Motion in a space whose zeros are nobody's face at rest: `rest` (C,) is how this one rests.

    `attribution` is what the licence of its model wants to be said of it.
    """

    def __init__(self, space: MotionSpace, values: Tensor, rest: Reals, attribution: str = ""):
        super().__init__(space, values)
        self.rest, self.attribution = rest, attribution
