"""The mouth: two lips torn apart along the line between them, and what is seen through the gap.

Each lip is the photo read through its own layer's field, cut along its inner contour; the gap shows teeth that hang
on the skull, teeth and tongue that hang on the jaw, and a cavity, darkened where the lips shade them.
The blend is normalised by the three weights, else half-covered edges let the cavity leak out as dark whiskers.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from scipy.interpolate import CubicSpline
from torch import Tensor
from torch.nn import functional

from avtr_cli.perception.crop import scale_of
from avtr_cli.perception.topology import (
    CHEEKS,
    INNER_LOWER_LIP,
    INNER_UPPER_LIP,
    LIP_CENTRES,
    MOUTH_CORNERS,
    OUTER_LOWER_LIP,
    OUTER_UPPER_LIP,
)
from avtr_cli.render.mesh import teeth
from avtr_cli.render.mesh.controls import Controls
from avtr_cli.render.mesh.geometry import Geometry
from avtr_cli.render.mesh.layers import LUMA
from avtr_cli.render.mesh.sampling import Sampler
from avtr_cli.render.mesh.shapes import JAW_DROP, LOWER, MOUTH_SHAPES, SHAPES, UPPER
from avtr_cli.render.mesh.stage import Rectangle, Stage

CAVITY = np.array([0.16, 0.055, 0.05])
TONGUE = np.array([0.62, 0.30, 0.29])
FINE = 2  # masks are drawn at the resolution of the person's texture
OUTLINE = (*MOUTH_CORNERS, OUTER_UPPER_LIP[5], OUTER_LOWER_LIP[5])
LOWER_TEETH_DOWN = 0.06  # EO under the lip: nearer, they peep out as white dashes
UPPER_TEETH_DOWN = 0.036  # EO that the incisors show under the resting upper lip: 3 mm
SHADE_REACH = 0.035  # EO
TONGUE_TOP, TONGUE_LIFT = 0.13, 0.14  # EO: its top above the lower lip's edge, and how far tongueOut raises it
TONGUE_GAIN = 2.2  # times tongueOut: speech puts the tongue out by less than half
ROUNDING = [SHAPES.index("mouthFunnel"), SHAPES.index("mouthPucker")]


@dataclass(frozen=True)
class Mouth:
    masks: object  # texture (h, w, 3): above the upper lip's edge, below the lower lip's, between the corners
    masks_at: tuple[int, int]  # x, y px of the masks' first pixel, in stage pixels
    upper_teeth: object
    lower_teeth: object
    upper_edge: float  # EO below the canvas's middle
    lower_edge: float
    lower_lip: float  # EO below the canvas's middle: the inner edge of the resting lower lip
    centre: np.ndarray  # (3,) EO: middle of the mouth in the head's frame
    half_width: float  # EO
    per_eo: float  # canvas px per EO
    cavity: Tensor  # (3, 1, 1) 0 .. 255
    tongue: Tensor
    activity: np.ndarray  # (shapes,) 1 for shapes that move the mouth


def prepare_mouth(stage: Stage, geometry: Geometry, sampler: Sampler) -> Mouth:
    masks, origin, hole = _masks(stage)
    head = geometry.head
    corners = head[list(MOUTH_CORNERS)]
    half_width = float(np.ptp(corners[:, 0])) / 2
    lips = head[list(LIP_CENTRES)]
    lower_lip = float(lips[1, 1] - corners[:, 1].mean())
    centre = np.append(corners[:, :2].mean(axis=0), lips[:, 2].mean() + 0.05)
    per_eo = teeth.PER_HALF_MOUTH / half_width
    skin = _colour_at(stage, CHEEKS)
    photo, opening = _on_canvas(stage, geometry, centre, per_eo, hole)
    own, own_lower = teeth.photo_rows(photo, opening, skin, per_eo / geometry.unit)
    tint = float(np.clip(np.ptp(skin) / max(skin.max(), 25.0) / 0.10, 0, 1))
    # As soft as the photo: half a pixel of the stage, or of the photo where that is coarser.
    softness = 0.55 * per_eo / geometry.unit * max(1.0, scale_of(stage.affine))
    upper = own if own is not None else teeth.drawn_row(True, skin, per_eo, softness, tint)
    drawn = teeth.drawn_row(False, skin, per_eo, softness, tint) * (0.72, 0.72, 0.72, 1.0)
    lower = own_lower if own_lower is not None else drawn
    light = float(skin @ LUMA) / 255
    saturation = _lip_saturation(stage)

    def flesh(colour: np.ndarray, brightness: float) -> Tensor:
        grey = np.full(3, colour @ LUMA)
        tinted = (grey + (colour - grey) * saturation) * brightness * 255
        return torch.tensor(tinted, dtype=torch.float32, device=sampler.device)[:, None, None]

    return Mouth(
        masks=sampler.texture(masks),
        masks_at=origin,
        upper_teeth=_texture(sampler, upper),
        lower_teeth=_texture(sampler, lower),
        upper_edge=0.0 if own is not None else float(lips[0, 1] - centre[1]) + UPPER_TEETH_DOWN,
        lower_edge=0.0 if own_lower is not None else lower_lip + LOWER_TEETH_DOWN,
        lower_lip=lower_lip,
        centre=centre,
        half_width=half_width,
        per_eo=per_eo,
        cavity=flesh(CAVITY, float(np.clip(0.3 + 0.8 * light, 0.3, 1))),
        tongue=flesh(TONGUE, float(np.clip(0.3 + 0.7 * light, 0.25, 1))),
        activity=np.array([name in MOUTH_SHAPES for name in SHAPES], np.float32),
    )


def mouth_activity(mouth: Mouth, controls: Controls) -> float:
    """0 .. 1: how much the mouth's own picture replaces the plain warp; 0 where nothing there moves."""
    return min(1.0, 12 * (float(np.abs(controls.weights) @ mouth.activity) + controls.tongue))


