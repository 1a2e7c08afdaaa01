"""A photo's person as an avatar of Gaussians: made once, then posed frame by frame."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from avtr_cli.core.arrays import Doubles, Floats, Image, Indices, Labels, Mask
from avtr_cli.core.camera import Pinhole
from avtr_cli.core.packing import MADE_ANEW
from avtr_cli.kernels import skinning
from avtr_cli.perception.body import ANKLES, SeenBody
from avtr_cli.render.gaussian.arms import Measured, measure_arms
from avtr_cli.render.gaussian.body_model import BodyModel, shipped_body
from avtr_cli.render.gaussian.contour import Contour, contour_of
from avtr_cli.render.gaussian.driving import Moves, Rest, posed, rest_of
from avtr_cli.render.gaussian.fingers import fingers_of
from avtr_cli.render.gaussian.fitting import BodyFit, Lens
from avtr_cli.render.gaussian.gaussians import Gaussians
from avtr_cli.render.gaussian.hair import on_shoulders
from avtr_cli.render.gaussian.lifting import LEAST_MATTE, Riding, ride
from avtr_cli.render.gaussian.limbs import SIDES, limb_of
from avtr_cli.render.gaussian.lips import between_lips
from avtr_cli.render.gaussian.loose import DARKER, HANGS, Loose, loosen
from avtr_cli.render.gaussian.painting import SOLID, paint
from avtr_cli.render.gaussian.splatting import Splatter
from avtr_cli.render.gaussian.surface import Surface, View, bone_maps
from avtr_cli.render.gaussian.swap import Swap, shade, swap_hands
from avtr_cli.render.gaussian.wrapping import wrap

LOW_PASS = 0.04  # px^2: pixels of the photo are splats of half a pixel, which more would blur
CORRECTIONS, CORRECTED = 6, 0.8  # rounds, and how much of what is still wrong is added to a pixel's own Gaussian
COMES = 1.4  # how much sooner than the other goes a painted hand, or the photo's, is there: else one sees through both
HIDDEN = 0.012  # m behind what a pixel shows: such a Gaussian is not to blame for the pixel


@dataclass(frozen=True)
class BodyAvatar:
    """All that moves, and what stands behind.

    heads, rest_skin  float64 (J, 3) and float32 (V, 3) at rest; `rest` the pose of the photo
    hands             what the left and the right hand become when they leave the photo's pose
    arms              float64 (2, 34): what motion knows of them; holds: the sides, L and R, of hands that hold a thing
    edges             intp (n,): Gaussians, loose ones first, at the person's edge, where the photo may show the wall:
                      seen from elsewhere they have colours from further inside, own_edges float32 (n, 3)
    contour           those along the head's edges, and the colours that they have once the head turns
    pivot             float64 (3,) m: the middle of the body, about which a camera is walked
    camera            the photo's; plate uint8 (H, W, 3): the photo without the person
    """

    fit: BodyFit
    heads: Doubles
    rest: Rest
    rest_skin: Floats
    riding: Riding
    loose: Loose
    hands: tuple[Swap, Swap]
    arms: Doubles
    holds: tuple[str, ...]
    edges: Indices
    own_edges: Floats
    contour: Contour
    pivot: Doubles
    camera: Pinhole
    plate: Image
    model: BodyModel = field(default_factory=shipped_body, metadata=MADE_ANEW)

    def __len__(self) -> int:
        return self.painted + len(self.riding.on) + len(self.loose.rest)

    @property
    def painted(self) -> int:
        """How many Gaussians painted hands have; they come before all others."""
        return sum(len(hand.painted.on) for hand in self.hands)


class Scratch:
    """Memory for the Gaussians of one avatar, written anew by every `posed`."""

    def __init__(self, avatar: BodyAvatar):
        count = len(avatar)
        self.posed = np.empty_like(avatar.rest_skin)
        self.means, self.axes = np.empty((count, 3), np.float32), np.empty((count, 3, 3), np.float32)
        parts: tuple[Riding | Loose, ...] = (*(hand.painted for hand in avatar.hands), avatar.loose, avatar.riding)
        self.opacities = np.concatenate([part.opacities for part in parts])
        self.own = self.opacities[avatar.painted :].copy()  # those that the photo's pose has, and what comes instead
        for hand in avatar.hands:
            self.opacities[avatar.painted + hand.own.coming] = 0
        in_front = np.concatenate([part.colours for part in parts])
        aside = in_front.copy()
        aside[avatar.painted + avatar.edges] = avatar.own_edges
        self._own = {True: in_front, False: aside}
        self._front, self.colours = True, in_front.copy()
        self._contour, self._at = avatar.contour, avatar.painted + avatar.contour.which
        self._closed = {front: own[self._at] for front, own in self._own.items()}
        self.means[:], self.axes[:] = avatar.pivot, 0
        self.moved, self.uncovers = (0.0, 0.0), (0.0, 0.0)  # as `opacities` have them

    def own_colours(self, front: bool, turn: Doubles) -> Floats:
        """Those at rest, seen from the photo's own place or from elsewhere; `colours` are these if they were others.

        `turn` (3, 3) is how the head is turned before the camera: what that opens of its edges has other colours.
        """
        own, closed = self._own[front], self._closed[front]
        if front != self._front:
            np.copyto(self.colours, own)
            self._front = front
        self._contour.open(turn, self._at, closed, own, self.colours)
        return own


def pinhole(lens: Lens, width: int, height: int) -> Pinhole:
    """The photo's camera, in whose words pixel (0, 0) reaches from 0 to 1."""
    return Pinhole((lens.focal, lens.focal), (lens.x + 0.5, lens.y + 0.5), (width, height))


