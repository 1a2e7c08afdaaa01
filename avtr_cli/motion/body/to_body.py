"""Wrists and trunk into the turns of joints: the one place where the lengths of somebody's arms enter.

Two bones reach a wrist in one way once the elbow's side is chosen. What comes out is relative to the photo: its own
pose gives zeros.
"""

from __future__ import annotations

import numpy as np
import torch

from avtr_cli.core.arms import Arm, cross, lengths, place_of
from avtr_cli.core.arrays import Doubles
from avtr_cli.core.rotation import vector_of
from avtr_cli.motion.body.chain import Chain, chain_of, near_rest, turned
from avtr_cli.motion.body.room import off_trunk
from avtr_cli.motion.body.task import OPEN, TORSO, UP, WRIST

SHRUGS_FROM, SHRUGS = -0.55, 0.35  # `up` from which shoulders rise with the hands, and how far by the arm length
MIRRORED = np.array([1.0, -1.0, -1.0])  # of a rotation vector


def to_body(arms: Doubles, torso: Doubles, skeleton: tuple[Arm, Arm]) -> Doubles:
    """`arms` (T, 2, 10) of `task.ARM` and `torso` (T, 9) of `task.TORSO` -> (T, 36) of `motion_space.BODY_CHANNELS`."""
    trunk = trunk_channels(torso)
    turn = trunk[:, 4:7]  # of the chest against the hips
    parts = [trunk]
    for side, (arm, name) in enumerate(zip(skeleton, ("left", "right"), strict=True)):
        rows = arms[:, side].copy()
        of_arm = turn if side == 0 else turn * MIRRORED
        if arm.pinned:
            rows[:, WRIST] = _kept_in_place(rows, of_arm, arm)
        if arm.free:
            rows[:, WRIST] = off_trunk(rows, arm, of_arm)
        shrug = torso[:, TORSO.index(f"{name}Shrug")] + SHRUGS * (rows[:, UP] - max(arm.rest[1], SHRUGS_FROM)).clip(
            0, 0.5
        )
        joints = _joints(rows, arm)
        if side == 1:
            joints[:, :3] *= MIRRORED
        parts += [shrug.clip(0, 1)[:, None], joints, _hand(rows)]
    return np.concatenate(parts, axis=1)


def trunk_channels(torso: Doubles) -> Doubles:
    """(T, 9) of `task.TORSO` -> (T, 8): hips, spine and breath of `motion_space.BODY_CHANNELS`."""
    of = {name: torso[:, column] for column, name in enumerate(TORSO)}
    roll = np.radians(of["hipRoll"])
    columns = [
        of["hipX"], 0.35 * np.abs(of["hipX"]), -np.radians(of["hipYaw"]), -roll,
        np.radians(of["lean"]), -np.radians(of["twist"]), np.radians(of["side"]) + roll, of["breath"],
    ]  # fmt: skip
    return np.stack(columns, axis=1)


def _kept_in_place(rows: Doubles, turn: Doubles, arm: Arm) -> Doubles:
    """Wrists (T, 3) near their rest as they must be for the hands to stay there while the chest turns by `turn`."""
    rest = place_of(arm.rest[None, :3]) * arm.length
    shifted = rest - cross(turn, arm.lever[None])  # small turns
    there = shifted - cross(turn, shifted)  # in the chest's axes
    wanted = place_of(there / arm.length)
    kept: Doubles = rows[:, WRIST] + near_rest(rows, arm) * (wanted - arm.rest[:3])
    return kept


def _joints(rows: Doubles, arm: Arm) -> Doubles:
    """(T, 7): the upper arm's turn, the elbow, the forearm, the wrist's two."""
    chain = chain_of(rows, arm)
    frames, photo = _frames(chain.along, chain.hinge), _frames(arm.along[None], arm.hinge[None])
    shoulder = vector_of(torch.from_numpy(frames @ photo.transpose(0, 2, 1))).numpy()
    bend = (chain.bend - arm.bend)[:, None]
    return np.concatenate([shoulder, bend, chain.turned_in[:, None], _wrist(chain, arm)], axis=1)


def _wrist(chain: Chain, arm: Arm) -> Doubles:
    """(T, 2): the wrist's turns that bend a hand, carried along so far, as it should be; near rest as in the photo."""
    axis = cross(chain.carried, chain.wanted)
    sine = lengths(axis)
    angle = np.arctan2(sine, (chain.carried * chain.wanted).sum(1, keepdims=True))
    vector = axis / np.maximum(sine, 1e-9) * angle
    little = turned(cross(chain.fore, chain.hinge), chain.fore, chain.turned_in - arm.palm)  # to its finger's side
    palm = cross(little, chain.fore)
    return np.asarray(chain.share * np.stack([(vector * little).sum(1), (vector * palm).sum(1)], axis=1))


def _hand(rows: Doubles) -> Doubles:
    """(T, 6): four shapes, spread and thumb."""
    shapes = rows[:, OPEN:].clip(0, 1)
    return np.concatenate([shapes, 0.6 * shapes[:, :1], shapes[:, :1]], axis=1)


def _frames(first: Doubles, second: Doubles) -> Doubles:
    """(T, 3, 3): columns `first`, `second`, at right angles to it, and their product."""
    return np.stack([first, second, cross(first, second)], axis=-1)
