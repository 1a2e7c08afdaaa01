"""What the embedded model speaks of (open mouth shapes, closures, face, gestures) into the 58 controls.

The model keeps lip closures apart from the open shapes and applies them last, so neither guidance, nor
expressiveness, nor noise can hold the lips open at a p, b or m. The ground truth of training passes through
the same functions, so both mean the same by every channel.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from avtr_cli.core.motion_space import CONTROLS, EYE_RANGE_DEGREES
from avtr_cli.motion.gestures import CURVES

MOUTH = ("jaw", "upper", "lower", "stretch", "funnel", "pucker", "tongue")  # ARKit weights before any closure
FACE = (
    "pitch", "yaw", "roll", "x", "y", "z",  # posture: degrees; hundredths of the eye distance
    "talkPitch", "talkYaw", "talkRoll",  # degrees, let through while the avatar speaks
    "smile", "smileSide", "browInner", "browOuter", "browDown", "squint", "wide", "frown", "mouthSide",
)  # fmt: skip

_COLUMN = {name: k for k, name in enumerate(CONTROLS.channels)}
_JAW_KNEE, _JAW_SLOPE = 0.30, 0.5  # loud vowels of talk stay below 0.45 (13 mm): above, a face looks like shouting
_POSTURE_GAIN, _MURMUR_GAIN = 1.15, 0.85  # bring head speed to 1.5-3 deg/s at rest and 6-14 while speaking
_VOR = 0.75  # share of a head turn that the eyes take back to stay on the camera


def soft_jaw(jaw: Tensor) -> Tensor:
    """Jaw opening as learned -> as drawn: unchanged up to a knee, half as steep above."""
    return jaw.clamp(max=_JAW_KNEE) + _JAW_SLOPE * (jaw - _JAW_KNEE).clamp(min=0)


def close_lips(mouth: Tensor, bilabial: Tensor, labiodental: Tensor) -> dict[str, Tensor]:
    """Open shapes (..., 7) and how closed the lips are (...) in [0, 1] -> ARKit weights by short name.

    A full bilabial closure lets the jaw keep 45 % of its opening and shuts the lips over it; f and v
    tuck the lower lip under the teeth at half that strength.
    """
    jaw, upper, lower, stretch, funnel, pucker, tongue = mouth.unbind(-1)
    c, f = bilabial, labiodental
    jaw = jaw * (1 - 0.55 * c) * (1 - 0.3 * f)
    parting = (1 - c) * (1 - 0.5 * f)
    return {
        "jawOpen": jaw,
        "mouthClose": 0.97 * jaw * torch.clamp(1.05 * c, max=1.0) + 0.4 * jaw * f * (1 - c),
        "mouthUpperUp": upper * (1 - c) + 0.12 * f * (1 - c),
        "mouthLowerDown": lower * parting,
        "mouthStretch": stretch * (1 - c),
        "mouthFunnel": funnel * (1 - 0.5 * c),
        "mouthPucker": pucker * (1 - 0.3 * c),
        "mouthPress": 0.3 * c,
        "mouthRoll": 0.15 * c,
        "mouthRollLower": 0.15 * c + 0.42 * f * (1 - c),
        "tongueOut": 0.4 * tongue * (1 - c),
    }


def compose(
    mouth: Tensor,
    bilabial: Tensor,
    labiodental: Tensor,
    activity: Tensor,
    face: Tensor,
    curves: Tensor,
    expressiveness: float = 1.0,
    head_gain: float = 1.0,
    gaze: float = 1.0,
    smile: float = 0.0,
) -> Tensor:
    """Everything the model says of T frames -> controls (T, 58), within the ranges that `types.CONTROLS` names.

    mouth (T, 7), closures and activity (T,) in [0, 1] (how much the avatar's own voice opens the mouth at all),
    face (T, 18), curves (T, 8).
    """
    controls = _Controls(face.new_zeros(face.shape[0], len(CONTROLS)))
    f = dict(zip(FACE, face.unbind(-1), strict=True))
    g = dict(zip(CURVES, curves.unbind(-1), strict=True))
    lips = _speak(controls, mouth, bilabial, labiodental, activity, expressiveness)
    _show_mood(controls, f, g, lips["mouthPucker"], expressiveness, smile)
    pitch, yaw = _turn_head(controls, f, g, activity, head_gain)
    x = g["gazeX"] * gaze - _VOR * yaw / EYE_RANGE_DEGREES
    y = g["gazeY"] * gaze - _VOR * pitch / EYE_RANGE_DEGREES
    _look(controls.put, x, y, g["blink"].clamp(0, 1))
    controls.values[:, : _COLUMN["headPitch"]].clamp_(0, 1)
    return controls.values


class _Controls:
    """Controls (T, 58) that are filled channel by channel."""

    def __init__(self, values: Tensor):
        self.values = values

    def put(self, name: str, value: Tensor) -> None:
        self.values[:, _COLUMN[name]] = value

    def both(self, name: str, left: Tensor, right: Tensor | None = None) -> None:
        """Both sides of the face alike, or each its own."""
        self.put(name + "Left", left)
        self.put(name + "Right", left if right is None else right)


def _speak(
    controls: _Controls,
    mouth: Tensor,
    bilabial: Tensor,
    labiodental: Tensor,
    activity: Tensor,
    expressiveness: float,
) -> dict[str, Tensor]:
    """The mouth's open shapes with the closures on top; returns what `close_lips` made of them."""
    open_mouth = mouth.clamp(0, 1)
    open_mouth[:, 0] = soft_jaw(open_mouth[:, 0])
    open_mouth = open_mouth * (activity * expressiveness).unsqueeze(-1)
    lips = close_lips(open_mouth, bilabial * activity, labiodental * activity)
    for name in ("jawOpen", "mouthClose", "mouthFunnel", "mouthPucker", "tongueOut", "mouthRollLower"):
        controls.put(name, lips[name])
    controls.put("mouthRollUpper", lips["mouthRoll"])
    for name in ("mouthUpperUp", "mouthLowerDown", "mouthStretch", "mouthPress"):
        controls.both(name, lips[name])
    return lips


def _show_mood(
    controls: _Controls,
    f: dict[str, Tensor],
    g: dict[str, Tensor],
    pucker: Tensor,
    expressiveness: float,
    smile: float,
) -> None:
    """Corners of the mouth, brows and the openness of the eyes."""
    corners = (f["smile"] + g["smile"]) * expressiveness + smile
    side = f["smileSide"] * expressiveness
    rounding = 1 - 0.6 * pucker  # pursed lips cannot smile widely
    controls.both("mouthSmile", (corners + side).clamp(min=0) * rounding, (corners - side).clamp(min=0) * rounding)
    controls.both("mouthFrown", (f["frown"] * expressiveness - 0.7 * corners.clamp(max=0)).clamp(min=0))
    controls.both("mouthDimple", 0.3 * corners.clamp(min=0))
    controls.both("cheekSquint", 0.5 * corners.clamp(min=0))
    controls.put("mouthLeft", (f["mouthSide"] * expressiveness).clamp(min=0))
    controls.put("mouthRight", (-f["mouthSide"] * expressiveness).clamp(min=0))

    raise_brow = g["brow"] * expressiveness
    controls.put("browInnerUp", (f["browInner"] * expressiveness + raise_brow).clamp(min=0))
    controls.both("browOuterUp", (f["browOuter"] * expressiveness + 0.8 * raise_brow).clamp(min=0))
    controls.both("browDown", ((f["browDown"]) * expressiveness - raise_brow).clamp(min=0))
    blink = g["blink"].clamp(0, 1)
    controls.both("eyeSquint", (f["squint"] * expressiveness + 0.35 * corners.clamp(min=0)).clamp(min=0))
    controls.both("eyeWide", (f["wide"] * expressiveness + 0.35 * raise_brow).clamp(min=0) * (1 - blink))


def _turn_head(
    controls: _Controls, f: dict[str, Tensor], g: dict[str, Tensor], activity: Tensor, head_gain: float
) -> tuple[Tensor, Tensor]:
    """Posture, the murmur of speech and gestures add up; returns pitch and yaw in degrees."""
    murmur = _MURMUR_GAIN * activity
    pitch, yaw, roll = (
        (_POSTURE_GAIN * f[axis] + murmur * f[f"talk{axis.title()}"] + g[axis]) * head_gain
        for axis in ("pitch", "yaw", "roll")
    )
    for name, value in (("headPitch", pitch), ("headYaw", yaw), ("headRoll", roll)):
        controls.put(name, torch.deg2rad(value))
    for name in "xyz":
        controls.put("head" + name.upper(), 0.01 * f[name] * head_gain)
    return pitch, yaw


def _look(put: Callable[[str, Tensor], None], x: Tensor, y: Tensor, blink: Tensor) -> None:
    """Gaze to the look weights and the lids that follow it; +x is the picture's left, the subject's right."""
    put("eyeLookOutRight", x.clamp(min=0))
    put("eyeLookInLeft", x.clamp(min=0))
    put("eyeLookInRight", (-x).clamp(min=0))
    put("eyeLookOutLeft", (-x).clamp(min=0))
    for side in ("Left", "Right"):
        put("eyeLookDown" + side, y.clamp(min=0))
        put("eyeLookUp" + side, (-y).clamp(min=0))
        put("eyeBlink" + side, (blink + 0.25 * y.clamp(min=0) * (1 - blink)).clamp(0, 1))
