"""A face's expression, drawn by the mesh renderer in the photo's own view, laid on a body as colour.

The mesh renderer draws the face with its head at rest; what that changes of the photo, pixel by pixel, is added to the
colours of the Gaussians that came from these pixels. Lips, teeth, lids and gaze are then those of a portrait, which
the few points of a body's face cannot give, while head and body stay solid and turn as they will. Splats overlap, so
that a pixel shows its neighbours too: small faces, whose lids are a few pixels, are unmixed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from avtr_cli.core.arrays import Doubles, Floats, Indices
from avtr_cli.core.camera import Pinhole
from avtr_cli.core.config import RenderConfig
from avtr_cli.core.motion_space import ARKIT_BLENDSHAPES, CONTROLS
from avtr_cli.core.types import Identity, Motion, Portrait
from avtr_cli.kernels import tinting
from avtr_cli.kernels.mixing import REACH, TAPS, unmix
from avtr_cli.render.gaussian.avatar import LOW_PASS, BodyAvatar, Scratch, at_rest, photo_pixels, pose
from avtr_cli.render.gaussian.splatting import Splatter
from avtr_cli.render.mesh.renderer import Avatar, MeshRenderer

ROUNDS = 2  # of unmixing
MOST_UNMIXED = 200_000  # px of the box: in larger ones lids have pixels enough
BELOW = 0.03  # m below what the photo shows: what lies deeper never shows through


@dataclass(frozen=True)
class Face:
    """What an expression is drawn with.

    mesh    the mesh renderer's avatar, in the photo view
    which   intp (n,): Gaussians whose colours follow, loose ones first; at (n,): the pixel of each in the box
    box     left, top, right, bottom of the part of the photo that an expression may change, px
    mixing  float32 (TAPS, h, w) of that part, as `kernels/mixing.py` has it; no rows where the face is large
    """

    mesh: Avatar
    which: Indices
    at: Indices
    box: tuple[int, int, int, int]
    mixing: Floats


class Expressions:
    """Draws expressions of `Face`s; threads may share it."""

    kept_classes = (Face, *MeshRenderer.kept_classes)

    def __init__(self, size: int, device: torch.device, kernels: str):
        """For photos of at most `size` px a side; `kernels` as `runtime.kernels`."""
        self._mesh = MeshRenderer(RenderConfig(view="photo", size=size, breathing=0), device, kernels)

    def prepare(self, portrait: Portrait, avatar: BodyAvatar) -> Face:
        """For the person of `avatar`, about a second."""
        mesh: Avatar = self._mesh.prepare(portrait).kept
        shown = mesh.stage.shown_at
        box = (shown.x, shown.y, shown.x + shown.width, shown.y + shown.height)
        pixels = _pixels(avatar)
        x, y = pixels % avatar.camera.size[0] - box[0], pixels // avatar.camera.size[0] - box[1]
        inside = (pixels >= 0) & (x >= 0) & (y >= 0) & (x < shown.width) & (y < shown.height)
        which = np.flatnonzero(inside)
        face = Face(mesh, which, (y * shown.width + x)[which], box, np.zeros((TAPS, 0, 0), np.float32))
        return replace(face, mixing=_mixing(avatar, face)) if shown.width * shown.height <= MOST_UNMIXED else face

    def revived(self, face: Face) -> Face:
        """As `KeepsAvatars.revived`."""
        identity = self._mesh.revived(_identity(face.mesh))
        return replace(face, mesh=identity.kept)

    def lay_on(self, face: Face, row: Doubles, frame: int, colours: Floats, own: Floats) -> None:
        """The expression of `row` (58,) of CONTROLS on the Gaussians' `colours` (m, 3), which are `own` at rest."""
        still = row.copy()
        still[len(ARKIT_BLENDSHAPES) :] = 0
        motion = Motion(CONTROLS, torch.from_numpy(still[None].astype(np.float32)), frame)
        drawn = self._mesh.draw(_identity(face.mesh), motion)[0]
        left, top, right, bottom = face.box
        changed = np.empty((3, bottom - top, right - left), np.float32)
        first, end = tinting.differ(drawn, face.mesh.still, left, top, changed)
        if face.mixing.size and end:
            part = slice(max(first - REACH, 0), end + REACH)
            wanted = np.ascontiguousarray(changed[:, part])
            found, shown = np.empty_like(wanted), np.empty_like(wanted)
            unmix(wanted, np.ascontiguousarray(face.mixing[:, part]), ROUNDS, found, shown)
            changed[:, part] = found
        tinting.tint(face.which, face.at, changed.reshape(3, -1), own, colours)


