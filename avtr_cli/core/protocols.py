"""The two verbs between the rooms: a motion generator hears, a renderer draws; neither knows the other.

Both hold weights and scratch memory, no history, and may serve several threads at once. What a stream remembers is a
value: the state that `step` takes and gives.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

from avtr_cli.core.camera import FRONT, Camera, MovingCamera
from avtr_cli.core.motion_space import MotionSpace
from avtr_cli.core.types import Asked, Identity, Motion, MotionState, Portrait, Window

if TYPE_CHECKING:
    from avtr_cli.core.arrays import Frames, Sound


class MotionGenerator(Protocol):
    """Audio into motion, a chunk at a time."""

    @property
    def space(self) -> MotionSpace:
        """What it speaks."""

    @property
    def cues(self) -> frozenset[str]:
        """Names of the cues that it can do; others must not be asked of it."""

    @property
    def weights_files(self) -> tuple[Path, ...]:
        """Files that shape its motion; part of a job's key."""

    def start(self, identity: Identity, seed: int) -> MotionState:
        """The state before the first chunk."""

    def step(self, window: Window, state: MotionState, asked: Asked = ()) -> tuple[Motion, MotionState]:
        """The 5 frames of one chunk and the state after it; `asked` are cues and interactions at these frames.

        The same window, state and `asked` give the same bits.
        """


@runtime_checkable
class TellsBackend(Protocol):
    """A motion generator that may be computed by several libraries, whose last bits differ."""

    @property
    def backend(self) -> str:
        """Which one does, as reports and job keys call it."""


def backend_of(generator: MotionGenerator) -> str:
    """The library that computes its motion: torch, where it says no other."""
    return generator.backend if isinstance(generator, TellsBackend) else "torch"


@runtime_checkable
class WholeCallGenerator(Protocol):
    """A motion generator that has to hear a call whole before its first frame: it follows files, not live calls.

    Its own `start` raises ConfigError; the generators that `of_call` gives replay what was made, chunk by chunk.
    """

    def of_call(self, blocks: Iterable[Sound], voices: Sequence[Voice]) -> list[MotionGenerator]:
        """What moves each of `voices`, one or two, on the call whose sound is `blocks`.

        `blocks` are float32 (2, n) at 16 kHz, rows (avatar, partner), any n. The second voice is the partner's: it
        hears the call with the rows swapped.
        """


class Voice(NamedTuple):
    """What is drawn at random for one side of a call, as `MotionGenerator.start` is told it."""

    seed: int
    person: int  # as `Identity.person`


@runtime_checkable
class Touchable(Protocol):
    """A motion generator that may answer interactions; of one that cannot they must not be asked."""

    @property
    def touchable(self) -> bool:
        """Whether it does."""


def is_touchable(generator: MotionGenerator) -> bool:
    """Whether interactions may be asked of it."""
    return isinstance(generator, Touchable) and generator.touchable


class Renderer(Protocol):
    """Motion into pictures of one identity."""

    @property
    def space(self) -> MotionSpace:
        """What it draws."""

    @property
    def free_camera(self) -> bool:
        """Whether it can be seen from anywhere; otherwise from FRONT alone."""

    @property
    def weights_files(self) -> tuple[Path, ...]:
        """Files that shape its pictures; part of a job's key."""

    def prepare(self, portrait: Portrait) -> Identity:
        """Everything that depends on the photo alone."""

    def draw(self, identity: Identity, motion: Motion, camera: Camera = FRONT) -> Frames:
        """uint8 (T, H, W, 3 or 4) pictures of the T frames, view and background applied.

        The array may be scratch memory that the next call of this thread overwrites. Raises ConfigError for a camera
        that it cannot look through.
        """


@runtime_checkable
class ChoosesCamera(Protocol):
    """A renderer whose settings say from where an identity is seen."""

    def camera(self, identity: Identity) -> Camera | MovingCamera:
        """What `draw` is then to be given, frame by frame.

        Raises PhotoError, in words that follow the photo's name, for what the photo does not show.
        """


def camera_of(renderer: Renderer, identity: Identity) -> Camera | MovingCamera:
    """From where the settings of `renderer` have an identity seen. Raises PhotoError as `ChoosesCamera.camera`."""
    return renderer.camera(identity) if isinstance(renderer, ChoosesCamera) else FRONT


@runtime_checkable
class KnowsPlaces(Protocol):
    """A renderer that knows what of the photo its frames show where."""

    def locate(self, identity: Identity, motion: Motion, row: int, place: tuple[float, float]) -> tuple[float, float]:
        """What lies at a `place` of the frame that shows row `row` of `motion`: a place of the photo.

        Both are (x, y) in shares of their picture; the photo's may lie outside of it.
        """


@runtime_checkable
class FeelsContacts(KnowsPlaces, Protocol):
    """One that draws the contacts of a `Motion`, too."""

    def at_rest(self, identity: Identity, place: tuple[float, float]) -> tuple[float, float]:
        """Where a `place` of the photo lies in the frame at rest, the other way; maybe outside of it."""


@runtime_checkable
class KeepsAvatars(Protocol):
    """A renderer whose prepared avatars may outlive the process: arrays, tensors and plain values in dataclasses."""

    @property
    def space(self) -> MotionSpace:
        """As `Renderer.space`."""

    @property
    def kept_classes(self) -> tuple[type, ...]:
        """The dataclasses that `Identity.kept` is made of."""

    def revived(self, identity: Identity) -> Identity:
        """What `prepare` gave, from what was kept of it: fields that are not kept are made anew."""


@runtime_checkable
class JointGenerator(Protocol):
    """A motion generator that moves several sessions in one forward; each as alone, up to rounding."""

    def step_together(
        self, windows: Sequence[Window], states: Sequence[MotionState], asked: Sequence[Asked]
    ) -> list[tuple[Motion, MotionState]]:
        """`step` of every session. Sessions of one chunk index need not go together."""


@runtime_checkable
class JointRenderer(Protocol):
    """A renderer that draws several identities in one forward; each as alone, up to rounding."""

    def draw_together(
        self, identities: Sequence[Identity], motions: Sequence[Motion], cameras: Sequence[Camera]
    ) -> list[Frames]:
        """`draw` of every identity with its motion through its camera."""
