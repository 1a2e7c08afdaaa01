"""The two verbs between the rooms: a motion generator hears, a renderer draws; neither knows the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from avtr_cli.core.motion_space import MotionSpace
from avtr_cli.core.types import Identity, Motion, MotionState, Portrait, Window

if TYPE_CHECKING:
    from avtr_cli.core.arrays import Frames


class MotionGenerator(Protocol):
    """Audio into motion, a chunk at a time. Networks hold weights only; the state is a value handed on."""

    space: MotionSpace

    def start(self, identity: Identity, seed: int) -> MotionState:
        """The state before the first chunk."""

    def step(self, window: Window, state: MotionState) -> tuple[Motion, MotionState]:
        """The 5 frames of one chunk and the state after it. The same window and state give the same bits."""


class Renderer(Protocol):
    """Motion into pictures of one identity. Holds weights and scratch memory, no history."""

    space: MotionSpace

    def prepare(self, portrait: Portrait) -> Identity:
        """Everything that depends on the photo alone."""

    def draw(self, identity: Identity, motion: Motion) -> Frames:
        """uint8 (T, H, W, 3 or 4) pictures of the T frames, view and background applied.

        The array may be scratch memory that the next call overwrites.
        """


@runtime_checkable
class JointGenerator(Protocol):
    """A motion generator that moves several sessions in one forward; each as alone, up to rounding."""

    def step_together(
        self, windows: Sequence[Window], states: Sequence[MotionState]
    ) -> list[tuple[Motion, MotionState]]:
        """`step` of every session. Sessions of one chunk index need not go together."""


@runtime_checkable
class JointRenderer(Protocol):
    """A renderer that draws several identities in one forward; each as alone, up to rounding."""

    def draw_together(self, identities: Sequence[Identity], motions: Sequence[Motion]) -> list[Frames]:
        """`draw` of every identity with its motion."""
