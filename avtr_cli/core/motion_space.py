"""Motion spaces: what the numbers of a `Motion` mean, one name per channel."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class MotionSpace:
    """What the numbers of a `Motion` mean: one name per channel, in order."""

    name: str
    channels: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.channels)

    def index(self, channel: str) -> int:
        """Column of a channel. Raises ValueError where the space has none of that name."""
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
