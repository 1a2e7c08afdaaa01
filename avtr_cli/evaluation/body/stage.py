"""One photo's person on a stage, as the checks see it: commanded by name, seen from anywhere, read by Face Mesh."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import cached_property

import cv2
import numpy as np
import torch

from avtr_cli.core.arrays import Doubles, Frames, Image, Mask, Points
from avtr_cli.core.camera import FRONT, Camera, orbit
from avtr_cli.core.config import RenderConfig
from avtr_cli.core.motion_space import CONTROLS
from avtr_cli.core.types import Identity, Motion, Portrait
from avtr_cli.evaluation.body.reading import read_often
from avtr_cli.evaluation.mesh.studio import command
from avtr_cli.render.gaussian.avatar import BodyAvatar
from avtr_cli.render.gaussian.framing import CLOSE
from avtr_cli.render.gaussian.gaussians import Gaussians
from avtr_cli.render.gaussian.renderer import BodyRenderer, Kept, looked_at

FACE_SIDE = 384  # px of the square in which Face Mesh is asked
AROUND = 0.35  # of the head's square, that it is wider: heads move
FAR = 35.0  # px from the matte: background that no head and torso reaches

Numbers = dict[str, float]


class BodyStage:
    """One person, drawn in the whole photo of at most `size` px a side, without breath."""

    def __init__(self, portrait: Portrait, device: torch.device, size: int):
        self.config = RenderConfig(renderer="body", view="photo", size=size, breathing=0)
        self.portrait, self.device, self.renderer = portrait, device, BodyRenderer(self.config, device)
        began = time.process_time()
        self.identity: Identity = self.renderer.prepare(portrait)
        self.preparation_s = time.process_time() - began
        self.kept: Kept = self.identity.kept
        self.avatar: BodyAvatar = self.kept.avatar
        self.photo, self.seen = looked_at(portrait, size)

    @cached_property
    def person(self) -> Mask:
        """bool (H, W): the pixels of the person."""
        return np.asarray(self.seen.matte > 0.5)

    @cached_property
    def far(self) -> Mask:
        """bool (H, W): the background FAR away from the person."""
        nobody = (self.seen.matte <= 0.02).astype(np.uint8)
        return np.asarray(cv2.distanceTransform(nobody, cv2.DIST_L2, 5) > FAR)

    def motion(self, rows: Sequence[Doubles], first: int = 0) -> Motion:
        """Rows of controls (58,), with which the renderer's space begins; all else in it is at rest."""
        values = self.identity.neutral.repeat(len(rows), 1)
        values[:, : len(CONTROLS)] = torch.from_numpy(np.stack(rows).astype(np.float32))
        return Motion(self.renderer.space, values, first)

    def frames(self, rows: Sequence[Doubles], camera: Camera = FRONT, first: int = 0) -> Frames:
        """A picture for every row of controls (58,), as frames `first` and on of a video."""
        return self.renderer.draw(self.identity, self.motion(rows, first), camera)

    @cached_property
    def joints(self) -> Doubles:
        """(J, 3) m: where the bones begin, at rest."""
        rest = self.avatar.rest
        _, placed = self.avatar.model.posed(
            *(torch.from_numpy(one) for one in (self.avatar.heads, rest.turns, rest.shift))
        )
        places: Doubles = placed.numpy()
        return places

    def gaussians(self, **wanted: float) -> Gaussians:
        """The person of one `command`."""
        return next(self.renderer.gaussians(self.identity, self.motion([command(**wanted)])))

    def frame(self, camera: Camera = FRONT, **wanted: float) -> Image:
        """The picture of one `command`."""
        return np.asarray(self.frames([command(**wanted)], camera)[0])

    def around(self, yaw: float, pitch: float = 0.0) -> Camera:
        """A camera walked around the person, degrees."""
        return orbit(yaw, pitch, self.kept.framings["photo"].pivot)

    def face(self, **wanted: float) -> Points:
        """Face Mesh's points of that frame's head, px of a square of FACE_SIDE; NaN where it finds no face."""
        return read_often(self.head(self.frame(FRONT, **wanted)))

    def head(self, frame: Image) -> Image:
        """The square around the head, (FACE_SIDE, FACE_SIDE, 3)."""
        left, top, right, bottom = self.kept.framings[CLOSE].box
        side = (1 + AROUND) * max(right - left, bottom - top)
        scale = FACE_SIDE / side
        x, y = (left + right - side) / 2, (top + bottom - side) / 2
        affine = np.array([[scale, 0, -scale * x], [0, scale, -scale * y]])
        return cv2.warpAffine(
            frame, affine, (FACE_SIDE, FACE_SIDE), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        )
