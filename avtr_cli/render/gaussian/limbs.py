"""The channels of a body into turns of its arms, hands and legs, from the pose that the photo has.

An arm's chain is told in the chest's axes; the upper arm's twist is shared along it, and the forearm's, so that the
skin does not wring. Legs have no channels: feet stay where they stand, and knees give.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from avtr_cli.core.arms import SHRUG_TURNS, lift
from avtr_cli.core.arrays import Doubles, Rotation, Vector
from avtr_cli.core.rotation import turn_matrix
from avtr_cli.render.gaussian.body_model import BodyModel
from avtr_cli.render.gaussian.fingers import Fingers

SIDES = ("L", "R")
PER_SIDE = 14
UPPER_TWIST, FORE_TWIST = 0.4, 0.6  # shares of the twist that the upper half of each takes
LEAVES = (0.4, 0.6)  # radians in all over which a hand leaves the photo's pose
UNCOVERS = (0.26, 0.45)  # and over which an arm leaves what lies beside and behind it
KEPT_LEAVES = (0.9, 1.5)  # of an arm that is not free: what keeps its hand in place while the trunk turns is less
STRAIGHTEST = 0.9995  # of a leg's length


@dataclass(frozen=True)
class Limb:
    """One arm of the photo, in the chest's axes.

    along, hinge, fore (3,) unit: upper arm, the elbow's axis, forearm
    little, palm       (3,) unit: axes of the wrist; sign -1 for a right arm, which turns the other way
    free               whether the arm gestures; one that is not only keeps its hand where the photo has it
    held               float64 (7, 3, 3): how collarbone, shoulder, the two bones of upper arm and forearm and the wrist
                       are turned against the chest
    """

    along: Vector
    hinge: Vector
    fore: Vector
    little: Vector
    palm: Vector
    sign: float
    free: bool
    held: Doubles
    bones: tuple[int, ...]
    fingers: Fingers


CHAIN = ("clavicle", "shoulder01", "upperarm01", "upperarm02", "lowerarm01", "lowerarm02", "wrist")


def left_photo(row: Doubles, leaves: tuple[float, float] = LEAVES) -> float:
    """How far a hand has left the photo's pose, 0 .. 1, by its 14 channels; `leaves` from and to which it does."""
    wrung = abs(row[4]) + abs(row[5]) + float(np.hypot(row[6], row[7])) + float(np.abs(row[8:12]).sum())
    far = float(np.linalg.norm(row[1:4])) + wrung
    share = min(max((far - leaves[0]) / (leaves[1] - leaves[0]), 0.0), 1.0)
    return float(share * share * (3 - 2 * share))


def turn_arm(limb: Limb, row: Doubles, turns: Doubles, breath: float) -> tuple[float, float]:
    """Turn an arm in `turns` (J, 3, 3) by its 14 channels.

    Returns how far the hand has left the photo, 0 .. 1, and how far the arm what lies beside it.

    `breath` are radians by which the collarbone rises besides.
    """
    gone = left_photo(row, LEAVES if limb.free else KEPT_LEAVES)
    bare = left_photo(row, UNCOVERS if limb.free else KEPT_LEAVES)
    if not row.any() and not breath:
        return gone, bare
    collarbone, shoulder, upper, lower, fore, wrung, hand = limb.held
    elbow = turn_matrix(limb.sign * row[4] * limb.hinge)
    whole = turn_matrix(row[1:4])
    twist = _twist(row[1:4], limb.along)
    first = whole @ turn_matrix(-(1 - UPPER_TWIST) * twist * limb.along)
    pronated = [turn_matrix(limb.sign * share * row[5] * limb.fore) for share in (FORE_TWIST, 1.0)]
    bent = turn_matrix(limb.sign * (row[6] * limb.little + row[7] * limb.palm))
    lifted = SHRUG_TURNS * row[0] + breath + float(lift(whole @ limb.along)) - float(lift(limb.along))
    lifted_by = turn_matrix(np.array([0, 0, -limb.sign * lifted]))
    wanted = [
        lifted_by @ collarbone, lifted_by @ shoulder, first @ upper, whole @ lower, whole @ elbow @ fore,
        whole @ elbow @ pronated[0] @ wrung, whole @ elbow @ pronated[1] @ bent @ hand,
    ]  # fmt: skip
    for above, here, bone in zip([np.eye(3), *wanted[:-1]], wanted, limb.bones, strict=True):
        turns[bone] = above.T @ here
    if gone or row[8:].any():
        turns[limb.fingers.bones] = turn_matrix(limb.fingers.turned(row[8:12], row[12], row[13], gone))
    return gone, bare


