"""Teeth for a mouth: those that the photo shows, or a drawn row matched to its light.

Pictures are float32 (CANVAS, CANVAS, 4), RGB and alpha in 0 .. 255, on a canvas that is centred on the mouth
and has `PER_HALF_MOUTH` pixels per half mouth width; a row of teeth has its biting edge on the middle line.
"""

from __future__ import annotations

import cv2
import numpy as np

from avtr_cli.core.arrays import Colour, Doubles, Floats, Indices, Mask, Matte, Picture
from avtr_cli.render.mesh.shapes import smoothstep
from avtr_cli.render.split import DARK_PIXEL, LUMA

CANVAS = 256
PER_HALF_MOUTH = 90
MM = 1 / 92.0  # EO
GUMS_BEHIND = 34  # canvas px that a photo's row of teeth goes on behind the lip
LEAST_SEEN = 2.0  # px of the photo: narrower gaps show lips more than teeth
OPEN = 0.6  # of the opening between the lips: a pixel that opens farther may show teeth
LIP_RIM = 1.2  # px of the photo over which a lip's edge is blurred into the gap

# Widths and heights of the teeth from the middle outwards, mm: textbook averages (Wheeler's Dental Anatomy).
UPPER_TEETH = ((8.6, 10.0), (6.8, 8.8), (7.6, 9.8), (6.6, 8.4), (5.6, 7.6), (4.6, 7.0))
LOWER_TEETH = ((5.4, 8.6), (5.9, 8.8), (6.6, 9.4), (6.4, 8.4), (5.6, 7.6), (4.6, 7.0))
ENAMEL = np.array([0.93, 0.89, 0.82])
GUMS = np.array([0.62, 0.33, 0.32])
SKIN = (1.18, 0.98, 0.84)  # red, green and blue over their mean, as skin looks under white light
SEAM, _BY_THE_SEAM = 0.8, 0.9  # of the light of both rows: what is darker where they meet, and around it
_BINS, _EDGE = 16, 3  # shares that an opening's height is looked at in; those of lips, at its ends
FRACTION_BITS = 4  # of the fixed point in which OpenCV takes the corners of outlines: 1/16 px


def drawn_row(upper: bool, skin: Colour, per_eo: float, softness: float, saturation: float) -> Picture:
    """A row of teeth under the light that gives the cheeks the colour `skin` (3,), 0 .. 255.

    `softness` is the sigma, in canvas px, that makes it as soft as the photo, `saturation` is 0 for a black-and-white
    photo and 1 for one in full colour.
    """
    light = float(skin @ LUMA) / 255
    enamel = ENAMEL * (0.25 + 0.75 * light_cast(skin))
    enamel = enamel / float(enamel @ LUMA) * min(0.24 + 0.75 * light, 0.90)
    gums = GUMS * np.clip(0.25 + 0.7 * light, 0.2, 1.0)
    enamel, gums = (np.full(3, c @ LUMA) * (1 - saturation) + c * saturation for c in (enamel, gums))
    coverage, shade = _outlines(UPPER_TEETH if upper else LOWER_TEETH, upper, per_eo)

    core = cv2.GaussianBlur(coverage, (0, 0), 2.2)
    rounded = 0.80 + 0.20 * np.clip((core - 0.55) / 0.4, 0, 1)
    tooth = enamel * (shade * rounded)[..., None]
    closed = cv2.morphologyEx(coverage, cv2.MORPH_CLOSE, np.ones((7, 7), np.uint8))
    between = np.clip(closed - coverage, 0, 1)[..., None]
    behind = between * enamel * 0.72 + (1 - between) * gums * 0.75
    colour = tooth * coverage[..., None] + behind * (1 - coverage[..., None])

    span = (np.arange(CANVAS, dtype=np.float64) - CANVAS / 2) / per_eo
    arch = _arch(span)[None]
    y = span[:, None]
    gum_line = smoothstep(-(y + arch), 0.035, 0.05) if upper else smoothstep(y + arch, 0.03, 0.045)
    gum_line = gum_line * (1 - smoothstep(np.abs(y), 0.15, 0.20))
    alpha = (
        np.maximum(cv2.GaussianBlur(closed, (0, 0), 0.7), gum_line) * (1 - smoothstep(np.abs(span), 0.26, 0.36))[None]
    )
    return cv2.GaussianBlur(np.dstack([colour, alpha]).astype(np.float32) * 255, (0, 0), softness)


def light_cast(skin: Colour) -> Colour:
    """The colour (3,) of the light, 1 on average, under which cheeks look like `skin` (3,), 0 .. 255."""
    return skin / max(float(skin.mean()), 1.0) / SKIN


