"""An arm's row of `task.ARM` as what is drawn of it: where forearm and hand point, and points along them.

Near its rest a hand is bent as in the photo; away from it as the gesture wants.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from avtr_cli.core.arms import Arm, across, cross, lengths, place_of, reach, unit
from avtr_cli.core.arrays import Doubles
from avtr_cli.motion.body.task import FLEX, SUPIN, SWIVEL, WRIST

NEAR_REST = 0.22  # arm lengths within which a hand still is bent as in the photo, or kept in its place
DOWN = np.array([0.0, 1.0, 0.0])


@dataclass(frozen=True)
class Chain:
    """T rows of one arm, in the chest's axes, as if it were a left one.

    along, fore, hinge  (T, 3) unit: upper arm, forearm, the elbow's axis; bend (T,) radians of the elbow
    turned_in           (T,) radians that the forearm is turned about itself, against the photo
    carried, wanted     (T, 3) unit: where the hand would point carried along as in the photo, and as it should
    share               (T, 1): how much it does as it should
    """

    along: Doubles
    fore: Doubles
    hinge: Doubles
    bend: Doubles
    turned_in: Doubles
    carried: Doubles
    wanted: Doubles
    share: Doubles

    @property
    def hand(self) -> Doubles:
        """(T, 3) unit: from the wrist to the fingers' roots."""
        return unit(self.carried + self.share * (self.wanted - self.carried))


def chain_of(rows: Doubles, arm: Arm) -> Chain:
    """Of `rows` (T, 10)."""
    along, fore, hinge, bend = reach(arm, rows[:, WRIST], rows[:, SWIVEL])
    turned_in = -(np.radians(rows[:, SUPIN]) - arm.palm)
    turned_in = (turned_in + np.pi) % (2 * np.pi) - np.pi
    third = cross(fore, hinge)
    carried = arm.hand[0] * fore + turned(arm.hand[1] * hinge + arm.hand[2] * third, fore, turned_in)
    flex = np.radians(rows[:, FLEX])[:, None]
    wanted = unit(np.cos(flex) * fore + np.sin(flex) * across(DOWN + 0 * fore, fore))
    return Chain(along, fore, hinge, bend, turned_in, carried, wanted, 1 - near_rest(rows, arm))


def near_rest(rows: Doubles, arm: Arm) -> Doubles:
    """(T, 1): 1 where the wrist rests as in the photo, 0 where it is away."""
    away = lengths(rows[:, WRIST] - arm.rest[:3])
    near: Doubles = np.exp(-((away / NEAR_REST) ** 4))
    return near


def forearm_points(chain: Chain, rows: Doubles, arm: Arm, shares: Doubles) -> Doubles:
    """(P, T, 3) metres from the shoulder: at `shares` (P,) of the forearm of `rows` (T, 10), from the elbow on."""
    wrist = place_of(rows[:, WRIST]) * arm.length
    points: Doubles = wrist - (1 - shares)[:, None, None] * (arm.fore * chain.fore)
    return points


def hand_points(chain: Chain, rows: Doubles, arm: Arm, places: Doubles) -> Doubles:
    """(P, T, 3) metres from the shoulder: `places` (P, 3) of the hand.

    They are shares of its length along it, to its thumb, and out of its palm.
    """
    wrist, hand = place_of(rows[:, WRIST]) * arm.length, chain.hand
    thumb = -unit(across(turned(cross(chain.fore, chain.hinge), chain.fore, chain.turned_in - arm.palm), hand))
    along, aside, out = (places[:, axis, None, None] for axis in range(3))
    sides = along * hand + aside * thumb + out * cross(hand, thumb)
    points: Doubles = wrist + arm.tips * sides
    return points


def turned(vectors: Doubles, about: Doubles, angle: Doubles) -> Doubles:
    """`vectors` (T, 3) at right angles to unit axes `about`, turned by `angle` (T,)."""
    cosine, sine = np.cos(angle)[:, None], np.sin(angle)[:, None]
    found: Doubles = cosine * vectors + sine * cross(about, vectors)
    return found
