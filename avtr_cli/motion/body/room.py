"""The room that a hand has, finger tips included: before the trunk, on its own side of the body, and in the picture.

A gesture's target is moved until all of the hand lies there, so that two raised hands cannot cross and none is cut off
by a side of the frame. What is on its way is pushed off the trunk's outline as it was measured, smoothly, and no more
than it is in it at rest: a hand that comes out of a pocket so leaves outwards first.
"""

from __future__ import annotations

import numpy as np

from avtr_cli.core.arms import Arm, cross, place_of, smooth_step
from avtr_cli.core.arrays import Doubles
from avtr_cli.motion.body.chain import chain_of, forearm_points, hand_points, near_rest
from avtr_cli.motion.body.task import WRIST, rest_of, within_reach

ROUNDS = 6
TIPS = np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
FROM_MIDDLE = 0.042  # m that each hand keeps from the plane between both: half its breadth, and a little air
FROM_EDGE = 0.06  # m from the edges of the picture: of an open hand more
FORE = np.array([0.5, 0.8, 1.0])  # points that keep out of the trunk: of the forearm, and of the hand
HAND = np.array([
    [0.5, 0.0, 0.0], [0.95, 0.0, 0.0], [0.4, 0.35, 0.0], [0.5, -0.2, 0.0], [0.8, -0.2, 0.0],
    [0.75, 0.0, 0.2], [0.75, -0.15, 0.2],  # to where relaxed fingers curl
])  # fmt: skip
ROUND = np.array([0.04, 0.035, 0.03, 0.025, 0.02, 0.012, 0.015, 0.012, 0.012, 0.012])[:, None]  # m: half as thick there
AIR = 0.008  # m over which what comes near is pushed off
NEARBY = 0.04  # m from the outline, within which a hand that touches the body at rest is taken to touch it
PUSHES = 3
BENDS = (0.2, 0.9)  # arm lengths below the shoulder between which the trunk goes over from the chest to the hips
SHOULDER = (-0.05, 0.15)  # and from which on there is a trunk to keep out of
CORNERS = 3  # exponent of the outline: a body is less round than an ellipse


def with_room(target: Doubles, arm: Arm) -> Doubles:
    """`target` (10,) where a gesture may lead: within the arm's limits, before the trunk, where hands have room."""
    kept = within_reach(target, arm.depth)
    for _ in range(ROUNDS):
        missed = _missed(kept, arm)
        if not missed.any():
            break
        kept[WRIST] += place_of(missed) / arm.length
        kept = within_reach(kept, arm.depth)
    return kept


def _missed(row: Doubles, arm: Arm) -> Doubles:
    """(3,) metres that the hand has to be moved by."""
    wrist, tip = hand_points(chain_of(row[None], arm), row[None], arm, TIPS)[:, 0]
    moved = np.zeros(3)
    aside = min(wrist[0], tip[0]) + arm.lever[0] - FROM_MIDDLE
    moved[0] += max(-aside, 0.0)
    for normal, beyond in arm.edges:
        within = min(normal @ wrist, normal @ tip) + beyond - FROM_EDGE
        moved += max(-within, 0.0) * normal
    return moved


def off_trunk(rows: Doubles, arm: Arm, turn: Doubles) -> Doubles:
    """(T, 3) wrists of `rows` (T, 10) as `task.ARM` has them, pushed off the trunk; `turn` (T, 3) of chest on hips."""
    pushed = rows.copy()
    with_rest = np.concatenate([rows, rest_of(arm)[None]]), np.concatenate([turn, np.zeros((1, 3))])
    inside, normals = _inside(with_rest[0], arm, with_rest[1])
    allowed = (inside[:, -1:].clip(-NEARBY if arm.pinned else -AIR) + AIR) * near_rest(rows, arm)[:, 0]
    inside, normals = inside[:, :-1], normals[:, :-1]
    for done in range(1, PUSHES + 1):
        over = (inside + AIR - allowed).clip(0)
        if not over.any():
            break
        push = over - AIR * np.tanh(over / AIR)
        moved = (push**2)[..., None] * normals
        pushed[:, WRIST] += place_of(moved.sum(0) / (push.sum(0) + 1e-9)[:, None]) / arm.length
        if done < PUSHES:
            inside, normals = _inside(pushed, arm, turn)
    kept: Doubles = pushed[:, WRIST]
    return kept


def _inside(rows: Doubles, arm: Arm, turn: Doubles) -> tuple[Doubles, Doubles]:
    """Metres (P, T) that points of forearm and hand are in the trunk, below 0 outside, and the ways out (P, T, 3)."""
    chain = chain_of(rows, arm)
    points = np.concatenate([forearm_points(chain, rows, arm, FORE), hand_points(chain, rows, arm, HAND)])
    low = smooth_step((points[..., 1] / arm.length - BENDS[0]) / (BENDS[1] - BENDS[0]))
    points = points + low[..., None] * cross(turn, points + arm.lever)
    middle_x, middle_z, wide, deep = arm.trunk_at(points[..., 1])
    x, z = (points[..., 0] - middle_x) / wide, (points[..., 2] - middle_z) / deep
    far = np.maximum((np.abs(x) ** CORNERS + np.abs(z) ** CORNERS) ** (1 / CORNERS), 0.05)
    slope = [np.sign(one) * (np.abs(one) / far) ** (CORNERS - 1) / size for one, size in ((x, wide), (z, deep))]
    steep = np.hypot(*slope)
    is_trunk = smooth_step((points[..., 1] / arm.length - SHOULDER[0]) / (SHOULDER[1] - SHOULDER[0]))
    inside = (1 - far) / steep + ROUND
    normals = np.stack([slope[0] / steep, 0 * steep, slope[1] / steep], axis=-1)
    return is_trunk * (inside.clip(-2 * NEARBY) + 2 * NEARBY) - 2 * NEARBY, normals