def make_avatar(
    model: BodyModel, fit: BodyFit, seen: SeenBody, photo: Image, plate: Image, own: bool = True
) -> BodyAvatar:
    """The person that is `seen` in `photo`, uint8 (H, W, 3), before `plate` of the same size: some seconds.

    `own` tells that the plate will stand behind it, where it is seen from the photo's own place; else its edges keep
    free of the plate's colours.
    """
    surface = Surface(model)
    height, width = seen.matte.shape
    wrapped = wrap(model, surface, fit, seen)
    view = surface.seen(wrapped.posed, fit.lens, width, height)
    picture = photo.astype(np.float32) / 255
    painted = paint(model, surface, wrapped, seen, picture, fit.lens, view)
    maps = bone_maps(model, wrapped.heads, fit.turns, fit.shift)
    lips = between_lips(seen, view)
    turned, placed = posed(model, wrapped.heads, fit.turns, fit.shift)
    arms = measure_arms(model, wrapped, turned, placed, seen, fit.lens, view)
    riding = ride(model, surface, wrapped, seen, painted, fit.lens, view, lips.pixels)
    ends = on_shoulders(model, view, painted.clean, seen.matte > HANGS, seen.face)
    beside = View(np.where(ends, -1, view.which), view.weights, view.depth)
    loose = loosen(model, wrapped, maps, seen, painted, fit.lens, beside, lips, LEAST_MATTE)
    avatar = BodyAvatar(
        fit=fit,
        heads=wrapped.heads,
        rest=_rest(model, wrapped.heads, fit, arms, seen.sees(*ANKLES)),
        rest_skin=wrapped.rest,
        riding=riding,
        loose=loose,
        hands=swap_hands(model, surface, wrapped, painted, fit, view, loose, riding, _seen_alone(seen, arms)),
        arms=np.stack([measured.arm.row() for measured in arms]),
        holds=tuple(side for side, measured in zip(SIDES, arms, strict=True) if measured.holds and side in seen.hands),
        edges=np.zeros(0, np.intp),
        own_edges=np.zeros((0, 3), np.float32),
        contour=contour_of(model, surface, wrapped.posed, painted.slivers, painted.inner, loose, riding),
        pivot=wrapped.posed.mean(0).astype(np.float64),
        camera=pinhole(fit.lens, width, height),
        plate=plate,
        model=model,
    )
    origin = np.concatenate([loose.origin, riding.origin])
    edges = np.flatnonzero((origin >= 0) & painted.rim.reshape(-1)[origin])
    own_edges = painted.inner.reshape(-1, 3)[origin[edges]]
    own_edges[(edges < len(loose.rest)) & (photo_pixels(avatar)[0][edges] < 0)] *= DARKER
    avatar = replace(avatar, edges=edges, own_edges=own_edges)
    return _corrected(avatar, picture, np.ones_like(seen.matte) if own else (seen.matte > SOLID).astype(np.float32))


