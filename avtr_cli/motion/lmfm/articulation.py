"""What the embedded model speaks of (open mouth shapes, closures, face, gestures) into the 58 controls.

The model keeps lip closures apart from the open shapes and applies them last, so neither guidance, nor
expressiveness, nor noise can hold the lips open at a p, b or m. The ground truth of training passes through
the same functions, so both mean the same by every channel.
"""

from __future__ import annotations

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


def aperture(values: Tensor) -> Tensor:
    """How far the lips are parted, (..., 58) -> (...): the recipe's one number for an open mouth."""

    def get(name: str) -> Tensor:
        return values[..., _COLUMN[name]]

    parted = get("mouthLowerDownLeft") + get("mouthUpperUpLeft")
    pressed = get("mouthPressLeft") + 0.5 * (get("mouthRollLower") + get("mouthRollUpper"))
    return get("jawOpen") - get("mouthClose") + 0.4 * parted - 0.15 * pressed


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
    out = face.new_zeros(face.shape[0], len(CONTROLS))

    def put(name: str, value: Tensor) -> None:
        out[:, _COLUMN[name]] = value

    def both(name: str, left: Tensor, right: Tensor | None = None) -> None:
        put(name + "Left", left)
        put(name + "Right", left if right is None else right)

    open_mouth = mouth.clamp(0, 1)
    open_mouth[:, 0] = soft_jaw(open_mouth[:, 0])
    open_mouth = open_mouth * (activity * expressiveness).unsqueeze(-1)
    lips = close_lips(open_mouth, bilabial * activity, labiodental * activity)
    f = dict(zip(FACE, face.unbind(-1), strict=True))
    g = dict(zip(CURVES, curves.unbind(-1), strict=True))

    for name in ("jawOpen", "mouthClose", "mouthFunnel", "mouthPucker", "tongueOut", "mouthRollLower"):
        put(name, lips[name])
    put("mouthRollUpper", lips["mouthRoll"])
    for name in ("mouthUpperUp", "mouthLowerDown", "mouthStretch", "mouthPress"):
        both(name, lips[name])

    corners = (f["smile"] + g["smile"]) * expressiveness + smile
    side = f["smileSide"] * expressiveness
    rounding = 1 - 0.6 * lips["mouthPucker"]  # pursed lips cannot smile widely
    both("mouthSmile", (corners + side).clamp(min=0) * rounding, (corners - side).clamp(min=0) * rounding)
    both("mouthFrown", (f["frown"] * expressiveness - 0.7 * corners.clamp(max=0)).clamp(min=0))
    both("mouthDimple", 0.3 * corners.clamp(min=0))
    both("cheekSquint", 0.5 * corners.clamp(min=0))
    put("mouthLeft", (f["mouthSide"] * expressiveness).clamp(min=0))
    put("mouthRight", (-f["mouthSide"] * expressiveness).clamp(min=0))

    raise_brow = g["brow"] * expressiveness
    put("browInnerUp", (f["browInner"] * expressiveness + raise_brow).clamp(min=0))
    both("browOuterUp", (f["browOuter"] * expressiveness + 0.8 * raise_brow).clamp(min=0))
    both("browDown", ((f["browDown"]) * expressiveness - raise_brow).clamp(min=0))
    blink = g["blink"].clamp(0, 1)
    both("eyeSquint", (f["squint"] * expressiveness + 0.35 * corners.clamp(min=0)).clamp(min=0))
    both("eyeWide", (f["wide"] * expressiveness + 0.35 * raise_brow).clamp(min=0) * (1 - blink))

    murmur = _MURMUR_GAIN * activity
    pitch = (_POSTURE_GAIN * f["pitch"] + murmur * f["talkPitch"] + g["pitch"]) * head_gain
    yaw = (_POSTURE_GAIN * f["yaw"] + murmur * f["talkYaw"] + g["yaw"]) * head_gain
    roll = (_POSTURE_GAIN * f["roll"] + murmur * f["talkRoll"] + g["roll"]) * head_gain
    for name, value in (("headPitch", pitch), ("headYaw", yaw), ("headRoll", roll)):
        put(name, torch.deg2rad(value))
    for name in "xyz":
        put("head" + name.upper(), 0.01 * f[name] * head_gain)

    _look(
        put,
        g["gazeX"] * gaze - _VOR * yaw / EYE_RANGE_DEGREES,
        g["gazeY"] * gaze - _VOR * pitch / EYE_RANGE_DEGREES,
        blink,
    )
    out[:, : _COLUMN["headPitch"]].clamp_(0, 1)
    return out


def _look(put, x: Tensor, y: Tensor, blink: Tensor) -> None:
    """Gaze to the look weights and the lids that follow it; +x is the picture's left, the subject's right."""
    put("eyeLookOutRight", x.clamp(min=0))
    put("eyeLookInLeft", x.clamp(min=0))
    put("eyeLookInRight", (-x).clamp(min=0))
    put("eyeLookOutLeft", (-x).clamp(min=0))
    for side in ("Left", "Right"):
        put("eyeLookDown" + side, y.clamp(min=0))
        put("eyeLookUp" + side, (-y).clamp(min=0))
        put("eyeBlink" + side, (blink + 0.25 * y.clamp(min=0) * (1 - blink)).clamp(0, 1))
