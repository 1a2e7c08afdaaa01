"""Pictures of several videos into one: equal cells, each cut around its own face; names below, voices in a strip.

Nobody is shown larger than another: a cell is cut by the median of the face's box over its whole video.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from avtr_cli.core.arrays import Doubles, Image, Mask
from avtr_cli.evaluation.motion.voice import runs

AROUND = 1.9  # of a face's height: the side of what a cell shows
RAISED = 0.04  # of that side: how far the face's middle lies above the cell's
GROUND, INK, SOFT = (38, 39, 42), (238, 238, 240), (150, 152, 158)
SELF, PARTNER, REACTS, LINE = (116, 166, 255), (245, 152, 92), (88, 201, 127), (255, 255, 255)
GAP = 8  # px between cells
CAPTION = 1 / 12  # of a cell's side
STRIP, NAMED = 60, 76  # px: height of the strip above, and the width of its names
LANES = (("own voice", 6, SELF), ("partner", 23, PARTNER), ("listens", 40, REACTS))  # name, top and colour
LANE = 14  # px
SMALL = 0.5  # of a cell: the side of the partner's picture


@dataclass(frozen=True)
class Cell:
    """What one cell shows: its caption, and where its face lies, (x1, y1, x2, y2) in shares of the picture."""

    caption: str
    box: Doubles | None
    small: bool = False


class Grid:
    """Composes frames of as many pictures as there are cells.

    own, partner, reacts  bool (T,): who speaks, and which frames count as listening; drawn once
    """

    def __init__(self, cells: Sequence[Cell], side: int, columns: int, own: Mask, partner: Mask, reacts: Mask):
        self._cells, self._side, self._columns = cells, side, columns
        self._caption = 2 * round(side * CAPTION / 2)
        rows = -(-len(cells) // columns)
        self.width = columns * side + (columns + 1) * GAP
        self.height = STRIP + rows * (side + self._caption + GAP) + GAP
        self._frames = max(len(own), 1)
        self._canvas = np.empty((self.height, self.width, 3), np.uint8)
        self._canvas[:] = GROUND
        self._draw_strip(own, partner, reacts)
        for at, cell in enumerate(cells):
            self._write(cell.caption, at)
        self._still = self._canvas.copy()

    def compose(self, pictures: Sequence[Image], ended: Sequence[bool], index: int) -> Image:
        """Frame `index`, (H, W, 3): scratch memory that the next call overwrites. What has `ended` is shown grey."""
        self._canvas[:STRIP] = self._still[:STRIP]
        x = self._at(index)
        self._canvas[3 : STRIP - 4, x : x + 2] = LINE
        for at, (cell, picture) in enumerate(zip(self._cells, pictures, strict=True)):
            side = round(self._side * SMALL) if cell.small else self._side
            shown = cut(picture, cell.box, side)
            if ended[at]:
                shown = np.repeat(cv2.cvtColor(shown, cv2.COLOR_RGB2GRAY)[..., None] // 2 + 32, 3, axis=2)
            left, top = self._place(at)
            self._canvas[top : top + side, left : left + side] = shown
        return self._canvas

    def _place(self, at: int) -> tuple[int, int]:
        """Left and top of a cell."""
        row, column = divmod(at, self._columns)
        return GAP + column * (self._side + GAP), STRIP + row * (self._side + self._caption + GAP)

    def _draw_strip(self, own: Mask, partner: Mask, reacts: Mask) -> None:
        """A row each of who speaks, and of the frames that count."""
        for mask, (name, top, colour) in zip((own, partner, reacts), LANES, strict=True):
            self._text(name, GAP, top, NAMED - GAP, LANE, SOFT)
            self._canvas[top : top + LANE, self._at(0) : self._at(self._frames)] = [c // 2 + 10 for c in GROUND]
            for first, end in runs(mask):
                a, b = self._at(first), self._at(end)
                self._canvas[top : top + LANE, a : max(b, a + 1)] = colour

    def _at(self, frame: int) -> int:
        """Where a frame lies in the strip, px from the left."""
        return NAMED + round((self.width - GAP - NAMED) * frame / self._frames)

    def _write(self, caption: str, at: int) -> None:
        left, top = self._place(at)
        side = round(self._side * SMALL) if self._cells[at].small else self._side
        self._text(caption, left, top + side, self._side, self._caption, INK)

    def _text(self, text: str, left: int, top: int, width: int, height: int, ink: tuple[int, int, int]) -> None:
        """One line, cut with an ellipsis where it is too long."""
        from PIL import Image as Pictures
        from PIL import ImageDraw

        plate = Pictures.new("RGB", (width, height), GROUND)
        font = _font(max(10, round(height * 0.62)))
        while len(text) > 2 and font.getlength(text) > width - 8:
            text = text[:-2].rstrip() + "…"
        ImageDraw.Draw(plate).text((4, height / 2), text, ink, font=font, anchor="lm")
        self._canvas[top : top + height, left : left + width] = np.asarray(plate)


def columns_for(count: int) -> int:
    """Of the smallest square that holds so many cells."""
    return max(1, math.ceil(math.sqrt(count)))


def cut(picture: Image, box: Doubles | None, side: int) -> Image:
    """A square of `side` px around a face, or around the picture's middle; what lies beyond the picture is grey."""
    height, width = picture.shape[:2]
    if box is None:
        reach, x, y = min(height, width), width / 2, height / 2
    else:
        x1, y1, x2, y2 = box * (width, height, width, height)
        reach = AROUND * max(y2 - y1, x2 - x1)
        x, y = (x1 + x2) / 2, (y1 + y2) / 2 + RAISED * reach
    scale = side / reach
    affine = np.array([[scale, 0, side / 2 - scale * x], [0, scale, side / 2 - scale * y]], np.float64)
    if scale < 1:  # shrunk first, or fine detail would shimmer
        least = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        scales = least.shape[1] / width, least.shape[0] / height
        affine = np.array([[1, 0, side / 2 - scales[0] * x], [0, 1, side / 2 - scales[1] * y]], np.float64)
        picture = least
    shown: Image = cv2.warpAffine(
        picture, affine, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=GROUND
    )
    return shown


def _font(size: int) -> Any:
    from PIL import ImageFont

    return ImageFont.load_default(size)
