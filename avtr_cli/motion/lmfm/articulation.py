"""What the embedded model speaks of (open mouth shapes, closures, face, gestures) into the 58 controls.

The model keeps lip closures apart from the open shapes and applies them last, so neither guidance, nor
expressiveness, nor noise can hold the lips open at a p, b or m. The ground truth of training passes through
the same functions, so both mean the same by every channel.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from avtr_cli.core.motion_space import CONTROLS, EYE_RANGE_DEGREES, SEAL_JAW
from avtr_cli.motion.gestures import CURVES

MOUTH = ("jaw", "upper", "lower", "stretch", "funnel", "pucker", "tongue")  # ARKit weights before any closure
FACE = (
    "pitch", "yaw", "roll", "x", "y", "z",  # posture: degrees; hundredths of the eye distance
    "talkPitch", "talkYaw", "talkRoll",  # degrees, let through while the avatar speaks
    "smile", "smileSide", "browInner", "browOuter", "browDown", "squint", "wide", "frown", "mouthSide",
    "talkX", "talkY", "talkZ", "talkBrow", "talkInner", "browSide", "talkSmile",  # let through as well
    "lid",  # how far the lids are open, as a weight of `eyeWide`; below 0 they hang
)  # fmt: skip

_COLUMN = {name: k for k, name in enumerate(CONTROLS.channels)}
JAW_KNEE, JAW_SLOPE = 0.50, 0.5  # of an opening that talk hardly ever has: above, a face looks like shouting
POSTURE_GAIN = 1.15  # brings the head's speed at rest to 1.5-3 deg/s
FACE_GAINS = {
    "talkPitch": 0.91, "talkYaw": 0.84, "talkRoll": 0.95, "talkY": 1.1, "talkBrow": 1.65, "talkSmile": 0.5,
    "smileSide": 0.5,
}  # fmt: skip
"""Factors of what the weights say, by which spreads over several seeds are those of people's tracks, lips' width
among them, and faces are not crooked."""
_GAINS = [FACE_GAINS.get(name, 1.0) for name in FACE]
MOUTH_GAINS = {"stretch": 1.5, "pucker": 1.15}
"""The same for what makes the mouth wide or narrow: of what hearing does not tell, a mean is learned, which is flat."""
_MOUTH_GAINS = [MOUTH_GAINS.get(name, 1.0) for name in MOUTH]
SPOKEN_SMILE = 0.35  # of a smile that comes and goes: what is left of it where lips are busy speaking
ROUNDED_BY_PUCKER, ROUNDED_BY_FUNNEL = 0.6, 0.5  # of a smile: what rounded lips take from it
VOR = 1.0  # share of a head turn that the eyes take back to stay on the camera
BROW_PER_DEGREE = 0.06  # brow weight a degree: brows rise as the head goes up (r -.3 in people's tracks)
BROW_INNER, BROW_OUTER, BROW_DOWN = 0.75, 1.0, 0.45  # of a raise as one: more within would look worried
BROWS_FALL = 0.35  # `browDown` of talk at most: brows that fall farther look cross
INNER_ALONE = 0.6  # of what talk adds to the inner brows alone
WIDE_WITH_BROWS = 0.3  # of a raise; beside .35 of a brow gesture
LID_GAIN = 1.4  # Face Mesh sees half of what lids do
LIDS_HANG, LIDS_HANG_MOST = 0.26, 0.17  # `eyeBlink` for a lid of -1, and the most of it: more would look drowsy


def soft_jaw(jaw: Tensor) -> Tensor:
    """Jaw opening as learned -> as drawn: unchanged up to a knee, half as steep above."""
    return jaw.clamp(max=JAW_KNEE) + JAW_SLOPE * (jaw - JAW_KNEE).clamp(min=0)


def from_photo(jaw: Tensor, parted: float) -> tuple[Tensor, Tensor]:
    """An opening (...) above closed lips -> (jaw weight above the photo's, how far the photo's own gap is shut).

    `parted` is the photo's gap as a jaw weight. A photo with parted lips has them further open than talk mostly is,
    so most openings are reached by shutting that gap in part, not by opening the jaw on top of it.
    """
    if parted <= 0:
        return jaw, torch.zeros_like(jaw)
    return (jaw - parted).clamp(min=0), ((parted - jaw) / parted).clamp(0, 1)


def close_lips(mouth: Tensor, bilabial: Tensor, labiodental: Tensor, shut: Tensor) -> dict[str, Tensor]:
    """Open shapes (..., 7) and how closed the lips are (...) in [0, 1] -> ARKit weights by short name.

    A full bilabial closure lets the jaw keep 45 % of its opening and shuts the lips over it; f and v
    tuck the lower lip under the teeth at half that strength. `shut` (...) is what the photo's own gap loses.
    """
    jaw, upper, lower, stretch, funnel, pucker, tongue = mouth.unbind(-1)
    c, f = bilabial, labiodental
    jaw = jaw * (1 - 0.55 * c) * (1 - 0.3 * f)
    apart = 1 - c
    parting = apart * (1 - 0.5 * f)
    closed = torch.maximum(torch.clamp(1.02 * c, max=1.0), torch.maximum(0.4 * f, shut))
    return {
        "jawOpen": jaw,
        "mouthClose": closed * jaw.clamp(min=SEAL_JAW),
        "mouthUpperUp": upper * apart + 0.12 * f * apart,
        "mouthLowerDown": lower * parting,
        "mouthStretch": stretch * apart,
        "mouthFunnel": funnel * (1 - 0.5 * c),
        "mouthPucker": pucker * (1 - 0.3 * c),
        "mouthPress": 0.3 * c,
        "mouthRoll": 0.15 * c,
        "mouthRollLower": 0.15 * c + 0.42 * f * apart,
        "tongueOut": 0.4 * tongue * apart,
    }


def compose(
    mouth: Tensor,
    bilabial: Tensor,
    labiodental: Tensor,
    activity: Tensor,
    presence: Tensor,
    face: Tensor,
    curves: Tensor,
    manner: Manner | None = None,
    parted: float = 0.0,
    opened: float = 0.0,
) -> Tensor:
    """Everything the model says of T frames -> controls (T, 58), within the ranges that `types.CONTROLS` names.

    mouth (T, 7), closures (T,) in [0, 1]; activity and presence (T,) as `voicing.follow` gives them: how far the own
    voice opens the mouth, and takes the brows with the head; face (T, 26) as `voicing.let_through` leaves it; curves
    (T, 8); `parted` as in `from_photo`; `opened` as in `_open_lids`.
    """
    manner = manner or Manner()
    controls = _Controls(face.new_zeros(face.shape[0]))
    f = dict(zip(FACE, (face * face.new_tensor(_GAINS)).unbind(-1), strict=True))
    g = dict(zip(CURVES, curves.unbind(-1), strict=True))
    lips = _speak(controls, mouth, bilabial, labiodental, activity, manner.face, parted)
    pitch, yaw = _turn_head(controls, f, g, manner.head)
    _show_mood(controls, f, g, lips, presence, manner)
    raised = _raise_brows(controls, f, g, presence, manner)
    hanging = _open_lids(controls, f, g, raised, manner.face, opened)
    gaze = manner.gaze
    x = g["gazeX"] * gaze - VOR * yaw / EYE_RANGE_DEGREES
    y = g["gazeY"] * gaze - VOR * pitch / EYE_RANGE_DEGREES
    _look(controls.put, x, y, g["blink"].clamp(0, 1), hanging)
    values = controls.together()
    values[:, : _COLUMN["headPitch"]].clamp_(0, 1)
    return values


@dataclass(frozen=True)
class Manner:
    """How much of what the model says is shown: factors of the face, the head, the brows and the gaze; smile is added.

    `face` leaves the lips' closures alone.
    """

    face: float = 1.0
    head: float = 1.0
    brows: float = 1.0
    gaze: float = 1.0
    smile: float = 0.0


class _Controls:
    """The channels of 58 controls, each (T,), `unset` until it is put; weights are brought into [0, 1] together."""

    def __init__(self, unset: Tensor):
        self._channels, self._dtype = [unset] * len(CONTROLS), unset.dtype

    def together(self) -> Tensor:
        """(T, 58)."""
        return torch.stack(self._channels, dim=1).to(self._dtype)

    def put(self, name: str, value: Tensor) -> None:
        self._channels[_COLUMN[name]] = value

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
    parted: float,
) -> dict[str, Tensor]:
    """The mouth's open shapes with the closures on top; returns what `close_lips` made of them."""
    open_mouth = (mouth * mouth.new_tensor(_MOUTH_GAINS)).clamp(0, 1)
    jaw, shut = from_photo(soft_jaw(open_mouth[:, 0] * expressiveness), parted)
    open_mouth = open_mouth * (activity * expressiveness).unsqueeze(-1)
    open_mouth[:, 0] = jaw * activity
    lips = close_lips(open_mouth, bilabial * activity, labiodental * activity, shut * activity)
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
    lips: dict[str, Tensor],
    presence: Tensor,
    manner: Manner,
) -> None:
    """Corners of the mouth and what smiles with them.

    A smile may follow the partner, so it leaves alone what speech makes of the lips; it is the smaller for that.
    """
    expressiveness = manner.face
    passing = g["smile"] * (1 - (1 - SPOKEN_SMILE) * presence)
    corners = (f["smile"] + f["talkSmile"] + passing) * expressiveness + manner.smile
    side = f["smileSide"] * expressiveness
    rounding = (1 - ROUNDED_BY_PUCKER * lips["mouthPucker"]) * (1 - ROUNDED_BY_FUNNEL * lips["mouthFunnel"])
    controls.both("mouthSmile", (corners + side) * rounding, (corners - side) * rounding)
    controls.both("mouthFrown", f["frown"] * expressiveness - 0.7 * corners.clamp(max=0))
    controls.both("mouthDimple", 0.3 * corners.clamp(min=0))
    controls.both("cheekSquint", 0.5 * corners.clamp(min=0))
    controls.put("mouthLeft", f["mouthSide"] * expressiveness)
    controls.put("mouthRight", -f["mouthSide"] * expressiveness)
    controls.both("eyeSquint", f["squint"] * expressiveness + 0.35 * corners.clamp(min=0))


