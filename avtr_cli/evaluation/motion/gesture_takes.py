"""One side of a call as a body performs it: its motion, its beats, when hands are up, and where hands then are."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import torch

from avtr_cli.audio.accents import heard_accents
from avtr_cli.core.arms import Arm
from avtr_cli.core.arrays import Doubles, Indices, Mask, Sound
from avtr_cli.core.motion_space import CONTROLS, FULL
from avtr_cli.core.rotation import turn_matrix
from avtr_cli.core.timing import CHUNK_FRAMES, FPS
from avtr_cli.core.types import Identity
from avtr_cli.evaluation.motion.rollout import Unseen
from avtr_cli.evaluation.motion.voice import hear
from avtr_cli.motion.body.events import BEATS, EVENTS
from avtr_cli.motion.body.generator import WithBody
from avtr_cli.streaming.session import StreamingSession

SETTLING = FPS  # frames after the own voice that still may move
HAND_M = 0.095  # m from a wrist to the fingers' roots
BODY = len(CONTROLS)  # the first of the body's channels
PER_ARM = 14  # channels of an arm, which come after the trunk's eight
_BEAT_ROWS = [EVENTS.index(event) for event in BEATS]


@dataclass(frozen=True)
class GestureTake:
    """One side's gestures on one call.

    values (T, 94), beats as frames, up (T,); own and partner (T,) who speaks; accents in seconds and speech (n,) at
    100 Hz, of the voice that is judged against
    """

    values: Doubles
    beats: Indices
    up: Mask
    own: Mask
    partner: Mask
    accents: Doubles
    speech: Mask
    arms: tuple[Arm, Arm]

    @property
    def speaking(self) -> Mask:
        """(T,): own voice, hands up."""
        return self.up & self.own

    @property
    def listening(self) -> Mask:
        """(T,): the partner speaks, and the own voice has been still for a second."""
        recent = np.convolve(self.own, np.ones(SETTLING), "full")[: len(self.own)] > 0
        return self.partner & ~recent


def perform(
    generator: WithBody, sound: Sound, seed: int, arms: tuple[Arm, Arm], judged: Sound | None = None
) -> GestureTake:
    """A take of `sound` (2, n), held against the voices of `judged`."""
    rows = torch.from_numpy(np.stack([arm.row() for arm in arms]))
    identity = Identity(FULL, torch.zeros(len(FULL)), None, (0, 0), anatomy={"body": rows})
    session = StreamingSession(identity, generator, Unseen(FULL), seed)
    state, values, beats, up = generator.start(identity, seed), [], [], []
    for window in itertools.chain(session.hear(sound), session.end()):
        motion, state = generator.step(window, state)
        values.append(motion.values.double().numpy())
        since = state["body.since"].numpy()[_BEAT_ROWS]
        begun = (window.index + 1) * CHUNK_FRAMES - since[since <= CHUNK_FRAMES].astype(int)
        beats += begun.tolist()
        up += [bool(state["body.up"].any())] * CHUNK_FRAMES
    own, partner = hear(sound if judged is None else judged)
    accents, speech = heard_accents((sound if judged is None else judged)[0])
    count = len(own)
    told = np.array(sorted(beat for beat in beats if beat < count), np.intp)
    return GestureTake(
        np.concatenate(values)[:count], told, np.array(up)[:count], own.active, partner.active, accents, speech, arms
    )


def wrists(take: GestureTake) -> Doubles:
    """(T, 2, 3) m, left and right, beside their shoulders in the chest's axes: x to the left, y down, z to the back."""
    return np.stack([chain(take, side)[1] for side in (0, 1)], axis=1)


def chain(take: GestureTake, side: int) -> tuple[Doubles, Doubles, Doubles]:
    """Elbow, wrist and the fingers' roots, (T, 3) m from the shoulder; a right arm's mirrored, as if it were left."""
    arm, rows = take.arms[side], take.values[:, BODY + 8 + PER_ARM * side :][:, :PER_ARM]
    turn = turn_matrix(rows[:, 1:4] * (1 if side == 0 else np.array([1, -1, -1])))
    along, hinge = turn @ arm.along, turn @ arm.hinge
    bend = (arm.bend + rows[:, 4])[:, None]
    fore = np.cos(bend) * along + np.sin(bend) * np.cross(hinge, along)
    elbow = arm.upper * along
    wrist = elbow + arm.fore * fore
    return elbow, wrist, wrist + HAND_M * fore


def tips(take: GestureTake, side: int) -> Doubles:
    """(T, 3) m: the finger tips of a stretched hand, as `chain` tells places, bent at the wrist as it is."""
    arm, rows = take.arms[side], take.values[:, BODY + 8 + PER_ARM * side :][:, :PER_ARM]
    fore = np.cos(arm.bend) * arm.along + np.sin(arm.bend) * np.cross(arm.hinge, arm.along)
    third = np.cross(fore, arm.hinge)
    little = np.cos(arm.palm) * third - np.sin(arm.palm) * np.cross(fore, third)
    bent = turn_matrix(rows[:, 6:7] * little + rows[:, 7:8] * np.cross(little, fore))
    hand = bent @ (arm.hand[0] * fore + arm.hand[1] * arm.hinge + arm.hand[2] * third)
    whole = turn_matrix(rows[:, 1:4] * (1 if side == 0 else np.array([1, -1, -1])))
    for turns in (rows[:, 5:6] * fore, rows[:, 4:5] * arm.hinge):
        hand = (turn_matrix(turns) @ hand[..., None])[..., 0]
    _, wrist, _ = chain(take, side)
    found: Doubles = wrist + arm.tips * (whole @ hand[..., None])[..., 0]
    return found
