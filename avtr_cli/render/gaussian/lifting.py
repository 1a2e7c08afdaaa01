"""A wrapped body and its photo into Gaussians that ride on it: the photo's own pixels, and what the photo hides.

Four kinds. *Pixels*: one Gaussian for each pixel of the person on the mesh, and one for four where they show nothing
fine (`plain.py`), so that the pose of the photo gives the photo back. *Underlay*: every fourth of them again, or every
sixteenth, wider, a little deeper, so that stretched skin shows no lattice.
*Beneath*: the body where an arm hides it, as wide as four pixels.
*Hidden*: samples of the surface that the photo does not show, mouth and lids among them, sunk below the pixels beside
them. What lies beside the mesh is in `loose.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from avtr_cli.core.arrays import Doubles, Floats, Indices, Labels, Mask, Matte, Picture
from avtr_cli.perception.body import SeenBody
from avtr_cli.render.gaussian.beneath import Beneath
from avtr_cli.render.gaussian.body_model import (
    HEAD,
    LEFT_ARM,
    LEFT_EYE,
    LOWER_TEETH,
    NECK,
    RIGHT_ARM,
    RIGHT_EYE,
    SKIN,
    TONGUE,
    UPPER_TEETH,
    BodyModel,
    Whole,
)
from avtr_cli.render.gaussian.fitting import Lens
from avtr_cli.render.gaussian.jaw import behind_jaw, sources
from avtr_cli.render.gaussian.painting import TOUCHES, Painted
from avtr_cli.render.gaussian.plain import Fours, plain_fours
from avtr_cli.render.gaussian.surface import Surface, View, unit
from avtr_cli.render.gaussian.wrapping import Wrapped

LEAST_MATTE = 0.05  # of a pixel that becomes a Gaussian
MOST_OPAQUE = 0.97
# px: standard deviations. Gaussians are drawn by the order of their middles: where skin slants, wider ones below would
# come before pixels further back, and a change of colour be seen further away than `kernels/mixing.py` takes back.
PIXEL, UNDERLAY, WIDE_UNDERLAY, BENEATH = 0.45, 1.1, 2.4, 1.3
LEAST_SLOPE, LEAST_BELOW = 0.3, 0.2  # cosine to the view beyond which Gaussians of pixels, and below, are not stretched
FLAT, HIDDEN_FLAT = 0.0006, 0.0008  # m along the normal
EVEN = 1 / 1.2207440846057596 ** np.arange(1, 4)  # steps that fill a cube evenly: Roberts 2018, "R3"
LONGER = 2.5  # times as long as in the photo a Gaussian may become where the skin stretches
BELOW = 0.003  # m under the pixels
SOFT = 1.2  # px by which the underlay is blurred
SPACING = {  # m between hidden Gaussians
    "body": 0.0055, "head": 0.0035, "hand": 0.003, "face": 0.002, "mouth": 0.0015, "eye": 0.0012, "lid": 0.0011,
}  # fmt: skip
FINEST = 0.7  # px of the photo between hidden Gaussians at least: what is finer nobody sees
WIDTH, HIDDEN_OPAQUE, NOISE = 0.75, 0.95, 0.03  # of the spacing; opacity; of the colour
SUNK, SUNK_SPACINGS = 0.0015, 0.6  # m, and spacings, that hidden skin beside visible lies deeper
NEAR_FACE = 0.006  # m to a point of the face
AWAY = 0.35  # cosine to the view beyond which skin of the body looks away for good
ARRAYS = ("on", "corners", "above", "form", "longest", "opacities", "colours", "pixels", "sides", "origin", "hides")


@dataclass(frozen=True)
class Riding:
    """n Gaussians on triangles; see `kernels/skinning.carry` for the first five.

    on, corners, above, form, longest  int32 (n,), float32 (n, 3), (n,), (n, 3, 3), (n,)
    opacities, colours        float32 (n,), (n, 3)
    pixels                    intp (n,): which pixel of the photo, row by row, one is; -1 for none
    sides                     uint8 (n,): of how many pixels a side: 2 where one is of four, `pixels` the upper left
    origin                    intp (n,): the pixel that one was made of, also of what lies below, or behind a jaw's
                              edge; -1 of what else is hidden
    hides                     intp (n,): the pixel in which an arm hides one, -1 for all others
    front, turning            how many, the first, are ever seen from about where the photo was taken while the arms
                              keep to their pose; and at all: arms that turn show their backs
    """

    on: Whole
    corners: Floats
    above: Floats
    form: Floats
    longest: Floats
    opacities: Floats
    colours: Floats
    pixels: Indices
    sides: Labels
    origin: Indices
    hides: Indices
    front: int
    turning: int


def ride(
    model: BodyModel, surface: Surface, wrapped: Wrapped, seen: SeenBody, painted: Painted, lens: Lens, view: View,
    between: Mask,
) -> Riding:  # fmt: skip
    """All four kinds, on the wrapped body as the photo has it; none of the pixels `between` lips (H, W)."""
    on_mesh = view.shown & (seen.matte > LEAST_MATTE) & ~between
    fours = plain_fours(model, surface, wrapped.posed, seen.matte, painted.clean, lens, view, on_mesh)
    pixels = _pixels(surface, wrapped, seen, painted.clean, lens, view, on_mesh & ~fours.covered)
    larger = _fours(surface, wrapped, painted.clean, lens, view, fours)
    even, plain = np.zeros_like(on_mesh), np.zeros_like(on_mesh)
    even[::2, ::2] = True
    plain[1:, 1:] = fours.sixteen[:-1, :-1]  # the middle, nearly
    even &= on_mesh & (seen.matte > 0.9) & (cv2.dilate(plain.astype(np.uint8), np.ones((4, 4), np.uint8)) == 0)
    soft = cv2.GaussianBlur(painted.clean, (0, 0), SOFT)
    below = _pixels(surface, wrapped, seen, soft, lens, view, even, UNDERLAY)
    wide = _pixels(surface, wrapped, seen, soft, lens, view, plain, WIDE_UNDERLAY)
    beneath = _beneath(surface, wrapped, seen, painted, lens)
    hidden = _hidden(model, surface, wrapped, seen, painted, lens, view)
    parts = (pixels, larger, below, wide, beneath, hidden)
    arrays = {name: np.ascontiguousarray(np.concatenate([getattr(part, name) for part in parts])) for name in ARRAYS}
    front, turning = sum(part.front for part in parts), sum(part.turning for part in parts)
    return Riding(**arrays, front=front, turning=turning)


def _pixels(
    surface: Surface, wrapped: Wrapped, seen: SeenBody, colours: Picture, lens: Lens, view: View, which: Mask,
    underlay: float = 0,
) -> Riding:  # fmt: skip
    """Gaussians of the pixels `which` (H, W) that the mesh lies under, or of an `underlay` of so many px."""
    y, x = np.nonzero(which)
    on = view.which[y, x]
    size = view.depth[y, x] / lens.focal * (underlay or PIXEL)
    opacities = np.full(len(x), HIDDEN_OPAQUE) if underlay else MOST_OPAQUE * seen.matte[y, x].clip(0, MOST_OPAQUE)
    return Riding(
        on,
        view.weights[y, x],
        np.full(len(x), -BELOW if underlay else 0.0, np.float32),
        *_round(surface, wrapped.posed, on, _rays(lens, x, y), size, LEAST_BELOW if underlay else LEAST_SLOPE),
        opacities.astype(np.float32),
        colours[y, x],
        np.full(len(x), -1, np.intp) if underlay else y * seen.matte.shape[1] + x,
        np.ones(len(x), np.uint8),
        y * seen.matte.shape[1] + x,
        np.full(len(x), -1, np.intp),
        len(x),
        len(x),
    )


def _beneath(surface: Surface, wrapped: Wrapped, seen: SeenBody, painted: Painted, lens: Lens) -> Riding:
    """Gaussians of every fourth pixel where an arm hides the body; no pixel of the photo is theirs."""
    even = np.zeros(seen.matte.shape, bool)
    even[::2, ::2] = True
    hidden = painted.beneath
    which = even & hidden.shown & (seen.matte > LEAST_MATTE)
    made = _pixels(surface, wrapped, seen, hidden.picture, lens, hidden.view, which, BENEATH)
    return replace(made, origin=made.hides, hides=made.origin)


def _fours(surface: Surface, wrapped: Wrapped, colours: Picture, lens: Lens, view: View, fours: Fours) -> Riding:
    """Gaussians of squares of four pixels."""
    y, x = fours.y, fours.x
    size = view.depth[y, x] / lens.focal * 2 * PIXEL
    pixels = y * colours.shape[1] + x
    return Riding(
        fours.on,
        fours.corners,
        fours.above,
        *_round(surface, wrapped.posed, fours.on, _rays(lens, x + 0.5, y + 0.5), size, LEAST_SLOPE),
        np.full(len(x), MOST_OPAQUE**2, np.float32),
        (0.25 * (colours[y, x] + colours[y, x + 1] + colours[y + 1, x] + colours[y + 1, x + 1])).astype(np.float32),
        pixels,
        np.full(len(x), 2, np.uint8),
        pixels,
        np.full(len(x), -1, np.intp),
        len(x),
        len(x),
    )


def _rays(lens: Lens, x: Indices | Doubles, y: Indices | Doubles) -> Floats:
    return unit(np.column_stack([(x - lens.x) / lens.focal, (y - lens.y) / lens.focal, np.ones(len(x))]))


def _round(
    surface: Surface, posed: Floats, on: Whole, rays: Floats, size: Floats, least: float
) -> tuple[Floats, Floats]:
    """`form` and `longest` of Gaussians on the triangles `on` that are round, `size` m, seen along `rays`.

    Where skin slants, its cosine to the view below `least`, they are narrower than that.
    """
    normals = unit(surface.facing(posed)[on])
    slope = np.abs((normals * rays).sum(1)).clip(least, 1)
    axes = flat_axes(normals, rays, size, size / slope, np.full(len(on), FLAT))
    return in_triangles(surface, posed, on, normals, axes)


def flat_axes(normals: Floats, towards: Floats, across: Floats, along: Floats, thick: Doubles) -> Doubles:
    """(n, 3, 3): columns `across` the direction `towards` (n, 3) and `along` it in the surface, and thickness."""
    sideways = np.cross(normals, towards)
    straight = np.linalg.norm(sideways, axis=1) < 1e-3
    sideways[straight] = np.cross(normals[straight], [1.0, 0.0, 0.01])
    sideways = unit(sideways)
    upwards = np.cross(normals, sideways)
    return np.stack([sideways * across[:, None], upwards * along[:, None], normals * thick[:, None]], -1)


def in_triangles(surface: Surface, posed: Floats, on: Whole, normals: Floats, axes: Doubles) -> tuple[Floats, Floats]:
    """`axes` (n, 3, 3) in the frames of their triangles, two edges and the normal; how long they may become (n,)."""
    a, b, c = (posed[surface.triangles[on, corner]].astype(np.float64) for corner in range(3))
    frames = np.stack([b - a, c - a, normals], -1)
    flat = np.abs(np.linalg.det(frames)) < 1e-14
    frames[flat] = 1e-3 * np.eye(3)
    form: Floats = np.linalg.solve(frames, axes).astype(np.float32)
    form[flat] = 0
    return form, (LONGER * np.linalg.norm(axes, axis=1).max(1)).astype(np.float32)


def _hidden(
    model: BodyModel, surface: Surface, wrapped: Wrapped, seen: SeenBody, painted: Painted, lens: Lens, view: View
) -> Riding:
    """Samples of all triangles that the photo does not show wholly, but none where the photo shows nobody."""
    triangles, skin = model.triangles, model.part[model.triangles[:, 0]] == SKIN
    inside = np.isin(model.part[triangles[:, 0]], (UPPER_TEETH, LOWER_TEETH, TONGUE))
    inside |= (model.masks["inside_mouth"][triangles] > 0.5).any(1)  # expressions draw it: see expression.py
    facing, spacing = surface.facing(wrapped.posed), _spacing(model, wrapped, lens)
    area = np.maximum(*(np.linalg.norm(surface.facing(one), axis=1) / 2 for one in (wrapped.posed, wrapped.rest)))
    wanted = ~painted.visible[triangles].all(1) & ~inside
    away = (unit(facing) * unit(wrapped.posed[triangles].mean(1))).sum(1) > AWAY
    limb = model.vertex_limb[triangles[:, 0]]
    last = np.where(away & (limb > NECK), np.where(np.isin(limb, (LEFT_ARM, RIGHT_ARM)), 1, 2), 0).astype(np.uint8)
    on, corners, grain = samples(area / spacing**2 * wanted, last, np.random.default_rng(0))
    places = (wrapped.posed[triangles[on]] * corners[..., None]).sum(1)
    within = _within(seen.matte, lens.project(places)) & ~_lies_beneath(painted.beneath, lens, places)
    on, corners, grain, places = on[within], corners[within], grain[within], places[within]
    colours = (painted.colours[triangles[on]] * corners[..., None]).sum(1)
    behind = behind_jaw(seen, painted.clean)
    origin = np.where(skin[on] & (limb[on] <= NECK), sources(behind, view, lens, places), -1)
    colours = np.where((origin >= 0)[:, None], behind.colours.reshape(-1, 3)[origin], colours)
    colours = (colours * (1 + NOISE * grain)).clip(0, 1).astype(np.float32)
    beside = painted.visible[triangles].any(1) | (painted.near[triangles].any(1) & skin)
    normals, apart, upwards = unit(facing[on]), spacing[on], np.tile(np.array([0, 0, 1], np.float32), (len(on), 1))
    axes = flat_axes(normals, upwards, WIDTH * apart, WIDTH * apart, np.full(len(on), HIDDEN_FLAT))
    return Riding(
        on,
        corners,
        (-SUNK - SUNK_SPACINGS * apart * beside[on]).astype(np.float32),
        *in_triangles(surface, wrapped.posed, on, normals, axes),
        np.full(len(on), HIDDEN_OPAQUE, np.float32),
        colours,
        np.full(len(on), -1, np.intp),
        np.ones(len(on), np.uint8),
        origin,
        np.full(len(on), -1, np.intp),
        int((last[on] == 0).sum()),
        int((last[on] < 2).sum()),
    )


def samples(wanted: Floats, last: Labels, random: np.random.Generator) -> tuple[Whole, Floats, Doubles]:
    """Triangles (n,), `wanted` (T,) times each; weights (n, 3) of a place on each; and grain.

    Those with a larger `last` (T,) stand later. Places of one triangle are spread evenly, and follow from the triangle
    alone: what else is wanted moves none. Grain (n, 1) is of mean 0 and variance 1.
    """
    start = random.random((4, len(wanted)))
    count = np.floor(wanted + start[3]).astype(int)
    order = np.argsort(last, kind="stable").astype(np.int32)
    on = np.repeat(order, count[order])
    many = count[order]
    which = np.arange(len(on)) - np.repeat(np.cumsum(many) - many, many)  # of its triangle
    spread = (start[:3, on] + np.outer(EVEN, which)) % 1
    far, along = np.sqrt(spread[0]), spread[1]
    corners = np.column_stack([1 - far, far * (1 - along), far * along]).astype(np.float32)
    return on, corners, np.sqrt(12) * (spread[2][:, None] - 0.5)


def _within(matte: Matte, places: Floats) -> Mask:
    """Which `places` (n, 2) px lie well within the matte's person, or beyond the picture, where anything may be."""
    height, width = matte.shape
    somebody = cv2.erode((matte > 0.5).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    x, y = np.rint(places).astype(int).T
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    kept: Mask = ~inside | somebody[y.clip(0, height - 1), x.clip(0, width - 1)]
    return kept


def _lies_beneath(beneath: Beneath, lens: Lens, places: Floats) -> Mask:
    """Which `places` (n, 3) m are of the body's front where an arm hides it."""
    height, width = beneath.view.which.shape
    x, y = np.rint(lens.project(places)).astype(int).T
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    x, y = x.clip(0, width - 1), y.clip(0, height - 1)
    near = np.abs(places[:, 2] - beneath.view.depth[y, x]) < TOUCHES
    return np.asarray(inside & beneath.shown[y, x] & near)


def _spacing(model: BodyModel, wrapped: Wrapped, lens: Lens) -> Floats:
    """Metres between samples of each triangle, (T,), no finer than the photo shows."""
    first, part = model.triangles[:, 0], model.part[model.triangles[:, 0]]
    spacing = np.full(len(first), SPACING["body"])
    on_head = model.vertex_limb[first] == HEAD
    spacing[on_head] = SPACING["head"]
    spacing[model.on_hand[first]] = SPACING["hand"]
    face = (wrapped.from_face[model.triangles].min(1) < NEAR_FACE) & on_head & (part == SKIN)
    spacing[face] = SPACING["face"]
    spacing[np.isin(part, (UPPER_TEETH, LOWER_TEETH, TONGUE)) | (model.masks["inside_mouth"][first] > 0.5)] = SPACING[
        "mouth"
    ]
    spacing[np.isin(part, (LEFT_EYE, RIGHT_EYE))] = SPACING["eye"]
    spacing[(model.masks["lids"][model.triangles].max(1) > 0.3) & (part == SKIN)] = SPACING["lid"]
    pixel = float(np.median(wrapped.posed[:, 2])) / lens.focal
    return np.maximum(spacing, FINEST * pixel).astype(np.float32)