def _raise_brows(
    controls: _Controls, f: dict[str, Tensor], g: dict[str, Tensor], presence: Tensor, manner: Manner
) -> Tensor:
    """Brows: their rest, their talk, their accents, and the head that takes them up. How far both are raised (T,).

    A talker's brows go with the head's posture, not with its nods; a listener's stay.
    """
    gain = manner.face * manner.brows
    with_head = -BROW_PER_DEGREE * manner.brows * manner.head * presence * head_pitch(f["pitch"], f["talkPitch"])
    raised = gain * (g["brow"] + f["talkBrow"]) + with_head
    side = gain * f["browSide"]
    inner = manner.face * f["browInner"] + INNER_ALONE * gain * f["talkInner"] + BROW_INNER * raised
    controls.put("browInnerUp", inner)
    outer = manner.face * f["browOuter"] + BROW_OUTER * raised
    controls.both("browOuterUp", outer + side, outer - side)
    controls.both("browDown", manner.face * f["browDown"] + (-BROW_DOWN * raised).clamp(max=BROWS_FALL))
    return raised


def _open_lids(
    controls: _Controls,
    f: dict[str, Tensor],
    g: dict[str, Tensor],
    raised: Tensor,
    expressiveness: float,
    opened: float,
) -> Tensor:
    """Eyes that open and narrow, between blinks and with the brows; how far the lids hang as an `eyeBlink` (T,).

    `opened` is the weight at which eyes are open that the photo has shut; what the model says counts from there.
    """
    wide = expressiveness * (f["wide"] + LID_GAIN * f["lid"] + 0.35 * g["brow"]) + WIDE_WITH_BROWS * raised
    shown = opened + (1 - opened) * wide.clamp(0, 1) if opened else wide.clamp(min=0)
    controls.both("eyeWide", shown * (1 - g["blink"].clamp(0, 1)))
    return (-LIDS_HANG * wide).clamp(0, LIDS_HANG_MOST)


