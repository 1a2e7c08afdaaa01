"""Motion into pictures of a whole person: a body of Gaussians, lifted from one photo, before what stood behind it.

A frame is a function of the identity, the controls, the frame's number and the camera alone. Where nothing of the
person is, the photo's own view is the photo to the bit; from elsewhere a plain studio stands behind, since what
stood behind is known from one side only, and the feet cast a shadow on its floor.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from avtr_cli.core.arms import in_frame
from avtr_cli.core.arrays import Doubles, Frames, Image
from avtr_cli.core.breath import still_body
from avtr_cli.core.camera import FRONT, Camera, MovingCamera, Pinhole
from avtr_cli.core.config import RenderConfig
from avtr_cli.core.errors import AvtrError, ConfigError, PhotoError
from avtr_cli.core.folders import cache_folder
from avtr_cli.core.logs import NOTICE
from avtr_cli.core.motion_space import CONTROLS, FULL, speaks_controls
from avtr_cli.core.runtime import one_thread
from avtr_cli.core.types import Identity, Motion, Portrait
from avtr_cli.core.viewpoint import parse_views, view_at
from avtr_cli.kernels import compiling
from avtr_cli.perception.body import SeenBody, see_body
from avtr_cli.perception.coverings import coverings
from avtr_cli.perception.crop import apply, resample
from avtr_cli.perception.topology import OUTER_EYE_CORNERS
from avtr_cli.render.composite import BLUR, OWN, STUDIO, background, is_transparent
from avtr_cli.render.gaussian.arms import box_of
from avtr_cli.render.gaussian.avatar import BodyAvatar, Scratch, at_rest, make_avatar, pose
from avtr_cli.render.gaussian.body_model import shipped_body
from avtr_cli.render.gaussian.contour import Contour
from avtr_cli.render.gaussian.driving import Rest, head_turns, read_moves
from avtr_cli.render.gaussian.expression import Expressions, Face
from avtr_cli.render.gaussian.fingers import Fingers
from avtr_cli.render.gaussian.fitting import BodyFit, Lens, fit_body
from avtr_cli.render.gaussian.floor import Floor, cast, floor_of
from avtr_cli.render.gaussian.framing import CLOSE, MOST_LIFTED, OWN_SHARE, WHOLE, Framing, framings, with_view
from avtr_cli.render.gaussian.gaps import without_gaps
from avtr_cli.render.gaussian.gaussians import Gaussians
from avtr_cli.render.gaussian.leaving import Leaving
from avtr_cli.render.gaussian.lifting import Riding
from avtr_cli.render.gaussian.limbs import Leg, Limb
from avtr_cli.render.gaussian.locating import located
from avtr_cli.render.gaussian.loose import Loose
from avtr_cli.render.gaussian.memory import Memory, Posed
from avtr_cli.render.gaussian.plate import behind_person
from avtr_cli.render.gaussian.swap import Swap
from avtr_cli.render.mesh.lipline import parted_lips
from avtr_cli.render.view import whole_photo

ASIDE = (10.0, 14.0)  # degrees from the photo's own view over which its hands give way to painted ones
logger = logging.getLogger(__name__)

SIDE_NAMES = {"L": "left", "R": "right"}
HOLDS = "the {} hand holds something, so that arm keeps to the photo"
_MOUTH = [k for k, name in enumerate(CONTROLS.channels) if name.startswith(("jaw", "mouth", "tongue"))]
_EYES = {
    side: [k for k, name in enumerate(CONTROLS.channels) if name.startswith("eye") and name.endswith(side)]
    for side in ("Left", "Right")
}


@dataclass(frozen=True)
class Kept:
    """What the renderer keeps of an identity.

    behind    what stands behind the person in the photo's own view, uint8 (H, W, 3)
    still     controls that do nothing
    framings  how much of the person a frame may show, by name
    floor     what the feet stand on, where they are seen
    face      what its expressions are drawn with
    """

    avatar: BodyAvatar
    behind: Image
    still: tuple[int, ...]
    framings: dict[str, Framing]
    floor: Floor | None
    face: Face


class BodyRenderer:
    """The embedded renderer of whole bodies; see the module."""

    space = FULL
    free_camera = True
    kept_classes = (
        Kept, Framing, Floor, BodyAvatar, BodyFit, Lens, Rest, Riding, Loose, Pinhole, Limb, Leg, Fingers,
        Swap, Leaving, Contour, *Expressions.kept_classes,
    )  # fmt: skip
    weights_files: tuple[Path, ...] = ()

    def __init__(self, config: RenderConfig, device: torch.device, kernels: str = "auto"):
        """`kernels` as `runtime.kernels`. Raises ConfigError for settings and machines that it cannot draw with."""
        if config.view != "photo":
            raise ConfigError("a body is drawn in the whole photo; set render.view=photo, as --preset body does")
        self.config = config
        self.transparent = is_transparent(config.background)
        share = OWN_SHARE[config.framing]
        self._longest = config.size if share == 1 else max(config.size, min(MOST_LIFTED, int(share * config.size)))
        self._views, self._wanted_kernels = parse_views(config.camera), kernels
        self._device, self._own = device, threading.local()
        try:
            compiling.load(cache_folder() / "kernels", lambda said: logger.log(NOTICE, said))
        except Exception as error:  # Numba missing, switched off, or at odds with this NumPy, LLVM or CPU
            said = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise ConfigError(f"a body cannot be drawn here, since Numba does not work ({said})") from error
        self._expressions = Expressions(self._longest, device, kernels)
        self.kernels = self._memory().for_size(16, 16, device, kernels).kernels

    def _memory(self) -> Memory:
        memory: Memory = self._own.__dict__.setdefault("memory", Memory())
        return memory

    @one_thread()  # whose sums are the same however many threads draw
    def prepare(self, portrait: Portrait) -> Identity:
        """Everything that depends on the photo alone: some seconds. Raises PhotoError where it shows no body."""
        picture, seen = looked_at(portrait, self._longest)
        (height, width), face, model = picture.shape[:2], seen.face, shipped_body()
        fit = fit_body(model, seen)
        whole = seen.matte
        seen = without_gaps(model, fit, seen, picture)
        unit = float(np.hypot(*np.diff(face[list(OUTER_EYE_CORNERS), :2], axis=0)[0]))
        plate, wanted = behind_person(picture, seen.matte, whole - seen.matte > 0.5), self.config.background
        avatar = make_avatar(model, fit, seen, picture, plate, wanted == OWN)
        covered = coverings(portrait.photo, portrait.landmarks)
        still = [*(_MOUTH if covered.mouth_hidden else ()), *(k for side in covered.eyes for k in _EYES[side])]
        face_of = self._expressions.prepare(portrait, avatar)
        behind, shown = background(wanted, plate), framings(avatar)
        return Identity(
            space=FULL,
            neutral=torch.zeros(len(FULL)),
            kept=Kept(avatar, behind, tuple(still), shown, _floor(avatar), face_of),
            size=(width, height),
            warnings=(*seen.doubts, *(HOLDS.format(SIDE_NAMES[side]) for side in avatar.holds)),
            anatomy={
                "parted_lips": torch.tensor([parted_lips(face, unit)]),
                "photo_smile": torch.tensor([face_of.mesh.calibration.smile]),
                "open_eyes": torch.tensor([face_of.mesh.calibration.opens]),
                "body": torch.from_numpy(self._arms(avatar, shown)),
            },
            person=portrait.person,
        )

    def _arms(self, avatar: BodyAvatar, shown: dict[str, Framing]) -> Doubles:
        """What motion knows of the arms, and of the frame, in which hands have to stay; a head's shows none."""
        framing = shown.get(self.config.framing)
        if framing is None or self.config.framing in (WHOLE, CLOSE):
            return avatar.arms
        return in_frame(avatar.arms, box_of(avatar.camera.seen_by(framing.seen(avatar.camera, self.config.size))))

    def revived(self, identity: Identity) -> Identity:
        """As `KeepsAvatars.revived`."""
        kept: Kept = identity.kept
        return replace(identity, kept=replace(kept, face=self._expressions.revived(kept.face)))

    def camera(self, identity: Identity) -> Camera | MovingCamera:
        """See `ChoosesCamera.camera`."""
        kept: Kept = identity.kept
        framing = kept.framings.get(self.config.framing)
        if framing is None:
            raise PhotoError(
                "the feet are not seen, so that no frame shows the whole person; use --framing half or head"
            )
        whole = self.config.framing == WHOLE
        framed = FRONT if whole else framing.seen(kept.avatar.camera, self.config.size)
        if len(self._views) == 1:
            return with_view(framed, self._views[0].camera(framing.pivot))

        def at(frame: int) -> Camera:
            camera = with_view(framed, view_at(self._views, frame).camera(framing.pivot))
            return replace(camera, moves=True)

        return MovingCamera(at, framed.size)

    @torch.inference_mode()
    def draw(self, identity: Identity, motion: Motion, camera: Camera = FRONT) -> Frames:
        """uint8 (T, H, W, 3), or 4 with a transparent background: one picture per row of `motion`.

        Raises AvtrError for motion that is not finite.
        """
        kept: Kept = identity.kept
        view = kept.avatar.camera.seen_by(camera)
        width, height = view.size
        splatter = self._memory().for_size(width, height, self._device, self._wanted_kernels)
        front, together = not camera.turned, 2 if torch.get_num_threads() > 1 else 1
        behind = self._behind(kept, camera, view)
        floor = None if front and self.config.background in (OWN, BLUR) else kept.floor
        frames = np.empty((len(motion.values), height, width, 4 if self.transparent else 3), np.uint8)
        posed = self._posed(identity, motion, self._memory().of(kept.avatar, together), front, camera)
        ahead = self._memory().one_ahead(posed) if together > 1 and len(frames) > 1 else posed
        for number, (gaussians, scratch) in enumerate(ahead):
            splatter.splat(gaussians, view)
            if self.transparent:
                splatter.cut_out(frames[number])
            elif floor is None or not self.config.shadow:
                splatter.over(behind, frames[number])
            else:
                splatter.over(cast(floor, scratch.posed, view, self.config.shadow, behind), frames[number])
        return frames

    @torch.inference_mode()
    def locate(self, identity: Identity, motion: Motion, row: int, place: tuple[float, float]) -> tuple[float, float]:
        """See `KnowsPlaces.locate`."""
        kept: Kept = identity.kept
        one = Motion(motion.space, motion.values[row : row + 1], motion.first + row)
        found = self.camera(identity)
        camera = found.at(one.first) if isinstance(found, MovingCamera) else found
        scratch = Scratch(kept.avatar)
        [(gaussians, _)] = self._posed(identity, one, [scratch], camera=camera)
        return located(kept.avatar, gaussians, kept.avatar.camera.seen_by(camera), place)

    def gaussians(self, identity: Identity, motion: Motion) -> Iterator[Gaussians]:
        """The whole person in each frame of `motion`, valid until the next. Raises AvtrError as `draw`."""
        kept: Kept = identity.kept
        for gaussians, _ in self._posed(identity, motion, self._memory().of(kept.avatar, 1)):
            yield gaussians

    def _posed(
        self, identity: Identity, motion: Motion, scratches: Sequence[Scratch], front: bool = False,
        camera: Camera = FRONT,
    ) -> Iterator[Posed]:  # fmt: skip
        """Each frame in the next of `scratches`, where it stays until that one's turn comes again."""
        kept: Kept = identity.kept
        aside, view = _aside(camera), np.array(camera.rotation)
        rows = _whole(motion)
        if not np.isfinite(rows).all():
            first = motion.first + int(np.flatnonzero(~np.isfinite(rows).all(axis=1))[0])
            raise AvtrError(
                f"frame {first}: its motion holds NaN or infinite numbers, which cannot be drawn; check what made it, "
                "or the motion model's weights (avtr weights verify)"
            )
        rows[:, list(kept.still)] = 0
        turned = view @ head_turns(rows)
        moves = read_moves(kept.avatar.model, kept.avatar.rest, rows, self.config.breathing)
        for number, row in enumerate(rows):
            scratch = scratches[number % len(scratches)]
            own = scratch.own_colours(front, turned[number])
            frame, controls, first = motion.first + number, row[: len(CONTROLS)], kept.avatar.painted
            colours = (scratch.colours[first:], own[first:])
            self._expressions.lay_on(kept.face, controls, frame, *colours)
            yield pose(kept.avatar, moves[number], scratch, front, aside), scratch

    def _behind(self, kept: Kept, camera: Camera, view: Pinhole) -> Image:
        """What stands behind the person as `view` of `camera` has it: from elsewhere no photo's own background."""
        if camera == FRONT:
            return kept.behind
        own = self.config.background in (OWN, BLUR)
        lens = (view.focal_px, view.centre_px) if own and not camera.turned else ()
        memory, what = self._memory(), (camera.turned, view.size, lens)
        if memory.backdrop is None or memory.backdrop[:2] != (id(kept.behind), what):
            empty = np.zeros((view.size[1], view.size[0], 3), np.uint8)
            drawn = _cut(kept, view) if lens else background(STUDIO if own else self.config.background, empty)
            memory.backdrop = (id(kept.behind), what, drawn, kept.behind)  # which keeps its number from others
        return memory.backdrop[2]


