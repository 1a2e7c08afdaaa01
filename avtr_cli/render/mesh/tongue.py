"""A tongue for a mouth, drawn once under the photo's light: its back as it is seen from the front through the lips.

A picture is float32 (CANVAS, CANVAS, 4), RGB and alpha in 0 .. 255, on the canvas of `teeth`; the tongue's top, which
fades into the throat, touches the middle line, and its tip lies below. Lengths are EO.
"""

from __future__ import annotations

import cv2
import numpy as np

from avtr_cli.core.arrays import Colour, Doubles, Picture
from avtr_cli.render.mesh.shapes import smoothstep
from avtr_cli.render.mesh.teeth import CANVAS

FLESH = np.array([[0.50, 0.22, 0.21], [0.84, 0.49, 0.46]])  # at the throat, at the tip
WIDTH = 0.72  # of the mouth
BACK, TIP = 0.095, 0.18  # below its top: as far as it lies in shade, and where it turns down behind the lower teeth
WET = ((-0.30, 0.110), (0.26, 0.120))  # where it glistens: aside, in its half widths, and below its top
GRAIN, SEED = 0.05, 7  # of its light, and of what random numbers


def drawn_tongue(flesh: Colour, half_width: float, per_eo: float, softness: float) -> Picture:
    """`flesh` (2, 3) in 0 .. 1, the colours at throat and tip; `softness`: sigma, canvas px, of the photo's detail."""
    span = (np.arange(CANVAS) + 0.5 - CANVAS / 2) / per_eo
    u, v = np.meshgrid(span / (half_width * WIDTH), span)
    down = v - 0.045 * u**2 - 0.030 * u**4  # below its arched top
    near = smoothstep(down, 0.0, BACK)[..., None]
    colour = flesh[0] + (flesh[1] - flesh[0]) * near
    light: Doubles = 0.45 + 0.55 * near[..., 0]
    light *= 1 - 0.35 * np.clip(np.abs(u), 0, 1) ** 2.5  # round to its sides
    light *= 1 - 0.35 * smoothstep(down, TIP - 0.04, TIP + 0.05)  # and to the floor of the mouth
    furrow = np.exp(-0.5 * (u / 0.09) ** 2) * smoothstep(down, 0.01, 0.06) * (1 - smoothstep(down, 0.10, TIP))
    light *= 1 - 0.09 * furrow
    light *= 1 + GRAIN * _grain(per_eo)
    wet = np.max([np.exp(-0.5 * ((u - x) / 0.10) ** 2 - 0.5 * ((down - y) / 0.014) ** 2) for x, y in WET], axis=0)
    picture = colour * light[..., None] + 0.10 * flesh[1].mean() * wet[..., None]
    alpha = smoothstep(down, -0.004, 0.045) * (1 - smoothstep(np.abs(u), 0.78, 1.05))
    drawn = np.dstack([picture.clip(0, 1), alpha]).astype(np.float32) * 255
    return cv2.GaussianBlur(drawn, (0, 0), softness)


def _grain(per_eo: float) -> Doubles:
    """Papillae: noise (CANVAS, CANVAS) of unit variance, about 2 mm across."""
    noise = np.random.default_rng(SEED).standard_normal((CANVAS, CANVAS))
    grain = cv2.GaussianBlur(noise, (0, 0), 0.010 * per_eo)
    even: Doubles = grain / grain.std()
    return even
