"""What a whole body does about a touch, on the body that was fitted to a photo: shoulders, and hands that go to cheeks.

Read off the skin that bones move, frame by frame, without a picture, beside the same seed untouched.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from avtr_cli.core.arms import arm_of
from avtr_cli.core.arrays import Doubles, Floats, Indices, Mask
from avtr_cli.core.interaction import Interaction
from avtr_cli.core.motion_space import ARKIT_BLENDSHAPES
from avtr_cli.core.regions import RegionMap
from avtr_cli.core.timing import FPS
from avtr_cli.core.types import Identity, Motion
from avtr_cli.evaluation.measure import Measure
from avtr_cli.evaluation.touch.clips import DOES, TOUCHED_AT, motion_of, silence
from avtr_cli.kernels import skinning
from avtr_cli.motion.body.answers import reaches
from avtr_cli.motion.body.cheek import reaches_cheek
from avtr_cli.render.gaussian.arms import CHEEK
from avtr_cli.render.gaussian.avatar import BodyAvatar
from avtr_cli.render.gaussian.body_model import HEAD, LEFT_ARM, NECK, RIGHT_ARM, TRUNK, BodyModel, Whole
from avtr_cli.render.gaussian.driving import Moves, posed, read_moves
from avtr_cli.render.gaussian.surface import bone_maps
from avtr_cli.streaming.engine import Engine

BODIES: dict[str, Measure] = {
    "shoulder.back_m": Measure("how far a touched shoulder goes back within 0.4 s, least", 0.01),
    "shoulder.side": Measure("share of those in which it goes back further than the other", 1.0),
    "shoulder.returned_m": Measure("both shoulders from the untouched at +6 s, largest", None, 0.005),
    "hand.from_cheek_m": Measure("nearest of the hand to its cheek while it stays there, largest", None, 0.04),
    "hand.in_head_m": Measure("deepest of hand and forearm in head and neck, ever", None, 0.0),
    "hand.in_trunk_m": Measure("the same in the trunk, more than of the untouched", None, 0.01),
    "hand.returned_m": Measure("the hand from the untouched at +6 s, largest", None, 0.02),
    "hand.kept_m": Measure("how far the hand of an arm that is not free goes along with the body", None, 0.10),
}  # fmt: skip
"""Needed bounds are judgements; a photo without a free arm, or of whom no shoulder is seen, has no number."""

SOON, LATER = round(0.4 * FPS), 6 * FPS  # frames after the touch
EVERY = 3  # frames of which skin is looked at
SLAPPED = ("slap", "punch")  # words after which a hand surely goes to the cheek
TOGETHER = 6  # points whose winding number is asked for at once
TOUCHING = 0.06  # m from the skin beyond which nothing can be in it
SIDES = ("left", "right")


def evaluate_bodies(engine: Engine, photo: Path, seeds: Sequence[int]) -> dict[str, float]:
    """Numbers by the names of BODIES, of one photo; NaN for what it does not show. Raises PhotoError."""
    _, identity = engine.avatar(photo)
    regions = engine.regions(photo)
    found: dict[str, list[float]] = {name: [] for name in BODIES}
    for seed in seeds:
        twin = _made(engine, identity, None, seed)
        for name, value in _shoulders(engine, identity, regions, seed, twin):
            found[name].append(value)
        for name, value in _hands(engine, identity, regions, seed, twin):
            found[name].append(value)
    numbers = {}
    for name, values in found.items():
        worst = min if BODIES[name].low is not None else max
        numbers[name] = float(worst(values)) if values else math.nan
    return numbers


def _made(engine: Engine, identity: Identity, touch: Interaction | None, seed: int) -> Motion:
    return motion_of(engine, identity, (touch,) if touch else (), seed, silence(TOUCHED_AT + LATER + 1))


def _shoulders(
    engine: Engine, identity: Identity, regions: RegionMap, seed: int, twin: Motion
) -> Iterator[tuple[str, float]]:
    still = shoulders(identity, twin)
    for side, name in enumerate(SIDES):
        region = f"{name}_shoulder"
        if region not in regions.centres:
            continue
        for word in (*DOES["neutral"], *DOES["aggressive"]):
            touch = regions.touched(TOUCHED_AT, word, *regions.centre(region))
            away = shoulders(identity, _made(engine, identity, touch, seed)) - still
            back = away[TOUCHED_AT : TOUCHED_AT + SOON + 1, :, 2].max(0)  # z: away from the camera
            yield "shoulder.back_m", float(back[side])
            yield "shoulder.side", float(back[side] > back[1 - side])
            yield "shoulder.returned_m", float(np.linalg.norm(away[TOUCHED_AT + LATER], axis=-1).max())


def _hands(
    engine: Engine, identity: Identity, regions: RegionMap, seed: int, twin: Motion
) -> Iterator[tuple[str, float]]:
    avatar: BodyAvatar = identity.kept.avatar
    model, frames = avatar.model, range(0, len(twin.values), EVERY)
    arms = [arm_of(row) for row in avatar.arms]
    free = [side for side in (0, 1) if arms[side].free and reaches_cheek(arms[side])]
    untouched = list(skin(identity, twin, frames))
    head, trunk = np.isin(model.vertex_limb, (HEAD, NECK)), model.vertex_limb == TRUNK
    for side, name in enumerate(SIDES):
        region = f"{name}_cheek"
        if region not in regions.centres:
            continue
        arm = (model.vertex_limb == (LEFT_ARM, RIGHT_ARM)[side]) & below_elbow(model, "LR"[side])
        hand, cheek = arm & model.on_hand, model.triangles[model.face_triangles[CHEEK["LR"[side]]]]
        for word in SLAPPED:
            touch = regions.touched(TOUCHED_AT, word, *regions.centre(region))
            made = _made(engine, identity, touch, seed)
            if side not in free:
                pairs = zip(skin(identity, made, frames), untouched, strict=True)
                apart = [float(np.linalg.norm((one[hand] - other[hand]).mean(0))) for one, other in pairs]
                yield "hand.kept_m", max(apart)
                continue
            [reach] = reaches((touch,), free, (seed, identity.person))
            stays = range(reach.leaves + reach.takes + 1, reach.over - reach.returns)
            in_trunk = [0.0]
            for frame, one in zip(frames, skin(identity, made, frames), strict=True):
                if frame in stays:
                    near = np.linalg.norm(one[hand] - one[cheek].mean(0), axis=1).min()
                    yield "hand.from_cheek_m", float(near)
                yield "hand.in_head_m", deepest(model, one, arm, head)
                in_trunk.append(deepest(model, one, arm, trunk))
            yield "hand.in_trunk_m", max(in_trunk) - max(0.0, *(deepest(model, one, arm, trunk) for one in untouched))
            yield "hand.returned_m", float(np.linalg.norm(one[hand] - untouched[-1][hand], axis=1).max())


def _poses(identity: Identity, motion: Motion, frames: Sequence[int]) -> Iterator[Moves]:
    avatar: BodyAvatar = identity.kept.avatar
    rows = motion.values[list(frames)].double().cpu().numpy()
    rows[:, : len(ARKIT_BLENDSHAPES)] = 0
    yield from read_moves(avatar.model, avatar.rest, rows, 1.0)


def shoulders(identity: Identity, motion: Motion) -> Doubles:
    """(T, 2, 3) m in the camera's axes: where the upper arms begin, left and right."""
    avatar: BodyAvatar = identity.kept.avatar
    bones = [avatar.model.bone(f"upperarm01.{side}") for side in "LR"]
    poses = _poses(identity, motion, range(len(motion.values)))
    return np.stack([posed(avatar.model, avatar.heads, one.turns, one.shift)[1][bones] for one in poses])


