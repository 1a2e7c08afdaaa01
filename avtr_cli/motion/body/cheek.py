"""A hand to its own cheek and back: before the trunk all the way, flat fingers at last along the skin, and not on it.

Fingers lie on the line of the forearm. Where that ends depends on the arm's lengths, so it is found by a few rounds.
"""

from __future__ import annotations

import numpy as np

from avtr_cli.core.arms import Arm, place_of, reach
from avtr_cli.core.arrays import Doubles
from avtr_cli.motion.body.hands import Hands, columns
from avtr_cli.motion.body.plans import Key
from avtr_cli.motion.body.task import ARM, FLEX, OPEN, SUPIN, SWIVEL, UP, WRIST, within_reach

OFF_SKIN = 0.030  # m from the skin to the middle of a hand: half its thickness, and a finger's breadth of air
ALONG_HAND = 0.115  # m from the wrist to what of the hand is beside the cheek: the fingers
ELBOW = 28.0  # degrees of swivel: the elbow before the ribs
NEAREST = 0.33  # arm lengths from a shoulder, that a bent arm can reach
UPRIGHT = np.array([0.0, -1.0, 0.1])  # where fingers point at first
ROUNDS = 6
BEFORE = (0.02, -0.28, 0.52)  # out, up and front that the wrist passes on its way, where it comes from below
LOW = -0.2  # `up` below which it does
ON_THE_WAY = 0.55  # share of the frames until there
QUICK = 1.2  # of the mean speed, with which it passes


def at_cheek(arm: Arm) -> Doubles:
    """(10,) of `task.ARM`: the fingers beside the cheek that the photo has, the palm to it."""
    place, fore = arm.cheek + OFF_SKIN * arm.outward, UPRIGHT / np.linalg.norm(UPRIGHT)
    row, third, wrist = np.zeros(len(ARM)), fore, place
    for _ in range(ROUNDS):
        wrist = (place - ALONG_HAND * fore) * np.array([1.0, -1.0, -1.0]) / arm.length
        far = float(np.linalg.norm(wrist))
        wrist = wrist * max(1.0, NEAREST / far)
        _, forearms, hinges, _ = reach(arm, wrist[None], np.array([ELBOW]))
        fore, third = forearms[0], np.cross(forearms[0], hinges[0])
    facing = -arm.outward
    row[WRIST], row[SWIVEL], row[OPEN] = wrist, ELBOW, 1.0
    row[SUPIN] = np.degrees(np.arctan2(-facing @ third, facing @ np.cross(third, fore)))
    return row


def to_cheek(hands: Hands, arm: int, takes: int, stays: int, returns: int) -> None:
    """Lead an arm from wherever it is to its cheek in `takes` frames, and after `stays` to rest in `returns`."""
    of, now, rest = hands.arms[arm], hands.now(arm), hands.rest[arm]
    there, out, back = at_cheek(of), _passed(of, now, at_cheek(of)), _passed(of, rest, at_cheek(of))
    keys = [Key(there, takes if out is None else (1 - ON_THE_WAY) * takes, stays)]
    if out is not None:
        keys.insert(0, Key(out, ON_THE_WAY * takes, speed=QUICK / takes * (there - now)))
    if back is not None:
        keys.append(Key(back, (1 - ON_THE_WAY) * returns, speed=QUICK / returns * (rest - there)))
    keys.append(Key(rest.copy(), returns if back is None else ON_THE_WAY * returns))
    hands.plan.lead(columns(arm), keys)
    hands.up[arm] = False


def _passed(of: Arm, low: Doubles, high: Doubles) -> Doubles | None:
    """(10,) that is passed between `low` and `high`: a place before the trunk; None where `low` is not that low."""
    if low[UP] >= LOW:
        return None
    passed = 0.5 * (low + high)
    passed[WRIST], passed[OPEN:], passed[FLEX] = BEFORE, high[OPEN:], 0.0
    return within_reach(passed, of.depth, -1.0)


def cheek_turned(arm: Arm, turn: Doubles) -> Doubles:
    """(3,) arm lengths out, up and front that the cheek moves by a head turned by `turn` (3, 3) against the chest.

    `turn` is told for a left arm: of a right one, its mirror image.
    """
    beside = arm.cheek - arm.neck
    shifted: Doubles = place_of((turn @ beside - beside) / arm.length)
    return shifted
