"""Hands that leave the photo's pose: the photo's pixels of them fade out, and hands painted on the body fade in.

A fitted hand lies some pixels off, so pixels of a skirt or a ring would fly along with fingers that open. The painted
hand has one colour, with lines and shade on it, and is lit where it turns; a painted arm has what the photo shows of
it, seen through from the other side.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from avtr_cli.core.arrays import Doubles, Floats
from avtr_cli.kernels import lighting
from avtr_cli.render.gaussian.body_model import BodyModel, Whole
from avtr_cli.render.gaussian.fingers import fingers_of
from avtr_cli.render.gaussian.fitting import BodyFit
from avtr_cli.render.gaussian.hand_relief import relief_of, warmth_of
from avtr_cli.render.gaussian.leaving import FROM, Leaving, leaving
from avtr_cli.render.gaussian.lifting import (
    HIDDEN_FLAT,
    HIDDEN_OPAQUE,
    WIDTH,
    Riding,
    flat_axes,
    in_triangles,
    samples,
)
from avtr_cli.render.gaussian.loose import Loose
from avtr_cli.render.gaussian.painting import Painted
from avtr_cli.render.gaussian.sleeves import ARMS, seen_on_arm
from avtr_cli.render.gaussian.surface import Surface, View, unit
from avtr_cli.render.gaussian.worn import FINE, THICK
from avtr_cli.render.gaussian.wrapping import Wrapped

SPACING, ARM_SPACING, FINEST = 0.0025, 0.0045, 1.25  # m between Gaussians of hand and arm; px of the photo at least
BELOW = 0.002  # m that a painted arm lies under the photo's
GRAIN = 0.012  # of the colour
ARMS_LIT = 0.5  # of the light on hands: the photo's own is in their colours
SLEEVE = (0.012, 0.03)  # m from the wrist along the hand over which the photo's colours become the hand's


@dataclass(frozen=True)
class Swap:
    """One hand.

    painted  m Gaussians of it; lit float32 (m,), 0 .. 1: how much of the light falls on each
    own      what the avatar's own Gaussians do meanwhile
    aside    whether it is shown from aside too: of a hand that is seen and holds nothing the photo has one side alone
    """

    painted: Riding
    lit: Floats
    own: Leaving
    aside: bool


def swap_hands(
    model: BodyModel,
    surface: Surface,
    wrapped: Wrapped,
    painted: Painted,
    fit: BodyFit,
    view: View,
    loose: Loose,
    riding: Riding,
    aside: Collection[str],
) -> tuple[Swap, Swap]:
    """Left and right; `aside` has those of L and R that are shown from aside."""
    left, right = (
        _swap(model, surface, wrapped, painted, fit, view, loose, riding, side, number, side in aside)
        for number, side in enumerate("LR")
    )
    return left, right


def shade(hand: Swap, axes: Floats, colours: Floats) -> None:
    """Write into `colours` (m, 3) those of a hand whose Gaussians have `axes` (m, 3, 3): the third is the normal."""
    lighting.light(axes, hand.painted.colours, hand.lit, colours)


def _swap(
    model: BodyModel, surface: Surface, wrapped: Wrapped, painted: Painted, fit: BodyFit, view: View, loose: Loose,
    riding: Riding, side: str, number: int, aside: bool,
) -> Swap:  # fmt: skip
    made, lit = _painted(model, surface, wrapped, painted, fit, view, side, number)
    return Swap(made, lit, leaving(model, view, painted, loose, riding, number), aside)


def _painted(
    model: BodyModel, surface: Surface, wrapped: Wrapped, painted: Painted, fit: BodyFit, view: View, side: str,
    number: int,
) -> tuple[Riding, Floats]:  # fmt: skip
    """Samples of the arm from above the elbow on: a hand as it is, an arm below what the photo shows of it."""
    triangles, along, limb, lens = model.triangles, painted.sleeves.along, ARMS[number], fit.lens
    on_hand = (model.on_hand & (model.vertex_limb == limb))[triangles].all(1)
    of_arm = ((along > FROM) & (model.vertex_limb == limb))[triangles].all(1) & ~on_hand
    pixel = float(np.median(wrapped.posed[:, 2])) / lens.focal
    spacing = np.maximum(np.where(on_hand, SPACING, ARM_SPACING), FINEST * pixel)
    facing, worn = surface.facing(wrapped.posed), painted.worn[number]
    if worn is not None:
        band = worn.crosses(lens.project(wrapped.posed)[triangles]).any(1)
        spacing = np.where(band, np.minimum(FINE * pixel, spacing), spacing)
    wanted = np.linalg.norm(facing, axis=1) / 2 / spacing**2 * (on_hand | of_arm)
    on, corners, grain = samples(wanted, np.zeros(len(triangles), np.uint8), np.random.default_rng(1 + number))
    places = (wrapped.posed[triangles[on]] * corners[..., None]).sum(1)
    arms = (painted.arms[triangles[on]] * corners[..., None]).sum(1)
    arms = seen_on_arm(model, view, painted.sleeves, painted.clean, limb, lens.project(places), arms)
    hands = _hands(model, wrapped, painted, fit, side, number, on, corners)
    share = (_on_hand(model, wrapped, side)[triangles[on]] * corners).sum(1)
    colours = share[:, None] * hands + (1 - share[:, None]) * arms
    colours = (colours * (1 + GRAIN * grain)).clip(0, 1)
    normals, wide = unit(facing[on]), WIDTH * spacing[on]
    above = np.where(on_hand[on], 0, -BELOW)
    if worn is not None:
        own, there = worn.on(lens.project(places), (normals * places).sum(1) > 0)
        colours = there[:, None] * own + (1 - there[:, None]) * colours
        above = above + there * (THICK - above)
    up = np.tile(np.array([0, 0, 1], np.float32), (len(on), 1))
    axes = flat_axes(normals, up, wide, wide, np.full(len(on), HIDDEN_FLAT))
    nowhere = np.full(len(on), -1, np.intp)
    made = Riding(
        on, corners, above.astype(np.float32),
        *in_triangles(surface, wrapped.posed, on, normals, axes), np.full(len(on), HIDDEN_OPAQUE, np.float32),
        colours.astype(np.float32), nowhere, np.ones(len(on), np.uint8), nowhere, nowhere, len(on), len(on),
    )  # fmt: skip
    return made, (ARMS_LIT + (1 - ARMS_LIT) * share).astype(np.float32)


def _on_hand(model: BodyModel, wrapped: Wrapped, side: str) -> Doubles:
    """(V,): how much of a vertex is the hand's; the arm's own comes in towards the wrist."""
    wrist, middle = (wrapped.heads[model.bone(f"{bone}.{side}")] for bone in ("wrist", "finger3-1"))
    along = (wrapped.rest - wrist) @ unit((middle - wrist)[None])[0]
    share: Doubles = np.clip((along - SLEEVE[0]) / (SLEEVE[1] - SLEEVE[0]), 0, 1) * model.on_hand
    return share


def _hands(
    model: BodyModel, wrapped: Wrapped, painted: Painted, fit: BodyFit, side: str, number: int, on: Whole,
    corners: Floats,
) -> Floats:  # fmt: skip
    """(m, 3): the hand's colour with lines and shade, of samples at `corners` of the triangles `on`."""
    joints = model.joints_of(fit.shape).astype(np.float64)
    triangles, colour = model.triangles[on], painted.hands[number].astype(np.float64)
    places = (wrapped.rest[triangles] * corners[..., None]).sum(1).astype(np.float64)
    corner_a, corner_b, corner_c = (wrapped.rest[triangles[:, k]] for k in range(3))
    normals = unit(np.cross(corner_b - corner_a, corner_c - corner_a))
    bones = model.main_bone[triangles[np.arange(len(on)), corners.argmax(1)]]
    nails = (model.masks["nails"][triangles] * corners).sum(1)
    fingers = fingers_of(model, joints, fit.turns, side)
    relief = relief_of(model, joints, fingers, side, places, normals, bones, nails)
    return relief.on(np.tile(colour, (len(on), 1)), warmth_of(colour))