def head_pitch(posture: Tensor, talk: Tensor) -> Tensor:
    """Degrees downwards without any gesture."""
    return POSTURE_GAIN * posture + talk


def _turn_head(
    controls: _Controls, f: dict[str, Tensor], g: dict[str, Tensor], head_gain: float
) -> tuple[Tensor, Tensor]:
    """Posture, where talk takes the head, and gestures add up; returns pitch and yaw in degrees."""
    pitch, yaw, roll = (
        (POSTURE_GAIN * f[axis] + f[f"talk{axis.title()}"] + g[axis]) * head_gain for axis in ("pitch", "yaw", "roll")
    )
    for name, value in (("headPitch", pitch), ("headYaw", yaw), ("headRoll", roll)):
        controls.put(name, torch.deg2rad(value))
    for name in "xyz":
        controls.put("head" + name.upper(), 0.01 * (f[name] + f["talk" + name.upper()]) * head_gain)
    return pitch, yaw


def _look(put: Callable[[str, Tensor], None], x: Tensor, y: Tensor, blink: Tensor, hanging: Tensor) -> None:
    """Gaze to the look weights and the lids that follow it; +x is the picture's left, the subject's right."""
    aside, up = -x, -y
    lids = blink + (0.25 * y.clamp(min=0) + hanging) * (1 - blink)
    put("eyeLookOutRight", x)
    put("eyeLookInLeft", x)
    put("eyeLookInRight", aside)
    put("eyeLookOutLeft", aside)
    for side in ("Left", "Right"):
        put("eyeLookDown" + side, y)
        put("eyeLookUp" + side, up)
        put("eyeBlink" + side, lids)
