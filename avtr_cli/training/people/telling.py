"""The controls of a person and the mask of the own voice into the truth arrays of the corpus: `compose` backwards.

Exact where it can be: composed again, posture and talk, corners of the mouth and the open shapes give the controls they
came from. Under shut lips the open shapes cannot be seen and go on from before to after; the tongue and the teeth on
the lip never can; in silence the mouth is told as the simulated truth tells it. Gestures are named where they are
clear: blinks, looks, nods and smiles of a listener, brows of a listener. All other motion stays posture and talk.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.ndimage import binary_dilation, convolve1d, gaussian_filter1d

from avtr_cli.core.arrays import Doubles, Floats, Indices, Mask
from avtr_cli.core.motion_space import CONTROLS, EYE_RANGE_DEGREES, SEAL_JAW
from avtr_cli.core.timing import FPS
from avtr_cli.motion.gestures import CURVES
from avtr_cli.motion.lmfm import articulation, voicing
from avtr_cli.motion.lmfm.articulation import FACE, MOUTH
from avtr_cli.training.people import gestures_seen
from avtr_cli.training.phones import SILENCE
from avtr_cli.training.targets import TARGETS

_SEALED = (0.15, 0.95)  # share of the jaw's gap that the lips shut: from here they close, there they are closed
_HIDDEN = 0.6  # of a closure above which the open shapes cannot be seen
_SHOWN = (0.25, 0.6)  # of the voice's gate on the mouth: below the mouth is at rest, above it is as seen
_TALKS = (0.1, 0.6)  # of the presence: below what moves is posture, above what departs from it is talk
_SLOW = 2.0  # s: sigma of what counts as posture
_REST_WEIGHT = 0.15  # of a frame of talk in the posture, beside 1 of a silent one
_HANN = np.hanning(15)[1:-1] / np.hanning(15)[1:-1].sum()
_PER_FRAME = 4  # of the mask of the voice, which is at 100 Hz


@dataclass(frozen=True)
class Truth:
    """At 25 fps, T frames, as `dataset.make_call` has them: mouth (T, 7), closures (T, 2), activity (T,), face (T, 26),
    curves (T, 8), starts bool (T, 7), gaze_cell (T,)."""

    mouth: Floats
    closures: Floats
    activity: Floats
    face: Floats
    curves: Floats
    starts: Mask
    gaze_cell: Indices


def tell(controls: Floats, speech: Mask) -> Truth:
    """`controls` (T, 58) without gaps; `speech` bool (4 T,) at 100 Hz: where the own voice is."""
    seen = _Seen(controls)
    activity = activity_of(speech)
    gate, presence, _ = voicing.follow(torch.from_numpy(activity), voicing.at_rest())
    voiced, present = gate.numpy().astype(np.float64), presence.numpy().astype(np.float64)
    found = gestures_seen.find(seen.gestured(), present)
    mouth, closures = _mouth(seen, voiced)
    face = _face(seen, present, found.curves.astype(np.float64))
    return Truth(mouth, closures, activity, face, found.curves, found.starts, found.gaze_cell)


def activity_of(speech: Mask) -> Floats:
    """How sure the voice is there, float32 (T,): the mask (4 T,) widened and softened as `mouth_truth` does it."""
    wide = binary_dilation(speech, iterations=6).astype(float)
    soft = np.clip(convolve1d(wide, _HANN, mode="nearest"), 0, 1)
    activity: Floats = soft.reshape(-1, _PER_FRAME).mean(axis=1).astype(np.float32)
    return activity


class _Seen:
    """Controls by name, both sides averaged where only that is wanted."""

    def __init__(self, controls: Floats):
        self.values = controls.astype(np.float64)

    def __getitem__(self, name: str) -> Doubles:
        column: Doubles = self.values[:, CONTROLS.index(name)]
        return column

    def both(self, name: str) -> Doubles:
        """(left + right) / 2."""
        return (self[name + "Left"] + self[name + "Right"]) / 2

    def side(self, name: str) -> Doubles:
        """(left - right) / 2."""
        return (self[name + "Left"] - self[name + "Right"]) / 2

    @property
    def degrees(self) -> dict[str, Doubles]:
        """Pitch, yaw and roll."""
        return {axis: np.degrees(self["head" + axis.title()]) for axis in ("pitch", "yaw", "roll")}

    @property
    def corners(self) -> Doubles:
        """How far the corners of the mouth are up, without what rounded lips take from them."""
        return self.both("mouthSmile") / self.rounding

    @property
    def rounding(self) -> Doubles:
        """What rounded lips leave of a smile."""
        return (1 - articulation.ROUNDED_BY_PUCKER * self["mouthPucker"]) * (
            1 - articulation.ROUNDED_BY_FUNNEL * self["mouthFunnel"]
        )

    @property
    def raised(self) -> Doubles:
        """How far the brows are up as one, weights; down is negative."""
        up = self.both("browOuterUp") / articulation.BROW_OUTER
        return np.where(up > 0.02, up, -self.both("browDown") / articulation.BROW_DOWN)

    def gestured(self) -> dict[str, Doubles]:
        """What gestures are looked for in, named as `gestures.CURVES`."""
        turned = self.degrees
        x = (self["eyeLookOutRight"] - self["eyeLookOutLeft"] + self["eyeLookInLeft"] - self["eyeLookInRight"]) / 2
        y = self.both("eyeLookDown") - self.both("eyeLookUp")
        back = articulation.VOR / EYE_RANGE_DEGREES
        return turned | {
            "brow": self.raised,
            "smile": self.corners,
            "blink": np.minimum(self["eyeBlinkLeft"], self["eyeBlinkRight"]),
            "gazeX": x + back * turned["yaw"],
            "gazeY": y + back * turned["pitch"],
        }


def _mouth(seen: _Seen, gate: Doubles) -> tuple[Floats, Floats]:
    """Open shapes (T, 7) and closures (T, 2) that, let through by `gate` (T,), show what was seen."""
    jaw = seen["jawOpen"]
    sealed = seen["mouthClose"] / np.maximum(jaw, SEAL_JAW)
    closed = _ramp(sealed, *_SEALED) * (gate > 0.5)
    open_jaw = jaw / (1 - 0.55 * closed)
    through = np.maximum(gate, _SHOWN[1])
    shapes = {
        "jaw": _hard_jaw(open_jaw / through),
        "upper": seen.both("mouthUpperUp") / through,
        "lower": seen.both("mouthLowerDown") / through,
        "stretch": seen.both("mouthStretch") / through,
        "funnel": seen["mouthFunnel"] / (1 - 0.5 * closed) / through,
        "pucker": seen["mouthPucker"] / (1 - 0.3 * closed) / through,
        "tongue": np.zeros(len(jaw)),
    }
    mouth = np.column_stack([shapes[name] / articulation.MOUTH_GAINS.get(name, 1.0) for name in MOUTH])
    _bridge(mouth, closed > _HIDDEN)
    shown = _ramp(gate, *_SHOWN)[:, None]
    mouth = shown * mouth + (1 - shown) * TARGETS[SILENCE].shape
    closures = np.column_stack([closed, np.zeros(len(jaw))])
    return mouth.clip(0, 1).astype(np.float32), closures.astype(np.float32)


def _hard_jaw(drawn: Doubles) -> Doubles:
    """The inverse of `articulation.soft_jaw`."""
    knee, slope = articulation.JAW_KNEE, articulation.JAW_SLOPE
    return np.where(drawn > knee, knee + (drawn - knee) / slope, drawn)


def _bridge(rows: Doubles, hidden: Mask) -> None:
    """Frames that are hidden get what lies on the line between those before and after."""
    shown = np.flatnonzero(~hidden)
    if len(shown) and hidden.any():
        for column in range(rows.shape[1]):
            rows[hidden, column] = np.interp(np.flatnonzero(hidden), shown, rows[shown, column])


def _face(seen: _Seen, presence: Doubles, gestured: Doubles) -> Floats:
    """The 26 channels of `articulation.FACE` that, with the gestures' curves (T, 8), show what was seen."""
    f = {name: np.zeros(len(presence)) for name in FACE}
    g = dict(zip(CURVES, gestured.T, strict=True))

    def divide_head(values: Doubles, still: str, talk: str, gain: float = 1.0) -> None:
        slow, moved = divided_head(values, presence)
        f[still], f[talk] = slow / gain, moved / articulation.FACE_GAINS.get(talk, 1.0)

    for axis, degrees in seen.degrees.items():
        divide_head(degrees - g[axis], axis, "talk" + axis.title(), articulation.POSTURE_GAIN)
    for axis in "xyz":
        divide_head(100 * seen["head" + axis.upper()], axis, "talk" + axis.upper())
    passing = g["smile"] * (1 - (1 - articulation.SPOKEN_SMILE) * presence)
    f["smile"], talk = divided(seen.corners - passing, presence)
    f["talkSmile"] = talk / articulation.FACE_GAINS["talkSmile"]
    f["smileSide"] = seen.side("mouthSmile") / seen.rounding / articulation.FACE_GAINS["smileSide"]
    f["frown"], f["mouthSide"] = seen.both("mouthFrown"), seen["mouthLeft"] - seen["mouthRight"]
    f["squint"] = seen.both("eyeSquint") - 0.35 * np.maximum(seen.corners, 0)
    _brows(seen, presence, g, f)
    return np.column_stack([f[name] for name in FACE]).astype(np.float32)