def _twist(vector: Vector, axis: Vector) -> float:
    """The turn about `axis` within the rotation `vector`: what is left when the shortest way is taken off."""
    angle = float(np.linalg.norm(vector))
    if angle < 1e-9:
        return 0.0
    about = float(vector @ axis) / angle
    return float(2 * np.arctan2(np.sin(angle / 2) * about, np.cos(angle / 2)))


def limb_of(
    model: BodyModel, turned: Doubles, side: str, measured: Sequence[Vector], free: bool, fingers: Fingers
) -> Limb:
    """An arm of a pose whose bones are `turned` (J, 3, 3); `measured` are the five axes in order."""
    bones = tuple(model.bone(f"{name}.{side}") for name in CHAIN)
    chest = turned[model.parents[bones[0]]]
    along, hinge, fore, little, palm = measured
    held = np.stack([chest.T @ turned[bone] for bone in bones])
    return Limb(along, hinge, fore, little, palm, 1.0 if side == "L" else -1.0, free, held, bones, fingers)


@dataclass(frozen=True)
class Leg:
    """One leg of the photo: places (3,) of hip, knee and ankle, and how its bones are turned (5, 3, 3)."""

    hip: Vector
    knee: Vector
    ankle: Vector
    turned: Doubles
    bones: tuple[int, ...]


LEG = ("upperleg01", "upperleg02", "lowerleg01", "lowerleg02", "foot")


def leg_of(model: BodyModel, turned: Doubles, placed: Doubles, side: str) -> Leg:
    """Of a pose as `BodyModel.posed` gives it."""
    bones = tuple(model.bone(f"{name}.{side}") for name in LEG)
    hip, knee, ankle = (placed[bones[k]] for k in (0, 2, 4))
    return Leg(hip, knee, ankle, turned[list(bones)], bones)


def stand(leg: Leg, hip: Vector, pelvis: Rotation, turns: Doubles) -> None:
    """Turn a leg in `turns` so that its foot stays where it stands, the hip being at `hip` under a turned `pelvis`."""
    thigh, shin = leg.knee - leg.hip, leg.ankle - leg.knee
    upper, lower = float(np.linalg.norm(thigh)), float(np.linalg.norm(shin))
    towards = leg.ankle - hip
    far = min(float(np.linalg.norm(towards)), STRAIGHTEST * (upper + lower))
    towards = towards / np.linalg.norm(towards)
    was = (leg.ankle - leg.hip) / np.linalg.norm(leg.ankle - leg.hip)
    side = thigh - (thigh @ was) * was
    if np.linalg.norm(side) < 1e-3 * upper:  # straight: knees give forwards
        side = np.array([0.0, 0.0, -1.0])
    side = side - (side @ towards) * towards
    side = side / np.linalg.norm(side)
    cosine = np.clip((upper**2 + far**2 - lower**2) / (2 * upper * far), -1, 1)
    knee = upper * (cosine * towards + np.sqrt(1 - cosine**2) * side)
    new = [_least_turn(thigh, knee), _least_turn(shin, far * towards - knee)]
    wanted = [
        new[0] @ leg.turned[0],
        new[0] @ leg.turned[1],
        new[1] @ leg.turned[2],
        new[1] @ leg.turned[3],
        leg.turned[4],
    ]
    for above, here, bone in zip([pelvis, *wanted[:-1]], wanted, leg.bones, strict=True):
        turns[bone] = above.T @ here


def _least_turn(one: Vector, other: Vector) -> Rotation:
    """The shortest rotation from the direction of `one` to that of `other`."""
    a, b = one / np.linalg.norm(one), other / np.linalg.norm(other)
    axis, cosine = np.cross(a, b), float(a @ b)
    sine = float(np.linalg.norm(axis))
    return turn_matrix(axis / max(sine, 1e-12) * np.arctan2(sine, cosine))
