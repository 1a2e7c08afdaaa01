"""A photo's person as an avatar of Gaussians: made once, then posed frame by frame."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from avtr_cli.core.arrays import Doubles, Floats, Image, Indices, Mask
from avtr_cli.core.camera import Pinhole
from avtr_cli.core.packing import MADE_ANEW
from avtr_cli.kernels import skinning
from avtr_cli.perception.body import ANKLES, SeenBody
from avtr_cli.render.gaussian.body_model import LEFT_EYE, RIGHT_EYE, BodyModel, shipped_body
from avtr_cli.render.gaussian.driving import Moves, Rest, rest_of
from avtr_cli.render.gaussian.fitting import BodyFit, Lens
from avtr_cli.render.gaussian.gaussians import Gaussians
from avtr_cli.render.gaussian.lifting import LEAST_MATTE, Riding, parted_lips, ride
from avtr_cli.render.gaussian.loose import Loose, loosen
from avtr_cli.render.gaussian.painting import SOLID, paint
from avtr_cli.render.gaussian.splatting import Splatter
from avtr_cli.render.gaussian.surface import Surface, bone_maps
from avtr_cli.render.gaussian.wrapping import wrap

LOW_PASS = 0.04  # px^2: pixels of the photo are splats of half a pixel, which more would blur
CORRECTIONS, CORRECTED = 6, 0.8  # rounds, and how much of what is still wrong is added to a pixel's own Gaussian
HIDDEN = 0.012  # m behind what a pixel shows: such a Gaussian is not to blame for the pixel


@dataclass(frozen=True)
class BodyAvatar:
    """All that moves, and what stands behind.

    heads, rest_skin  float64 (J, 3) and float32 (V, 3) at rest; `rest` the pose of the photo
    moving, units     vertices that face units move, and float32 (52, n, 3) how
    pivot             float64 (3,) m: the middle of the body, about which a camera is walked
    camera            the photo's; plate uint8 (H, W, 3): the photo without the person
    """

    fit: BodyFit
    heads: Doubles
    rest: Rest
    rest_skin: Floats
    moving: Indices
    units: Floats
    riding: Riding
    loose: Loose
    pivot: Doubles
    camera: Pinhole
    plate: Image
    model: BodyModel = field(default_factory=shipped_body, metadata=MADE_ANEW)

    def __len__(self) -> int:
        return len(self.riding.on) + len(self.loose.rest)


class Scratch:
    """Memory for the Gaussians of one avatar, written anew by every `posed`."""

    def __init__(self, avatar: BodyAvatar):
        count = len(avatar)
        self.skin, self.posed = np.empty_like(avatar.rest_skin), np.empty_like(avatar.rest_skin)
        self.means, self.axes = np.empty((count, 3), np.float32), np.empty((count, 3, 3), np.float32)
        self.opacities = np.concatenate([avatar.loose.opacities, avatar.riding.opacities])
        self.own_colours = np.concatenate([avatar.loose.colours, avatar.riding.colours])
        self.colours = self.own_colours.copy()


def pinhole(lens: Lens, width: int, height: int) -> Pinhole:
    """The photo's camera, in whose words pixel (0, 0) reaches from 0 to 1."""
    return Pinhole((lens.focal, lens.focal), (lens.x + 0.5, lens.y + 0.5), (width, height))


def make_avatar(
    model: BodyModel, fit: BodyFit, seen: SeenBody, photo: Image, plate: Image, own: bool = True
) -> BodyAvatar:
    """The person that is `seen` in `photo`, uint8 (H, W, 3), before `plate` of the same size: some seconds.

    `own` tells that the plate will stand behind it; else its edges keep free of the plate's colours.
    """
    surface = Surface(model)
    height, width = seen.matte.shape
    wrapped = wrap(model, surface, fit, seen)
    view = surface.seen(wrapped.posed, fit.lens, width, height)
    picture = photo.astype(np.float32) / 255
    painted = paint(model, surface, wrapped, seen, picture, fit.lens, view)
    maps = bone_maps(model, wrapped.heads, fit.turns, fit.shift)
    teeth = parted_lips(seen)
    moving = np.flatnonzero((np.abs(model.units).max((0, 2)) > 0) & ~np.isin(model.part, (LEFT_EYE, RIGHT_EYE)))
    avatar = BodyAvatar(
        fit=fit,
        heads=wrapped.heads,
        rest=rest_of(model, wrapped.heads, fit.turns, fit.shift, seen.sees(*ANKLES)),
        rest_skin=wrapped.rest,
        moving=moving,
        units=np.ascontiguousarray(model.units[:, moving]),
        riding=ride(model, surface, wrapped, seen, painted, fit.lens, view),
        loose=loosen(model, wrapped, maps, seen, painted.clean, fit.lens, view, teeth, LEAST_MATTE),
        pivot=wrapped.posed.mean(0).astype(np.float64),
        camera=pinhole(fit.lens, width, height),
        plate=plate,
        model=model,
    )
    return _corrected(avatar, picture, np.ones_like(seen.matte) if own else (seen.matte > SOLID).astype(np.float32))


