"""The trunk: sways, shifts its weight, leans towards a partner who speaks, breathes, and goes with the arms.

A path is an Ornstein-Uhlenbeck process behind two low-passes, so speed never jumps; it begins where the photo is.
Spreads and times are those of people who stand and talk.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from avtr_cli.core.arrays import Doubles
from avtr_cli.core.breath import BREATHS_HZ
from avtr_cli.core.timing import FPS
from avtr_cli.motion.body.plans import Key, Plan
from avtr_cli.motion.body.task import FRONT, TORSO, UP

SWAYS = {
    "lean": (3.0, 1.3),
    "twist": (3.0, 1.8),
    "side": (3.0, 0.9),
    "hipX": (4.0, 0.006),
    "hipYaw": (4.0, 1.2),
    "hipRoll": (4.0, 0.5),
}
"""Seconds and spread, in the units of `task.TORSO`."""
DRIFT_S, DRIFTS = 1.6, 0.0105  # s and arm lengths: no hand is ever quite still
SETTLES = 0.3  # s of each low-pass
LOST = 1.12  # what the low-passes take of the spread
QUIETER = 0.55  # of the sway while not speaking
SHIFTED = ("hipX", "lean", "twist", "hipRoll")  # what a shift of posture moves
LEANS_IN, LEVEL_S = 2.2, 0.45  # degrees while listening; s of each of the two low-passes that voices go through
SPEAKING_HZ, DEEPER = 0.02, 0.3  # more breaths a second, and deeper, while speaking
TWIST_BY_REACH, LEAN_BY_HEIGHT = 5.0, -1.5  # degrees an arm length of one hand before the other; of hands risen
BY_PITCH, BY_YAW = 0.15, 0.20  # of the head's turn that the chest goes along

_KEEP = np.array([math.exp(-1 / (tau * FPS)) for tau, _ in SWAYS.values()])
_STEP = np.array([LOST * sd for _, sd in SWAYS.values()]) * np.sqrt(1 - _KEEP**2)
_DRIFT_KEEP = math.exp(-1 / (DRIFT_S * FPS))
_DRIFT_STEP = LOST * DRIFTS * math.sqrt(1 - _DRIFT_KEEP**2)
_SETTLE = 1 - math.exp(-1 / (SETTLES * FPS))
_LEVEL = 1 - math.exp(-1 / (LEVEL_S * FPS))
_SWAYED = [TORSO.index(name) for name in SWAYS]
_SHIFTED = [TORSO.index(name) for name in SHIFTED]
_BY_VOICE = np.array([name in ("lean", "twist", "side") for name in SWAYS])
_LEAN, _TWIST, _BREATH = (TORSO.index(name) for name in ("lean", "twist", "breath"))


class Voices(NamedTuple):
    """How much each side speaks in a frame, 0 .. 1."""

    own: float
    partner: float


@dataclass
class Trunk:
    """sway (3, 6): the process and its two low-passes; levels (2, 2): own voice, listening; breath: cycles so far."""

    sway: Doubles
    levels: Doubles
    breath: float

    @classmethod
    def at_rest(cls) -> Trunk:
        """As in the photo."""
        return cls(np.zeros((3, len(SWAYS))), np.zeros((2, 2)), 0.0)

    def step(
        self, normal: Doubles, voices: Voices, shift: Doubles, hands: Doubles, rest: Doubles, head: Doubles
    ) -> Doubles:
        """The next frame, (9,) of `task.TORSO`.

        `normal` (6,) are standard normal numbers, `shift` (4,) of SHIFTED, `hands` and `rest` (2, 10) of `task.ARM`,
        `head` (2,) pitch and yaw of the controls.
        """
        _wander(self.sway, _KEEP, _STEP * normal)
        heard = np.array([voices.own, voices.partner * (1 - voices.own)])
        self.levels[0] += _LEVEL * (heard - self.levels[0])
        self.levels[1] += _LEVEL * (self.levels[0] - self.levels[1])
        speaking, listening = self.levels[1]
        row = np.zeros(len(TORSO))
        row[_SWAYED] = self.sway[2] * np.where(_BY_VOICE, QUIETER + (1 - QUIETER) * speaking, 1.0)
        row[_SHIFTED] += shift
        moved = hands - rest
        row[_TWIST] += TWIST_BY_REACH * (moved[1, FRONT] - moved[0, FRONT]) - BY_YAW * math.degrees(head[1])
        row[_LEAN] += LEANS_IN * listening + LEAN_BY_HEIGHT * moved[:, UP].mean() + BY_PITCH * math.degrees(head[0])
        self.breath += (BREATHS_HZ + SPEAKING_HZ * speaking) / FPS
        row[_BREATH] = math.sin(2 * math.pi * self.breath) * (1 + DEEPER * speaking)
        return row


def drift(paths: Doubles, normal: Doubles) -> Doubles:
    """The next frame of how both hands drift, (2, 3) arm lengths: `paths` (3, 6) goes on, `normal` (6,) are drawn."""
    _wander(paths, np.array(_DRIFT_KEEP), _DRIFT_STEP * normal)
    drifted: Doubles = paths[2].reshape(2, 3).copy()
    return drifted


def _wander(paths: Doubles, keep: Doubles, step: Doubles) -> None:
    """One frame of processes and their two low-passes, (3, n)."""
    paths[0] = keep * paths[0] + step
    for low in (1, 2):
        paths[low] += _SETTLE * (paths[low - 1] - paths[low])


def shift_posture(plan: Plan, columns: slice, numbers: Doubles, standing: bool) -> None:
    """The weight to the other side, or the trunk to another: from the next frame on, in about a second."""
    now = plan.now[columns]
    side = -np.sign(now[0] or numbers[1] - 0.5)
    far = 1.0 if standing else 0.2
    target = np.array([
        side * (0.015 + 0.03 * numbers[2]) * far, (numbers[3] - 0.5) * 5, (numbers[4] - 0.5) * 6,
        side * (1 + 2 * numbers[5]) * (1.0 if standing else 0.3),
    ])  # fmt: skip
    plan.lead(columns, [Key(target, 22 + numbers[0] * 18)])
