"""Motion as a BVH file, a skeleton and its turns, for animation programs; nothing here reads it back.

The rest pose of the skeleton, all turns 0, is the photo's as far as motion knows it: its arms hang, bend or rest as
there, the trunk stands upright. So the channels, which are relative to the photo, are the turns of its joints.
Inside, axes are the body's own: x to its left, y down, z to its back; in the file y is up and z to the front, in cm.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from avtr_cli.core.arms import MEAN_ARM, SHRUG_TURNS, Arm, arm_of, lift
from avtr_cli.core.arrays import Doubles, Vector
from avtr_cli.core.breath import CHEST_RISES, SHOULDERS_RISE
from avtr_cli.core.errors import ConfigError, OutputError
from avtr_cli.core.files import reason, replacing
from avtr_cli.core.motion_space import ARKIT_BLENDSHAPES, CONTROLS, FULL
from avtr_cli.core.rotation import turn_matrix, vector_of
from avtr_cli.core.timing import FPS
from avtr_cli.motion import skeleton_hand

PLACES = {
    "Hips": (0, -0.065, -0.014), "Spine": (0, -0.144, 0.025), "Chest": (0, -0.285, 0.011),
    "UpperChest": (0, -0.423, 0.020), "Neck": (0, -0.600, -0.010), "Head": (0, -0.697, -0.046),
    "HeadEnd": (0, -0.850, -0.041), "Shoulder": (0.023, -0.526, -0.026), "UpLeg": (0.104, -0.052, -0.006),
    "Leg": (0.142, 0.332, -0.037), "Foot": (0.180, 0.747, -0.016), "FootEnd": (0.188, 0.810, -0.140),
}  # fmt: skip
"""m: joints of the mean adult of assets/body.npz, as it stands; those with a side are the left ones."""
MIDDLE, FLOOR = (0, -0.232, 0.012), 0.818  # m: of the spine's joints, as `Arm.lever` has it
SPINE = {"Spine": 0.35, "Chest": 0.25, "UpperChest": 0.4}  # shares of its turn
NECK = 0.66  # its share of the head's turn against the chest
ARM = ("Shoulder", "Arm", "ForeArm", "Hand")  # collarbone, upper arm, forearm, hand
LEG = ("UpLeg", "Leg", "Foot")
ROTATIONS = "Xrotation Zrotation Yrotation"  # in this order the middle one of arms stays far from a quarter turn
BLOCK = 1000  # frames that are turned at once
TO_FILE = np.array([1.0, -1.0, -1.0])
MIRROR = np.array([-1.0, 1.0, 1.0])
_HEAD = slice(len(ARKIT_BLENDSHAPES), len(ARKIT_BLENDSHAPES) + 3)
_BODY, _ARMS, _PER_SIDE = len(CONTROLS), len(CONTROLS) + 8, 14


class Joint(NamedTuple):
    """A joint: its parent's number (-1: none), its place (3,) m at rest, and of a last one where its bone ends."""

    name: str
    parent: int
    place: Vector
    end: Vector | None = None


def arms_told(anatomy: Mapping[str, Tensor]) -> tuple[Arm, Arm]:
    """Left and right arm of `Identity.anatomy`; the mean arm where it tells of none."""
    if (rows := anatomy.get("body")) is None:
        return MEAN_ARM, MEAN_ARM
    left, right = rows.double().cpu().numpy()
    return arm_of(left), arm_of(right)


def write_bvh(path: Path, values: Tensor, arms: tuple[Arm, Arm] = (MEAN_ARM, MEAN_ARM)) -> None:
    """Write controls (T, 58), which turn neck and head alone, or a whole body's (T, 94) on the skeleton of `arms`.

    Raises ConfigError for motion that is no controls, OutputError where it cannot be written.
    """
    if values.shape[1] not in (len(CONTROLS), len(FULL)):
        raise ConfigError(
            f"{path}: a skeleton (.bvh) has no joints for LivePortrait's keypoints; write .safetensors, or use the "
            "mesh renderer"
        )
    joints = skeleton(arms)
    try:
        with replacing(path) as partial, partial.open("w", newline="\n", encoding="ascii") as file:
            file.write("HIERARCHY\n" + "\n".join(_hierarchy(joints, 0)) + "\n")
            file.write(f"MOTION\nFrames: {len(values)}\nFrame Time: {1 / FPS:g}\n")
            for rows in _frames(joints, values, arms):
                file.writelines(" ".join(f"{number:.4f}" for number in row) + "\n" for row in rows.tolist())
    except OSError as error:
        raise OutputError(f"{path}: the motion cannot be written ({reason(error)})") from error