def looked_at(portrait: Portrait, longest: int) -> tuple[Image, SeenBody]:
    """The photo, of at most `longest` px a side, and whom it shows. Raises PhotoError where that is no body."""
    picture, affine = whole_photo(portrait.photo, longest)
    height, width = picture.shape[:2]
    matte = portrait.matte[:height, :width] if affine[0, 0] == 1 else resample(portrait.matte, affine, width, height)
    face = np.column_stack([apply(affine, portrait.landmarks[:, :2]), portrait.landmarks[:, 2] * affine[0, 0]])
    return picture, see_body(picture, face, np.ascontiguousarray(matte))


def _aside(camera: Camera) -> float:
    """0 .. 1: whether a camera looks another way than the photo's, over ASIDE."""
    angle = float(np.degrees(np.arccos(np.clip(camera.rotation[2][2], -1, 1))))
    share = min(max((angle - ASIDE[0]) / (ASIDE[1] - ASIDE[0]), 0.0), 1.0)
    return share * share * (3 - 2 * share)


def _cut(kept: Kept, view: Pinhole) -> Image:
    """The part of what stands behind that `view` shows, from the photo's own place."""
    photo = kept.avatar.camera
    scale = view.focal_px[0] / photo.focal_px[0]
    shift = [scale * (0.5 - photo.centre_px[axis]) + view.centre_px[axis] - 0.5 for axis in (0, 1)]
    affine = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    return resample(kept.behind, affine, *view.size)


def _floor(avatar: BodyAvatar) -> Floor | None:
    """What a person whose feet are seen stands on."""
    if not avatar.rest.legs:
        return None
    scratch = Scratch(avatar)
    pose(avatar, at_rest(avatar), scratch)
    return floor_of(avatar.model, scratch.posed)


def _whole(motion: Motion) -> Doubles:
    """Rows (T, 94) of FULL; of controls alone, with a body that only breathes."""
    rows = motion.values.detach().cpu().numpy().astype(np.float64)
    if motion.space == FULL:
        return rows
    assert speaks_controls(motion.space)
    return np.concatenate([rows, still_body(motion.first, len(rows))], axis=1)
