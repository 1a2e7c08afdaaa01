"""A face's expression, drawn by the mesh renderer in the photo's own view, laid on a body as colour.

The mesh renderer draws the face with its head at rest; what that changes of the photo, pixel by pixel, is added to the
colours of the Gaussians that came from these pixels. Lips, teeth, lids and gaze are then those of a portrait, which
the few points of a body's face cannot give, while head and body stay solid and turn as they will. Splats overlap, so
that a pixel shows its neighbours too: small faces, whose lids are a few pixels, are unmixed.
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass, replace

import numpy as np
import torch

from avtr_cli.core.arrays import Doubles, Floats, Indices
from avtr_cli.core.camera import Pinhole
from avtr_cli.core.config import RenderConfig
from avtr_cli.core.motion_space import ARKIT_BLENDSHAPES, CONTROLS
from avtr_cli.core.types import Identity, Motion, Portrait
from avtr_cli.kernels import tinting
from avtr_cli.kernels.mixing import unmix
from avtr_cli.render.gaussian.avatar import LOW_PASS, BodyAvatar, Scratch, at_rest, photo_pixels, pose
from avtr_cli.render.gaussian.splatting import Splatter
from avtr_cli.render.mesh.avatar import Avatar
from avtr_cli.render.mesh.renderer import MeshRenderer
from avtr_cli.render.mesh.shapes import step

ROUNDS = 4  # of unmixing
REACH = 4  # px from its own pixel that a Gaussian is looked for: where a chin turns away, what lies below shows so far
MOST = np.float32(48)  # of 255, by which unmixing changes a colour: seen from aside splats part, and more would glitter
BEYOND, PARTED = 0.2, 0.03  # of 1, by which a colour may leave what lies between the photo's and what is seen; turned
TURNED = (0.05, 0.16)  # radians of a head's turn or nod, by which splats begin to part, and have
LEAST_SHARE = 0.002  # of a pixel that a neighbour has and that counts
MOST_UNMIXED = 200_000  # px of the box: in larger ones lids have pixels enough
_PITCH, _YAW = CONTROLS.index("headPitch"), CONTROLS.index("headYaw")
KEPT = 4  # faces whose memory a thread keeps
BELOW = 0.03  # m below what the photo shows: what lies deeper never shows through


@dataclass(frozen=True)
class Mixing:
    """What each of n pixels shows of the Gaussians of others in the photo's pose, as `kernels/mixing.py` has it.

    starts  intp (n + 1,): from which place on a pixel's are told; others int32 (m,), shares float32 (m,): which and how
            much of their colour
    """

    starts: Indices
    others: Indices
    shares: Floats


@dataclass(frozen=True)
class Face:
    """What an expression is drawn with.

    mesh    the mesh renderer's avatar, in the photo view
    which   intp (n,): Gaussians whose colours follow, loose ones first; at (n,): the pixel of each in the box
    box     left, top, right, bottom of the part of the photo that an expression may change, px
    mixing  of that part; None where the face is large
    """

    mesh: Avatar
    which: Indices
    at: Indices
    box: tuple[int, int, int, int]
    mixing: Mixing | None


class Expressions:
    """Draws expressions of `Face`s; threads may share it."""

    kept_classes = (Face, Mixing, *MeshRenderer.kept_classes)

    def __init__(self, size: int, device: torch.device, kernels: str):
        """For photos of at most `size` px a side; `kernels` as `runtime.kernels`."""
        self._mesh = MeshRenderer(RenderConfig(view="photo", size=size, breathing=0), device, kernels)
        self._own = threading.local()

    def prepare(self, portrait: Portrait, avatar: BodyAvatar) -> Face:
        """For the person of `avatar`, about a second."""
        mesh: Avatar = self._mesh.prepare(portrait).kept
        shown = mesh.stage.shown_at
        box = (shown.x, shown.y, shown.x + shown.width, shown.y + shown.height)
        pixels = _pixels(avatar)
        x, y = pixels % avatar.camera.size[0] - box[0], pixels // avatar.camera.size[0] - box[1]
        inside = (pixels >= 0) & (x >= 0) & (y >= 0) & (x < shown.width) & (y < shown.height)
        which = np.flatnonzero(inside)
        face = Face(mesh, which, (y * shown.width + x)[which], box, None)
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
        changed, found, shown = self._memory(bottom - top, right - left)
        first, end = tinting.differ(drawn, face.mesh.still, left, top, changed.reshape(3, bottom - top, right - left))
        if face.mixing is not None and end:
            width, mixing = right - left, face.mixing
            rows = max(first - REACH, 0) * width, min(end + REACH, bottom - top) * width
            unmix(changed, mixing.starts, mixing.others, mixing.shares, *rows, ROUNDS, MOST, found, shown)
            changed = found
        turned = step(math.hypot(row[_PITCH], row[_YAW]), *TURNED)
        beyond = np.float32(BEYOND + (PARTED - BEYOND) * turned)
        tinting.tint(face.which, face.at, changed, drawn, left, top, right - left, beyond, own, colours)

    def _memory(self, height: int, width: int) -> Floats:
        """(3, 3, n) of a thread's own, for the pixels of a box; of the sizes of boxes the latest KEPT stay."""
        kept: dict[int, Floats] = self._own.__dict__.setdefault("kept", {})
        if height * width not in kept:
            while len(kept) >= KEPT:
                kept.pop(next(iter(kept)))
            kept[height * width] = np.empty((3, 3, height * width), np.float32)
        return kept[height * width]


