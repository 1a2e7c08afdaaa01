"""The fitted body wrapped around the person of the photo: the face onto its 468 points, the outline onto the matte.

What was fitted is a naked adult of the right pose. Its face is led to the points that were found, and the rest of the
head with it; then its outline is moved along the skin's normals to the edge of the matte, and what lies between
follows, so that clothes thicken the body in front and behind as well.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.spatial import cKDTree

from avtr_cli.core.arrays import Doubles, Floats, Indices, Mask, Matte, Points
from avtr_cli.kernels import skinning
from avtr_cli.perception.body import SeenBody
from avtr_cli.render.gaussian.body_model import (
    HEAD,
    LEFT_EYE,
    LOWER_TEETH,
    NECK,
    RIGHT_ARM,
    RIGHT_EYE,
    SKIN,
    TONGUE,
    UPPER_TEETH,
    BodyModel,
)
from avtr_cli.render.gaussian.fitting import BodyFit, Lens
from avtr_cli.render.gaussian.surface import Surface, View, blended, bone_maps, unit

FACE_POINTS = 468  # without irises
FACE_REACH = 0.09  # m over which the head follows its face
DEPTH_TRUSTED = 0.5  # share of the depth that the network tells; the rest is the body's
EYES = {LEFT_EYE: (263, 362, 386, 374, 385, 380), RIGHT_EYE: (33, 133, 159, 145, 158, 153)}  # corners, then lids
EYE_SCALE = (0.9, 1.15)  # least and most
MOUTH = (13, 14, 0, 17, 78, 308)
TEETH_SCALE, TEETH_DEEPER = 0.9, 0.004  # m: else teeth show through a turned cheek
ROUNDS, STEPS = 3, 70  # of the outline, and of spreading it
ALONG_EDGE = 0.35  # cosine to the view of a normal at the outline
AT_EDGE = 2.5  # px from the outline
LIKE, LIKE_SOFT, LIKE_FAR = (
    12,
    0.02,
    0.35,
)  # vertices whose edge is seen, m: what the edge behind a hand is guessed from
INWARDS, OUTWARDS = 0.08, 0.16  # units by which the outline looks for the matte's edge
LEAST, MOST, MOST_LEG = -0.03, 0.09, 0.06  # m by which it moves
FIRM, FOLLOWED = 0.6, 0.8  # share of the outline in the spread, and of the spread that is followed
BLOCKS = np.array([0, 0, 0, 1, 2, 3, 3])  # of limbs: head and trunk, each arm, legs
BODY = (0, 3)  # of BLOCKS: what arms hang beside
BESIDE_ARM, BESIDE_HAND = 0.02, 0.05  # units beside forearms and hands within which an edge may be theirs


@dataclass(frozen=True)
class Wrapped:
    """The person's own mesh.

    heads     float64 (J, 3): heads of the bones at rest
    rest      float32 (V, 3): the skin at rest; posed (V, 3) as the photo has it
    locked    float32 (V,) in 0 .. 1: what the outline does not move
    from_face float32 (V,): metres to the nearest point of the face
    """

    heads: Doubles
    rest: Floats
    posed: Floats
    locked: Floats
    from_face: Floats


def wrap(model: BodyModel, surface: Surface, fit: BodyFit, seen: SeenBody) -> Wrapped:
    """The body of `fit`, wrapped around what is `seen`."""
    heads = model.joints_of(fit.shape)[0].astype(np.float64)
    maps = bone_maps(model, heads, fit.turns, fit.shift)
    posed = np.empty_like(model.mean)
    skinning.skin(model.vertices(fit.shape), model.carried_by, model.shares, maps, posed)
    posed = _with_face(model, posed, fit.lens, seen.face, maps[model.bone("head"), :, :3])
    face = face_places(model, posed)
    from_face = cKDTree(face).query(posed)[0].astype(np.float32)
    on_head = model.vertex_limb == HEAD
    locked = np.where((model.part != SKIN) | model.on_hand, 1, np.clip(1 - (from_face - 0.01) / 0.02, 0, 1) * on_head)
    outlined = _to_outline(model, surface, posed, fit.lens, seen.matte, seen.unit, locked.astype(np.float32))
    back = blended(maps, model.carried_by, model.shares)
    rest = np.linalg.solve(back[:, :, :3], (outlined - back[:, :, 3])[..., None])[..., 0].astype(np.float32)
    return Wrapped(heads, rest, outlined, locked.astype(np.float32), from_face)


def face_places(model: BodyModel, vertices: Floats) -> Floats:
    """Where the 468 points of the face are on a body, (468, 3) m."""
    return _places(model, vertices, np.arange(FACE_POINTS))


def _places(model: BodyModel, vertices: Floats, points: Indices) -> Floats:
    corners = model.triangles[model.face_triangles[points]]
    places: Floats = (vertices[corners] * model.face_weights[points][..., None]).sum(1)
    return places


def _at_depth(lens: Lens, points: Points, depth: Doubles | Floats) -> Floats:
    """Places in space (n, 3) of `points` (n, 2) px that lie `depth` (n,) m away."""
    x, y = (points[:, 0] - lens.x) / lens.focal, (points[:, 1] - lens.y) / lens.focal
    places: Floats = np.column_stack([x * depth, y * depth, depth]).astype(np.float32)
    return places


def _with_face(model: BodyModel, posed: Floats, lens: Lens, face: Points, head: Floats) -> Floats:
    """The face led to its points, and head, eyeballs, teeth and tongue with it; `head` (3, 3) is its rotation."""
    places = face_places(model, posed)
    depth = face[:FACE_POINTS, 2] * places[:, 2].mean() / lens.focal
    depth += np.median(places[:, 2]) - np.median(depth)
    wanted = _at_depth(lens, face[:FACE_POINTS, :2], places[:, 2] + DEPTH_TRUSTED * (depth - places[:, 2]))
    moves = wanted - places
    led = np.flatnonzero((model.vertex_limb == HEAD) | (model.vertex_limb == NECK))
    apart = np.linalg.norm(posed[led][:, None] - places[None], axis=-1)
    near = 1 / (apart + 0.01) ** 3
    fade = np.exp(-((apart.min(1) / FACE_REACH) ** 2))[:, None]
    moved = posed.copy()
    moved[led] += (near @ moves / near.sum(1, keepdims=True) * fade).astype(np.float32)
    for eye, points in EYES.items():
        ball, had = model.part == eye, _places(model, posed, np.array(points))
        has = _at_depth(lens, face[list(points), :2], had[:, 2])
        wide, was = (float(np.linalg.norm(places[0, :2] - places[1, :2])) for places in (has, had))
        centre = posed[ball].mean(0)
        scale = np.clip(wide / max(was, 1e-4), *EYE_SCALE)
        moved[ball] = (posed[ball] - centre) * scale + centre + (has - had).mean(0)
    inside = np.isin(model.part, (UPPER_TEETH, LOWER_TEETH, TONGUE))
    had = _places(model, posed, np.array(MOUTH))
    shift = (_at_depth(lens, face[list(MOUTH), :2], had[:, 2]) - had).mean(0)
    centre = posed[inside].mean(0)
    moved[inside] = (posed[inside] - centre) * TEETH_SCALE + centre + shift + head @ np.array([0, 0, TEETH_DEEPER])
    return np.ascontiguousarray(moved, dtype=np.float32)


def _to_outline(
    model: BodyModel, surface: Surface, posed: Floats, lens: Lens, matte: Matte, size: float, locked: Floats
) -> Floats:
    """`posed` (V, 3) moved along its normals until its outline is the matte's; `size` px is the person's unit."""
    solid = (matte > 0.5).astype(np.uint8)
    outside = (matte <= 0.5).astype(np.uint8)
    inside = cv2.distanceTransform(solid, cv2.DIST_L2, 5) - cv2.distanceTransform(outside, cv2.DIST_L2, 5)
    free = 1 - locked
    limits = np.where(model.vertex_limb > RIGHT_ARM, MOST_LEG, MOST)
    for _ in range(ROUNDS):
        normals = surface.normals(posed)
        which, offset = _offsets(model, surface, posed, normals, lens, inside, size, locked)
        metres = np.clip(offset * posed[which, 2] / lens.focal, LEAST, limits[which])
        spread = np.zeros(len(posed), np.float32)
        spread[which] = metres
        for _ in range(STEPS):
            spread = 0.98 * (surface.beside @ spread)
            spread[which] = FIRM * metres + (1 - FIRM) * spread[which]
            spread *= free
        spread = surface.beside @ (surface.beside @ spread)
        posed = (posed + normals * (FOLLOWED * spread * free)[:, None]).astype(np.float32)
    return posed


def _offsets(
    model: BodyModel, surface: Surface, posed: Floats, normals: Floats, lens: Lens, inside: Floats, size: float,
    locked: Floats,
) -> tuple[Indices, Doubles]:  # fmt: skip
    """Vertices of the outline, and how many px outwards the matte's edge lies from each.

    `inside` (H, W) is the distance from that edge, px, positive within. The walk ends where another limb begins, and
    near a hand or a forearm the edge may be theirs: else hips would grow hands. There it goes on as above and below.
    """
    height, width = inside.shape
    view = surface.seen(posed, lens, width, height)
    pixels = lens.project(posed)
    edge = cv2.distanceTransform(view.shown.astype(np.uint8), cv2.DIST_L2, 5)
    limb = np.where(view.shown, BLOCKS[model.vertex_limb[model.triangles[np.maximum(view.which, 0), 0]]], -1)
    near_arm = _near_arms(model, view, size)
    x, y = _pixel(pixels, width, height)
    within = (pixels > 1).all(1) & (pixels < [width - 2, height - 2]).all(1)
    edgewise = np.abs((normals * unit(posed)).sum(1)) < ALONG_EDGE
    nearest = posed[:, 2] < view.depth[y, x] + 0.25
    which = np.flatnonzero(edgewise & (edge[y, x] < AT_EDGE) & within & (locked < 0.5) & nearest)
    flat = normals[which, :2] / np.maximum(np.linalg.norm(normals[which, :2], axis=1, keepdims=True), 1e-6)
    reach = max(6, int(OUTWARDS * size))
    steps = np.arange(-int(reach * INWARDS / OUTWARDS), reach + 1)
    x, y = _pixel(pixels[which][:, None] + flat[:, None] * steps[None, :, None], width, height)
    there = limb[y, x]
    own = BLOCKS[model.vertex_limb[which]][:, None]
    of_body = (own == BODY[0]) | (own == BODY[1])
    other = (there >= 0) & (there != own) & (steps > 0)
    other |= near_arm[y, x] & of_body
    blocked = np.maximum.accumulate(other, axis=1)
    depth = inside[y, x]
    crossing: Mask = (depth[:, :-1] > 0) & (depth[:, 1:] <= 0) & ~blocked[:, 1:]
    far = np.where(crossing, np.abs(steps[:-1]), 10_000)
    first = far.argmin(1)
    found, offset = crossing.any(1), steps[first] + 0.5
    hidden = ~found & near_arm[y, x][:, steps == 0][:, 0] & of_body[:, 0]
    known = found & of_body[:, 0]
    for side in (-1, 1):
        ask, answer = (np.flatnonzero(one & (np.sign(flat[:, 0]) == side)) for one in (hidden, known))
        if len(ask) and len(answer):
            count = min(LIKE, len(answer))
            far, near = cKDTree(posed[which[answer]]).query(posed[which[ask]], k=count)
            far, near = far.reshape(-1, count), answer[near.reshape(-1, count)]
            share = 1 / (far + LIKE_SOFT) ** 2
            offset[ask], found[ask] = (share * offset[near]).sum(1) / share.sum(1), far[:, 0] < LIKE_FAR
    return which[found], offset[found]


def _near_arms(model: BodyModel, view: View, size: float) -> Mask:
    """(H, W): pixels so near to a forearm or a hand that the body's edge is not seen there; `size` px is a unit."""
    first = model.triangles[np.maximum(view.which, 0), 0]
    near = np.zeros(view.shown.shape, bool)
    for part, beside in (
        (np.isin(model.main_bone, model.bones_called("lowerarm"))[first], BESIDE_ARM),
        (model.on_hand[first], BESIDE_HAND),
    ):
        part &= view.shown
        if part.any():
            near |= cv2.distanceTransform((~part).astype(np.uint8), cv2.DIST_L2, 5) < beside * size
    return near


def _pixel(places: Floats, width: int, height: int) -> tuple[Indices, Indices]:
    """Columns and rows of the pixels at `places` (..., 2), within the picture."""
    whole = np.rint(places).astype(np.intp)
    return np.clip(whole[..., 0], 0, width - 1), np.clip(whole[..., 1], 0, height - 1)
