"""What a body does about a touch: which shoulder goes back or towards it, and which hand goes to the cheek.

All is drawn, as the face's answers are, and follows from the seed, the touches so far and the frame alone. The trunk's
part is added to how it moves anyway; the hand's is a plan, as every gesture is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from avtr_cli.core.arrays import Doubles
from avtr_cli.core.interaction import NO_CONTACT, WORDS, Interaction
from avtr_cli.core.timing import FPS
from avtr_cli.motion.body.hands import LEFT, RIGHT
from avtr_cli.motion.body.task import TORSO
from avtr_cli.motion.interactions.beats import lift
from avtr_cli.motion.interactions.reactions import BLOWS

LONGEST = 6 * FPS  # frames after a touch in which the body answers it
FURTHEST = {"twist": 15.0, "lean": 9.0, "side": 6.0, "leftShrug": 0.8, "rightShrug": 0.8}  # of what is added
SIDE_BEGINS = 0.10  # EO from the nose: nearer, a touch has no side
OF_SIDE = ("shoulder", "arm", "hand")
TO_CHEEK = ("cheek", "jaw", "ear", "nose", "mouth", "eye", "forehead", "brow", "chin")
KISSED = ("cheek", "forehead", "mouth")  # places that a hand may go to after a kiss
OFTEN, KISSED_OFTEN = 0.6, 0.5  # how often a hand goes there after pain that is no blow, and after a kiss
HURTS_FROM = 0.4  # force
FAINT = 0.3  # strength below which an answer is smaller, down to none at all
SHARE = {"shoulder": 1.0, "arm": 0.9, "hand": 0.45}  # of the turn that pulls a shoulder back, by what was touched

_STREAM, _NUMBERS = 0x70C4, 8
_WORDS = list(WORDS)


class Swing(NamedTuple):
    """One movement of the trunk: from `at` s after the touch it takes `rise`, holds, and is gone after `fall`.

    Degrees of twist and side to the touched side, of lean forwards; shrug of the touched shoulder; `hertz` it sways in.
    """

    at: float
    rise: float
    hold: float
    fall: float
    twist: float = 0.0
    lean: float = 0.0
    side: float = 0.0
    shrug: float = 0.0
    hertz: float = 0.0


@dataclass(frozen=True)
class Reach:
    """A hand that goes to its cheek: at which frame it leaves, how long it takes, stays and takes back, frames."""

    arm: int
    leaves: int
    takes: int
    stays: int
    returns: int

    @property
    def over(self) -> int:
        """The frame at which it is at rest again."""
        return self.leaves + self.takes + self.stays + self.returns

    def near(self, frame: int) -> float:
        """0 .. 1: how much the hand is the cheek's, whose turns it then goes along with."""
        t = np.array(float(frame - self.leaves))
        return float(lift(t, self.takes, self.stays, self.returns))


def trunk_answers(touches: Sequence[Interaction], frame: int, seed: Sequence[int]) -> Doubles:
    """(9,) of `task.TORSO` that the `touches` so far add at `frame`; zeros where nothing is left of any."""
    row = np.zeros(len(TORSO))
    for touch in touches:
        if not 0 <= frame - touch.frame < LONGEST or not touch.regions or touch.word.kind == NO_CONTACT:
            continue
        t, numbers = (frame - touch.frame + 0.5) / FPS, _numbers(touch, seed)
        whole = min(1.0, touch.strength / FAINT) / sum(share for _, share in touch.regions)
        for region, share in touch.regions:
            left = _left(touch, region, numbers)
            for swing in _swings(touch, region.rpartition("_")[2], numbers):
                row += whole * share * _level(swing, t) * _moved(swing, left)
    for name, most in FURTHEST.items():
        column = TORSO.index(name)
        row[column] = most * math.tanh(row[column] / most)
    return row


def reaches(touches: Sequence[Interaction], free: Sequence[int], seed: Sequence[int]) -> tuple[Reach, ...]:
    """The hands that go to a cheek after one of `touches`; only arms that are `free` do."""
    found = (_reach(touch, free, _numbers(touch, seed)) for touch in touches if touch.regions)
    return tuple(one for one in found if one is not None)


def _numbers(touch: Interaction, seed: Sequence[int]) -> Doubles:
    """Uniform ones for the variety of the answer to a touch."""
    return np.random.default_rng([*seed, touch.frame, _WORDS.index(touch.do), _STREAM]).random(_NUMBERS)


def _left(touch: Interaction, region: str, numbers: Doubles) -> bool:
    """Whether it is the person's left side that was touched; of the middle either."""
    if region.startswith(("left_", "right_")):
        return region.startswith("left_")
    return touch.aside > 0 if abs(touch.aside) > SIDE_BEGINS else bool(numbers[0] < 0.5)