def _seen_alone(seen: SeenBody, arms: tuple[Measured, Measured]) -> tuple[str, ...]:
    """Sides, L and R, of hands that the photo shows, and that hold nothing."""
    return tuple(side for side, measured in zip(SIDES, arms, strict=True) if side in seen.hands and measured.arm.free)


def _rest(model: BodyModel, heads: Doubles, fit: BodyFit, arms: tuple[Measured, Measured], standing: bool) -> Rest:
    """The pose of the photo, and what moves arms and legs from it."""
    turned, _ = posed(model, heads, fit.turns, fit.shift)
    joints = model.joints_of(fit.shape).astype(np.float64)
    limbs = [
        limb_of(model, turned, side, measured.axes, measured.arm.free, fingers_of(model, joints, fit.turns, side))
        for side, measured in zip(SIDES, arms, strict=True)
    ]
    return rest_of(model, heads, fit.turns, fit.shift, limbs, standing)


def pose(avatar: BodyAvatar, moves: Moves, scratch: Scratch, front: bool = False, aside: float = 0.0) -> Gaussians:
    """The avatar's Gaussians as `moves` have them, in the memory of `scratch`; without its back where `front`.

    They are seen from `aside`, 0 .. 1, where hands are painted ones, of which every side is known, and what lies
    between an arm and the body is gone as if the arm had left: it would be a sheet from the one's depth to the other's.
    """
    if aside:
        sides = [aside if hand.aside else 0.0 for hand in avatar.hands]
        moved, uncovers = (
            [max(pair) for pair in zip(shares, sides, strict=True)] for shares in (moves.moved, moves.uncovers)
        )
        moves = replace(moves, moved=(moved[0], moved[1]), uncovers=(uncovers[0], uncovers[1]))
    model, riding, loose = avatar.model, avatar.riding, avatar.loose
    maps = bone_maps(model, avatar.heads, moves.turns, moves.shift)
    skinning.skin(avatar.rest_skin, model.carried_by, model.shares, maps, scratch.posed)
    begin = avatar.painted
    n = begin + len(loose.rest)
    seen_ahead = riding.turning if any(moves.uncovers) else riding.front
    end = n + (seen_ahead if front else len(riding.on))
    means, axes = scratch.means, scratch.axes
    skinning.carry_loose(loose.rest, loose.form, loose.carried_by, loose.shares, maps, means[begin:n], axes[begin:n])
    _carry(model, scratch, riding, slice(n, end))
    if any(moves.moved):
        begin = 0
        for hand, columns in zip(avatar.hands, _painted(avatar), strict=True):
            _carry(model, scratch, hand.painted, columns)
            shade(hand, axes[columns], scratch.colours[columns])
    _fade(avatar, moves, scratch)
    return Gaussians(means[begin:end], axes[begin:end], scratch.opacities[begin:end], scratch.colours[begin:end])


def _carry(model: BodyModel, scratch: Scratch, riding: Riding, columns: slice) -> None:
    """The first of `riding` along with the skin, into `columns` of the scratch's means and axes."""
    count = columns.stop - columns.start
    whole = (riding.on, riding.corners, riding.above, riding.form, riding.longest)
    arrays = (array[:count] for array in whole)
    skinning.carry(scratch.posed, model.triangles, *arrays, scratch.means[columns], scratch.axes[columns])


def _painted(avatar: BodyAvatar) -> tuple[slice, slice]:
    """Where painted hands stand among the Gaussians."""
    first = len(avatar.hands[0].painted.on)
    return slice(0, first), slice(first, avatar.painted)


