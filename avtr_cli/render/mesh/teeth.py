"""Drawn rows of teeth, matched to a photo's light.

Pictures are float32 (CANVAS, CANVAS, 4), RGB and alpha in 0 .. 255, on a canvas that is centred on the mouth
and has `PER_HALF_MOUTH` pixels per half mouth width; a row of teeth has its biting edge on the middle line.
"""

from __future__ import annotations

import cv2
import numpy as np

from avtr_cli.core.arrays import Colour, Doubles, Floats, Picture
from avtr_cli.render.mesh.shapes import smoothstep
from avtr_cli.render.split import LUMA

CANVAS = 256
PER_HALF_MOUTH = 90
MM = 1 / 92.0  # EO

# Widths and heights of the teeth from the middle outwards, mm: textbook averages (Wheeler's Dental Anatomy).
UPPER_TEETH = ((8.6, 10.0), (6.8, 8.8), (7.6, 9.8), (6.6, 8.4), (5.6, 7.6), (4.6, 7.0))
LOWER_TEETH = ((5.4, 8.6), (5.9, 8.8), (6.6, 9.4), (6.4, 8.4), (5.6, 7.6), (4.6, 7.0))
LOWER_ARCH = 0.8  # of the upper row's rise towards the sides
ENAMEL = np.array([0.93, 0.90, 0.84])
OF_THE_CAST = 0.65  # of the light's colour: a tanned or flushed cheek tells of more than there is
LOWER_LIGHT = 0.8  # of the upper row's: the lower one stands behind it
GUMS = np.array([0.62, 0.33, 0.32])
SKIN = (1.18, 0.98, 0.84)  # red, green and blue over their mean, as skin looks under white light
FRACTION_BITS = 4  # of the fixed point in which OpenCV takes the corners of outlines: 1/16 px


def drawn_row(upper: bool, skin: Colour, per_eo: float, softness: float, saturation: float) -> Picture:
    """A row of teeth under the light that gives the cheeks the colour `skin` (3,), 0 .. 255.

    `softness` is the sigma, in canvas px, that makes it as soft as the photo, `saturation` is 0 for a black-and-white
    photo and 1 for one in full colour.
    """
    light = float(skin @ LUMA) / 255
    enamel = ENAMEL * (1 - OF_THE_CAST + OF_THE_CAST * light_cast(skin))
    enamel = enamel / float(enamel @ LUMA) * min(0.24 + 0.75 * light, 0.90) * (1.0 if upper else LOWER_LIGHT)
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


def biting_edge(upper: bool, per_eo: float) -> Doubles:
    """The canvas row (CANVAS,) on which each column of a drawn row bites."""
    arch = _arch((np.arange(CANVAS, dtype=np.float64) - CANVAS / 2) / per_eo)
    edge: Doubles = CANVAS / 2 - arch * (1.0 if upper else LOWER_ARCH) * per_eo
    return edge


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
            edge = -float(_arch(np.array(middle))) * (1 if upper else LOWER_ARCH)
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
