"""Rows of motion into what the body does: rotations of its bones, a shift, how far hands have moved.

The head turns from the neck up, each bone its share, and stays where the controls have it however the chest turns. All
is relative to the photo's pose. Lips, lids and gaze are colour, and drawn elsewhere: see expression.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from avtr_cli.core.arrays import Doubles, Indices
from avtr_cli.core.breath import CHEST_RISES, SHOULDERS_RISE
from avtr_cli.core.motion_space import ARKIT_BLENDSHAPES, CONTROLS, FULL
from avtr_cli.core.rotation import matrix_of, turn_matrix
from avtr_cli.render.gaussian.body_model import BodyModel
from avtr_cli.render.gaussian.limbs import PER_SIDE, SIDES, Leg, Limb, leg_of, stand, turn_arm

UNITS = len(ARKIT_BLENDSHAPES)
HEAD_SHARES = {"neck01": 0.22, "neck02": 0.22, "neck03": 0.22, "head": 0.34}
FURTHEST = np.radians([22.0, 32.0, 22.0])  # pitch, yaw, roll to which commands lead; exactly up to 70 % of it
METRES = 0.092  # of a head's shift of 1: the distance of the outer corners of the eyes
STANDING = 0.3  # share of a shift where the feet are seen: they would slide
SPINE = {"spine05": 0.15, "spine04": 0.2, "spine03": 0.25, "spine02": 0.2, "spine01": 0.2}  # shares of its turn
FURTHEST_TRUNK = np.radians([12.0, 6.0, 22.0, 26.0, 12.0])  # of hips' turn and tilt, and of the spine
FURTHEST_HIPS = 0.08  # m
BODY = len(CONTROLS)  # the first of the body's channels
ARMS = BODY + 8
_BREATH = FULL.index("chestBreath")
_LED = (*HEAD_SHARES, "spine02", "clavicle.L", "clavicle.R")  # bones that follow the head, and the breath
_SHARES, _SPINE_SHARES = (np.array(list(shares.values()))[:, None] for shares in (HEAD_SHARES, SPINE))


@dataclass(frozen=True)
class Moves:
    """What one frame does: `turns` float64 (J, 3, 3) of the bones, `shift` (3,) m of the whole body.

    moved    (2,) in 0 .. 1: how far the left and the right hand have left the photo's pose
    uncovers (2,) likewise: how far the arms have left what lies beside and behind them, which is sooner
    """

    turns: Doubles
    shift: Doubles
    moved: tuple[float, float] = (0.0, 0.0)
    uncovers: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True)
class Rest:
    """The pose of the photo, from which all moves.

    turns, shift  as `BodyModel.posed` has them; against (J, 3, 3): the camera's axes in those of each bone's parent
    heads         float64 (J, 3): of the bones at rest
    root          float64 (3, 3): how the whole body is turned
    limbs         the arms, left and right; legs, where the feet are seen
    """

    turns: Doubles
    shift: Doubles
    against: Doubles
    heads: Doubles
    root: Doubles
    limbs: tuple[Limb, ...]
    legs: tuple[Leg, ...]


def rest_of(
    model: BodyModel, heads: Doubles, turns: Doubles, shift: Doubles, limbs: Sequence[Limb], standing: bool
) -> Rest:
    """Of a person's pose; `standing` tells that the feet are seen."""
    turned, placed = posed(model, heads, turns, shift)
    above = turned[np.maximum(model.parents, 0)]
    above[0] = np.eye(3)
    legs = tuple(leg_of(model, turned, placed, side) for side in SIDES) if standing else ()
    return Rest(turns, shift, above.transpose(0, 2, 1).copy(), heads, turned[0], tuple(limbs), legs)


def posed(model: BodyModel, heads: Doubles, turns: Doubles, shift: Doubles) -> tuple[Doubles, Doubles]:
    """As `BodyModel.posed`, in NumPy."""
    turned, placed = model.posed(torch.from_numpy(heads), torch.from_numpy(turns), torch.from_numpy(shift))
    return turned.numpy(), placed.numpy()


