"""A hand to its own cheek and back: before the trunk all the way, flat fingers at last along the skin, and not on it.

Fingers lie on the line of the forearm. Where that ends depends on the arm's lengths, so it is found by a few rounds.
"""

from __future__ import annotations

import numpy as np

from avtr_cli.core.arms import Arm, cross, place_of, reach
from avtr_cli.core.arrays import Doubles
from avtr_cli.motion.body.hands import Hands, columns
from avtr_cli.motion.body.plans import Key
from avtr_cli.motion.body.task import ARM, FLEX, HALF_SHOULDERS, OPEN, SUPIN, SWIVEL, TRUNK, UP, WRIST, within_reach

OFF_SKIN = 0.053  # m from the skin to the middle of a hand: half its thickness, and a finger's breadth of air
ALONG_HAND = 0.13  # m from the wrist to what of the hand is beside the cheek: the fingers
ELBOWS = range(15, 65, 5)  # degrees of swivel: before the ribs, and farther out
ROOM = 0.07  # arm lengths: half the thickness of a sleeved elbow, and a little air
AWAY = np.array([0.29, 0.0, 0.957])  # out, up and front: where a wrist goes that is nearer
UPRIGHT = np.array([0.0, -1.0, 0.1])  # where fingers point at first
FLAT = 0.85  # of an open hand
MISSES = 0.03  # m beyond which a hand does not go there
ROUNDS = 6
BEFORE = (0.02, -0.28, 0.52)  # out, up and front that the wrist passes on its way, where it comes from below
LOW = -0.2  # `up` below which it does
ON_THE_WAY = 0.55  # share of the frames until there
QUICK = 1.2  # of the mean speed, with which it passes


def at_cheek(arm: Arm) -> tuple[Doubles, float]:
    """(10,) of `task.ARM`, the fingers beside the cheek and the palm to it; and m that they miss it by.

    The elbow is as low as the trunk lets it be.
    """
    for swivel in ELBOWS:
        row, missed, elbow = _bent(arm, swivel)
        aside = HALF_SHOULDERS + elbow[0] - ROOM
        if aside >= TRUNK or elbow[2] - ROOM >= arm.depth * np.sqrt(1 - max(aside / TRUNK, 0.0) ** 2):
            break
    return row, missed


def _bent(arm: Arm, swivel: float) -> tuple[Doubles, float, Doubles]:
    """The same for an elbow of this `swivel`, and where that is, out, up and front in arm lengths."""
    place, fore = arm.cheek + OFF_SKIN * arm.outward, UPRIGHT / np.linalg.norm(UPRIGHT)
    row, third, along, wrist = np.zeros(len(ARM)), fore, fore, place
    for _ in range(ROUNDS):
        wrist = _reachable(place_of((place - ALONG_HAND * fore) / arm.length), arm.nearest / arm.length)
        alongs, forearms, hinges, _ = reach(arm, wrist[None], np.array([swivel]))
        along, fore, third = alongs[0], forearms[0], cross(forearms[0], hinges[0])
    row[WRIST], row[SWIVEL], row[OPEN] = wrist, swivel, FLAT
    row[SUPIN] = np.degrees(np.arctan2(arm.outward @ third, -arm.outward @ cross(third, fore)))
    missed = place_of(wrist) * arm.length + ALONG_HAND * fore - place
    return row, float(np.linalg.norm(missed)), place_of(arm.upper / arm.length * along)


def reaches_cheek(arm: Arm) -> bool:
    """Whether the arm can: one that is long beside narrow shoulders cannot bend so far."""
    return at_cheek(arm)[1] < MISSES


def _reachable(wrist: Doubles, nearest: float) -> Doubles:
    """`wrist` (3,) so far to the front that a bent arm reaches it, which comes so near; both in arm lengths."""
    short = nearest**2 - float(wrist @ wrist)
    if short <= 0:
        return wrist
    along = float(wrist @ AWAY)
    moved: Doubles = wrist + (np.sqrt(along**2 + short) - along) * AWAY
    return moved


def to_cheek(hands: Hands, arm: int, takes: int, stays: int, returns: int) -> None:
    """Lead an arm from wherever it is to its cheek in `takes` frames, and after `stays` to rest in `returns`."""
    of, now, rest = hands.arms[arm], hands.now(arm), hands.rest[arm]
    there, _ = at_cheek(of)
    out, back = _passed(of, now, there), _passed(of, rest, there)
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
    return within_reach(passed, of.depth)


def cheek_turned(arm: Arm, turn: Doubles) -> Doubles:
    """(3,) arm lengths out, up and front that the cheek moves by a head turned by `turn` (3, 3) against the chest.

    `turn` is told for a left arm: of a right one, its mirror image.
    """
    beside = arm.cheek - arm.neck
    shifted: Doubles = place_of((turn @ beside - beside) / arm.length)
    return shifted