def skeleton(arms: tuple[Arm, Arm]) -> list[Joint]:
    """The joints, parents first: these arms on an adult whose shoulders are as far from the middle of the spine."""
    size = float(sum(np.linalg.norm(arm.lever) for arm in arms) / (2 * np.linalg.norm(MEAN_ARM.lever)))
    at = {name: size * np.array(place, np.float64) for name, place in PLACES.items()}
    names = ("Hips", "Spine", "Chest", "UpperChest", "Neck", "Head")
    joints = [Joint(name, number - 1, at[name]) for number, name in enumerate(names)]
    joints[-1] = joints[-1]._replace(end=at["HeadEnd"])
    for side, arm, flip in zip(("Left", "Right"), arms, (1.0, MIRROR), strict=True):
        shoulder = size * np.array(MIDDLE) + arm.lever
        fore = _forearm(arm)
        elbow = shoulder + arm.upper * arm.along
        wrist = elbow + arm.fore * fore
        axes = np.stack([fore, arm.hinge, np.cross(fore, arm.hinge)])
        chain = zip(ARM, (at["Shoulder"], shoulder, elbow, wrist), strict=True)
        joints += _chain(joints, side, "UpperChest", [(name, place * flip) for name, place in chain])
        hand = _hand_axes(arm.hand @ axes, _little(arm, fore))
        for finger, points in zip(skeleton_hand.NAMES, wrist + size * skeleton_hand.joints() @ hand, strict=True):
            called = [f"Hand{finger}{number}" for number in (1, 2, 3)]
            joints += _chain(joints, side, f"{side}Hand", list(zip(called, points[:-1] * flip, strict=True)))
            joints[-1] = joints[-1]._replace(end=points[-1] * flip)
    for side, flip in (("Left", 1.0), ("Right", MIRROR)):
        joints += _chain(joints, side, "Hips", [(name, at[name] * flip) for name in LEG])
        joints[-1] = joints[-1]._replace(end=at["FootEnd"] * flip)
    return joints


def _chain(joints: list[Joint], side: str, root: str, places: list[tuple[str, Vector]]) -> list[Joint]:
    """A limb's joints, one carried by the other and the first by `root`."""
    carried = [joint.name for joint in joints].index(root)
    parents = [carried, *range(len(joints), len(joints) + len(places) - 1)]
    return [Joint(side + name, parent, at) for parent, (name, at) in zip(parents, places, strict=True)]


def _forearm(arm: Arm) -> Vector:
    """Where the forearm points in the photo, (3,) unit."""
    fore: Vector = turn_matrix(arm.bend * arm.hinge) @ arm.along
    return fore


def _little(arm: Arm, fore: Vector) -> Vector:
    """(3,) unit: across the forearm to the little finger's side, in the photo."""
    third = np.cross(fore, arm.hinge)
    return np.asarray(np.cos(arm.palm) * third - np.sin(arm.palm) * np.cross(fore, third))


def _hand_axes(along: Vector, little: Vector) -> Doubles:
    """(3, 3) rows: along a left hand, out of its palm, to its little finger."""
    aside = little - (little @ along) * along
    aside = aside / np.linalg.norm(aside)
    return np.stack([along, np.cross(aside, along), aside])


def _hierarchy(joints: list[Joint], number: int, depth: int = 0) -> Iterator[str]:
    """The lines of a joint and of all that it carries."""
    joint, tab = joints[number], "\t" * depth
    size = joints[0].place[1] / PLACES["Hips"][1]
    above = np.array([0, FLOOR * size, 0]) if joint.parent < 0 else joints[joint.parent].place
    yield f"{tab}{'JOINT' if depth else 'ROOT'} {joint.name}"
    yield f"{tab}{{"
    yield f"{tab}\tOFFSET {_offset(joint.place - above)}"
    yield f"{tab}\tCHANNELS " + (f"3 {ROTATIONS}" if depth else f"6 Xposition Yposition Zposition {ROTATIONS}")
    for child, other in enumerate(joints):
        if other.parent == number:
            yield from _hierarchy(joints, child, depth + 1)
    if joint.end is not None:
        yield f"{tab}\tEnd Site\n{tab}\t{{\n{tab}\t\tOFFSET {_offset(joint.end - joint.place)}\n{tab}\t}}"
    yield f"{tab}}}"


def _offset(metres: Vector) -> str:
    return " ".join(f"{number:.4f}" for number in np.round(100 * TO_FILE * metres, 4) + 0.0)