def skin(identity: Identity, motion: Motion, frames: Sequence[int]) -> Iterator[Floats]:
    """(V, 3) m of each of the `frames`: the skin as bones move it, without the face's units."""
    avatar: BodyAvatar = identity.kept.avatar
    for one in _poses(identity, motion, frames):
        maps = bone_maps(avatar.model, avatar.heads, one.turns, one.shift)
        made = np.empty_like(avatar.rest_skin)
        skinning.skin(avatar.rest_skin, avatar.model.carried_by, avatar.model.shares, maps, made)
        yield made


def deepest(model: BodyModel, vertices: Floats, limb: Mask, into: Mask) -> float:
    """Metres that the vertices `limb` are in those of `into` at most; below 0: as near as they come, to -TOUCHING.

    What is nearest to the rim, where the limbs of `into` are cut off, says nothing: there is no inside. As skin has
    folds, the surface has to go around a point, by its winding number, for that to be in it.
    """
    triangles = model.triangles[into[model.triangles].all(1)]
    corners = vertices[triangles].astype(np.float64)
    facing = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.zeros((len(vertices), 3))
    for corner in range(3):
        np.add.at(normals, triangles[:, corner], facing)
    normals = normals[into] / np.maximum(np.linalg.norm(normals[into], axis=1, keepdims=True), 1e-12)
    places, points = vertices[into].astype(np.float64), vertices[limb].astype(np.float64)
    away, nearest = cKDTree(places).query(points, distance_upper_bound=TOUCHING)
    rim = np.append(np.isin(np.flatnonzero(into), _rim(triangles)), True)
    near = np.isfinite(away) & ~rim[nearest]
    if not near.any():
        return -TOUCHING
    points, nearest = points[near], nearest[near]
    depths = -((points - places[nearest]) * normals[nearest]).sum(1)
    deeper = np.argsort(-depths)[: int((depths > 0).sum())]
    for first in range(0, len(deeper), TOGETHER):
        asked = deeper[first : first + TOGETHER]
        inside = _winding(points[asked], corners) > 0.5
        if inside.any():
            return float(depths[asked[inside.argmax()]])
    return float(depths[depths <= 0].max(initial=-TOUCHING))


def _winding(points: Doubles, corners: Doubles) -> Doubles:
    """(n,): how often triangles (T, 3, 3) go around `points` (n, 3). Van Oosterom & Strackee 1983; Jacobson 2013."""
    a, b, c = (corners[None, :, k] - points[:, None] for k in range(3))
    la, lb, lc = (np.linalg.norm(one, axis=-1) for one in (a, b, c))
    sine = (a * np.cross(b, c)).sum(-1)
    cosine = la * lb * lc + (a * b).sum(-1) * lc + (b * c).sum(-1) * la + (c * a).sum(-1) * lb
    turns: Doubles = np.arctan2(sine, cosine).sum(1) / (2 * np.pi)
    return turns


def _rim(triangles: Whole) -> Indices:
    """The vertices of edges that only one of `triangles` (T, 3) has."""
    edges = np.sort(triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1).astype(np.int64)
    keys, times = np.unique((edges[:, 0] << 32) + edges[:, 1], return_counts=True)
    once = keys[times == 1]
    rim: Indices = np.unique(np.concatenate([once >> 32, once & 0xFFFFFFFF]))
    return rim


def below_elbow(model: BodyModel, side: str) -> Mask:
    """bool (V,): forearm and hand."""
    of = np.array([name.endswith(f".{side}") and not name.startswith("upperarm") for name in model.bones])
    return np.asarray(of[model.main_bone])
