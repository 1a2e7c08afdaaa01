"""The teeth that a photo shows between parted lips, laid on drawn ones, which go on where lips and shade hide them.

What is pale and bright in the gap is a tooth. A drawn row is moved, column by column, so that it bites where the
photo's does, and takes the light of the photo's teeth; these are laid on it where they are seen, and a little way
behind the lip. Pictures are as in `teeth`.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from avtr_cli.core.arrays import Colour, Doubles, Floats, Indices, Mask, Matte, Picture
from avtr_cli.render.mesh.shapes import smoothstep
from avtr_cli.render.mesh.teeth import CANVAS, biting_edge
from avtr_cli.render.split import DARK_PIXEL, LUMA

LEAST_SEEN = 2.0  # px of the photo: narrower strips show lips more than teeth
LEAST_WIDE = 0.25  # of the opening: fewer columns of teeth are a highlight
OPEN = 0.6  # of the opening between the lips: a pixel that opens farther may show teeth
LIP_RIM = 1.2  # px of the photo over which a lip's edge is blurred into the gap
BEHIND = 18  # canvas px that seen teeth go on behind a lip, ever fainter
LEVELLED = 6.0  # canvas px: sigma over which a biting edge is levelled from tooth to tooth
IN_THE_LIGHT, MOST_LIFTED = 0.9, 1.3  # of drawn teeth's light: less has what a slit shows, and is made as light
TONES = (0.35, 2.5)  # the factors by which drawn teeth may be brought to the photo's
TONGUE_PINK = 1.45  # times as colourful as the upper teeth, what lies below them is a tongue
LIP_PINK = 1.6  # times as colourful as a row's teeth, a pixel among them has the lip's red
TELLING = (2.0, 5.0)  # px of the photo: of lower strips the lip's shade and red are seen more than the teeth's light
SEAM, _BY_THE_SEAM = 0.8, 0.9  # of the light of both rows: what is darker where they meet, and around it
_BINS, _EDGE = 16, 3  # shares that an opening's height is looked at in; those of lips, at its ends
_SURELY = 0.8  # alpha of what is tooth alone


class Rows(NamedTuple):
    """Upper and lower teeth of a mouth, and whether the photo's own are among them."""

    upper: Picture
    lower: Picture
    own_upper: bool = False
    own_lower: bool = False
    upper_bite: float = CANVAS / 2  # the canvas rows on which the middle teeth bite
    lower_bite: float = CANVAS / 2


class Opening(NamedTuple):
    """Where the gap between a photo's lips begins and ends, (CANVAS,) by column of the canvas."""

    top: Indices
    low: Indices
    columns: Indices  # those in which it is open; the others have what the nearest of them has


def with_own(photo: Picture, hole: Matte, skin: Colour, pixel: float, drawn: Rows, per_eo: float, down: float) -> Rows:
    """The `drawn` rows with the photo's own laid on where it shows them; lower ones only below upper ones.

    `photo` float32 (CANVAS, CANVAS, 3) is the picture on the canvas, `hole` (CANVAS, CANVAS) in 0 .. 1 the opening
    between its lips, `skin` (3,) the colour of the cheeks, 0 .. 255, `pixel` the canvas px to one of the photo's
    stage, `per_eo` those to an EO, `down` the EO that upper teeth whose edge is hidden reach under the lip at least.
    A row that has own teeth lies where the photo has it on the canvas.
    """
    opening = _opening(hole, pixel)
    if opening is None:
        return drawn
    upper, lower = seen_teeth(photo, hole, skin, pixel, opening)
    if upper is None:
        return drawn
    edge = _edge(upper, True)
    if np.median((opening.low - edge)[opening.columns]) < 1:  # they go on behind the lower lip
        least = float(np.median(opening.top[opening.columns])) + down * per_eo
        edge = max(least, float(np.median(edge))) + biting_edge(True, per_eo) - CANVAS / 2
    middle = int(np.median(opening.columns))
    top, tone = _laid_on(drawn.upper, photo, upper, edge - biting_edge(True, per_eo), pixel, -1)
    if lower is None:
        return Rows(top, _toned(drawn.lower, tone), True, upper_bite=float(edge[middle]))
    begin = _edge(lower, False)
    below, _ = _laid_on(drawn.lower, photo, lower, begin - biting_edge(False, per_eo), pixel, 1)
    return Rows(top, below, True, True, float(edge[middle]), float(begin[middle]))


