"""The part of the output picture in which the person moves, and the grid of nodes that carries the motion.

Two views share it. `crop`: frames are a square around the head, and the stage reaches a little beyond it, so that
real pixels move in at its edges. `photo`: frames are the whole photo, the stage is a rectangle inside
it, and motion fades out towards those of its sides that do not lie on the photo's edge. Either way frame
and stage are rectangles of one picture, the canvas.

Lengths are output pixels; nodes sit in the middle of square cells of `cell` pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from avtr_cli.core.arrays import Affine, Image, Points
from avtr_cli.core.types import Portrait
from avtr_cli.perception.crop import apply, resample, scale_of
from avtr_cli.perception.template import fit_pose
from avtr_cli.render.mesh.beyond import mirrored, photo_part
from avtr_cli.render.mesh.rectangle import Rectangle
from avtr_cli.render.view import crop_view, whole_photo

CELLS_PER_EO = 34  # grid nodes across the outer eye corners: finer than the face points lie
CROP_MARGIN = 0.30  # EO of photo kept around a crop
REACH_UP, REACH_SIDE, REACH_DOWN = 2.6, 2.7, 3.6  # EO from the middle of the eyes: stage of the photo view


@dataclass(frozen=True)
class Stage:
    """See the module."""

    canvas: Image  # uint8 (H, W, 3), at rest
    affine: Affine  # (2, 3) photo pixels -> canvas pixels
    frame: Rectangle  # what is shown, in canvas pixels
    known: Rectangle  # what shows the photo, in canvas pixels; beyond, the canvas is made up
    place: Rectangle  # the stage itself, in canvas pixels; whole cells
    cell: int
    points: Points  # (478, 3) face points in stage pixels
    unit: float  # px per EO
    still_sides: tuple[bool, bool, bool, bool]  # left, top, right, bottom: where motion must have died

    @property
    def width(self) -> int:
        """Pixels across; whole cells."""
        return self.place.width

    @property
    def height(self) -> int:
        """Pixels down; whole cells."""
        return self.place.height

    @property
    def image(self) -> Image:
        """The stage at rest, uint8 (height, width, 3)."""
        return self.place.of(self.canvas)

    @property
    def grid(self) -> tuple[int, int]:
        """(rows, columns) of nodes."""
        return self.height // self.cell, self.width // self.cell

    def nodes(self) -> Points:
        """Stage pixel coordinates (rows * columns, 2) of the nodes."""
        rows, columns = self.grid
        y, x = np.mgrid[0:rows, 0:columns]
        places: Points = (np.stack([x.ravel(), y.ravel()], axis=1) + 0.5) * self.cell - 0.5
        return places

    @property
    def visible(self) -> Rectangle:
        """The part of the stage that lies in the frame, in stage pixels."""
        x0, y0 = max(self.frame.x - self.place.x, 0), max(self.frame.y - self.place.y, 0)
        x1 = min(self.frame.x + self.frame.width - self.place.x, self.width)
        y1 = min(self.frame.y + self.frame.height - self.place.y, self.height)
        return Rectangle(x0, y0, x1 - x0, y1 - y0)

    @property
    def shown_at(self) -> Rectangle:
        """The same part in frame pixels."""
        visible = self.visible
        x, y = self.place.x + visible.x - self.frame.x, self.place.y + visible.y - self.frame.y
        return Rectangle(x, y, visible.width, visible.height)


def crop_stage(portrait: Portrait, size: int) -> Stage:
    """Frames are the portrait's crop, `size` px square, or one less where that is odd."""
    affine, size = crop_view(portrait, size)
    unit = fit_pose(portrait.landmarks).scale * scale_of(affine)
    cell = _cell(unit)
    margin = round(CROP_MARGIN * unit)
    side = -(-(size + 2 * margin) // cell) * cell
    affine[:, 2] += margin
    frame = Rectangle(margin, margin, size, size)
    known = photo_part(portrait.photo, affine, frame)
    return Stage(
        canvas=mirrored(resample(portrait.photo, affine, side, side), known),
        affine=affine,
        frame=frame,
        known=known,
        place=Rectangle(0, 0, side, side),
        cell=cell,
        points=apply(affine, portrait.landmarks),
        unit=unit,
        still_sides=(False, False, False, False),
    )


def photo_stage(portrait: Portrait, longest: int) -> Stage:
    """Frames are the whole photo, its longer side at most `longest` px."""
    canvas, affine = whole_photo(portrait.photo, longest)
    height, width = canvas.shape[:2]
    points = apply(affine, portrait.landmarks)
    pose = fit_pose(points)
    cell, unit, centre = _cell(pose.scale), pose.scale, pose.shift[:2]
    x0, y0 = max(0, int(centre[0] - REACH_SIDE * unit)), max(0, int(centre[1] - REACH_UP * unit))
    x1, y1 = min(width, int(centre[0] + REACH_SIDE * unit)), min(height, int(centre[1] + REACH_DOWN * unit))
    wide, high = -(-(x1 - x0) // cell) * cell, -(-(y1 - y0) // cell) * cell
    still_sides = (x0 > 0, y0 > 0, x0 + wide < width, y0 + high < height)
    right, bottom = max(0, x0 + wide - width), max(0, y0 + high - height)
    return Stage(
        canvas=cv2.copyMakeBorder(canvas, 0, bottom, 0, right, cv2.BORDER_REPLICATE),
        affine=affine,
        frame=Rectangle(0, 0, width, height),
        known=Rectangle(0, 0, width, height),
        place=Rectangle(x0, y0, wide, high),
        cell=cell,
        points=points - (x0, y0, 0),
        unit=unit,
        still_sides=still_sides,
    )


def _cell(unit: float) -> int:
    return max(1, round(unit / CELLS_PER_EO))
