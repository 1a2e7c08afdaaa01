"""The mouth: two lips torn apart along the line between them, over what is seen through the gap.

Each lip is the photo read through its own layer's field, cut along its inner contour; what the gap shows is drawn by
`interior`, where the gap is and nowhere else. The blend is normalised by the three weights, else half-covered edges
let the cavity leak out as dark whiskers.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from avtr_cli.core.arrays import Floats, Grey, Image, Matte, Points, Vector
from avtr_cli.kernels.sampling import Sampler, Texture
from avtr_cli.perception.topology import (
    INNER_LOWER_LIP,
    INNER_UPPER_LIP,
    LIP_CENTRES,
    MOUTH_CORNERS,
    OUTER_LIP_CENTRES,
)
from avtr_cli.render.mesh.controls import Controls
from avtr_cli.render.mesh.geometry import Geometry
from avtr_cli.render.mesh.interior import Interior, draw_interior, prepare_interior
from avtr_cli.render.mesh.rectangle import Rectangle
from avtr_cli.render.mesh.shapes import LOWER, MOUTH_SHAPES, SHAPES, UPPER
from avtr_cli.render.mesh.stage import Stage
from avtr_cli.render.mesh.teeth import FRACTION_BITS
from avtr_cli.render.split import OVERSAMPLING

FINE = OVERSAMPLING  # masks are drawn at the resolution of the person's texture
OUTLINE = (*MOUTH_CORNERS, *OUTER_LIP_CENTRES)
AROUND_LIPS = (0.20, 0.10)  # EO to the sides, where the lip layers become one, and up and down
# EO by which the gap may reach beyond the points of its outline: they turn by their own depth, skin by a smoothed one.
AROUND_GAP = (0.10, 0.04)


@dataclass(frozen=True)
class Mouth:
    """One mouth, made once: where its lips part, and what is seen between them."""

    masks: Texture  # texture (h, w, 3): above the upper lip's edge, below the lower lip's, between the corners
    masks_at: tuple[int, int]  # x, y px of the masks' first pixel, in stage pixels
    interior: Interior
    activity: Floats  # (shapes,) 1 for shapes that move the mouth


def prepare_mouth(stage: Stage, geometry: Geometry, sampler: Sampler, fine: Stage) -> Mouth:
    """`fine` is the stage itself, or a larger one of the same photo, on which teeth are looked for."""
    masks, origin, hole = _masks(stage)
    if fine is not stage:
        hole = _masks(fine)[2]
    return Mouth(
        masks=sampler.texture(masks),
        masks_at=origin,
        interior=prepare_interior(stage, geometry, sampler, fine, hole),
        activity=np.array([name in MOUTH_SHAPES for name in SHAPES], np.float32),
    )


def mouth_activity(mouth: Mouth, controls: Controls) -> float:
    """0 .. 1: how much the mouth's own picture replaces the plain warp; 0 where nothing there moves."""
    return min(1.0, 12 * (float(np.abs(controls.weights) @ mouth.activity) + controls.tongue))


def mouth_region(stage: Stage, geometry: Geometry, controls: Controls) -> Rectangle:
    """Stage pixels around the lips as they will be drawn; may reach out of the stage."""
    moved = np.concatenate([geometry.moved_points(OUTLINE, layer, controls) for layer in (UPPER, LOWER)])
    return around_lips(moved.min(axis=0), moved.max(axis=0), stage.unit)


def around_lips(low: Vector, high: Vector, unit: float) -> Rectangle:
    """The mouth's region, given the least and largest x, y of OUTLINE in both layers; px."""
    x0, y0 = int(low[0] - AROUND_LIPS[0] * unit), int(low[1] - AROUND_LIPS[1] * unit)
    x1, y1 = int(high[0] + AROUND_LIPS[0] * unit), int(high[1] + AROUND_LIPS[1] * unit)
    return Rectangle(x0, y0, x1 - x0, y1 - y0)


def draw_mouth(
    mouth: Mouth,
    geometry: Geometry,
    controls: Controls,
    sampler: Sampler,
    person: Texture,
    back: Tensor,
    region: Rectangle,
) -> Tensor:
    """The mouth's region, (4, h, w): premultiplied RGB and alpha in 0 .. 255, without the skin's gain.

    `back` (2 layers, 2, h, w) px says where the region's pixels come from; `region` is that of `mouth_region`.
    """
    columns = torch.arange(region.x, region.x + region.width, dtype=torch.float32, device=back.device)[None]
    rows = torch.arange(region.y, region.y + region.height, dtype=torch.float32, device=back.device)[:, None]
    lips, masks = [], []
    for layer in (UPPER, LOWER):
        x, y = back[layer, 0] + columns, back[layer, 1] + rows
        lips.append(sampler.sample(person, x * FINE, y * FINE))
        masks.append(sampler.sample(mouth.masks, (x - mouth.masks_at[0]) * FINE, (y - mouth.masks_at[1]) * FINE))
    above, below = masks[UPPER][0] / 255, masks[LOWER][1] / 255
    between = torch.maximum(masks[UPPER][2], masks[LOWER][2]) / 255
    not_above = 1 - above
    gap = not_above * (1 - below) * between
    under = not_above * (below + 0.5 * (1 - between))
    drawn = lips[LOWER]
    colour = drawn[:3].mul_(under).addcmul_(lips[UPPER][:3], above)
    opening = gap_box(geometry, controls, region)
    down, across = opening
    inside = draw_interior(mouth.interior, geometry, controls, sampler, gap[opening], columns[:, across], rows[down])
    colour[:, down, across].addcmul_(inside, gap[opening])
    colour.div_((above + under + gap).clamp_(min=1e-4))
    return drawn