def _identity(mesh: Avatar) -> Identity:
    height, width = mesh.still.shape[:2]
    return Identity(CONTROLS, torch.zeros(len(CONTROLS)), mesh, (width, height))


def _mixing(avatar: BodyAvatar, face: Face) -> Floats:
    """How much each pixel of the box shows of its neighbours' Gaussians in the photo's pose, float32 (TAPS, h, w).

    Gaussians of each fifth column of each fifth row are drawn white at a time, whose splats do not meet.
    """
    left, top, right, bottom = face.box
    width, side = right - left, 2 * REACH + 1
    gaussians = pose(avatar, at_rest(avatar), Scratch(avatar), front=True)
    splatter = Splatter(*avatar.camera.size[::-1], LOW_PASS)
    y, x = np.mgrid[: bottom - top, :width]
    seen = face.which < len(gaussians)
    which, line, column = (one[seen] for one in (face.which, face.at // width, face.at % width))
    mixing = np.zeros((side, side, bottom - top, width), np.float32)
    patterns = [(i, j) for i in range(side) for j in range(side)]
    for first in range(0, len(patterns), 3):
        colours = np.zeros((len(gaussians), 3), np.float32)
        for channel, (i, j) in enumerate(patterns[first : first + 3]):
            colours[which[(line % side == i) & (column % side == j)], channel] = 1
        drawn = splatter.splat(replace(gaussians, colours=colours), avatar.camera)[0][top:bottom, left:right]
        for channel, (i, j) in enumerate(patterns[first : first + 3]):
            mixing[(i - y + REACH) % side, (j - x + REACH) % side, y, x] = drawn[..., channel]
    return mixing.reshape(TAPS, bottom - top, width)


def _pixels(avatar: BodyAvatar) -> Indices:
    """The pixel of the photo that each Gaussian was made of, or lies under, row by row, intp (m,); -1 far below that.

    What lies just below is tinted too: it shows through. What lies behind the jaw's edge is, as that edge.
    """
    own, sides = photo_pixels(avatar)
    scratch = Scratch(avatar)
    pose(avatar, at_rest(avatar), scratch)
    means = scratch.means[-len(own) :]
    made = np.concatenate([np.full(len(avatar.loose.origin), -1), avatar.riding.origin])
    pixels = np.where(own >= 0, own, nearest_pixels(avatar.camera, means))
    width, height = avatar.camera.size
    depth = np.full(width * height, np.inf)
    for at in (0, 1, width, width + 1):
        which = np.flatnonzero((own >= 0) & ((sides == 2) | (at == 0)))
        np.minimum.at(depth, own[which] + at, means[which, 2])
    pixels = np.where(means[:, 2] < depth[pixels] + BELOW, pixels, -1)
    return np.where((own < 0) & (made >= 0), made, pixels)


def nearest_pixels(camera: Pinhole, means: Floats) -> Indices:
    """The pixels, row by row, that show places (n, 3) m in the camera's own axes; -1 beyond the picture."""
    (width, height), (x, y, z) = camera.size, means.T.astype(np.float64)
    column = np.floor(camera.focal_px[0] * x / z + camera.centre_px[0]).astype(np.intp)
    line = np.floor(camera.focal_px[1] * y / z + camera.centre_px[1]).astype(np.intp)
    inside = (column >= 0) & (line >= 0) & (column < width) & (line < height)
    return np.where(inside, line * width + column, -1)
