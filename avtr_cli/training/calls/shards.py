"""A recorded call into a shard of the corpus: the arrays of `dataset.make_call`, and what of them is not known.

What was not measured teaches nothing: of the mouth and the face by channel (`mouth_known`, `face_known`), of gestures
by kind. Pieces have one length, and a face that is followed from their first frame to their last.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from avtr_cli.audio.accents import RATE
from avtr_cli.core.arrays import AnyArray, Floats, Mask
from avtr_cli.core.motion_space import CONTROLS
from avtr_cli.core.timing import FPS, SAMPLES_PER_FRAME
from avtr_cli.motion.gestures import EVENTS
from avtr_cli.motion.lmfm.articulation import FACE, MOUTH
from avtr_cli.motion.lmfm.log_mel import LogMel
from avtr_cli.training.behaviour import FLAGS, STYLE, flags
from avtr_cli.training.calls.record import CallRecord
from avtr_cli.training.dataset import UNKNOWN_VISEME, condition
from avtr_cli.training.people import gates, gestures_seen
from avtr_cli.training.people.telling import tell
from avtr_cli.training.people.voice import as_side
from avtr_cli.training.prosody import analyse

_PER_FRAME = RATE // FPS
_LISTENS = 0.25  # share of a piece with the own voice, below which its gestures are a listener's


def _sides(*names: str) -> tuple[str, ...]:
    return tuple(f"{name}{side}" for name in names for side in ("Left", "Right"))


_HEAD = {axis: (f"head{axis.title()}",) for axis in ("pitch", "yaw", "roll", "x", "y", "z")}
_BROWS = _sides("browOuterUp", "browDown")
NEEDS: dict[str, tuple[str, ...]] = {
    "jaw": ("jawOpen",), "upper": _sides("mouthUpperUp"), "lower": _sides("mouthLowerDown"),
    "stretch": _sides("mouthStretch"), "funnel": ("mouthFunnel",), "pucker": ("mouthPucker",), "tongue": ("tongueOut",),
    **_HEAD, **{f"talk{axis.title()}": needed for axis, needed in _HEAD.items()},
    "smile": _sides("mouthSmile"), "smileSide": _sides("mouthSmile"), "talkSmile": _sides("mouthSmile"),
    "browInner": ("browInnerUp", *_BROWS), "talkInner": ("browInnerUp", *_BROWS),
    "browOuter": _BROWS, "browDown": _BROWS, "talkBrow": _BROWS, "browSide": _BROWS,
    "squint": _sides("eyeSquint"), "wide": _sides("eyeWide", "eyeBlink"), "lid": _sides("eyeWide", "eyeBlink"),
    "frown": _sides("mouthFrown"), "mouthSide": ("mouthLeft", "mouthRight"),
}  # fmt: skip
"""Which controls have to be known for a channel of the mouth or the face to be."""
EVENT_NEEDS: dict[str, tuple[str, ...]] = {
    "nod": ("headPitch",), "brow": _BROWS, "smile": _sides("mouthSmile"), "blink": _sides("eyeBlink"),
    "gaze": _sides("eyeLookDown", "eyeLookUp", "eyeLookOut", "eyeLookIn"),
}  # fmt: skip


def calls_of(record: CallRecord, frames: int) -> list[dict[str, AnyArray]]:
    """The pieces of `frames` frames, arrays (2, T, ...) by name: those in which one face at least is followed."""
    pieces: list[tuple[int, int]] = []
    for first, last in gates.stretches(record.valid.any(0), _changes(record.valid), frames):
        pieces += gates.pieces_of(first, last, frames)
    return [_call(record, first, last) for first, last in pieces]


def _changes(valid: Mask) -> tuple[int, ...]:
    """Frames before which a face is lost or found."""
    changed = (valid[:, 1:] != valid[:, :-1]).any(0)
    return tuple(int(frame) + 1 for frame in np.flatnonzero(changed))


def _call(record: CallRecord, first: int, last: int) -> dict[str, AnyArray]:
    frames = last - first
    sound = record.sound[:, first * SAMPLES_PER_FRAME : last * SAMPLES_PER_FRAME]
    features = LogMel().of_file(torch.from_numpy(np.ascontiguousarray(sound)))[:, :frames].numpy().astype(np.float16)
    truths = [_truth(record, side, sound[side], first, last) for side in (0, 1)]
    return {"features": features, **{key: np.stack([truth[key] for truth in truths]) for key in truths[0]}}


def _truth(record: CallRecord, side: int, sound: Floats, first: int, last: int) -> dict[str, AnyArray]:
    """The arrays of one side of a piece."""
    seen = bool(record.valid[side, first:last].all())
    known = set(np.array(CONTROLS.channels)[record.known[side]]) if seen else set()
    speech = record.speaks[side, first:last].repeat(_PER_FRAME)
    frames = last - first
    told = flags(analyse(as_side(sound, speech)), frames) if speech.any() and sound.any() else _silent(frames)
    controls = record.controls[side, first:last] if seen else np.zeros((frames, len(CONTROLS)), np.float32)
    truth = tell(controls.astype(np.float32), speech)
    listens = speech.mean() < _LISTENS
    events = [
        name in gestures_seen.SOUGHT and known.issuperset(EVENT_NEEDS[name]) and (listens or name in ("blink", "gaze"))
        for name in EVENTS
    ]
    halves = {"mouth": truth.mouth, "closures": truth.closures, "activity": truth.activity, "face": truth.face,
              "curves": truth.curves, "flags": told}  # fmt: skip
    return {
        **{key: values.astype(np.float16) for key, values in halves.items()},
        "visemes": np.full((frames, _PER_FRAME), UNKNOWN_VISEME, np.uint8),
        "starts": (truth.starts & np.array(events)).astype(np.uint8),
        "gaze_cell": truth.gaze_cell.astype(np.uint8),
        "person": condition(np.zeros(len(STYLE)), "neutral", 0.0).astype(np.float16),
        "foreign": np.array(0, np.uint8),
        "seen": np.array(seen, np.uint8),
        "closures_known": np.array(["mouthClose" in known, 0], np.uint8),
        "events_known": np.array(events, np.uint8),
        "mouth_known": _known(MOUTH, known),
        "face_known": _known(FACE, known),
    }


def _known(channels: Sequence[str], known: set[str]) -> AnyArray:
    return np.array([known.issuperset(NEEDS[name]) for name in channels], np.uint8)


def _silent(frames: int) -> Floats:
    return np.zeros((frames, len(FLAGS)), np.float32)