def _frames(joints: list[Joint], values: Tensor, arms: tuple[Arm, Arm]) -> Iterator[Doubles]:
    """The file's numbers (t, 3 + 3 J), cm and degrees, some frames at a time; angles go on beyond half a turn."""
    size = joints[0].place[1] / PLACES["Hips"][1]
    stands = joints[0].place - np.array([0, FLOOR * size, 0])
    before: Doubles | None = None
    for first in range(0, len(values), BLOCK):
        told = values[first : first + BLOCK].double().cpu().numpy()
        rows = np.zeros((len(told), len(FULL)))
        rows[:, : told.shape[1]] = told
        turns = _turns(rows, arms)
        order = [turns.get(joint.name, np.broadcast_to(np.eye(3), (len(rows), 3, 3))) for joint in joints]
        angles = _angles(np.stack(order, axis=1) * np.outer(TO_FILE, TO_FILE)).reshape(len(rows), -1)
        angles = np.unwrap(angles if before is None else np.concatenate([before, angles]), axis=0, period=360)
        angles, before = angles[len(angles) - len(rows) :], angles[-1:]
        hips = np.concatenate([rows[:, _BODY : _BODY + 2], np.zeros((len(rows), 1))], axis=1)
        yield np.round(np.concatenate([100 * TO_FILE * (stands + hips), angles], axis=1), 4) + 0.0


def _turns(rows: Doubles, arms: tuple[Arm, Arm]) -> dict[str, Doubles]:
    """(T, 94) of FULL -> by joint its turn against what carries it, (T, 3, 3), in the body's axes."""
    across = np.zeros(len(rows))
    hips = turn_matrix(np.stack([across, rows[:, _BODY + 2], rows[:, _BODY + 3]], axis=1))
    spine, breath = rows[:, _BODY + 4 : _BODY + 7], rows[:, _BODY + 7]
    breathes = turn_matrix(np.stack([-CHEST_RISES * breath, across, across], axis=1))
    chest = hips @ turn_matrix(spine) @ breathes
    turned = turn_matrix(rows[:, _HEAD])  # against the camera, whatever the chest does
    head = vector_of(torch.from_numpy(chest.transpose(0, 2, 1) @ turned)).numpy()
    turns = {"Hips": hips, "Neck": turn_matrix(NECK * head), "Head": turn_matrix((1 - NECK) * head)}
    turns |= {name: turn_matrix(share * spine) for name, share in SPINE.items()}
    turns["UpperChest"] = turns["UpperChest"] @ breathes
    for number, (side, arm) in enumerate(zip(("Left", "Right"), arms, strict=True)):
        own = rows[:, _ARMS + _PER_SIDE * number :][:, :_PER_SIDE]
        flip = np.ones(3) if number == 0 else MIRROR
        of_arm = _arm_turns(own, arm, np.prod(flip) * flip, SHOULDERS_RISE * breath)
        turns |= {side + name: turn * np.outer(flip, flip) for name, turn in zip(ARM, of_arm, strict=True)}
        axes = np.stack([(fore := _forearm(arm)), arm.hinge, np.cross(fore, arm.hinge)])
        hand = _hand_axes(arm.hand @ axes, _little(arm, fore))
        bent = hand.T @ skeleton_hand.turns(own[:, 8:]) @ hand * np.outer(flip, flip)
        for finger, of_finger in zip(skeleton_hand.NAMES, np.moveaxis(bent, 1, 0), strict=True):
            turns |= {f"{side}Hand{finger}{number + 1}": of_finger[:, number] for number in range(3)}
    return turns


def _arm_turns(own: Doubles, arm: Arm, sense: Vector, breath: Doubles) -> list[Doubles]:
    """Turns (T, 3, 3) of the joints of ARM by an arm's channels (T, 14), as if it were a left one.

    `sense` (3,) mirrors the upper arm's turn where it is not.
    """
    fore = _forearm(arm)
    little = _little(arm, fore)
    palm = np.cross(little, fore)
    upper = turn_matrix(own[:, 1:4] * sense)
    lifted = SHRUG_TURNS * own[:, 0] + breath + lift(upper @ arm.along) - lift(arm.along)
    collarbone = turn_matrix(lifted[:, None] * np.array([0.0, 0.0, -1.0]))
    elbow, pronated = turn_matrix(own[:, 4:5] * arm.hinge), turn_matrix(own[:, 5:6] * fore)
    wrist = turn_matrix(own[:, 6:7] * little + own[:, 7:8] * palm)
    return [collarbone, collarbone.transpose(0, 2, 1) @ upper, elbow @ pronated, wrist]


def _angles(turns: Doubles) -> Doubles:
    """Degrees (..., 3) about x, z and y, in this order from the left, whose product is `turns` (..., 3, 3)."""
    z = np.arcsin(-turns[..., 0, 1].clip(-1, 1))
    locked = np.cos(z) < 1e-6
    x = np.where(
        locked, np.arctan2(-turns[..., 1, 2], turns[..., 2, 2]), np.arctan2(turns[..., 2, 1], turns[..., 1, 1])
    )
    y = np.where(locked, 0.0, np.arctan2(turns[..., 0, 2], turns[..., 0, 0]))
    angles: Doubles = np.degrees(np.stack([x, z, y], axis=-1))
    return angles
