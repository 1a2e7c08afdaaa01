"""The nouns that cross rooms.

Rooms know these and themselves. Shapes: T frames, C channels of a motion space, H x W pixels.
Images are RGB. Pixel coordinates have integer pixel centres, x to the right, y down.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from avtr_cli.core.errors import ConfigError
from avtr_cli.core.interaction import Contact, Interaction
from avtr_cli.core.motion_space import MotionSpace

if TYPE_CHECKING:
    from torch import Tensor

    from avtr_cli.core.arrays import Affine, Image, Matte, Points, Sound


@dataclass(frozen=True)
class Portrait:
    """A photo with one face found in it; made once by perception.

    photo      uint8 (H, W, 3), upright (EXIF applied), whole
    landmarks  float64 (478, 3): MediaPipe face mesh in photo pixels, z in the same unit, away from the camera
    crop       float64 (2, 3): affine map photo pixels -> pixels of the square crop of side `crop_size`
    matte      float32 (H, W) in [0, 1]: how much of each photo pixel belongs to the person
    warnings   sentences for the user (a doubtful face, a strong turn, a small picture)
    """

    photo: Image
    landmarks: Points
    crop: Affine
    matte: Matte
    crop_size: int = 512
    sha256: str = ""  # of the file's bytes

    warnings: tuple[str, ...] = ()

    @property
    def person(self) -> int:
        """A number of this photo's own, as `Identity` has it."""
        return int(self.sha256[:8] or "0", 16)


@dataclass(frozen=True)
class Identity:
    """One avatar, ready to be drawn: what the renderer made of a portrait, once.

    neutral  float32 (C,): the motion that returns the photo, in the renderer's space
    kept     the renderer's own tensors and tables; nobody else looks inside
    size     (width, height) of the frames that `draw` returns from the front
    anatomy  what motion models and bridges may know of the person, by name, on the renderer's device:
             keypoints: canonical_keypoints (21, 3), rotation (3, 3), expression (21, 3), scale (1,)
             controls: parted_lips (1,), the gap between the photo's own lips as a jawOpen weight; photo_smile (1,),
             how broadly the photo smiles, 0 .. 1; open_eyes (1,), the eyeWide weight that opens eyes
             which the photo has shut, else 0
             full: the same, and body (2, 34), how the photo's arms are (core/arms.py)
    person   a number of the photo's own, below 2^32: with one seed, two people do not move alike; 0 is nobody
    """

    space: MotionSpace
    neutral: Tensor
    kept: Any
    size: tuple[int, int]
    warnings: tuple[str, ...] = ()
    anatomy: Mapping[str, Tensor] = field(default_factory=dict)
    person: int = 0


@dataclass(frozen=True)
class Window:
    """The audio of one chunk: float32 (2, 8400) at 16 kHz, rows (avatar, partner); see core/timing.py."""

    samples: Sound
    index: int  # of the chunk, from 0


@dataclass(frozen=True)
class Motion:
    """Some frames of motion: float32 (T, C) in one motion space; `first` is the index of the first frame.

    contacts  what touches the skin in each of the T frames; () where nothing does in any
    """

    space: MotionSpace
    values: Tensor
    first: int = 0
    contacts: tuple[tuple[Contact, ...], ...] = ()


MotionState = Mapping[str, "Tensor"]
"""All that a motion stream remembers between chunks, by name; never changed, only replaced."""


@dataclass(frozen=True)
class Frame:
    """One finished picture: uint8 (H, W, 3), or (H, W, 4) where an alpha channel was asked for."""

    pixels: Image
    index: int


FACE_CUES = ("nod", "shake", "smile", "brow", "blink", "look_left", "look_right", "look_up", "look_down", "look_ahead")
BODY_CUES = ("wave", "open_hands", "point", "hands_down")  # of whole bodies alone
CUES = FACE_CUES + BODY_CUES
CUE_STRENGTH = (0.0, 3.0)  # least and most: 1 as people do, 0 not at all


@dataclass(frozen=True)
class Cue:
    """A time-stamped wish from the user: at `frame`, do `name` with `strength`.

    Raises ConfigError for a name that is none of CUES, a frame before the first, a strength beyond CUE_STRENGTH.
    """

    frame: int
    name: str
    strength: float = 1.0

    def __post_init__(self) -> None:
        if self.name not in CUES:
            raise ConfigError(f"no cue is called '{self.name}'; there are {', '.join(CUES)}")
        low, high = CUE_STRENGTH
        if self.frame < 0 or not low <= self.strength <= high:
            raise ConfigError(
                f"cue '{self.name}' at frame {self.frame} with strength {self.strength}: "
                f"the frame must not be negative, the strength lies between {low:g} and {high:g}"
            )


Asked = tuple[Cue | Interaction, ...]
"""What is asked of the avatar, or done to it, during one chunk, in the order of its frames: nothing outside it."""


@dataclass(frozen=True)
class Chunk:
    """What one window gave: its motion and its finished frames."""

    motion: Motion
    frames: list[Frame] = field(default_factory=list)