def gap_box(geometry: Geometry, controls: Controls, region: Rectangle) -> tuple[slice, slice]:
    """Rows and columns of `region` outside which there is no gap between the lips."""
    edges = [geometry.moved_points(INNER_UPPER_LIP, UPPER, controls)]
    edges.append(geometry.moved_points(INNER_LOWER_LIP, LOWER, controls))
    outline = np.concatenate(edges)
    return around_gap(outline.min(axis=0), outline.max(axis=0), geometry.unit, region)


def around_gap(low: Vector, high: Vector, unit: float, region: Rectangle) -> tuple[slice, slice]:
    """Rows and columns of `region` that the gap may reach, given the least and largest x, y of its outline; px."""
    across, down = AROUND_GAP[0] * unit + 2, AROUND_GAP[1] * unit + 2
    x0, y0 = max(int(low[0] - across - region.x), 0), max(int(low[1] - down - region.y), 0)
    x1, y1 = max(int(high[0] + across - region.x) + 1, 1), max(int(high[1] + down - region.y) + 1, 1)
    return slice(min(y0, region.height - 1), y1), slice(min(x0, region.width - 1), x1)


def feather(region: Rectangle, width: int, device: torch.device) -> Tensor:
    """(h, w) weights that rise from 0 at the region's border to 1 `width` px inside."""

    def ramp(length: int) -> Tensor:
        place = torch.arange(length, dtype=torch.float32, device=device)
        return (torch.minimum(place, length - 1 - place) / width).clamp(0, 1)

    return ramp(region.height)[:, None] * ramp(region.width)[None]


def _masks(stage: Stage) -> tuple[Image, tuple[int, int], Matte]:
    """Masks uint8 (h, w, 3) of a region at FINE times the stage's resolution, its origin, and the gap (h, w)."""
    points, unit = stage.points[:, :2], stage.unit
    middle = points[[*MOUTH_CORNERS, *LIP_CENTRES]].mean(axis=0)
    x0, y0 = np.maximum(middle - np.array([0.85, 0.75]) * unit, 0).astype(int)
    x1, y1 = np.minimum(middle + np.array([0.85, 0.85]) * unit, (stage.width, stage.height)).astype(int)
    size = (int(x1 - x0) * FINE, int(y1 - y0) * FINE)
    left, right = points[MOUTH_CORNERS[0]], points[MOUTH_CORNERS[1]]
    across = right - left
    down = np.array([-across[1], across[0]]) / np.linalg.norm(across)
    upper, lower = _smooth_curve(points[list(INNER_UPPER_LIP)]), _smooth_curve(points[list(INNER_LOWER_LIP)])
    opened = float(np.clip((points[list(INNER_LOWER_LIP)] - points[list(INNER_UPPER_LIP)]) @ down, 0, None).mean())
    bow = np.sqrt(np.sin(np.pi * np.linspace(0, 1, len(upper))))[:, None] * down
    pixel = max(1.0, unit / 136)
    hole_outline = np.concatenate([upper, lower[::-1]])
    if opened < 0.011 * unit:
        upper, lower = upper + 0.5 * pixel * bow, lower - 0.5 * pixel * bow  # shut lips overlap a little
    else:
        upper, lower = upper - 0.2 * pixel * bow, lower + 1.0 * pixel * bow  # the lower lip's rim holds teeth pixels
    far_left, far_right, far = left - 1.2 * across, right + 1.2 * across, 5 * unit * down
    inset = 0.015 * across
    high = 1.5 * unit * down

    def draw(outline: Points, soft_px: float) -> Grey:
        mask = np.zeros(size[::-1], np.uint8)
        # Pixel centres: point p of the stage is FINE * p in the mask, whose corners are in fixed point.
        places = np.rint((outline - (x0, y0)) * FINE * 2**FRACTION_BITS).astype(np.int32)
        cv2.fillPoly(mask, [places], (255,), cv2.LINE_AA, FRACTION_BITS)
        return cv2.GaussianBlur(mask, (0, 0), soft_px * FINE)

    above = draw(np.concatenate([[far_left], upper, [far_right, far_right - far, far_left - far]]), 0.6)
    below = draw(np.concatenate([[far_left], lower, [far_right, far_right + far, far_left + far]]), 0.6)
    corners = np.array([left + inset - high, right - inset - high, right - inset + high, left + inset + high])
    between = draw(corners, 1.2)
    hole = np.zeros(stage.image.shape[:2], np.float32)
    hole[y0:y1, x0:x1] = draw(hole_outline, 0.4)[::FINE, ::FINE] / 255.0
    return np.dstack([above, below, between]), (int(x0), int(y0)), hole


def _smooth_curve(points: Points, count: int = 60) -> Points:
    from scipy.interpolate import CubicSpline  # a fifth of a second of loading, for preparation alone

    steps = np.hypot(*np.diff(points, axis=0).T)
    length = np.append(0, np.cumsum(steps)) + np.arange(len(points)) * 1e-6
    curve: Points = CubicSpline(length, points)(np.linspace(0, length[-1], count))
    return curve
