"""Motion spaces: what the numbers of a `Motion` mean, one name per channel, and what a viewer would read off them.

Nobody else asks which space a motion is in: who wants mouth, lids or head takes its `readings`, and whoever wants
another space takes a bridge (motion/bridges).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from avtr_cli.core.arrays import Reals


@dataclass(frozen=True)
class Readings:
    """What some frames of motion show; arrays over T frames, None where the space cannot tell.

    mouth, blink   (T,) how far the lips are parted and the lids shut: 0 to 1 in a `scaled` space, else in its own unit
    head_degrees   (T, 3) pitch, yaw, roll away from the photo: nods down, to the left of the picture, clockwise
    smile, brow    (T,) how far corners and brows are raised, 0 to 1; left and right averaged
    gaze_degrees   (T, 2) where the eyes point besides the head: to the left of the picture, down
    """

    mouth: Reals
    blink: Reals
    head_degrees: Reals
    smile: Reals | None = None
    brow: Reals | None = None
    gaze_degrees: Reals | None = None


Read = Callable[["MotionSpace", "Reals", "Reals"], Readings]
"""(space, motion (T, C), motion at rest (C,)) -> what it shows."""


@dataclass(frozen=True)
class MotionSpace:
    """What the numbers of a `Motion` mean: one name per channel, in order.

    `scaled` says that openings have a scale of their own (0 to 1); others compare only within one video.
    """

    name: str
    channels: tuple[str, ...]
    read: Read
    scaled: bool = True

    def __len__(self) -> int:
        return len(self.channels)

    def index(self, channel: str) -> int:
        """The column of a channel. Raises ValueError."""
        return self.channels.index(channel)

    def readings(self, values: Reals, neutral: Reals) -> Readings:
        """What motion (T, C) shows of an avatar whose motion at rest is `neutral` (C,)."""
        return self.read(self, values, neutral)


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

FACE_WEIGHTS = tuple(name for name in ARKIT_BLENDSHAPES if not name.startswith("eyeLook") and name != "tongueOut")
"""The 43 that move the face's skin."""

SEAL_JAW = 0.08  # mouthClose of a shut jaw that shuts lips which the photo has parted; of a wider one, its own weight
EYE_RANGE_DEGREES = 35.0  # of eye rotation for an ARKit look weight of 1


def _read_controls(space: MotionSpace, values: Reals, neutral: Reals) -> Readings:
    """Of weights as they are: zeros are the photo."""

    def weight(name: str) -> Reals:
        column: Reals = values[:, space.index(name)]
        return column

    def both(name: str) -> Reals:
        mean: Reals = (weight(f"{name}Left") + weight(f"{name}Right")) / 2
        return mean

    head, gaze = values[:, [space.index(name) for name in HEAD_CHANNELS[:3]]], values[:, :2].copy()
    # A right eye that looks out and a left eye that looks in both turn towards the left of the picture.
    outwards = weight("eyeLookOutRight") - weight("eyeLookOutLeft")
    gaze[:, 0] = (outwards + weight("eyeLookInLeft") - weight("eyeLookInRight")) / 2
    gaze[:, 1] = both("eyeLookDown") - both("eyeLookUp")
    # Lips part by the jaw, by themselves and as a funnel; mouthClose shuts its share of that again.
    parted = weight("jawOpen") + 0.26 * (both("mouthUpperUp") + both("mouthLowerDown")) + 0.38 * weight("mouthFunnel")
    shut = weight("mouthClose") / weight("jawOpen").clip(SEAL_JAW)
    return Readings(
        mouth=(parted * (1 - shut.clip(0, 1))).clip(0, 1),
        blink=both("eyeBlink"),
        head_degrees=head * (180 / math.pi),
        smile=both("mouthSmile"),
        brow=(weight("browInnerUp") + 2 * both("browOuterUp")) / 3,
        gaze_degrees=gaze * EYE_RANGE_DEGREES,
    )


CONTROLS = MotionSpace("controls", ARKIT_BLENDSHAPES + HEAD_CHANNELS, _read_controls)
"""58 channels, all relative to the photo: zeros return the photo.

0-51   ARKit blendshape weights in [0, 1] (Left = the subject's left = the right side of the picture); mouthSmile may
       be below 0, to -1: then it takes back the smile that the photo has.
52-54  head rotation relative to the photo, a rotation vector (so3) in radians in the camera frame x right,
       y down, z away: +pitch nods down, +yaw turns towards the left of the picture, +roll is clockwise.
55-57  head translation in units of the outer-eye-corner distance (about 92 mm), same axes.
"""