def mouth_region(stage: Stage, geometry: Geometry, controls: Controls) -> Rectangle:
    """Stage pixels around the lips as they will be drawn; may reach out of the stage."""
    moved = np.concatenate([geometry.moved_points(OUTLINE, layer, controls) for layer in (UPPER, LOWER)])
    x0, y0 = (moved.min(axis=0) - np.array([0.22, 0.15]) * stage.unit).astype(int)
    x1, y1 = (moved.max(axis=0) + np.array([0.22, 0.16]) * stage.unit).astype(int)
    return Rectangle(int(x0), int(y0), int(x1 - x0), int(y1 - y0))


def draw_mouth(
    mouth: Mouth,
    geometry: Geometry,
    controls: Controls,
    sampler: Sampler,
    person: object,
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
        mask = sampler.sample(mouth.masks, (x - mouth.masks_at[0]) * FINE, (y - mouth.masks_at[1]) * FINE)
        masks.append(mask / 255)
    above, below = masks[UPPER][0], masks[LOWER][1]
    between = torch.maximum(masks[UPPER][2], masks[LOWER][2])
    not_above = 1 - above
    gap = not_above * (1 - below) * between
    under = not_above * below + 0.5 * (1 - between) * not_above
    inside = _interior(mouth, geometry, controls, sampler, gap, columns, rows)
    total = (above + under + gap).clamp(min=1e-4)
    colour = (above * lips[UPPER][:3] + under * lips[LOWER][:3] + gap * inside) / total
    return torch.cat([colour, lips[LOWER][3:]])


def feather(region: Rectangle, width: int, device: torch.device) -> Tensor:
    """(h, w) weights that rise from 0 at the region's border to 1 `width` px inside."""

    def ramp(length: int) -> Tensor:
        place = torch.arange(length, dtype=torch.float32, device=device)
        return (torch.minimum(place, length - 1 - place) / width).clamp(0, 1)

    return ramp(region.height)[:, None] * ramp(region.width)[None]


def _interior(
    mouth: Mouth,
    geometry: Geometry,
    controls: Controls,
    sampler: Sampler,
    gap: Tensor,
    columns: Tensor,
    rows: Tensor,
) -> Tensor:
    """What is seen between the lips, (3, h, w)."""
    drop = float(controls.weights[SHAPES.index("jawOpen")]) * JAW_DROP * 0.92
    skull_u, skull_v = _canvas_places(mouth, geometry, controls, np.zeros(3), columns, rows)
    jaw_u, jaw_v = _canvas_places(mouth, geometry, controls, np.array([0, drop, 0.25 * drop]), columns, rows)
    upper = _row(mouth, sampler, mouth.upper_teeth, skull_u, skull_v - mouth.upper_edge)
    lower = _row(mouth, sampler, mouth.lower_teeth, jaw_u, jaw_v - mouth.lower_edge)
    u = jaw_u / mouth.half_width

    light = _ambient(gap, geometry.unit)
    inside = mouth.cavity * (1 - 0.55 * u.abs().clamp(0, 1) ** 2)
    # The tongue: a hump low behind the teeth, darker towards the throat; l, n and th bring its tip up and forward.
    raised = min(max(TONGUE_GAIN * controls.tongue, 0.0), 1.0)
    top = mouth.lower_lip - TONGUE_TOP - TONGUE_LIFT * raised
    below = jaw_v - (top + 0.13 * u * u)
    tongue = _smoothstep(below, 0.0, 0.07) * torch.exp(-0.5 * (u / (0.62 - 0.10 * raised)) ** 6)
    lit = 0.20 + (0.62 + 0.28 * raised) * _smoothstep(below, 0.0, 0.12 - 0.05 * raised)
    lit -= 0.07 * torch.exp(-0.5 * (u / 0.07) ** 2)
    inside = torch.lerp(inside, mouth.tongue * lit, tongue)
    lower_alpha = lower[3:] / 255
    if raised:
        lower_alpha *= 1 - raised * tongue
    inside = torch.lerp(inside, lower[:3], lower_alpha)
    inside = inside * (0.25 + 0.75 * light)
    # Rounded lips stand in front of the teeth and shade them.
    rounded = float(controls.weights[ROUNDING].sum())
    teeth_light = 0.34 + 0.66 * light - 0.20 * min(max(rounded, 0.0), 1.0)
    return torch.lerp(inside, upper[:3] * teeth_light.clamp(min=0.08), upper[3:] / 255)


def _ambient(gap: Tensor, unit: float) -> Tensor:
    """How much light reaches into the gap, (h, w) 0 .. 1: the gap twice averaged over SHADE_REACH."""
    reach = max(1, int(SHADE_REACH * unit))
    size = 2 * reach + 1
    light = gap[None, None]
    for _ in range(2):
        light = functional.avg_pool2d(light, (size, 1), 1, (reach, 0), count_include_pad=False)
        light = functional.avg_pool2d(light, (1, size), 1, (0, reach), count_include_pad=False)
    return (light[0, 0] * 1.35).clamp(0, 1)


def _row(mouth: Mouth, sampler: Sampler, texture: object, u: Tensor, v: Tensor) -> Tensor:
    half = teeth.CANVAS / 2 - 0.5
    return sampler.sample(texture, u * mouth.per_eo + half, v * mouth.per_eo + half)


def _canvas_places(
    mouth: Mouth, geometry: Geometry, controls: Controls, offset: np.ndarray, columns: Tensor, rows: Tensor
) -> tuple[Tensor, Tensor]:
    """Coordinates, EO from the mouth's middle, of the plane in the mouth that lies `offset` from the skull's."""
    middle = geometry.place((mouth.centre + offset)[None], controls)[0]
    to_px = (controls.pose.rotation @ geometry.rotation)[:2, :2] * geometry.unit * controls.pose.zoom
    back = np.linalg.inv(to_px)
    start = -back @ middle
    u = columns * float(back[0, 0]) + rows * float(back[0, 1]) + float(start[0])
    v = columns * float(back[1, 0]) + rows * float(back[1, 1]) + float(start[1])
    return u, v


def _smoothstep(x: Tensor, low: float, high: float) -> Tensor:
    t = ((x - low) / (high - low)).clamp(0, 1)
    return t * t * (3 - 2 * t)


def _texture(sampler: Sampler, picture: np.ndarray) -> object:
    cleared = np.rint(picture).clip(0, 255).astype(np.uint8)
    cleared[[0, -1]] = 0  # reading outside continues the edge: nothing
    cleared[:, [0, -1]] = 0
    return sampler.texture(cleared)


def _masks(stage: Stage) -> tuple[np.ndarray, tuple[int, int], np.ndarray]:
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

    def draw(outline: np.ndarray, soft_px: float) -> np.ndarray:
        mask = np.zeros(size[::-1], np.uint8)
        # Pixel centres: point p of the stage is FINE * p in the mask, whose fixed point has 4 fractional bits.
        places = np.rint((outline - (x0, y0)) * FINE * 16).astype(np.int32)
        cv2.fillPoly(mask, [places], (255,), cv2.LINE_AA, 4)
        return cv2.GaussianBlur(mask, (0, 0), soft_px * FINE)

    above = draw(np.concatenate([[far_left], upper, [far_right, far_right - far, far_left - far]]), 0.6)
    below = draw(np.concatenate([[far_left], lower, [far_right, far_right + far, far_left + far]]), 0.6)
    corners = np.array([left + inset - high, right - inset - high, right - inset + high, left + inset + high])
    between = draw(corners, 1.2)
    hole = np.zeros(stage.image.shape[:2], np.float32)
    hole[y0:y1, x0:x1] = draw(hole_outline, 0.4)[::FINE, ::FINE] / 255.0
    return np.dstack([above, below, between]), (int(x0), int(y0)), hole


def _smooth_curve(points: np.ndarray, count: int = 60) -> np.ndarray:
    steps = np.hypot(*np.diff(points, axis=0).T)
    length = np.append(0, np.cumsum(steps)) + np.arange(len(points)) * 1e-6
    return CubicSpline(length, points)(np.linspace(0, length[-1], count))


def _on_canvas(
    stage: Stage, geometry: Geometry, centre: np.ndarray, per_eo: float, hole: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Photo and gap read onto the teeth's canvas: float32 (CANVAS, CANVAS, 3) and (CANVAS, CANVAS)."""
    span = (np.arange(teeth.CANVAS) + 0.5 - teeth.CANVAS / 2) / per_eo
    u, v = np.meshgrid(span, span)
    places = geometry.to_stage(np.stack([u + centre[0], v + centre[1], np.full_like(u, centre[2])], axis=-1))
    x, y = places[..., 0].astype(np.float32), places[..., 1].astype(np.float32)
    photo = cv2.remap(stage.image.astype(np.float32), x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return photo.clip(0, 255), cv2.remap(hole, x, y, cv2.INTER_LINEAR)


def _colour_at(stage: Stage, points: tuple[int, ...]) -> np.ndarray:
    x, y = stage.points[list(points), :2].astype(int).T
    return stage.image[y.clip(0, stage.height - 1), x.clip(0, stage.width - 1)].mean(axis=0).astype(np.float64)


def _lip_saturation(stage: Stage) -> float:
    """0 .. 1: how colourful the lips are; a red mouth in a black-and-white photo would shock."""
    lips = _colour_at(stage, (0, 17, 37, 267, 84, 314))
    return float(np.clip(np.ptp(lips) / max(lips.max(), 25.0) / 0.35, 0, 1))
