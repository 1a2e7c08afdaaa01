"""Pixels of the person that lie beside the body's mesh, as Gaussians that the bones of the outline near by carry.

Hair, skirts, sleeves and what is held. Each pixel becomes two Gaussians, a front and a back sheet, as far apart as the
thing seems thick. Which bones carry it is told by `outline.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from avtr_cli.core.arrays import AnyArray, Doubles, Floats, Indices, Mask
from avtr_cli.perception.body import SeenBody
from avtr_cli.render.gaussian.body_model import LEFT_ARM, RIGHT_ARM, BodyModel, Whole
from avtr_cli.render.gaussian.fitting import Lens
from avtr_cli.render.gaussian.hair import follows_head
from avtr_cli.render.gaussian.lips import BetweenLips
from avtr_cli.render.gaussian.outline import carriers, outline_of
from avtr_cli.render.gaussian.painting import Painted
from avtr_cli.render.gaussian.surface import View, blended
from avtr_cli.render.gaussian.wrapping import BLOCKS, Wrapped

CARRIERS = 6  # bones that carry a pixel at most
THICKNESS, THINNEST, THICKEST = 0.12, 0.002, 0.06  # m: sqrt(THICKNESS x distance to the matte's edge), within these
BACKWARDS = (0.01, 0.02)  # m at most that both sheets lie behind the outline: hair must not come before a turned cheek
TEETH_THICK, BEFORE_LIPS = 0.02, 0.0015  # m: all that lies under lips would hide teeth that are not before them
FRONT, BACK = 0.5, 1.5  # px across: standard deviations
DEEP, LEAST_DEEP = 0.25, 0.6  # of the thickness, px: so that the sheets close seen from the side
DARKER, OPAQUE, SOLID = 0.9, 0.97, 0.9
TOUCHES = 2  # px
HANDS, BETWEEN = 8, 9  # parts beside BLOCKS
SMOOTH, SMOOTH_ELSE = {HANDS: 1.5, BETWEEN: 2.0}, 2.5  # px over which depth is smoothed: steps are seen from aside
HANGS = 0.3  # of the matte that may be hair


@dataclass(frozen=True)
class Loose:
    """m Gaussians; see `kernels/skinning.carry_loose` for the first four, `Riding` for the others."""

    rest: Floats
    form: Floats
    carried_by: Whole
    shares: Floats
    opacities: Floats
    colours: Floats
    pixels: Indices
    origin: Indices  # intp (m,): the pixel that one was made of, also of the back sheet


def loosen(
    model: BodyModel, wrapped: Wrapped, maps: Floats, seen: SeenBody, painted: Painted, lens: Lens, view: View,
    lips: BetweenLips, least: float,
) -> Loose:  # fmt: skip
    """Of pixels whose matte is above `least` and that show no mesh, and of those between `lips`.

    `maps` (J, 3, 4) is what the bones do in the photo's pose.
    """
    solid = seen.matte > least
    beside = (solid & ~view.shown) | (solid & lips.pixels & view.shown)
    y, x = np.nonzero(beside)
    outline = outline_of(model, view)
    if not len(y) or not len(outline):
        return _none()
    hair = follows_head(model, view, painted.clean, seen.matte > HANGS, seen.face)[y, x]
    pixels, between = np.column_stack([y, x]).astype(np.float64), painted.beneath.between[:, y, x]
    held = _held(model, view, beside)[y, x]
    between = between & ~held
    own, depth = carriers(outline, pixels, model.bone("head"), hair, between, held)
    depth = _smoothed(depth, (y, x), _parts(model, own, between.any(0)), seen.matte.shape)
    tooth = lips.pixels[y, x] & view.shown[y, x]
    own[tooth] = 0
    own[tooth, model.bone("head")] = 1
    depth[tooth] = lips.depth[y, x][tooth] - BEFORE_LIPS
    inwards = cv2.distanceTransform((seen.matte > 0.3).astype(np.uint8), cv2.DIST_L2, 5)[y, x].clip(0, 60)
    thick = np.sqrt(THICKNESS * inwards * depth / lens.focal).clip(THINNEST, THICKEST)
    thick[tooth] = TEETH_THICK
    carried_by = np.argsort(-own, axis=1, kind="stable")[:, :CARRIERS]
    kept = np.take_along_axis(own, carried_by, 1)
    kept /= kept.sum(1, keepdims=True)
    inner = cv2.erode((seen.matte > SOLID).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    even = (y % 2 == 0) & (x % 2 == 0) & inner[y, x]  # wide ones at the edge would be seen around it
    both = np.concatenate([np.arange(len(y)), np.flatnonzero(even)])
    front, back = np.minimum(thick, BACKWARDS[0]), thick / 2 + np.minimum(thick, BACKWARDS[1])
    front[tooth] = 0
    away = np.concatenate([depth + front, (depth + back)[even]])
    places = np.column_stack([(x[both] - lens.x) / lens.focal, (y[both] - lens.y) / lens.focal, np.ones(len(both))])
    pixel = depth[both] / lens.focal
    across = np.where(np.arange(len(both)) < len(y), FRONT, BACK) * pixel
    deep = np.maximum(DEEP * thick[both], LEAST_DEEP * pixel)
    carried, by = carried_by[both].astype(np.int32), kept[both].astype(np.float32)
    rest, form = _at_rest(blended(maps, carried, by), places * away[:, None], across, deep)
    clean = painted.clean
    soft = cv2.GaussianBlur(clean, (0, 0), 1.2)
    opacity = seen.matte[y, x].clip(0, OPAQUE)
    return Loose(
        rest,
        form,
        carried,
        by,
        np.concatenate([opacity, DARKER * opacity[even]]).astype(np.float32),
        np.concatenate([clean[y, x], DARKER * soft[y, x][even]]).astype(np.float32),
        np.concatenate([y * view.which.shape[1] + x, np.full(int(even.sum()), -1)]).astype(np.intp),
        (y[both] * view.which.shape[1] + x[both]).astype(np.intp),
    )


def _held(model: BodyModel, view: View, beside: Mask) -> Mask:
    """Pieces of what lies `beside` the mesh, (H, W), that touch arms, and nothing else of the body."""
    limb = model.vertex_limb[model.triangles[np.maximum(view.which, 0), 0]]
    count, pieces = cv2.connectedComponents(beside.astype(np.uint8))
    arm = np.isin(limb, (LEFT_ARM, RIGHT_ARM))
    touched = []
    for part in (view.shown & arm, view.shown & ~arm):
        wide = cv2.dilate(part.astype(np.uint8), np.ones((2 * TOUCHES + 1, 2 * TOUCHES + 1), np.uint8))
        touched.append(np.bincount(pieces.ravel(), wide.ravel(), count) > 0)
    return np.asarray((touched[0] & ~touched[1])[pieces] & beside)


def _parts(model: BodyModel, own: Floats, between: Mask) -> AnyArray:
    """Of BLOCKS, HANDS or BETWEEN, (n,), by what bones have the shares `own` (n, J)."""
    main = own.argmax(1)
    hands = np.isin(main, model.bones_called("wrist", "finger", "metacarpal"))
    return np.where(between, BETWEEN, np.where(hands, HANDS, BLOCKS[model.limb[main]]))


def _smoothed(depth: Doubles, pixels: tuple[Indices, Indices], of: AnyArray, shape: tuple[int, ...]) -> Doubles:
    """`depth` (n,) m of `pixels`, rows and columns, without the steps from one outline pixel's to the next one's.

    Pixels `of` (n,) one part of the body are smoothed alone.
    """
    made = depth.copy()
    for part in np.unique(of):
        here = of == part
        y, x = pixels[0][here], pixels[1][here]
        there, deep = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        there[y, x], deep[y, x] = 1, depth[here]
        far = SMOOTH.get(int(part), SMOOTH_ELSE)
        share = cv2.GaussianBlur(there, (0, 0), far)
        made[here] = (cv2.GaussianBlur(deep, (0, 0), far) / np.maximum(share, 1e-6))[y, x]
    return made


def _at_rest(maps: Floats, places: Doubles, across: Doubles, deep: Doubles) -> tuple[Floats, Floats]:
    """`places` (m, 3) and round Gaussians there, taken back to the pose at rest through `maps` (m, 3, 4)."""
    back = maps.astype(np.float64)
    rest = np.linalg.solve(back[:, :, :3], (places - back[:, :, 3])[..., None])[..., 0]
    axes = np.zeros((len(places), 3, 3))
    axes[:, 0, 0] = axes[:, 1, 1] = across
    axes[:, :, 2] = places / np.linalg.norm(places, axis=1, keepdims=True) * deep[:, None]  # along the ray
    form = np.linalg.solve(back[:, :, :3], axes)
    return np.ascontiguousarray(rest, dtype=np.float32), np.ascontiguousarray(form, dtype=np.float32)


def _none() -> Loose:
    return Loose(
        np.zeros((0, 3), np.float32),
        np.zeros((0, 3, 3), np.float32),
        np.zeros((0, CARRIERS), np.int32),
        np.zeros((0, CARRIERS), np.float32),
        np.zeros(0, np.float32),
        np.zeros((0, 3), np.float32),
        np.zeros(0, np.intp),
        np.zeros(0, np.intp),
    )