def _brows(seen: _Seen, presence: Doubles, g: dict[str, Doubles], f: dict[str, Doubles]) -> None:
    """Where the brows rest, and what of their motion is talk: what goes with the head is neither."""
    with_head: Doubles = -articulation.BROW_PER_DEGREE * presence * (seen.degrees["pitch"] - g["pitch"])
    slow, talk = divided(seen.raised - with_head - g["brow"], presence)
    f["talkBrow"] = talk / articulation.FACE_GAINS["talkBrow"]
    raised: Doubles = g["brow"] + presence * talk + with_head
    f["browOuter"] = np.where(slow > 0, articulation.BROW_OUTER * slow, 0)
    f["browDown"] = np.where(slow < 0, -articulation.BROW_DOWN * slow, 0)
    within = articulation.BROW_INNER * np.maximum(raised, 0)
    f["browInner"], alone = divided(seen["browInnerUp"] - within, presence)
    f["talkInner"] = alone / articulation.INNER_ALONE
    f["browSide"] = _ramp(presence, *_TALKS) * seen.side("browOuterUp") / np.maximum(presence, _TALKS[1])
    _lids(seen, g, f, raised)


def _lids(seen: _Seen, g: dict[str, Doubles], f: dict[str, Doubles], raised: Doubles) -> None:
    """How far the lids are open between blinks and without the brows: the slow part of it rest, the other sway."""
    shut = np.minimum(g["blink"], 0.9)
    hanging = np.maximum(seen.both("eyeBlink") - 0.25 * seen.both("eyeLookDown") - g["blink"], 0) / (1 - shut)
    wide = np.where(seen.both("eyeWide") > 0, seen.both("eyeWide") / (1 - shut), -hanging / articulation.LIDS_HANG)
    wide = wide - 0.35 * g["brow"] - articulation.WIDE_WITH_BROWS * raised
    _bridge(wide[:, None], shut > _HIDDEN)
    f["wide"] = gaussian_filter1d(wide, _SLOW * FPS, mode="nearest")
    f["lid"] = (wide - f["wide"]) / articulation.LID_GAIN