_ARM_CHANNELS = (
    "Shrug", "ShoulderX", "ShoulderY", "ShoulderZ", "Elbow", "Forearm", "WristX", "WristY",
    "HandOpen", "HandPoint", "HandFist", "HandPinch", "Spread", "Thumb",
)  # fmt: skip
BODY_CHANNELS = (
    "hipX", "hipY", "hipYaw", "hipRoll", "spinePitch", "spineYaw", "spineRoll", "chestBreath",
    *(f"{side}{channel}" for side in ("left", "right") for channel in _ARM_CHANNELS),
)  # fmt: skip

FULL = MotionSpace("full", CONTROLS.channels + BODY_CHANNELS, _read_controls)
"""94 channels: the 58 of CONTROLS, and 36 of the body below the neck, all relative to the photo: zeros return it.

The head's stay relative to the camera, whatever the chest does. Axes are the body's own: x to its left, y down, z to
its back; left and right are its own, too.

58-61  hips: shift to the left and down in metres, the feet staying where they are; turn and tilt in radians.
62-65  spine: leans forward, turns as headYaw does, tilts to the left, in radians; breath, -1 .. 1.
66-79  left arm: shrug 0 .. 1; the upper arm's turn in the chest's axes (so3); the elbow's bending and the forearm's
       turning inwards (pronation) in radians; the wrist about the axis to the little finger's side (+ bends towards the
       palm) and about the palm's normal; weights 0 .. 1 of four shapes of the hand, and how far its fingers are spread
       and its thumb is.
80-93  right arm, the same.
"""


def speaks_controls(space: MotionSpace) -> bool:
    """Whether its first 58 channels are those of CONTROLS."""
    return space.channels[: len(CONTROLS)] == CONTROLS.channels


LIP_KEYPOINTS = (6, 12, 14, 17, 19, 20)
EYE_KEYPOINTS = (11, 13, 15, 16, 18)
"""Which of LivePortrait's 21 move with lips and lids: learned, not labelled; read off its editor and driving modes."""


def _read_keypoints(space: MotionSpace, values: Reals, neutral: Reals) -> Readings:
    """Of departures from the portrait: how far the lips' and the lids' keypoints have moved."""
    moved = values - neutral
    points = moved[:, 3:].reshape(len(moved), -1, 3)

    def departure(keypoints: tuple[int, ...]) -> Reals:
        squares: Reals = (points[:, list(keypoints)] ** 2).mean((1, 2))
        return squares**0.5

    # The rotation's matrix turns row vectors, so the usual vector is its negative.
    return Readings(departure(LIP_KEYPOINTS), departure(EYE_KEYPOINTS), moved[:, :3] * (-180 / math.pi))


KEYPOINTS = MotionSpace(
    "keypoints",
    ("rotX", "rotY", "rotZ", *(f"exp{k}{axis}" for k in range(21) for axis in "xyz")),
    _read_keypoints,
    scaled=False,
)
"""66 channels of LivePortrait's networks: head rotation R (so3 vector, absolute, radians) and the 21 x 3 expression.

The expression turns with the head, as AVTR-1 has it: the drawn keypoints are scale * ((kp + exp) R) + t, row vectors.
"""

EYE_NAMES = ("leftEyeDown", "leftEyeRight", "rightEyeDown", "rightEyeRight")
JAW_WIDE = math.radians(19)  # of FLAME's jaw that opens the mouth as an ARKit jawOpen of 1 does


def _read_flame(space: MotionSpace, values: Reals, neutral: Reals) -> Readings:
    """Of a rotating jaw, head and eyes; lids, corners and brows lie somewhere in the expression's numbers."""
    eyes = values[:, 104:]
    gaze = values[:, :2].copy()
    gaze[:, 0], gaze[:, 1] = -(eyes[:, 1] + eyes[:, 3]) / 2, (eyes[:, 0] + eyes[:, 2]) / 2
    head = values[:, 100:103].copy()
    head[:, 1:] *= -1
    return Readings(
        mouth=(values[:, 103] / JAW_WIDE).clip(0, 1),
        blink=0 * values[:, 103],
        head_degrees=head * (180 / math.pi),
        gaze_degrees=gaze * (180 / math.pi),
    )


FLAME = MotionSpace(
    "flame",
    (*(f"expression{k}" for k in range(100)), "headX", "headY", "headZ", "jaw", *EYE_NAMES),
    _read_flame,
)
"""108 channels of FLAME 2020, as UniLS speaks them; what no motion is depends on the face that was tracked.

0-99     expression coefficients, the model's own unit, about +-2.
100-102  head: rotation vector of the root joint in radians, x right, y up, z to the camera.
103      jaw: x of the jaw joint's rotation vector in radians, + opens.
104-107  left and right eye: x (+ looks down) and y (+ looks to the right of the picture) in radians.
"""

SPACES = {space.name: space for space in (CONTROLS, FULL, KEYPOINTS)}
"""By the name that motion files carry."""