def _level(swing: Swing, t: float) -> float:
    level = float(lift(np.array(t - swing.at), swing.rise, swing.hold, swing.fall))
    return level * (math.sin(2 * math.pi * swing.hertz * (t - swing.at)) if swing.hertz else 1.0)


def _moved(swing: Swing, left: bool) -> Doubles:
    """(9,) of TORSO."""
    row, sign = np.zeros(len(TORSO)), 1.0 if left else -1.0
    row[TORSO.index("twist")], row[TORSO.index("side")] = sign * swing.twist, sign * swing.side
    row[TORSO.index("lean")] = swing.lean
    row[TORSO.index("leftShrug" if left else "rightShrug")] = swing.shrug
    return row


def _swings(touch: Interaction, place: str, numbers: Doubles) -> tuple[Swing, ...]:
    """What the trunk does about a touch of `place`; twist is positive where the touched shoulder goes back."""
    force, varied = touch.force, 0.85 + 0.3 * float(numbers[1])
    if touch.declined:
        return (Swing(0.10, 0.28, 0.7, 1.1, 2.5 * varied, -3.5 * varied, -0.8),)
    if place in OF_SIDE:
        return _at_the_side(touch, SHARE[place] * varied)
    if touch.tone == "aggressive":  # the head goes; the trunk goes along, away from the hand
        turn = -(1.0 + 3.0 * force) if place in TO_CHEEK else 1.0 + 2.0 * force
        return (Swing(0.08, 0.24, 0.3 + 0.5 * force, 1.1, turn * varied, -(1.0 + 3.5 * force) * varied, -1.5 * force),)
    if touch.word.kind == "tickle":
        return (Swing(0.15, 0.2, 0.9, 0.6, 2.0 * varied, hertz=2.1, shrug=0.3), Swing(0.15, 0.3, 0.9, 0.8, lean=1.5))
    if touch.tone == "affectionate":
        return (Swing(0.25, 0.5, 0.8, 1.2, lean=1.0 * varied, side=0.8 * varied),)
    return ()


def _at_the_side(touch: Interaction, share: float) -> tuple[Swing, ...]:
    """A shoulder, arm or hand: pulled back from what hurts or startles, given to what is dear."""
    force = touch.force
    if touch.tone == "aggressive":
        back = Swing(
            0.03, 0.20, 0.35 + 0.5 * force, 1.1, (4.5 + 7.0 * force) * share, -(0.8 + 2.2 * force) * share,
            -(0.8 + 2.0 * force) * share, (0.25 + 0.4 * force) * share,
        )  # fmt: skip
        return (back,)
    if touch.tone == "neutral":
        return (Swing(0.04, 0.22, 0.25, 0.8, (4.8 + 1.5 * force) * share, -0.5 * share, shrug=0.2 * share),)
    if touch.word.kind == "tickle":
        return (
            Swing(0.10, 0.2, 1.0, 0.6, 3.0 * share, side=-2.0 * share, hertz=2.1),
            Swing(0.08, 0.2, 1.0, 0.7, 2.0 * share, shrug=0.6 * share),
        )
    dear = 1.0 if touch.tone == "affectionate" else 0.6
    return (Swing(0.25, 0.5, 0.9, 1.3, -1.5 * dear * share, 0.5 * dear, 1.8 * dear * share, 0.3 * dear * share),)


def _reach(touch: Interaction, free: Sequence[int], numbers: Doubles) -> Reach | None:
    """Whether a hand goes to the cheek, and which: that of the side, or of a touch in the middle one that is free."""
    region, place = touch.region, touch.region.rpartition("_")[2]
    if place not in TO_CHEEK or touch.strength < FAINT:
        return None
    hurts, kissed = touch.tone == "aggressive" and touch.force >= HURTS_FROM, touch.do == "kiss" and place in KISSED
    often = 1.0 if touch.word.kind in BLOWS else OFTEN if hurts else KISSED_OFTEN
    if not (hurts or (kissed and touch.tone == "affectionate")) or numbers[2] >= often:
        return None
    wanted = LEFT if _left(touch, region, numbers) else RIGHT
    if wanted not in free:
        middle = not region.startswith(("left_", "right_"))
        if not middle or not free:
            return None
        wanted = free[0]
    begins, takes = (0.30, 11.0) if hurts else (0.85, 16.0)
    stays = 0.9 + 0.8 * touch.force + 0.5 * float(numbers[3])
    return Reach(
        wanted, touch.frame + round((begins + 0.12 * float(numbers[4])) * FPS), round(takes + 3 * float(numbers[5])),
        round(stays * FPS), round(20 + 6 * float(numbers[6])),
    )  # fmt: skip