def read_moves(model: BodyModel, rest: Rest, rows: Doubles, breathing: float) -> list[Moves]:
    """Of each of `rows` (T, 94) of FULL, all finite, the same as of it alone; `breathing` scales the breath."""
    count, armed = len(rows), rows[:, ARMS:].any(1)
    turns = np.repeat(rest.turns[None], count, axis=0)
    trunk, breath = rows[:, BODY:ARMS], breathing * rows[:, _BREATH]
    hips, spine = np.zeros((count, 3)), _limited(trunk[:, 4:7], 2)
    hips[:, 1:] = _limited(trunk[:, 2:4], 0)
    head = _soft_limit(rows[:, UNITS : UNITS + 3]) - _applied(rest.root, hips + spine)  # against the chest
    told = np.zeros((count, len(_LED), 3))
    told[:, : len(HEAD_SHARES)] = _SHARES * head[:, None]
    told[:, -3, 0] = -CHEST_RISES * breath
    told[:, -2:, 2] = np.array([-1, 1]) * (SHOULDERS_RISE * np.where(armed, 0, breath))[:, None]
    bones = [model.bone(name) for name in _LED]
    against = np.broadcast_to(rest.against[bones], (count, len(bones), 3, 3)).reshape(-1, 3, 3)
    turned = torch.from_numpy(np.einsum("nij,nj->ni", against, told.reshape(-1, 3)))
    turns[:, bones] = matrix_of(turned).numpy().reshape(count, -1, 3, 3) @ turns[:, bones]
    bones = [model.bone(name) for name in SPINE]
    bent = turn_matrix(np.concatenate([_SPINE_SHARES * spine[:, None], hips[:, None]], axis=1))
    turns[:, bones] = bent[:, :-1] @ turns[:, bones]
    moved, uncovers = np.zeros((count, 2)), np.zeros((count, 2))
    if armed.any():
        lifts = np.where(armed, SHOULDERS_RISE * breath, 0.0)
        for number, limb in enumerate(rest.limbs):
            own = rows[:, ARMS + number * PER_SIDE :][:, :PER_SIDE]
            moved[:, number], uncovers[:, number] = turn_arm(limb, own, turns, lifts)
    shift = rest.shift + rows[:, UNITS + 3 : UNITS + 6].clip(-4, 4) * METRES * (STANDING if rest.legs else 1.0)
    aside = np.zeros((count, 3))
    aside[:, :2] = trunk[:, :2].clip(-FURTHEST_HIPS, FURTHEST_HIPS)
    shift = shift + _applied(rest.root, aside)
    turns[:, 0] = turns[:, 0] @ bent[:, -1]
    shifted = np.flatnonzero((shift != rest.shift).any(1))
    if rest.legs and len(shifted):
        _stand(model, rest, turns, shift, shifted)
    found = zip(turns, shift, moved.tolist(), uncovers.tolist(), strict=True)
    return [Moves(one, aside, (left, right), (lefts, rights)) for one, aside, (left, right), (lefts, rights) in found]


def head_turns(rows: Doubles) -> Doubles:
    """How the head of `rows` (T, 94) of FULL is turned before the photo's camera from where the photo has it."""
    return turn_matrix(_soft_limit(rows[:, UNITS : UNITS + 3]))


def _limited(values: Doubles, first: int) -> Doubles:
    limits = FURTHEST_TRUNK[first : first + values.shape[1]]
    limited: Doubles = values.clip(-limits, limits)
    return limited


def _applied(turned: Doubles, vectors: Doubles) -> Doubles:
    """`vectors` (n, 3) as `turned` (3, 3) turns them."""
    return (turned @ vectors[..., None])[..., 0]


def _stand(model: BodyModel, rest: Rest, turns: Doubles, shift: Doubles, frames: Indices) -> None:
    """Leave the feet where they are in the photo while the hips move, in those `frames`."""
    root, hips = rest.heads[0] + shift[frames], turns[frames, 0]
    for leg in rest.legs:
        pelvis, first = int(model.parents[leg.bones[0]]), leg.bones[0]
        turned = hips @ turns[frames, pelvis]
        at = root + (hips @ (rest.heads[pelvis] - rest.heads[0])[:, None])[..., 0]
        at = at + (turned @ (rest.heads[first] - rest.heads[pelvis])[:, None])[..., 0]
        stand(leg, at, turned, turns, frames)


def _soft_limit(vector: Doubles) -> Doubles:
    """Exact up to 70 % of FURTHEST, then ever less."""
    knee = 0.7 * FURTHEST
    over = np.maximum(np.abs(vector) - knee, 0)
    limited: Doubles = np.sign(vector) * (
        np.minimum(np.abs(vector), knee) + (FURTHEST - knee) * np.tanh(over / (FURTHEST - knee))
    )
    return limited
