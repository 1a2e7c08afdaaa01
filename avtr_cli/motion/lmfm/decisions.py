"""Hazards into gestures: at every frame each gesture starts or not, and its curve is laid into the frames to come.

The state is what is pending: curves of gestures that have begun, how long ago each began, where the eyes
rest. One frame after the other, because a start forbids the next for a while.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from avtr_cli.core.arrays import AnyArray, Doubles, Floats, Reals
from avtr_cli.core.types import Cue
from avtr_cli.motion import gestures
from avtr_cli.motion.gestures import CURVES, EVENTS, GAZE_CELLS, LONGEST, REFRACTORY, ROW
from avtr_cli.motion.lmfm.event_head import SINCE_LONGEST
from avtr_cli.motion.lmfm.person import event_of_cue

Hazards = Callable[[int, Floats], tuple[Doubles, Doubles]]
"""(frame of the chunk, frames since each event) -> logits of the events (7,) and of the gaze cells (7,)."""

NUMBERS = len(EVENTS) * (1 + gestures.NUMBERS) + 1  # uniform numbers that one frame takes
_HELD_LOOK = 30  # frames that a look on cue is kept
_STRESSED, _ANSWERED = 5, 75  # frames
_GAZE = EVENTS.index("gaze")
_IS_GAZE = np.arange(len(EVENTS)) == _GAZE
_STRESSES = [EVENTS.index(event) for event in ("accent", "turn")]
_ANSWERS = [EVENTS.index(event) for event in ("nod", "brow", "smile")]
_AWAY = 0.12  # gaze units from which the eyes are off the partner; they come back, and sooner than they left
_RETURN_ODDS = 4.0


@dataclass
class Pending:
    """curves (64, 8) of the frames to come, since (7,) frames, gaze (2,) where the eyes rest."""

    curves: Floats
    since: Floats
    gaze: Floats

    @classmethod
    def empty(cls) -> Pending:
        """Before the first chunk: nothing pending, no gesture as long as is counted, eyes on the partner."""
        return cls(
            np.zeros((LONGEST, len(CURVES)), np.float32),
            np.full(len(EVENTS), SINCE_LONGEST, np.float32),
            np.zeros(2, np.float32),
        )


def decide(
    pending: Pending,
    frames: int,
    first: int,
    hazards: Hazards,
    numbers: Doubles,
    odds: Reals,
    asked: Sequence[Cue],
) -> tuple[Floats, Pending]:
    """The gesture curves of the next `frames` frames, float32 (frames, 8), and what is then pending.

    `numbers` (frames, NUMBERS) are uniform; `odds` (frames, 7) multiply each gesture's odds; `first` is the index of
    the first frame, from which the frames of `asked` are told. `pending` is not changed.
    """
    curves = np.concatenate([pending.curves, np.zeros((frames, len(CURVES)), np.float32)])
    since, gaze = pending.since.copy(), pending.gaze.copy()
    out = np.zeros((frames, len(CURVES)), np.float32)

    def begin(frame: int, event: str, strength: float, target: tuple[float, float] | None) -> None:
        row = ROW[event]
        drawn = numbers[frame, 1 + len(EVENTS) + row * gestures.NUMBERS :][: gestures.NUMBERS]
        # Steps of a look that is still under way count as done.
        resting = gaze + curves[frame:, -2:].sum(0)
        curve = gestures.draw(event, drawn, strength, target, (float(resting[0]), float(resting[1])))
        curves[frame : frame + len(curve)] += curve[: len(curves) - frame]
        since[row] = 0.0

    for frame in range(frames):
        logits, cells = hazards(frame, np.maximum(since, 0.0))
        away = np.abs(gaze).max() > _AWAY
        weights = odds[frame] * np.where(_IS_GAZE, _RETURN_ODDS if away else 1.0, 1.0)
        chance = 1 / (1 + np.exp(-logits) / np.maximum(weights, 1e-9))
        for row, event in enumerate(EVENTS):
            if since[row] >= REFRACTORY[event] and numbers[frame, 1 + row] < chance[row] and odds[frame, row] > 0:
                target = None
                if row == _GAZE:
                    target = GAZE_CELLS[0] if away else _cell(cells, numbers[frame, 0])
                begin(frame, event, 1.0, target)
        for cue in asked:
            if cue.frame != first + frame:
                continue
            event, target = event_of_cue(cue)
            begin(frame, event, cue.strength, target)
            if event == "gaze":
                since[_GAZE] = -_HELD_LOOK
        gaze = gaze + curves[frame, -2:]
        out[frame, :-2], out[frame, -2:] = curves[frame, :-2], gaze
        since = np.minimum(since + 1, SINCE_LONGEST)
    return out, Pending(curves[frames:], since.astype(np.float32), gaze.astype(np.float32))


def occasions(own_voice: AnyArray, partner_voice: AnyArray, frames: int) -> Doubles:
    """How much there is to answer or to stress, (frames, 7) in [0, 1], from both voice flags up to the chunk's end.

    Beats and turns of the head need the own voice, nods, brows and smiles a voice within the last 3 s; blinks and
    looks need none. Learned hazards are low where there is no voice, but in a minute of silence low adds up.
    """
    out = np.ones((frames, len(EVENTS)))
    for frame in range(frames):
        now = len(own_voice) - frames + frame
        own = own_voice[max(0, now - _STRESSED) :].max()
        heard = max(own, partner_voice[max(0, now - _ANSWERED) : now + 1].max())
        out[frame, _STRESSES], out[frame, _ANSWERS] = own, heard
    return out


def _cell(logits: Doubles, number: float) -> tuple[float, float]:
    """A gaze cell drawn from its logits by one uniform number."""
    weights = np.exp(logits - logits.max())
    return GAZE_CELLS[int(np.searchsorted(np.cumsum(weights / weights.sum())[:-1], number, side="right"))]