def pose(avatar: BodyAvatar, moves: Moves, scratch: Scratch, front: bool = False) -> Gaussians:
    """The avatar's Gaussians as `moves` have them, in the memory of `scratch`; without its back where `front`."""
    model, riding, loose = avatar.model, avatar.riding, avatar.loose
    maps = bone_maps(model, avatar.heads, moves.turns, moves.shift)
    which = np.flatnonzero(moves.weights)
    skinning.add_units(avatar.rest_skin, which, moves.weights[which], avatar.moving, avatar.units, scratch.skin)
    skinning.skin(scratch.skin, model.carried_by, model.shares, maps, scratch.posed)
    n, end = len(loose.rest), len(loose.rest) + (riding.front if front else len(riding.on))
    means, axes = scratch.means, scratch.axes
    skinning.carry_loose(loose.rest, loose.form, loose.carried_by, loose.shares, maps, means[:n], axes[:n])
    skinning.carry(
        scratch.posed,
        model.triangles,
        riding.on[: end - n],
        riding.corners[: end - n],
        riding.above[: end - n],
        riding.form[: end - n],
        means[n:end],
        axes[n:end],
    )
    return Gaussians(means[:end], axes[:end], scratch.opacities[:end], scratch.colours[:end])


def at_rest(avatar: BodyAvatar) -> Moves:
    """No moves: the photo's pose."""
    return Moves(np.zeros(len(avatar.units), np.float32), avatar.rest.turns, avatar.rest.shift)


def _corrected(avatar: BodyAvatar, photo: Floats, trusted: Floats) -> BodyAvatar:
    """With colours by which the pose of the photo gives `photo` (H, W, 3), 0 .. 1, as nearly as they can.

    `trusted` (H, W), 0 .. 1, is how much of a pixel's error is the person's.
    """
    width, height = avatar.camera.size
    splatter = Splatter(height, width, LOW_PASS)
    scratch = Scratch(avatar)
    gaussians = pose(avatar, at_rest(avatar), scratch, front=True)
    pixels = np.concatenate([avatar.loose.pixels, avatar.riding.pixels])
    own = np.flatnonzero(pixels >= 0)
    own = own[_nearest(gaussians, own, pixels, splatter, avatar.camera)]
    behind = avatar.plate.astype(np.float32) / 255
    for _ in range(CORRECTIONS):
        drawn, covered = splatter.splat(gaussians, avatar.camera)
        wrong = photo - (drawn + (1 - covered[..., None]) * behind)
        added = CORRECTED * wrong.reshape(-1, 3)[pixels[own]] * scratch.opacities[own, None]
        added *= trusted.reshape(-1)[pixels[own], None]
        scratch.colours[own] = (scratch.colours[own] + added).clip(0, 1)
    n = len(avatar.loose.rest)
    return replace(
        avatar,
        loose=replace(avatar.loose, colours=scratch.colours[:n].copy()),
        riding=replace(avatar.riding, colours=scratch.colours[n:].copy()),
    )


def _nearest(gaussians: Gaussians, own: Indices, pixels: Indices, splatter: Splatter, camera: Pinhole) -> Mask:
    """Which of the Gaussians `own` are at the depth that their pixel of the photo shows: others hide the rest."""
    far = np.repeat(gaussians.means[:, 2:], 3, axis=1)
    depth, covered = splatter.splat(replace(gaussians, colours=far), camera)
    shown = depth[..., 0] / np.maximum(covered, 1e-3)
    return np.asarray(gaussians.means[own, 2] < shown.reshape(-1)[pixels[own]] + HIDDEN)