def _identity(mesh: Avatar) -> Identity:
    height, width = mesh.still.shape[:2]
    return Identity(CONTROLS, torch.zeros(len(CONTROLS)), mesh, (width, height))


def _mixing(avatar: BodyAvatar, face: Face) -> Mixing:
    """How much each pixel of the box shows of its neighbours' Gaussians in the photo's pose.

    Gaussians of each ninth column of each ninth row are drawn white at a time, whose splats hardly meet.
    """
    left, top, right, bottom = face.box
    width, height, side = right - left, bottom - top, 2 * REACH + 1
    gaussians = pose(avatar, at_rest(avatar), Scratch(avatar), front=True)
    whole = avatar.camera
    camera = replace(whole, centre_px=(whole.centre_px[0] - left, whole.centre_px[1] - top), size=(width, height))
    splatter = Splatter(height, width, LOW_PASS)
    y, x = np.mgrid[:height, :width]
    seen = face.which < len(gaussians)
    which, line, column = (one[seen] for one in (face.which, face.at // width, face.at % width))
    patterns = [(i, j) for i in range(side) for j in range(side)]
    found: list[tuple[Indices, Indices, Floats]] = []
    for first in range(0, len(patterns), 3):
        colours = np.zeros((len(gaussians), 3), np.float32)
        for channel, (i, j) in enumerate(patterns[first : first + 3]):
            colours[which[(line % side == i) & (column % side == j)], channel] = 1
        drawn = splatter.splat(replace(gaussians, colours=colours), camera)[0]
        for channel, (i, j) in enumerate(patterns[first : first + 3]):
            from_line = y + (i - y + REACH) % side - REACH
            from_column = x + (j - x + REACH) % side - REACH
            told = drawn[..., channel] > LEAST_SHARE
            told &= (from_line >= 0) & (from_line < height) & (from_column >= 0) & (from_column < width)
            found.append(((y * width + x)[told], (from_line * width + from_column)[told], drawn[told, channel]))
    pixel, other, share = (np.concatenate(part) for part in zip(*found, strict=True))
    order = np.lexsort((other, pixel))
    starts = np.searchsorted(pixel[order], np.arange(width * height + 1))
    return Mixing(starts, other[order].astype(np.int32), np.ascontiguousarray(share[order]))


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