def seen_teeth(
    photo: Picture, hole: Matte, skin: Colour, pixel: float, opening: Opening
) -> tuple[Mask | None, Mask | None]:
    """Where upper and lower teeth are seen, bool (CANVAS, CANVAS), None where they are not."""
    tooth = _pale(photo, hole, skin)
    rows = np.arange(CANVAS)[:, None]
    height = opening.low - opening.top
    first, second = _between_rows(tooth, photo @ LUMA, opening)
    tooth &= rows <= opening.low
    upper = tooth & (rows <= opening.top + first * height)
    lower = tooth & (rows >= opening.top + second * height)
    least = LEAST_SEEN * pixel, LEAST_WIDE * len(opening.columns)
    if not _is_row(upper, *least):
        return None, None
    if second == 1 or not _is_row(lower, *least):
        return upper, None
    pink = np.median(_colourful(photo)[lower]) > TONGUE_PINK * np.median(_colourful(photo)[upper])
    return upper, None if pink else lower


def _is_row(tooth: Mask, high: float, wide: float) -> bool:
    heights = tooth.sum(axis=0)
    seen = heights[heights > 0]
    return len(seen) > wide and float(np.median(seen)) >= high


def _opening(hole: Matte, pixel: float) -> Opening | None:
    core = cv2.erode((hole > 0.85).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    columns = np.flatnonzero(core.any(axis=0))
    if (hole > OPEN).sum() <= 250 or len(columns) < 8:
        return None
    nearest = columns[np.abs(np.arange(CANVAS)[:, None] - columns).argmin(axis=1)]
    top, low = core.argmax(axis=0), CANVAS - 1 - core[::-1].argmax(axis=0)
    low = np.maximum(low - round(LIP_RIM * pixel), top)  # the lower lip's rim would hang there as a red line
    if (low - top)[columns].max() < LEAST_SEEN * pixel:
        return None
    return Opening(top[nearest], low[nearest], columns)


def _pale(photo: Picture, hole: Matte, skin: Colour) -> Mask:
    """What looks as teeth in the opening, bool (CANVAS, CANVAS)."""
    bright, open_, colour = photo @ LUMA, hole > OPEN, _colourful(photo)
    around = (cv2.dilate((hole > 0.3).astype(np.uint8), np.ones((9, 9), np.uint8)) > 0) & (hole < 0.05)
    # Teeth behind parted lips lie in shade, but are paler than lips and tongue, and than skin in coloured light.
    paleness = max(0.36, 0.9 * float(np.ptp(skin) / max(skin.max(), 1.0)))
    tooth: Mask = open_ & (bright > max(0.38 * float(skin @ LUMA), 0.8 * float(np.percentile(bright[open_], 40))))
    tooth &= colour < paleness
    if around.any():  # the inside of a lip is neither brighter nor paler than its outside
        tooth &= (bright > 1.1 * np.median(bright[around])) | (colour < 0.7 * np.median(colour[around]))
    return tooth


def _colourful(photo: Picture) -> Floats:
    """How far from grey each pixel is, (CANVAS, CANVAS) in 0 .. 1."""
    colour: Floats = np.ptp(photo, axis=2) / np.maximum(photo.max(axis=2), DARK_PIXEL)
    return colour


def _between_rows(tooth: Mask, bright: Floats, opening: Opening) -> tuple[float, float]:
    """Shares of the opening's height at which upper teeth end and lower ones begin; (1, 1) for one row alone."""
    top, height, columns = opening.top, opening.low - opening.top, opening.columns
    middle = columns[height[columns] > 0.6 * height[columns].max()]
    bins = (np.arange(_BINS) + 0.5) / _BINS
    rows = np.rint(top[middle] + bins[:, None] * height[middle]).astype(int)
    pale = tooth[rows, middle].mean(axis=1) > 0.4
    upper = int(pale.argmax())
    gap = upper + int((~pale[upper:]).argmax())
    lower = gap + int(pale[gap:].argmax())
    if gap == upper or not pale[gap:].any() or lower - gap < 2 or upper > _BINS // 2:
        return _seam(np.median(bright[rows, middle], axis=1))
    return gap / _BINS, lower / _BINS


def _seam(bright: Doubles) -> tuple[float, float]:
    """The same of teeth that bite: between the rows lies a dark line, in light (_BINS,) from the upper lip down."""
    line = _EDGE + int(bright[_EDGE:-_EDGE].argmin())
    above, below = float(bright[:line].max()), float(bright[line + 1 :].max())
    if bright[line] > SEAM * min(above, below):
        return 1.0, 1.0
    dark = (bright < _BY_THE_SEAM * np.where(np.arange(_BINS) < line, above, below)) | (np.arange(_BINS) == line)
    first = line - int((~dark[line::-1]).argmax()) + 1
    last = line + int((~dark[line:]).argmax())
    return first / _BINS, last / _BINS


def _edge(tooth: Mask, upper: bool) -> Doubles:
    """The row (CANVAS,) on which each column's teeth bite, levelled; columns without teeth go on as the nearest do."""
    columns = np.flatnonzero(tooth.any(axis=0))
    ends = CANVAS - tooth[::-1, columns].argmax(axis=0) if upper else tooth[:, columns].argmax(axis=0)
    everywhere = np.interp(np.arange(CANVAS), columns, ends)
    levelled: Doubles = cv2.GaussianBlur(everywhere[None], (0, 0), LEVELLED, borderType=cv2.BORDER_REPLICATE)[0]
    return levelled


def _laid_on(
    drawn: Picture, photo: Picture, tooth: Mask, lowered: Doubles, pixel: float, lip: int
) -> tuple[Picture, Colour]:
    """The `drawn` row, each column `lowered` by so many px, with the photo's teeth on it; the factor of its colour.

    Behind the lip, that is upwards (`lip` -1) or downwards (1), they go on as the nearest that is seen.
    """
    x, y = np.meshgrid(np.arange(CANVAS, dtype=np.float32), np.arange(CANVAS, dtype=np.float32))
    moved = cv2.remap(drawn, x, y - lowered.astype(np.float32), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    colourful = _colourful(photo)
    inside = tooth & ~_near_lip(tooth, lip, LIP_RIM * pixel) & (colourful < LIP_PINK * np.median(colourful[tooth]))
    rows = np.arange(CANVAS)[:, None]
    columns = inside.any(axis=0)
    ends = inside.argmax(axis=0), np.where(columns, CANVAS - 1 - inside[::-1].argmax(axis=0), 0)
    hidden = (rows - (ends[0] if lip < 0 else ends[1])) * lip
    behind = columns & (hidden > 0) & (hidden < BEHIND)
    source = np.where(columns, rows.clip(*ends), rows)
    seen = np.take_along_axis(photo, source[..., None], axis=0)
    faint = np.where(behind, 1 - hidden / BEHIND, 0.0)
    alpha = np.maximum(cv2.morphologyEx(inside.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8)), faint)
    alpha = cv2.GaussianBlur(alpha.astype(np.float32), (0, 0), 0.5 * pixel)
    tone = _tone(photo, moved, tooth, alpha, pixel)
    moved = _toned(moved, tone)
    colour = seen * alpha[..., None] + moved[..., :3] * (1 - alpha[..., None])
    lift = float(np.clip(IN_THE_LIGHT / max(float(tone @ LUMA), 0.01), 1.0, MOST_LIFTED))
    return np.dstack([lift * colour, np.maximum(moved[..., 3], 255 * alpha)]).astype(np.float32), lift * tone


def _tone(photo: Picture, drawn: Picture, tooth: Mask, alpha: Floats, pixel: float) -> Colour:
    """The factor (3,) from the colour of `drawn` teeth to that of the photo's, where both are."""
    both = (alpha > _SURELY) & (drawn[..., 3] > 255 * _SURELY)
    if not both.any():
        return np.ones(3)
    light = photo @ LUMA
    colourful = _colourful(photo)
    lit = both & (light >= np.median(light[both]))
    lit &= colourful <= np.median(colourful[lit])
    factor = photo[lit].mean(axis=0) / np.maximum(drawn[lit, :3].mean(axis=0), 1.0)
    high = tooth.sum(axis=0)
    sure = smoothstep(np.median(high[high > 0]) / pixel, *TELLING)
    tone: Colour = factor.clip(*TONES) ** sure
    return tone


def _near_lip(tooth: Mask, lip: int, reach: float) -> Mask:
    """Where teeth lie within `reach` px of the lip from behind which they come."""
    rows = np.arange(CANVAS)[:, None]
    end = tooth.argmax(axis=0) if lip < 0 else CANVAS - 1 - tooth[::-1].argmax(axis=0)
    near: Mask = (rows - end) * -lip <= reach
    return near


def _toned(row: Picture, tone: Colour) -> Picture:
    return row * np.append(tone, 1.0).astype(np.float32)