def _fade(avatar: BodyAvatar, moves: Moves, scratch: Scratch) -> None:
    """Opacities for hands that have moved so far: painted ones come, the photo's go, and what is near them before."""
    if (moves.moved, moves.uncovers) == (scratch.moved, scratch.uncovers):
        return
    first, own, opacities = avatar.painted, scratch.own, scratch.opacities
    for hand in avatar.hands:  # what lies between the arms may be of both
        for which in (hand.own.fading, hand.own.going):
            opacities[first + which] = own[which]
        opacities[first + hand.own.coming] = 0
    for hand, columns, share, bare in zip(avatar.hands, _painted(avatar), moves.moved, moves.uncovers, strict=True):
        np.multiply(hand.painted.opacities, min(1.0, COMES * share), out=opacities[columns])
        opacities[first + hand.own.fading] *= min(1.0, COMES * (1 - share))
        opacities[first + hand.own.going] *= 1 - bare
        here = first + hand.own.coming
        opacities[here] = np.maximum(opacities[here], bare * own[hand.own.coming])
    scratch.moved, scratch.uncovers = moves.moved, moves.uncovers


def at_rest(avatar: BodyAvatar) -> Moves:
    """No moves: the photo's pose."""
    return Moves(avatar.rest.turns, avatar.rest.shift)


def _corrected(avatar: BodyAvatar, photo: Floats, trusted: Floats) -> BodyAvatar:
    """With colours by which the pose of the photo gives `photo` (H, W, 3), 0 .. 1, as nearly as they can.

    `trusted` (H, W), 0 .. 1, is how much of a pixel's error is the person's.
    """
    width, height = avatar.camera.size
    splatter = Splatter(height, width, LOW_PASS)
    scratch = Scratch(avatar)
    gaussians = pose(avatar, at_rest(avatar), scratch, front=True)
    pixels, sides = photo_pixels(avatar)
    own = np.flatnonzero(pixels >= 0)
    own = own[_nearest(gaussians, own, pixels, splatter, avatar.camera)]
    shown, of_four = pixels[own], sides[own] == 2
    opacities, colours = gaussians.opacities, gaussians.colours
    behind = avatar.plate.astype(np.float32) / 255
    for _ in range(CORRECTIONS):
        drawn, covered = splatter.splat(gaussians, avatar.camera)
        wrong = photo - (drawn + (1 - covered[..., None]) * behind)
        wrong = (wrong * trusted[..., None]).reshape(-1, 3)
        added = wrong[shown]
        added[of_four] = np.mean([wrong[shown[of_four] + at] for at in (0, 1, width, width + 1)], axis=0)
        added *= CORRECTED * opacities[own, None]
        colours[own] = (colours[own] + added).clip(0, 1)
    n, colours = len(avatar.loose.rest), scratch.colours[avatar.painted :]
    return replace(
        avatar,
        loose=replace(avatar.loose, colours=colours[:n].copy()),
        riding=replace(avatar.riding, colours=colours[n:].copy()),
    )


def photo_pixels(avatar: BodyAvatar) -> tuple[Indices, Labels]:
    """Of all but painted Gaussians, loose ones first: `pixels` and `sides` as `Riding` has them."""
    pixels = np.concatenate([avatar.loose.pixels, avatar.riding.pixels])
    return pixels, np.concatenate([np.ones(len(avatar.loose.pixels), np.uint8), avatar.riding.sides])


def _nearest(gaussians: Gaussians, own: Indices, pixels: Indices, splatter: Splatter, camera: Pinhole) -> Mask:
    """Which of the Gaussians `own` are at the depth that their pixel of the photo shows: others hide the rest."""
    far = np.repeat(gaussians.means[:, 2:], 3, axis=1)
    depth, covered = splatter.splat(replace(gaussians, colours=far), camera)
    shown = depth[..., 0] / np.maximum(covered, 1e-3)
    return np.asarray(gaussians.means[own, 2] < shown.reshape(-1)[pixels[own]] + HIDDEN)
