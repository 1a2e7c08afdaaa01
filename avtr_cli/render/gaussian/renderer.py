"""Motion into pictures of a whole person: a body of Gaussians, lifted from one photo, before what stood behind it.

A frame is a function of the identity, the controls, the frame's number and the camera alone. Where nothing of the
person is, the photo's own view is the photo to the bit; from elsewhere a plain studio stands behind, since what
stood behind is known from one side only.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch

from avtr_cli.core.arrays import Doubles, Frames, Image, Matte
from avtr_cli.core.breath import still_body
from avtr_cli.core.camera import FRONT, Camera
from avtr_cli.core.config import RenderConfig
from avtr_cli.core.errors import AvtrError, ConfigError
from avtr_cli.core.folders import cache_folder
from avtr_cli.core.logs import NOTICE
from avtr_cli.core.motion_space import CONTROLS, FULL, speaks_controls
from avtr_cli.core.runtime import kernels_on
from avtr_cli.core.types import Identity, Motion, Portrait
from avtr_cli.kernels import compiling
from avtr_cli.perception.body import see_body
from avtr_cli.perception.coverings import coverings
from avtr_cli.perception.crop import apply, resample
from avtr_cli.perception.topology import OUTER_EYE_CORNERS
from avtr_cli.render.composite import OWN, background, is_transparent
from avtr_cli.render.gaussian.avatar import LOW_PASS, BodyAvatar, Scratch, make_avatar, pose
from avtr_cli.render.gaussian.body_model import shipped_body
from avtr_cli.render.gaussian.driving import read_moves
from avtr_cli.render.gaussian.splatters import Splats, choose_splatter
from avtr_cli.render.mesh.lipline import parted_lips
from avtr_cli.render.split import fill_plate
from avtr_cli.render.view import whole_photo

logger = logging.getLogger(__name__)

KEPT = 4  # avatars, and sizes of frames, whose memory a thread keeps
HIDES = 0.1  # of the matte: what lies behind such pixels is made up
MARGIN, FADES = 7, (2, 5)  # px around them likewise; px from the matte at which the photo comes back, and over which
SIDE_NAMES = {"L": "left", "R": "right"}
HOLDS = "the {} hand holds something, so that arm keeps to the photo"
STUDIO = (205, 150)  # grey at the top and at the bottom of the frame
_MOUTH = [k for k, name in enumerate(CONTROLS.channels) if name.startswith(("jaw", "mouth", "tongue"))]
_EYES = {
    side: [k for k, name in enumerate(CONTROLS.channels) if name.startswith("eye") and name.endswith(side)]
    for side in ("Left", "Right")
}


@dataclass(frozen=True)
class Kept:
    """What the renderer keeps of an identity: the avatar, what its frames stand before, controls that do nothing."""

    avatar: BodyAvatar
    behind: Image
    still: tuple[int, ...]


class _Memory:
    """One thread's: of avatars and of frames, the latest KEPT."""

    def __init__(self) -> None:
        self.scratch: list[tuple[BodyAvatar, Scratch]] = []
        self.splatters: dict[tuple[int, int], Splats] = {}

    def of(self, avatar: BodyAvatar) -> Scratch:
        """For the Gaussians of an avatar."""
        found = next((scratch for known, scratch in self.scratch if known is avatar), None)
        if found is None:
            found = Scratch(avatar)
            self.scratch = [*self.scratch[1 - KEPT :], (avatar, found)]
        return found

    def for_size(self, width: int, height: int, device: torch.device) -> Splats:
        """For frames of a size."""
        if (width, height) not in self.splatters:
            while len(self.splatters) >= KEPT:
                self.splatters.pop(next(iter(self.splatters)))
            self.splatters[width, height] = choose_splatter(height, width, device, low_pass=LOW_PASS)
        return self.splatters[width, height]