def photo_rows(photo: Picture, hole: Matte, skin: Colour, pixel: float) -> tuple[Picture | None, Picture | None]:
    """The photo's own teeth, upper and lower row where it shows them, else None; lower ones only below upper ones.

    `photo` float32 (CANVAS, CANVAS, 3) is the picture on the canvas, `hole` (CANVAS, CANVAS) in 0 .. 1 the opening
    between its lips, `pixel` the canvas px to one of the photo's stage. Rows stay where the photo has them on the
    canvas. Sideways they fade; below they end before the lower lip's rim, which would hang there as a red line.
    """
    open_ = hole > OPEN
    if open_.sum() <= 250:
        return None, None
    tooth = _teeth_seen(photo, hole, skin)
    core = cv2.erode((hole > 0.85).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    columns = np.flatnonzero(core.any(axis=0))
    if tooth.sum() <= 0.35 * open_.sum() or len(columns) < 8:
        return None, None
    nearest = columns[np.abs(np.arange(CANVAS)[:, None] - columns).argmin(axis=1)]
    top, low = core.argmax(axis=0), CANVAS - 1 - core[::-1].argmax(axis=0)
    low = np.maximum(low - round(LIP_RIM * pixel), top)
    if np.median((low - top)[columns]) < LEAST_SEEN * pixel:
        return None, None
    top, low = top[nearest], low[nearest]
    fade = np.abs(np.arange(CANVAS) - nearest)
    first, second = _between_rows(tooth, photo @ LUMA, top, low, columns)
    end = np.rint(top + first * (low - top)).astype(int)
    upper = _row_of(photo, top, end, fade, mirrored=True)
    if second == 1:
        return upper, None
    return upper, _row_of(photo, np.rint(top + second * (low - top)).astype(int), low, fade, mirrored=False)


def _teeth_seen(photo: Picture, hole: Matte, skin: Colour) -> Mask:
    """Where teeth show in the opening, bool (CANVAS, CANVAS)."""
    bright, open_ = photo @ LUMA, hole > OPEN
    colour = np.ptp(photo, axis=2) / np.maximum(photo.max(axis=2), DARK_PIXEL)
    around = (cv2.dilate((hole > 0.3).astype(np.uint8), np.ones((9, 9), np.uint8)) > 0) & (hole < 0.05)
    # Teeth behind parted lips lie in shade, but are paler than lips and tongue, and than skin in coloured light.
    paleness = max(0.36, 0.9 * float(np.ptp(skin) / max(skin.max(), 1.0)))
    tooth: Mask = open_ & (bright > max(0.38 * float(skin @ LUMA), 0.8 * float(np.percentile(bright[open_], 40))))
    tooth &= colour < paleness
    if around.any():  # the inside of a lip is neither brighter nor paler than its outside
        tooth &= (bright > 1.1 * np.median(bright[around])) | (colour < 0.7 * np.median(colour[around]))
    return tooth


def _between_rows(tooth: Mask, bright: Floats, top: Indices, low: Indices, columns: Indices) -> tuple[float, float]:
    """Shares of the opening's height at which upper teeth end and lower ones begin; (1, 1) for one row alone."""
    height = low - top
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


def _row_of(photo: Picture, first: Indices, last: Indices, fade: Indices, mirrored: bool) -> Picture:
    """The rows `first` .. `last` of each column (CANVAS,) of the photo, going on behind the lip, with alpha."""
    rows = np.arange(CANVAS)[:, None]
    source = rows.clip(first, last)
    behind = first - GUMS_BEHIND, last
    if mirrored:
        above = np.minimum(first + (first - rows) * 0.35, np.maximum(first, last - 1))
        source = np.where(rows < first, above, rows).astype(int).clip(0, last)
    else:
        behind = first, last + GUMS_BEHIND
    picture = np.take_along_axis(photo, source[..., None], axis=0) * np.clip(1 - fade / 12, 0, 1)[:, None]
    shown = (rows >= np.maximum(behind[0], 0)) & (rows <= behind[1])
    alpha = (shown * np.clip(1 - fade / 14, 0, 1)).astype(np.float32)
    # What is not seen in the photo is softened: it is guessed.
    hidden = (rows < first) if mirrored else (rows > last)
    guessed = cv2.GaussianBlur(hidden.astype(np.float32), (0, 0), 1.0)[..., None]
    picture = picture * (1 - guessed) + cv2.GaussianBlur(picture, (0, 0), 1.5) * guessed * 0.93
    return np.dstack([picture, cv2.GaussianBlur(alpha, (0, 0), 1.0) * 255]).astype(np.float32)


def _arch(x: Doubles) -> Doubles:
    """How far the biting edge rises towards the sides, EO."""
    return 0.035 * (x / 0.30) ** 2


def _outlines(sizes: tuple[tuple[float, float], ...], upper: bool, per_eo: float) -> tuple[Floats, Floats]:
    """Coverage (CANVAS, CANVAS) in 0 .. 1 of the teeth as superellipses, and their shade, darker outwards."""
    fine = 3
    big = np.zeros((CANVAS * fine, CANVAS * fine), np.uint8)
    shade = np.zeros(big.shape, np.float32)
    angle = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    ring = np.stack([np.sign(f) * np.abs(f) ** 0.38 for f in (np.cos(angle), np.sin(angle))], axis=1)
    for side in (-1, 1):
        left = 0.0
        for number, (width, height) in enumerate(sizes):
            middle = left + width * MM / 2
            left += width * MM
            edge = -float(_arch(np.array(middle))) * (1 if upper else 0.8)
            if upper and number == 1:
                edge -= 0.006  # the second incisors are a little shorter
            centre = np.array([middle, edge + height * MM / 2 * (-1 if upper else 1)])
            half = np.array([width * MM / 2 - 0.0012, height * MM / 2])
            outline = (centre + half * ring) * (side, 1)
            mask = np.zeros_like(big)
            points = np.rint((outline * per_eo + CANVAS / 2) * fine * 2**FRACTION_BITS).astype(np.int32)
            cv2.fillPoly(mask, [points], (255,), cv2.LINE_AA, FRACTION_BITS)
            big = np.maximum(big, mask)
            shade[mask > 0] = 1 - 0.11 * number
    size = (CANVAS, CANVAS)
    coverage = cv2.resize(big, size, interpolation=cv2.INTER_AREA).astype(np.float32) / np.float32(255)
    blurred = cv2.GaussianBlur(cv2.resize(shade, size, interpolation=cv2.INTER_AREA), (0, 0), 4)
    return coverage, blurred / np.maximum(cv2.GaussianBlur(coverage, (0, 0), 4), 0.05)
