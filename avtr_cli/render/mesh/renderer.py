"""Motion into pictures of one photo: a dense warp, with eyes and mouth drawn in.

A frame is a function of the identity, the controls and the frame's number alone: no history, no randomness. All
controls at zero return the photo bit for bit. See the modules beside this one for the parts:
stage (what moves), field (where it goes), shading, eyes, mouth, layers (person and background).
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from avtr_cli.core.arrays import Floats, Frames, Image, Matte
from avtr_cli.core.camera import FRONT, Camera, check_front
from avtr_cli.core.config import RenderConfig
from avtr_cli.core.errors import AvtrError
from avtr_cli.core.motion_space import CONTROLS
from avtr_cli.core.runtime import kernels_on
from avtr_cli.core.types import Identity, Motion, Portrait
from avtr_cli.kernels.sampling import OpenCVSampler, Sampler, choose_sampler
from avtr_cli.perception.coverings import coverings
from avtr_cli.perception.crop import apply, resample
from avtr_cli.perception.crop import invert as invert_affine
from avtr_cli.perception.lids import hanging_lids, room_to_widen
from avtr_cli.render.composite import OWN, background, is_transparent
from avtr_cli.render.mesh.avatar import Avatar
from avtr_cli.render.mesh.beyond import mirrored, trimmed
from avtr_cli.render.mesh.calibration import Calibration, calibrate
from avtr_cli.render.mesh.contact import blood_shares, coloured, contact_table, dented, redden
from avtr_cli.render.mesh.controls import HIGHEST, LOWEST, Controls, read_controls
from avtr_cli.render.mesh.eye_pictures import prepare_eyes
from avtr_cli.render.mesh.eyes import Eye, open_eye, paint_eye
from avtr_cli.render.mesh.field import Block, FieldBasis, displacement, merge_layers, prepare_field, read_nodes
from avtr_cli.render.mesh.geometry import Geometry
from avtr_cli.render.mesh.glasses import wears_glasses
from avtr_cli.render.mesh.interior import Interior
from avtr_cli.render.mesh.inverse import FOLDS_BEGIN, invert, lips_in_frame, mend_folds
from avtr_cli.render.mesh.lipline import parted_lips, snap_lips
from avtr_cli.render.mesh.loading import begin_compiled_loops
from avtr_cli.render.mesh.mouth import Mouth, draw_mouth, feather, mouth_activity, mouth_region, prepare_mouth
from avtr_cli.render.mesh.rectangle import Rectangle
from avtr_cli.render.mesh.shading import Shading, apply_gain, gain, prepare_shading
from avtr_cli.render.mesh.shapes import UPPER
from avtr_cli.render.mesh.stage import Stage, crop_stage, photo_stage
from avtr_cli.render.split import OVERSAMPLING, cut_out, oversample, split_layers

if TYPE_CHECKING:
    from avtr_cli.render.mesh.compiled import Loops
    from avtr_cli.render.mesh.loop_tables import Tables

SHOWS_TEETH = 256  # px: in smaller frames teeth are too small to be found, and are looked for in one of this size
SIZES_KEPT = 4  # of pictures in the making, for each thread
BEHIND_GLASSES = 0.35  # of brow and squint controls: frames do not bend
MOUTH_CHANNELS = [
    number for number, name in enumerate(CONTROLS.channels) if name.startswith(("jaw", "mouth", "tongue"))
]


class MeshRenderer:
    """The embedded renderer; see the module."""

    space = CONTROLS
    free_camera = False
    weights_files: tuple[Path, ...] = ()
    kept_classes = (
        Avatar, Stage, Rectangle, Geometry, FieldBasis, Block, Shading, Eye, Mouth, Interior, Calibration,
    )  # fmt: skip

    def __init__(self, config: RenderConfig, device: torch.device, kernels: str = "auto"):
        """`kernels` as `runtime.kernels`."""
        self.config = config
        self.sampler: Sampler = choose_sampler(device)
        self._loading = begin_compiled_loops(torch.get_num_threads()) if kernels_on(device, kernels) else None
        self.transparent = is_transparent(config.background)
        self._own = threading.local()  # memory of each thread's frames, so that threads may share avatars

    @property
    def _loops(self) -> Loops | None:
        return self._loading.result() if self._loading is not None else None

    @property
    def kernels(self) -> str:
        """What draws: `compiled` loops, which it waits for, or the `plain` form; they differ by a few 1/255."""
        return "compiled" if self._loops is not None and isinstance(self.sampler, OpenCVSampler) else "plain"

    @torch.inference_mode()
    def prepare(self, portrait: Portrait) -> Identity:
        """Everything that depends on the photo alone: about a second."""
        config, sampler = self.config, self.sampler
        stage = self._stage(portrait, config.size)
        fine = stage if config.size >= SHOWS_TEETH else self._stage(portrait, SHOWS_TEETH)
        height, width = stage.canvas.shape[:2]
        matte = mirrored(resample(portrait.matte, stage.affine, width, height), stage.known)
        with ThreadPoolExecutor(1) as beside:  # OpenCV and NumPy let the other core work
            pictures = beside.submit(self._pictures, stage, matte)
            geometry, field = prepare_field(stage, sampler.device, stage.place.of(matte))
            covered = coverings(portrait.photo, portrait.landmarks)  # what is hidden stays as it is
            glasses = wears_glasses(stage.image, stage.points, stage.unit)
            shading = prepare_shading(stage, geometry, field, config.relight, sampler.device)
            eyes = [eye for eye in prepare_eyes(stage, sampler, glasses) if eye.side not in covered.eyes]
            mouth = prepare_mouth(stage, geometry, sampler, fine)
            person, plate, still = pictures.result()
        visible = stage.visible
        avatar = Avatar(
            stage=stage,
            geometry=geometry,
            field=field,
            shading=shading,
            eyes=eyes,
            mouth=mouth,
            person=sampler.texture(person),
            plate=_planes(plate, sampler.device),
            still=still,
            columns=torch.arange(visible.width, device=sampler.device)[None] + float(visible.x),
            rows=torch.arange(visible.height, device=sampler.device)[:, None] + float(visible.y),
            photo_size=(portrait.photo.shape[1], portrait.photo.shape[0]),
            mouth_hidden=covered.mouth_hidden,
        )
        measured = calibrate(lambda row: self.draw_stage(avatar, read_controls(row, 0))[..., :3])
        lids = hanging_lids(stage.points) if eyes else 0.0
        blink = 1.0 if lids else measured.blink  # of a slit that shuts nothing can be measured
        brows, widens = BEHIND_GLASSES if glasses else 1.0, room_to_widen(stage.points)
        measured = replace(measured, brows=brows, widens=widens, lids=lids, blink=blink)
        return Identity(
            space=CONTROLS,
            neutral=torch.zeros(len(CONTROLS)),
            kept=replace(avatar, calibration=measured, tables=self._tables(avatar)),
            size=(stage.frame.width, stage.frame.height),
            warnings=portrait.warnings,
            anatomy={
                "parted_lips": torch.tensor([parted_lips(stage.points, stage.unit)]),
                "photo_smile": torch.tensor([measured.smile]),
                "open_eyes": torch.tensor([measured.opens]),
            },
            person=portrait.person,
        )

    @torch.inference_mode()
    def revived(self, identity: Identity) -> Identity:
        """As `KeepsAvatars.revived`."""
        return replace(identity, kept=replace(identity.kept, tables=self._tables(identity.kept)))

    def _tables(self, avatar: Avatar) -> Tables | None:
        if self.kernels == "plain":
            return None
        from avtr_cli.render.mesh.loop_tables import tables_of

        return tables_of(avatar)

    def _stage(self, portrait: Portrait, size: int) -> Stage:
        stage = crop_stage(portrait, size) if self.config.view == "crop" else photo_stage(portrait, size)
        return replace(stage, points=snap_lips(stage.image, stage.points, stage.unit))

    def _pictures(self, stage: Stage, matte: Matte) -> tuple[Image, Image, Image]:
        """The person's texture; what is behind the stage's visible part, (h, w, 3); the frame at rest.

        `matte` (H, W) is that of the canvas.
        """
        known, place = stage.known, stage.place
        known = Rectangle(known.x - place.x, known.y - place.y, known.width, known.height)
        if self.config.background == OWN:
            layers = split_layers(stage.image, stage.place.of(matte), stage.unit)
            still = np.ascontiguousarray(stage.frame.of(stage.canvas))
            return oversample(trimmed(layers.person, known, stage.unit)), stage.visible.of(layers.plate), still
        layers = cut_out(stage.canvas, matte, stage.unit)
        behind = background(self.config.background, stage.frame.of(layers.plate))
        person, plate = (_planes(part, self.sampler.device) for part in (stage.frame.of(layers.person), behind))
        return (
            oversample(trimmed(stage.place.of(layers.person), known, stage.unit)),
            stage.shown_at.of(behind),
            self._finish(person, plate),
        )

    @torch.inference_mode()
    def draw(self, identity: Identity, motion: Motion, camera: Camera = FRONT) -> Frames:
        """uint8 (T, H, W, 3), or 4 with a transparent background: one picture per row of `motion`.

        Raises AvtrError for motion that is not finite.
        """
        check_front(camera, "mesh")
        avatar: Avatar = identity.kept
        rows = motion.values.detach().cpu().numpy().astype(np.float64)
        if not np.isfinite(rows).all():
            first = motion.first + int(np.flatnonzero(~np.isfinite(rows).all(axis=1))[0])
            raise AvtrError(
                f"frame {first}: its motion holds NaN or infinite numbers, which cannot be drawn; check what made it, "
                "or the motion model's weights (avtr weights verify)"
            )
        np.clip(rows, LOWEST, HIGHEST, out=rows)
        if avatar.mouth_hidden:
            rows[:, MOUTH_CHANNELS] = 0.0
        frames = np.empty((len(rows), *avatar.still.shape), np.uint8)
        for number, row in enumerate(rows):
            controls = read_controls(row, motion.first + number, self.config.breathing, avatar.calibration)
            self._draw_frame(avatar, controls, frames[number], _touching(avatar, motion, number))
        return frames

    @torch.inference_mode()
    def locate(self, identity: Identity, motion: Motion, row: int, place: tuple[float, float]) -> tuple[float, float]:
        """What lies at a `place` of the frame that shows row `row` of `motion`, as a place of the photo; in shares."""
        avatar: Avatar = identity.kept
        values = np.clip(motion.values[row].detach().cpu().numpy().astype(np.float64), LOWEST, HIGHEST)
        if avatar.mouth_hidden:
            values[MOUTH_CHANNELS] = 0.0
        controls = read_controls(values, motion.first + row, self.config.breathing, avatar.calibration)
        back = merge_layers(avatar.field, self._where_from(avatar, controls, _touching(avatar, motion, row)))
        stage = avatar.stage
        canvas = np.array(place) * (stage.frame.width, stage.frame.height) - 0.5 + (stage.frame.x, stage.frame.y)
        on_stage = canvas - (stage.place.x, stage.place.y)
        at = torch.from_numpy((on_stage + 0.5) * 2 / (stage.width, stage.height) - 1).to(back).view(1, 2, 1, 1)
        if abs(at).max() <= 1:  # beside the stage nothing moves
            canvas = canvas + read_nodes(back[None], at).view(2).cpu().numpy()
        x, y = (apply(invert_affine(stage.affine), canvas[None])[0] + 0.5) / avatar.photo_size
        return float(x), float(y)

    def at_rest(self, identity: Identity, place: tuple[float, float]) -> tuple[float, float]:
        """Where a `place` of the photo lies in the frame at rest, both in shares of their picture."""
        avatar: Avatar = identity.kept
        frame = avatar.stage.frame
        x, y = apply(avatar.stage.affine, np.array([place]) * avatar.photo_size - 0.5)[0] - (frame.x, frame.y) + 0.5
        return float(x) / frame.width, float(y) / frame.height

    def _draw_frame(self, avatar: Avatar, controls: Controls, frame: Image, touching: Floats | None) -> None:
        """One picture into `frame`, uint8 (H, W, 3 or 4); `touching` are its contacts, see `contact_table`."""
        shown = avatar.stage.shown_at
        whole = (shown.width, shown.height) == frame.shape[1::-1]
        if not whole:
            frame[:] = avatar.still
        if avatar.tables is None or self._loops is None:
            shown.of(frame)[:] = self.draw_stage(avatar, controls, touching)
        elif whole:
            self._loops.draw(avatar, avatar.tables, controls, frame, touching)
        else:
            part = np.empty((shown.height, shown.width, frame.shape[2]), np.uint8)
            self._loops.draw(avatar, avatar.tables, controls, part, touching)
            shown.of(frame)[:] = part

    def _where_from(self, avatar: Avatar, controls: Controls, touching: Floats | None) -> Tensor:
        """Where the nodes' skin comes from less where it is, (2 layers, 2, rows, columns) px."""
        field = avatar.field
        moved = displacement(field, controls)
        if touching is not None:
            moved += dented(field, touching, controls.pose)
        back = invert(field, moved, lips_in_frame(field, controls))
        return mend_folds(field, moved, back) if controls.pose.turn > FOLDS_BEGIN else back

    def draw_stage(self, avatar: Avatar, controls: Controls, touching: Floats | None = None) -> Image:
        """The visible part of the stage, uint8 (h, w, 3 or 4); `touching` are its contacts, see `contact_table`."""
        stage, field, sampler = avatar.stage, avatar.field, self.sampler
        back = self._where_from(avatar, controls, touching)
        layers = [merge_layers(field, back), gain(avatar.shading, field, controls, back[UPPER])]
        if touching is not None:
            shade, red = coloured(field, touching, layers[0])
            layers = [layers[0], layers[1] + shade, red[None]]
        x, y, light, *blood = self._enlarged(torch.cat(layers), stage.visible, stage.cell).split(1)
        x, y = x[0].add_(avatar.columns), y[0].add_(avatar.rows)
        eyes = [
            open_eye(eye, controls.eyes[eye.side], sampler, x[box], y[box], (box[0].start, box[1].start))
            for eye in avatar.eyes
            if not controls.eyes[eye.side].at_rest and (box := self._eye_box(avatar, eye, controls)) is not None
        ]
        picture = sampler.sample(avatar.person, x.mul_(OVERSAMPLING), y.mul_(OVERSAMPLING), out=self._scratch(x))
        self._mouth(avatar, controls, back, picture)
        apply_gain(avatar.shading, picture[:3], light)
        for eye in eyes:
            paint_eye(eye, picture[:3], light)
        if blood:
            redden(picture[:3], blood[0][0], blood_shares(avatar.shading.tint))
        return self._finish(picture, avatar.plate)

    def _scratch(self, like: Tensor) -> Tensor:
        """(4, h, w) for a picture of the size of `like` (h, w); this thread's next frame overwrites it."""
        kept: dict[torch.Size, Tensor] = self._own.__dict__.setdefault("pictures", {})
        if like.shape not in kept:
            while len(kept) >= SIZES_KEPT:
                kept.pop(next(iter(kept)))
            kept[like.shape] = torch.empty((4, *like.shape), device=self.sampler.device)
        return kept[like.shape]

    def _enlarged(self, grid: Tensor, part: Rectangle, cell: int) -> Tensor:
        """`grid` (C, rows, columns) interpolated to the pixels of `part` of the stage, (C, height, width)."""
        # One node more on each side, so that the border is interpolated as it is in the whole grid.
        top, left = max(part.y // cell - 1, 0), max(part.x // cell - 1, 0)
        nodes = grid[:, top : (part.y + part.height) // cell + 2, left : (part.x + part.width) // cell + 2]
        large = self.sampler.enlarge(nodes.contiguous(), cell)
        y, x = part.y - top * cell, part.x - left * cell
        return large[:, y : y + part.height, x : x + part.width]

    def _mouth(self, avatar: Avatar, controls: Controls, back: Tensor, picture: Tensor) -> None:
        """Draws the mouth's region into `picture` (4, h, w), faded in as the mouth begins to move."""
        activity = mouth_activity(avatar.mouth, controls)
        visible = avatar.stage.visible
        region = mouth_region(avatar.stage, avatar.geometry, controls).within(visible)
        if not activity or region.empty:
            return
        source = self._enlarged(back.flatten(0, 1), region, avatar.stage.cell).unflatten(0, (2, 2))
        drawn = draw_mouth(avatar.mouth, avatar.geometry, controls, self.sampler, avatar.person, source, region)
        weight = activity * feather(region, 2 * avatar.stage.cell, drawn.device)
        y, x = region.y - visible.y, region.x - visible.x
        picture[:, y : y + region.height, x : x + region.width].lerp_(drawn, weight[None])

    def _eye_box(self, avatar: Avatar, eye: Eye, controls: Controls) -> tuple[slice, slice] | None:
        """Rows and columns of the visible part that a blink of this eye may change, or None if outside."""
        visible = avatar.stage.visible
        box = eye.region(avatar.geometry, controls).within(visible)
        rows = slice(box.y - visible.y, box.y - visible.y + box.height)
        return None if box.empty else (rows, slice(box.x - visible.x, box.x - visible.x + box.width))

    def _finish(self, picture: Tensor, plate: Tensor) -> Image:
        """Premultiplied `picture` (4, h, w), changed in place, over `plate` (3, h, w): uint8 (h, w, 3 or 4)."""
        colour, alpha = picture[:3], picture[3:]
        if self.transparent:
            colour.mul_(255 / alpha.clamp(min=1))
            return self.sampler.picture(picture)
        colour.addcmul_(alpha.mul_(-1 / 255).add_(1), plate)
        return self.sampler.picture(colour)


def _touching(avatar: Avatar, motion: Motion, row: int) -> Floats | None:
    """The contacts of one row of `motion`, see `contact_table`; None where nothing touches the skin."""
    contacts = motion.contacts[row] if motion.contacts else ()
    return contact_table(contacts, avatar.stage, avatar.photo_size) if contacts else None


def _planes(picture: Image, device: torch.device) -> Tensor:
    """uint8 (H, W, C) as float32 (C, H, W)."""
    return torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1))).to(device, torch.float32)