class BodyRenderer:
    """The embedded renderer of whole bodies; see the module."""

    space = FULL
    free_camera = True
    weights_files: tuple[Path, ...] = ()

    def __init__(self, config: RenderConfig, device: torch.device, kernels: str = "auto"):
        """`kernels` as `runtime.kernels`. Raises ConfigError for settings and machines that it cannot draw with."""
        if config.view != "photo":
            raise ConfigError("a body is drawn in the whole photo; set render.view=photo, as --preset body does")
        if not kernels_on(torch.device("cpu"), kernels):
            raise ConfigError("a body is drawn by compiled loops alone; leave runtime.kernels=auto")
        self.config = config
        self.transparent = is_transparent(config.background)
        self._device, self._own = device, threading.local()
        try:
            compiling.load(cache_folder() / "kernels", lambda said: logger.log(NOTICE, said))
        except Exception as error:  # Numba missing, switched off, or at odds with this NumPy, LLVM or CPU
            said = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise ConfigError(f"a body cannot be drawn here, since Numba does not work ({said})") from error
        self.kernels = self._memory().for_size(16, 16, device).kernels

    def _memory(self) -> _Memory:
        memory: _Memory = self._own.__dict__.setdefault("memory", _Memory())
        return memory

    def prepare(self, portrait: Portrait) -> Identity:
        """Everything that depends on the photo alone: some seconds. Raises PhotoError where it shows no body."""
        picture, affine = whole_photo(portrait.photo, self.config.size)
        height, width = picture.shape[:2]
        matte = (
            portrait.matte[:height, :width] if affine[0, 0] == 1 else resample(portrait.matte, affine, width, height)
        )
        face = np.column_stack([apply(affine, portrait.landmarks[:, :2]), portrait.landmarks[:, 2] * affine[0, 0]])
        seen = see_body(picture, face, np.ascontiguousarray(matte))
        unit = float(np.hypot(*np.diff(face[list(OUTER_EYE_CORNERS), :2], axis=0)[0]))
        plate, wanted = _plate(picture, seen.matte, unit), self.config.background
        avatar = make_avatar(shipped_body(), seen, picture, plate, wanted == OWN)
        covered = coverings(portrait.photo, portrait.landmarks)
        still = [*(_MOUTH if covered.mouth_hidden else ()), *(k for side in covered.eyes for k in _EYES[side])]
        return Identity(
            space=FULL,
            neutral=torch.zeros(len(FULL)),
            kept=Kept(avatar, background(wanted, plate), tuple(still)),
            size=(width, height),
            warnings=(*seen.doubts, *(HOLDS.format(SIDE_NAMES[side]) for side in avatar.holds)),
            anatomy={
                "parted_lips": torch.tensor([parted_lips(face, unit)]),
                "body": torch.from_numpy(avatar.arms),
            },
            person=portrait.person,
        )

    @torch.inference_mode()
    def draw(self, identity: Identity, motion: Motion, camera: Camera = FRONT) -> Frames:
        """uint8 (T, H, W, 3), or 4 with a transparent background: one picture per row of `motion`.

        Raises AvtrError for motion that is not finite.
        """
        kept: Kept = identity.kept
        rows = _whole(motion)
        if not np.isfinite(rows).all():
            first = motion.first + int(np.flatnonzero(~np.isfinite(rows).all(axis=1))[0])
            raise AvtrError(
                f"frame {first}: its motion holds NaN or infinite numbers, which cannot be drawn; check what made it, "
                "or the motion model's weights (avtr weights verify)"
            )
        rows[:, list(kept.still)] = 0
        view = kept.avatar.camera.seen_by(camera)
        width, height = view.size
        memory = self._memory()
        splatter, scratch = memory.for_size(width, height, self._device), memory.of(kept.avatar)
        front = camera == FRONT
        behind = kept.behind if front else self._studio(width, height)
        frames = np.empty((len(rows), height, width, 4 if self.transparent else 3), np.uint8)
        for number, row in enumerate(rows):
            moves = read_moves(kept.avatar.model, kept.avatar.rest, row, self.config.breathing)
            splatter.splat(pose(kept.avatar, moves, scratch, front), view)
            if self.transparent:
                splatter.cut_out(frames[number])
            else:
                splatter.over(behind, frames[number])
        return frames

    def _studio(self, width: int, height: int) -> Image:
        """What stands behind a person seen from elsewhere: what was asked for, where that is no photo's."""
        shades = np.linspace(*STUDIO, height)[:, None, None]
        grey: Image = np.broadcast_to(np.rint(shades), (height, width, 3)).astype(np.uint8).copy()
        return grey if self.config.background == OWN else background(self.config.background, grey)


def _whole(motion: Motion) -> Doubles:
    """Rows (T, 94) of FULL; of controls alone, with a body that only breathes."""
    rows = motion.values.detach().cpu().numpy().astype(np.float64)
    if motion.space == FULL:
        return rows
    assert speaks_controls(motion.space)
    return np.concatenate([rows, still_body(motion.first, len(rows))], axis=1)


def _plate(picture: Image, matte: Matte, unit: float) -> Image:
    """`picture` without the person; `unit` px is the distance of the outer corners of the eyes."""
    hides, shows = (matte > HIDES).astype(np.uint8), (matte <= HIDES).astype(np.uint8)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * MARGIN + 1, 2 * MARGIN + 1))
    filled = fill_plate(picture, cv2.dilate(hides, disc) > 0, 1.5 * unit)
    away = cv2.distanceTransform(shows, cv2.DIST_L2, 5)
    own = np.clip((away - FADES[0]) / FADES[1], 0, 1)[..., None]
    plate: Image = np.rint(filled + (picture - filled) * own).clip(0, 255).astype(np.uint8)
    return plate
