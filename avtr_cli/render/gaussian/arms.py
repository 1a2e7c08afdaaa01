"""What motion has to know of a photo's arms, measured on the body that was fitted: `core.arms` has the words.

An arm gestures where its hand was found, or lies outside of the picture; one that is hidden, holds something or is
crossed with the other keeps to the photo.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from scipy.spatial import cKDTree

from avtr_cli.core.arms import LEVELS, Arm, reach, swivel_of
from avtr_cli.core.arrays import Doubles, Vector
from avtr_cli.core.camera import Pinhole
from avtr_cli.perception.body import ARMS, SEEN, SeenBody, crossed
from avtr_cli.render.gaussian.body_model import HEAD, LEFT_ARM, LEFT_LEG, RIGHT_ARM, RIGHT_LEG, TRUNK, BodyModel
from avtr_cli.render.gaussian.driving import SPINE
from avtr_cli.render.gaussian.fitting import Lens
from avtr_cli.render.gaussian.surface import View
from avtr_cli.render.gaussian.wrapping import Wrapped

MIRROR = np.array([-1.0, 1.0, 1.0])
STRAIGHT, USUAL = 0.05, 10.0  # of the upper arm beside the line to the wrist; degrees of `swivel` that is guessed then
ODD = (-60.0, 130.0)  # degrees of `swivel` that a slightly bent elbow cannot have
SLIGHTLY = 1.0  # radians of the elbow
HAND = 0.10  # m that a hand hangs below its wrist
NEAR = 0.5  # arm lengths before the shoulder at which a hand is looked for in the picture
HIGHEST = -0.15  # `up` above which hands before the body would not be seen: then arms do not gesture
BELLY = (0.12, 0.48)  # m below the shoulder between which the trunk's depth counts
SIDEWAYS = 0.2  # m from the middle likewise
THICKNESS = 0.065  # m of a hand, and a little air
DEPTHS = (0.30, 0.80)  # arm lengths: the least and the most that is believed
ON_HIPS, BENT = -0.6, 0.93  # `up` of a hand that rests on the hips; arm lengths to its wrist: farther away it hangs
TOUCHES = 0.01  # m between a hand's skin and the body's
HELD, LARGE, SOLID = (0.05, 0.3), 0.012, 0.5  # units from a hand; square units of what it holds at least; of the matte
CHEEK = {"L": 352, "R": 123}  # of the face's points
BAND, OUTLINE, THINNEST = 0.1, 3.0, 0.08  # arm lengths; percentiles; m: of an outline, how high, where, and the least
LEVEL = 0.6  # of a thigh's direction downwards, below which somebody sits


@dataclass(frozen=True)
class Measured:
    """An arm as motion knows it, the axes of its joints in those of the chest, and whether its hand holds a thing."""

    arm: Arm
    axes: tuple[Vector, ...]
    holds: bool


def measure_arms(
    model: BodyModel, wrapped: Wrapped, turned: Doubles, placed: Doubles, seen: SeenBody, lens: Lens, view: View
) -> tuple[Measured, Measured]:
    """Left and right, of a pose as `BodyModel.posed` gives it."""
    left, right = (_measured(model, wrapped, turned, placed, seen, lens, view, side) for side in "LR")
    return left, right


def _measured(
    model: BodyModel,
    wrapped: Wrapped,
    turned: Doubles,
    placed: Doubles,
    seen: SeenBody,
    lens: Lens,
    view: View,
    side: str,
) -> Measured:
    flip = np.ones(3) if side == "L" else MIRROR
    chest = turned[model.bone("spine01")]

    def place(bone: str) -> Vector:
        return np.asarray(placed[model.bone(bone)] @ chest * flip)

    shoulder, elbow, wrist = (place(f"{bone}.{side}") for bone in ("upperarm01", "lowerarm01", "wrist"))
    upper, fore = float(np.linalg.norm(elbow - shoulder)), float(np.linalg.norm(wrist - elbow))
    length, towards = upper + fore, _unit(wrist - shoulder)
    holds = _holds(model, seen, view, LEFT_ARM if side == "L" else RIGHT_ARM)
    free = not holds and _is_free(seen, side)
    arm = Arm(
        upper=upper, fore=fore, along=_unit(elbow - shoulder), hinge=np.zeros(3), bend=0.0, hand=np.zeros(3), palm=0.0,
        rest=np.array([*(wrist - shoulder) / length * [1, -1, -1], _swivel(elbow - shoulder, wrist - elbow, towards)]),
        free=free, sits=_sits(model, placed, seen, side), pinned=False,
        lever=shoulder - _middle_of_spine(model, placed, chest) * flip,
        depth=_depth(model, wrapped, chest, shoulder, length, flip), neck=place("neck02") - shoulder,
        tips=_tips(model, wrapped, side), trunk=_trunk(model, wrapped, chest, shoulder, length, flip),
        camera=np.column_stack([chest * flip, placed[model.bone(f"upperarm01.{side}")]]).ravel(),
        box=box_of(_frame(seen, lens)), **_cheek(model, wrapped, chest, shoulder, flip, side),
    )  # fmt: skip
    lowest = _lowest(placed[model.bone(f"upperarm01.{side}")], length, seen, lens)
    along, forearm, hinge, bend = (found[0] for found in reach(arm, arm.rest[None, :3], arm.rest[3:]))
    third = np.cross(forearm, hinge)
    hand = _unit(place(f"finger3-1.{side}") - wrist)
    thumb = place(f"finger2-1.{side}") - place(f"finger5-1.{side}")
    palm = float(np.arctan2(-thumb @ hinge, -thumb @ third))
    arm = replace(
        arm, along=along, hinge=hinge, bend=float(bend), palm=palm,
        hand=np.array([hand @ forearm, hand @ hinge, hand @ third]), free=arm.free and lowest < HIGHEST,
        pinned=arm.sits or not arm.free or _lies_on_hips(arm) or _touches(model, wrapped, side),
    )  # fmt: skip
    little = np.cos(palm) * third - np.sin(palm) * np.cross(forearm, third)
    axes = tuple(axis * flip for axis in (along, hinge, forearm, little, np.cross(little, forearm)))
    return Measured(arm, axes, holds)


def _swivel(elbow: Vector, fore: Vector, towards: Vector) -> float:
    """Degrees; of an arm that is almost straight, what an arm can do."""
    beside = np.linalg.norm(elbow - (elbow @ towards) * towards) / np.linalg.norm(elbow)
    if beside < STRAIGHT:
        return USUAL
    found = swivel_of(elbow, towards)
    bend = np.arccos(np.clip(_unit(elbow) @ _unit(fore), -1, 1))
    return USUAL if bend < SLIGHTLY and not ODD[0] < found < ODD[1] else found


def _is_free(seen: SeenBody, side: str) -> bool:
    wrist = ARMS[side][1]
    height, width = seen.matte.shape
    x, y = seen.pose.points[wrist, :2]
    outside = not (0 <= x < width and 0 <= y < height) or seen.pose.visibility[wrist] < SEEN
    return (side in seen.hands or outside) and not crossed(seen)


def _holds(model: BodyModel, seen: SeenBody, view: View, limb: int) -> bool:
    """Whether more hangs on a hand than a hand: pixels of the person beside the body, nearest to it."""
    first = model.triangles[np.maximum(view.which, 0), 0]
    of_arm = view.shown & (model.vertex_limb[first] == limb)
    hand, others = of_arm & model.on_hand[first], view.shown & ~of_arm
    if not hand.any():
        return False
    away, else_away = (
        cv2.distanceTransform((~of).astype(np.uint8), cv2.DIST_L2, 5) / seen.unit for of in (hand, others)
    )
    thing = (seen.matte > SOLID) & ~seen.worn & ~view.shown & (away > HELD[0]) & (away < HELD[1]) & (away < else_away)
    return bool(thing.sum() > LARGE * seen.unit**2)


def _sits(model: BodyModel, placed: Doubles, seen: SeenBody, side: str) -> bool:
    """Whether the thigh, on which the hand then lies, is level."""
    hip, knee = placed[model.bone(f"upperleg01.{side}")], placed[model.bone(f"lowerleg01.{side}")]
    return bool(abs(_unit(knee - hip)[1]) < LEVEL and seen.sees(25 if side == "L" else 26))


def _lies_on_hips(arm: Arm) -> bool:
    return bool(arm.rest[1] < ON_HIPS and np.linalg.norm(arm.rest[:3]) < BENT)


def _touches(model: BodyModel, wrapped: Wrapped, side: str) -> bool:
    """Whether the hand lies on trunk or thighs, or in a pocket."""
    body = np.isin(model.vertex_limb, (TRUNK, LEFT_LEG, RIGHT_LEG))
    hand = model.on_hand & (model.vertex_limb == (LEFT_ARM if side == "L" else RIGHT_ARM))
    return bool(cKDTree(wrapped.posed[body]).query(wrapped.posed[hand])[0].min() < TOUCHES)


def _middle_of_spine(model: BodyModel, placed: Doubles, chest: Doubles) -> Vector:
    middle = sum(share * placed[model.bone(bone)] for bone, share in SPINE.items())
    return np.asarray(middle @ chest)


def _lowest(shoulder: Vector, length: float, seen: SeenBody, lens: Lens) -> float:
    """`up` of a wrist whose hand still is in the picture."""
    away = shoulder[2] - NEAR * length
    bottom = (seen.matte.shape[0] - 1 - lens.y) / lens.focal * away
    return float(-(bottom - HAND - shoulder[1]) / length)


def _depth(model: BodyModel, wrapped: Wrapped, chest: Doubles, shoulder: Vector, length: float, flip: Vector) -> float:
    """How far the trunk reaches before the shoulder, in arm lengths, with a hand on it."""
    trunk = wrapped.posed[model.vertex_limb == TRUNK].astype(np.float64) @ chest * flip
    below, aside = trunk[:, 1] - shoulder[1], np.abs(trunk[:, 0] - np.median(trunk[:, 0]))
    belly = trunk[(below > BELLY[0]) & (below < BELLY[1]) & (aside < SIDEWAYS)]
    if not len(belly):
        return DEPTHS[0]
    return float(np.clip((shoulder[2] - belly[:, 2].min() + THICKNESS) / length, *DEPTHS))


def _tips(model: BodyModel, wrapped: Wrapped, side: str) -> float:
    """From the wrist to the farthest of the hand, at rest, where fingers are stretched."""
    hand = model.on_hand & (model.vertex_limb == (LEFT_ARM if side == "L" else RIGHT_ARM))
    return float(np.linalg.norm(wrapped.rest[hand] - wrapped.heads[model.bone(f"wrist.{side}")], axis=1).max())


def _trunk(model: BodyModel, wrapped: Wrapped, chest: Doubles, shoulder: Vector, length: float, flip: Vector) -> Vector:
    """The outline of trunk and thighs at LEVELS, as `Arm.trunk` has it."""
    body = np.isin(model.vertex_limb, (TRUNK, LEFT_LEG, RIGHT_LEG))
    places = wrapped.posed[body].astype(np.float64) @ chest * flip - shoulder
    outlines = []
    for level in LEVELS * length:
        found = places[np.abs(places[:, 1] - level) < BAND * length]
        if len(found):
            low, high = np.percentile(found[:, [0, 2]], [OUTLINE, 100 - OUTLINE], axis=0)
            outlines.append([*(low + high) / 2, *np.maximum(high - low, 2 * THINNEST) / 2])
        else:
            outlines.append(outlines[-1])
    return np.array(outlines).ravel()


def box_of(view: Pinhole) -> Vector:
    """(4,): what a frame shows, as `Arm.box` has it."""
    size, centre, focal = (np.array(one, np.float64) for one in (view.size, view.centre_px, view.focal_px))
    return np.asarray(np.stack([-centre / focal, (size - centre) / focal], axis=1).ravel())


def _frame(seen: SeenBody, lens: Lens) -> Pinhole:
    height, width = seen.matte.shape
    return Pinhole((lens.focal, lens.focal), (lens.x + 0.5, lens.y + 0.5), (width, height))


def _cheek(
    model: BodyModel, wrapped: Wrapped, chest: Doubles, shoulder: Vector, flip: Vector, side: str
) -> dict[str, Vector]:
    """Where the cheek's skin is from the shoulder, and which way it faces."""
    triangle = model.triangles[model.face_triangles[CHEEK[side]]]
    corners = wrapped.posed[triangle].astype(np.float64) @ chest * flip
    place = model.face_weights[CHEEK[side]].astype(np.float64) @ corners
    head = (wrapped.posed[model.vertex_limb == HEAD].astype(np.float64) @ chest * flip).mean(0)
    outward = _unit(np.cross(corners[1] - corners[0], corners[2] - corners[0]))
    return {"cheek": place - shoulder, "outward": outward * (1 if outward @ (place - head) > 0 else -1)}


def _unit(vector: Vector) -> Vector:
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-9))
