"""The channels of a body into turns of its arms, hands and legs, from the pose that the photo has.

All frames of a chunk are worked out at once, each to the bits that it has alone.

An arm's chain is told in the chest's axes; the upper arm's twist is shared along it, and the forearm's, so that the
skin does not wring. Legs have no channels: feet stay where they stand, and knees give.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from avtr_cli.core.arms import SHRUG_TURNS, cross, lift
from avtr_cli.core.arrays import Doubles, Indices, Vector
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


def left_photo(rows: Doubles, leaves: tuple[float, float] = LEAVES) -> Doubles:
    """How far a hand has left the photo's pose, (...) in 0 .. 1, by its channels (..., 14); `leaves` from and to."""
    wrung = np.abs(rows[..., 4]) + np.abs(rows[..., 5]) + np.hypot(rows[..., 6], rows[..., 7])
    far = _length(rows[..., 1:4]) + (wrung + np.abs(rows[..., 8:12]).sum(-1))
    share = ((far - leaves[0]) / (leaves[1] - leaves[0])).clip(0.0, 1.0)
    left: Doubles = share * share * (3 - 2 * share)
    return left


def turn_arm(limb: Limb, rows: Doubles, turns: Doubles, breath: Doubles) -> tuple[Doubles, Doubles]:
    """Turn an arm in `turns` (T, J, 3, 3) by its channels (T, 14).

    Returns how far the hand has left the photo, (T,) in 0 .. 1, and how far the arm what lies beside it.

    `breath` (T,) are radians by which the collarbone rises besides.
    """
    gone = left_photo(rows, LEAVES if limb.free else KEPT_LEAVES)
    bare = left_photo(rows, UNCOVERS if limb.free else KEPT_LEAVES)
    moving = np.flatnonzero(rows.any(1) | (breath != 0))
    if len(moving):
        _turn_arm(limb, rows[moving], turns, breath[moving], moving)
    shaped = np.flatnonzero((gone != 0) | rows[:, 8:].any(1))
    if len(shaped):
        own = rows[shaped]
        shape = limb.fingers.turned(own[:, 8:12], own[:, 12], own[:, 13], gone[shaped])
        turns[shaped[:, None], limb.fingers.bones] = turn_matrix(shape)
    return gone, bare


def _turn_arm(limb: Limb, rows: Doubles, turns: Doubles, breath: Doubles, frames: Indices) -> None:
    """The chain down to the wrist in `turns` of the `frames` (n,), by `rows` (n, 14)."""
    collarbone, shoulder, upper, lower, fore, wrung, hand = limb.held
    twist = _twist(rows[:, 1:4], limb.along)
    told = np.stack([
        rows[:, 1:4], (-(1 - UPPER_TWIST) * twist)[:, None] * limb.along,
        (limb.sign * rows[:, 4])[:, None] * limb.hinge,
        *((limb.sign * share * rows[:, 5])[:, None] * limb.fore for share in (FORE_TWIST, 1.0)),
        limb.sign * (rows[:, 6, None] * limb.little + rows[:, 7, None] * limb.palm),
    ])  # fmt: skip
    whole, untwisted, elbow, half, pronated, bent = turn_matrix(told)
    lifted = SHRUG_TURNS * rows[:, 0] + breath + lift(_applied(whole, limb.along)) - lift(limb.along)
    up = np.zeros((len(rows), 3))
    up[:, 2] = -limb.sign * lifted
    lifted_by, bowed = turn_matrix(up), whole @ elbow
    wanted = [
        lifted_by @ collarbone, lifted_by @ shoulder, whole @ untwisted @ upper, whole @ lower, bowed @ fore,
        bowed @ half @ wrung, bowed @ pronated @ bent @ hand,
    ]  # fmt: skip
    _hang(turns, frames, limb.bones, [np.eye(3)[None], *wanted])


def _hang(turns: Doubles, frames: Indices, bones: Sequence[int], turned: Sequence[Doubles]) -> None:
    """Into `turns` of the `frames`: `bones` one after the other as they are `turned` (n, 3, 3), what is above first."""
    for above, here, bone in zip(turned[:-1], turned[1:], bones, strict=True):
        turns[frames, bone] = above.transpose(0, 2, 1) @ here


def _applied(turned: Doubles, vector: Vector) -> Doubles:
    """`vector` (3,) as each of `turned` (n, 3, 3) turns it, (n, 3)."""
    return (turned @ vector[:, None])[..., 0]


def _dot(one: Doubles, other: Doubles) -> Doubles:
    """Of vectors (..., 3), (...): as matrices, whose sums are the same for one row and for many."""
    product: Doubles = (one[..., None, :] @ other[..., None])[..., 0, 0]
    return product


def _length(vectors: Doubles) -> Doubles:
    return np.sqrt(_dot(vectors, vectors))


def _twist(vectors: Doubles, axis: Vector) -> Doubles:
    """The turns (n,) about `axis` within rotations (n, 3): what is left when the shortest way is taken off."""
    angle = _length(vectors)
    turned = angle >= 1e-9
    about = _dot(vectors, axis) / np.where(turned, angle, 1.0)
    return np.where(turned, 2 * np.arctan2(np.sin(angle / 2) * about, np.cos(angle / 2)), 0.0)


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


def stand(leg: Leg, hips: Doubles, pelvis: Doubles, turns: Doubles, frames: Indices) -> None:
    """Turn a leg in `turns` (T, J, 3, 3) of the `frames` (n,) so that its foot stays where it stands.

    Its hip is at `hips` (n, 3), under a `pelvis` that is turned (n, 3, 3).
    """
    thigh, shin = leg.knee - leg.hip, leg.ankle - leg.knee
    upper, lower = float(np.linalg.norm(thigh)), float(np.linalg.norm(shin))
    towards = leg.ankle - hips
    straight = _length(towards)
    far, towards = np.minimum(straight, STRAIGHTEST * (upper + lower)), towards / straight[:, None]
    was = (leg.ankle - leg.hip) / np.linalg.norm(leg.ankle - leg.hip)
    bends = thigh - (thigh @ was) * was
    if np.linalg.norm(bends) < 1e-3 * upper:  # straight: knees give forwards
        bends = np.array([0.0, 0.0, -1.0])
    side = bends - _dot(bends, towards)[:, None] * towards
    side = side / _length(side)[:, None]
    cosine = ((upper**2 + far**2 - lower**2) / (2 * upper * far)).clip(-1, 1)[:, None]
    knee = upper * (cosine * towards + np.sqrt(1 - cosine**2) * side)
    above, below = _least_turn(thigh, knee), _least_turn(shin, far[:, None] * towards - knee)
    wanted = [above @ leg.turned[0], above @ leg.turned[1], below @ leg.turned[2], below @ leg.turned[3]]
    _hang(turns, frames, leg.bones, [pelvis, *wanted, leg.turned[4][None]])


def _least_turn(one: Vector, others: Doubles) -> Doubles:
    """The shortest rotations (n, 3, 3) from the direction of `one` (3,) to those of `others` (n, 3)."""
    a, b = one / np.linalg.norm(one), others / _length(others)[:, None]
    axis, cosine = cross(a, b), _dot(a, b)
    sine = _length(axis)
    return turn_matrix(axis / np.maximum(sine, 1e-12)[:, None] * np.arctan2(sine, cosine)[:, None])
