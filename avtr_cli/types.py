"""The nouns that cross rooms, and the two verbs between them.

Rooms know these and themselves. Shapes: T frames, C channels of a motion space, H x W pixels.
Images are RGB. Pixel coordinates have integer pixel centres, x to the right, y down.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor


@dataclass(frozen=True)
class MotionSpace:
    """What the numbers of a `Motion` mean: one name per channel, in order."""

    name: str
    channels: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.channels)

    def index(self, channel: str) -> int:
        return self.channels.index(channel)


ARKIT_BLENDSHAPES = (
    "eyeBlinkLeft", "eyeLookDownLeft", "eyeLookInLeft", "eyeLookOutLeft", "eyeLookUpLeft", "eyeSquintLeft",
    "eyeWideLeft", "eyeBlinkRight", "eyeLookDownRight", "eyeLookInRight", "eyeLookOutRight", "eyeLookUpRight",
    "eyeSquintRight", "eyeWideRight", "jawForward", "jawLeft", "jawRight", "jawOpen", "mouthClose",
    "mouthFunnel", "mouthPucker", "mouthLeft", "mouthRight", "mouthSmileLeft", "mouthSmileRight",
    "mouthFrownLeft", "mouthFrownRight", "mouthDimpleLeft", "mouthDimpleRight", "mouthStretchLeft",
    "mouthStretchRight", "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper",
    "mouthPressLeft", "mouthPressRight", "mouthLowerDownLeft", "mouthLowerDownRight", "mouthUpperUpLeft",
    "mouthUpperUpRight", "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight",
    "cheekPuff", "cheekSquintLeft", "cheekSquintRight", "noseSneerLeft", "noseSneerRight", "tongueOut",
)  # fmt: skip
HEAD_CHANNELS = ("headPitch", "headYaw", "headRoll", "headX", "headY", "headZ")

CONTROLS = MotionSpace("controls", ARKIT_BLENDSHAPES + HEAD_CHANNELS)
"""58 channels, all relative to the photo: zeros return the photo.

0-51   ARKit blendshape weights in [0, 1] (Left = the subject's left = the right side of the picture).
52-54  head rotation relative to the photo, a rotation vector (so3) in radians in the camera frame x right,
       y down, z away: +pitch nods down, +yaw turns towards the left of the picture, +roll is clockwise.
55-57  head translation in units of the outer-eye-corner distance (about 92 mm), same axes.
"""

KEYPOINTS = MotionSpace(
    "keypoints",
    ("rotX", "rotY", "rotZ", *(f"exp{k}{axis}" for k in range(21) for axis in "xyz")),
)
"""66 channels of LivePortrait's networks: head rotation R (so3 vector, absolute, radians) and the 21 x 3 expression.

The expression turns with the head, as AVTR-1 has it: the drawn keypoints are scale * ((kp + exp) R) + t, row vectors.
"""


@dataclass(frozen=True)
class Portrait:
    """A photo with one face found in it; made once by perception.

    photo      uint8 (H, W, 3), upright (EXIF applied), whole
    landmarks  float64 (478, 3): MediaPipe face mesh in photo pixels, z in the same unit, away from the camera
    crop       float64 (2, 3): affine map photo pixels -> pixels of the square crop of side `crop_size`
    matte      float32 (H, W) in [0, 1]: how much of each photo pixel belongs to the person
    warnings   sentences for the user (a doubtful face, a strong turn, a small picture)
    """

    photo: np.ndarray
    landmarks: np.ndarray
    crop: np.ndarray
    matte: np.ndarray
    crop_size: int = 512
    sha256: str = ""  # of the file's bytes
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Identity:
    """One avatar, ready to be drawn: what the renderer made of a portrait, once.

    neutral  float32 (C,): the motion that returns the photo, in the renderer's space
    kept     the renderer's own tensors and tables; nobody else looks inside
    size     (width, height) of the frames that `draw` returns
    """

    space: MotionSpace
    neutral: Tensor
    kept: Any
    size: tuple[int, int]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Window:
    """The audio of one chunk: float32 (2, 8400) at 16 kHz, rows (avatar, partner); see timing.py."""

    samples: np.ndarray
    index: int  # of the chunk, from 0


@dataclass(frozen=True)
class Motion:
    """Some frames of motion: float32 (T, C) in one motion space; `first` is the index of the first frame."""

    space: MotionSpace
    values: Tensor
    first: int = 0


MotionState = Mapping[str, "Tensor"]
"""All that a motion stream remembers between chunks, by name; never changed, only replaced."""


@dataclass(frozen=True)
class Frame:
    """One finished picture: uint8 (H, W, 3), or (H, W, 4) where an alpha channel was asked for."""

    pixels: np.ndarray
    index: int


CUES = ("nod", "shake", "smile", "brow", "blink", "look_left", "look_right", "look_up", "look_down", "look_ahead")
CUE_STRENGTH = (0.0, 3.0)  # least and most: 1 as people do, 0 not at all


@dataclass(frozen=True)
class Cue:
    """A time-stamped wish from the user: at `frame`, do `name` (of CUES) with `strength` (within CUE_STRENGTH)."""

    frame: int
    name: str
    strength: float = 1.0


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

    def draw(self, identity: Identity, motion: Motion) -> np.ndarray:
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

    def draw_together(self, identities: Sequence[Identity], motions: Sequence[Motion]) -> list[np.ndarray]:
        """`draw` of every identity with its motion."""


@dataclass(frozen=True)
class Chunk:
    """What one window gave: its motion and its finished frames."""

    motion: Motion
    frames: list[Frame] = field(default_factory=list)
