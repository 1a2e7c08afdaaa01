"""Brushes for `draw_portrait.py`: curves into soft masks, height fields into light, hairs into strokes.

All coordinates are units of the drawing (x right, y down), seen through a square window; everything is painted
`OVER` times larger and averaged down at the end, so edges are smooth. Colours are linear light, float32.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import cv2
import numpy as np
from scipy.interpolate import CubicSpline

Points = Sequence[tuple[float, float]]

OVER = 2  # samples per pixel and axis; edges are antialiased by OpenCV on top of that
_SHIFT = 4  # fractional bits of OpenCV's polygon corners


class Canvas:
    """A square picture of side `size` px, painted from back to front.

    It shows the square of the drawing that begins at `corner` and is `span` units wide.
    """

    def __init__(self, size: int, corner: tuple[float, float], span: float) -> None:
        self.size, self.side = size, size * OVER
        self.corner, self.scale = np.array(corner), size / span  # pixels per unit
        line = ((np.arange(self.side) + 0.5) / (OVER * self.scale)).astype(np.float32)
        self.x, self.y = np.meshgrid(line + np.float32(corner[0]), line + np.float32(corner[1]))
        self.colour = np.zeros((self.side, self.side, 3), np.float32)

    def mask(self, outline: np.ndarray, soft: float = 0.0) -> np.ndarray:
        """Coverage in [0, 1] of a closed outline (n, 2), its edge blurred by `soft`."""
        filled = np.zeros((self.side, self.side), np.uint8)
        cv2.fillPoly(filled, [self._corners(outline)], 255, cv2.LINE_AA, _SHIFT)
        return self.blur(filled.astype(np.float32) / 255, soft)

    def stroke(self, line: np.ndarray, width: list[float] | float, soft: float = 0.0) -> np.ndarray:
        """Coverage of an open line (n, 2) whose full width runs through `width`."""
        return self.mask(ribbon(line, width), soft)

    def paint(self, coverage: np.ndarray, colour: np.ndarray) -> None:
        """Lay a colour (3,) or picture (side, side, 3) over the canvas."""
        self.colour += coverage[..., None] * (colour - self.colour)

    def shade(self, coverage: np.ndarray, factor: np.ndarray | float) -> None:
        """Multiply the canvas by `factor` where covered: shadows and stains."""
        self.colour *= 1 + coverage[..., None] * (np.asarray(factor, np.float32) - 1)

    def hairs(self, lines: list[np.ndarray], widths: np.ndarray, colours: np.ndarray) -> None:
        """Hairs (n, 2 points each) in order, tapered to their tips, in full colour over the canvas."""
        for line, width, colour in zip(lines, widths, colours, strict=True):
            taper = width * _taper(len(line))
            corners = self._corners(ribbon(line, taper))
            low = np.maximum(corners.min(axis=0) // 16 - 2, 0)
            high = np.minimum(corners.max(axis=0) // 16 + 3, self.side)
            if (high <= low).any():
                continue
            stamp = np.zeros((high[1] - low[1], high[0] - low[0]), np.uint8)
            cv2.fillPoly(stamp, [corners - low.astype(np.int32) * 16], 255, cv2.LINE_AA, _SHIFT)
            spot = self.colour[low[1] : high[1], low[0] : high[0]]
            spot += (stamp.astype(np.float32) / 255 * 0.85)[..., None] * (colour - spot)

    def blur(self, field: np.ndarray, sigma: float) -> np.ndarray:
        wide = sigma * OVER * self.scale
        if wide > 8:  # a wide blur of a quarter of the samples is the same to the eye
            small = cv2.resize(field, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
            return cv2.resize(
                cv2.GaussianBlur(small, (0, 0), wide / 4), field.shape[::-1], interpolation=cv2.INTER_LINEAR
            )
        return cv2.GaussianBlur(field, (0, 0), wide) if wide > 0 else field

    def noise(self, rng: np.random.Generator, grain: float, stretch: tuple[float, float] = (1.0, 1.0)) -> np.ndarray:
        """Smooth noise, mean 0 and deviation 1, of features about `grain` wide (times `stretch` in x and y)."""
        rows, columns = (int(np.ceil(self.size / self.scale / (grain * s))) + 3 for s in (stretch[1], stretch[0]))
        knots = rng.standard_normal((rows, columns)).astype(np.float32)
        field = cv2.resize(knots, (self.side, self.side), interpolation=cv2.INTER_CUBIC)
        return (field - field.mean()) / field.std()

    def bump(self, x: float, y: float, wide: float, high: float, degrees: float = 0.0) -> np.ndarray:
        """A Gaussian hill of height 1 with these deviations in pixels, turned clockwise."""
        c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        across, along = (self.x - x) * c + (self.y - y) * s, (self.y - y) * c - (self.x - x) * s
        return np.exp(-0.5 * ((across / wide) ** 2 + (along / high) ** 2))

    def picture(self) -> np.ndarray:
        """uint8 (size, size, 3) sRGB."""
        small = cv2.resize(self.colour, (self.size, self.size), interpolation=cv2.INTER_AREA)
        return np.rint(255 * encode(small)).astype(np.uint8)

    def _corners(self, outline: np.ndarray) -> np.ndarray:
        return np.rint((self.sample(outline) - 0.5) * (1 << _SHIFT)).astype(np.int32)

    def sample(self, points: np.ndarray) -> np.ndarray:
        """Points (n, 2) of the drawing as positions on the canvas, in samples from its upper left corner."""
        return (points - self.corner) * (self.scale * OVER)

    def under(self, field: np.ndarray, points: np.ndarray) -> np.ndarray:
        """The value of a field under each of the points (n, 2)."""
        column, row = np.clip(self.sample(points).astype(int), 0, self.side - 1).T
        return field[row, column]


def colour(code: str) -> np.ndarray:
    """'#rrggbb' as linear light, float32 (3,)."""
    srgb = np.array([int(code[k : k + 2], 16) for k in (1, 3, 5)]) / 255
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4).astype(np.float32)


def encode(light: np.ndarray) -> np.ndarray:
    """Linear light as sRGB values in [0, 1] (IEC 61966-2-1)."""
    light = np.clip(light, 0, 1)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def curve(points: Points | list[np.ndarray], closed: bool = False, samples: int = 160) -> np.ndarray:
    """A smooth line (samples, 2) through points: a cubic spline over the square root of chord lengths (centripetal)."""
    knots = np.array([*points, points[0]] if closed else points, float)
    along = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(knots, axis=0).T) ** 0.5)])
    return CubicSpline(along, knots, bc_type="periodic" if closed else "natural")(np.linspace(0, along[-1], samples))


def ribbon(line: np.ndarray, width: np.ndarray | list[float] | float) -> np.ndarray:
    """The outline of a line with width; an array of widths is spread along it."""
    widths = np.interp(_even(len(line)), _even(np.size(width)), np.atleast_1d(width))
    along = np.gradient(line, axis=0)
    across = np.stack([-along[:, 1], along[:, 0]], axis=1) / (np.hypot(*along.T)[:, None] + 1e-9)
    half = across * widths[:, None] / 2
    return np.concatenate([line + half, (line - half)[::-1]])


@cache
def _even(count: int) -> np.ndarray:
    return np.linspace(0, 1, count)


@cache
def _taper(count: int) -> np.ndarray:
    return np.sin(np.linspace(0.35, np.pi, count))


def down(line: np.ndarray, by: float) -> np.ndarray:
    """The same line, moved down."""
    return line + np.array([0.0, by])


class Flow:
    """The direction in which hair lies everywhere, from a few guiding strokes (m, 2 points each)."""

    _CELL = 6.0  # units; guides change slowly, so directions are worked out on a grid this coarse

    def __init__(self, canvas: Canvas, guides: list[np.ndarray]) -> None:
        points = np.concatenate([guide[:-1:4] for guide in guides])
        ways = np.concatenate([np.diff(guide, axis=0)[::4] for guide in guides])
        ways /= np.hypot(*ways.T)[:, None]
        self._corner = np.array(canvas.corner)
        cells = int(canvas.size / canvas.scale / self._CELL) + 2
        grid = np.stack(np.meshgrid(*[np.arange(cells) * self._CELL] * 2), axis=-1) + self._corner
        weight = 1 / (((grid[:, :, None] - points) ** 2).sum(-1) + 25) ** 2
        self._ways = (weight @ ways).astype(np.float32)

    def lines(self, roots: np.ndarray, lengths: np.ndarray, turn: np.ndarray) -> np.ndarray:
        """Hairs (n, 13, 2) from their roots (n, 2), each turned away from the flow by `turn` radians on the way."""
        steps, place = 12, roots
        path = [place]
        c, s = np.cos(turn), np.sin(turn)
        for _ in range(steps):
            cell = ((place - self._corner) / self._CELL).astype(np.float32)
            way = cv2.remap(self._ways, cell[None, :, 0], cell[None, :, 1], cv2.INTER_LINEAR)[0]
            way = np.stack([way[:, 0] * c - way[:, 1] * s, way[:, 0] * s + way[:, 1] * c], axis=1)
            place = place + way / (np.hypot(*way.T)[:, None] + 1e-9) * (lengths / steps)[:, None]
            path.append(place)
        return np.stack(path, axis=1)


def normals(canvas: Canvas, height: np.ndarray) -> np.ndarray:
    """Unit normals (h, w, 3) of a height field; x right, y down, z to the viewer."""
    dy, dx = np.gradient(height, np.float32(1 / (OVER * canvas.scale)))
    n = np.stack([-dx, -dy, np.ones_like(dx)], axis=-1)
    return n / np.sqrt(np.einsum("hwc,hwc->hw", n, n))[..., None]


def cast_shadow(
    canvas: Canvas, surface: np.ndarray, blockers: np.ndarray, light: np.ndarray, reach: float, softness: float
) -> np.ndarray:
    """How much of the light reaches each point of `surface`, in [0, 1], past the height field `blockers`.

    The field is walked from every point towards the light at a quarter of the samples: shadows are soft.
    """
    low, high = (cv2.resize(f, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA) for f in (surface, blockers))
    step = 4 / (OVER * canvas.scale)
    rows, columns = np.mgrid[: low.shape[0], : low.shape[1]].astype(np.float32)
    across = float(np.hypot(light[0], light[1]))
    lit = np.ones_like(low)
    for k in range(1, int(reach / step)):
        east, south = (
            (columns + k * light[0] / across).astype(np.float32),
            (rows + k * light[1] / across).astype(np.float32),
        )
        rise = cv2.remap(high, east, south, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE) - low
        ray = k * step * light[2] / across
        lit = np.minimum(lit, 0.5 + (ray - rise) / (softness * (k * step + 6)))
    return cv2.resize(np.clip(lit, 0, 1), surface.shape[::-1], interpolation=cv2.INTER_CUBIC).clip(0, 1)


def hollow(canvas: Canvas, height: np.ndarray, sigma: float, gain: float) -> np.ndarray:
    """Ambient light that is left in hollows, in (0, 1]: points below their surroundings are darker."""
    return np.exp(-gain * np.maximum(canvas.blur(height, sigma) - height, 0) / sigma)