def divided(values: Doubles, presence: Doubles) -> tuple[Doubles, Doubles]:
    """(posture, talk), each (T,): posture + presence * talk is `values`, and posture slow while there is talk."""
    talk = _ramp(presence, *_TALKS) * (values - _slow(values, presence)) / np.maximum(presence, _TALKS[1])
    return values - presence * talk, talk


def divided_head(values: Doubles, presence: Doubles) -> tuple[Doubles, Doubles]:
    """The same of a head that stays where talk left it: `voicing.let_through` makes of talk what is not posture."""
    moved, shares = values - _slow(values, presence), _ramp(presence, *_TALKS)
    talk, shown, held = np.zeros(len(values)), np.zeros(len(values)), 0.0
    for frame, present in enumerate(presence.tolist()):
        gain, kept = voicing.gain(present), (1 - voicing.leak(present)) * held
        talk[frame] = held + shares[frame] * (moved[frame] - kept) / max(gain, voicing.gain(_TALKS[1]))
        held = kept + gain * (talk[frame] - held)
        shown[frame] = held
    return values - shown, talk


def _slow(values: Doubles, presence: Doubles) -> Doubles:
    """What of (T,) values is posture while there is talk."""
    weight = 1 - (1 - _REST_WEIGHT) * presence
    sigma = _SLOW * FPS
    slow: Doubles = gaussian_filter1d(weight * values, sigma, mode="nearest") / gaussian_filter1d(
        weight, sigma, mode="nearest"
    )
    return slow


def _ramp(x: Doubles, low: float, high: float) -> Doubles:
    """0 below `low`, 1 above `high`, a line between."""
    ramp: Doubles = np.clip((x - low) / (high - low), 0, 1)
    return ramp
