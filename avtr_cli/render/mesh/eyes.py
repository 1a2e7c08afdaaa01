"""Lids and gaze, in closed form.

A closing lid covers what it passes over, which no smooth field can be inverted for. So each eye has its own frame:
u runs from corner to corner (-1 .. 1), v across, both in half eye widths; the lids are curves v(u), and a
blink moves the curves. Every pixel column is then mapped back piece by piece: skin above the lid stretches up to
the brow, the lashes keep their width, the opening shows an eyeball repainted under the new lids, and the
skin that a closing lid unfolds, which the photo does not show, is painted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor

from avtr_cli.core.arrays import Doubles, Vector
from avtr_cli.kernels.eye_measures import (
    BALL_ENDS,
    BELOW,
    CANVAS_REACH,
    CANVAS_SCALE,
    GAZE_X,
    GAZE_Y,
    LASHES,
    WIDENS,
)
from avtr_cli.kernels.sampling import Sampler, Texture
from avtr_cli.render.mesh.controls import Controls, EyeControl
from avtr_cli.render.mesh.geometry import Geometry
from avtr_cli.render.mesh.rectangle import Rectangle
from avtr_cli.render.mesh.shapes import UPPER, step

ROI_SIDE = 1.45  # half eye widths to both sides that a blink may change
LID_DOWN, LID_UP = 0.45, 0.22  # share of a blink that the upper lid follows a look down or up

_Places = TypeVar("_Places", Doubles, Tensor)


@dataclass(frozen=True)
class Eye:
    """One eye of one photo; lengths in half eye widths unless they say px."""

    side: str
    centre: Vector  # (2,) px of the stage
    half_width: float  # px
    across: Vector  # (2,) unit vector of u
    down: Vector  # (2,) unit vector of v
    upper: Doubles  # (4,) lid curve: v = (1 - u^2) * cubic(u)
    lower: Doubles
    brow: float  # v of the brow's lower edge: skin up to there gives way to a closing lid; inf behind glasses, where
    fold: float  # only this much skin above the upper lid does
    iris: Vector  # (2,) centre in (u, v)
    corners: tuple[int, int]  # face points
    sclera: Texture  # textures of CANVAS px
    iris_picture: Texture
    lid: Texture  # RGB of the skin that a closed lid shows, and where it may be painted
    lashes: Texture  # what they leave of the light

    def region(self, geometry: Geometry, controls: Controls) -> Rectangle:
        """Stage pixels that its lids may change in this frame: from the brow to the cheek; may leave the stage."""
        return self.region_about(geometry.moved_points(self.corners, UPPER, controls).mean(axis=0), controls)

    def region_about(self, middle: Vector, controls: Controls) -> Rectangle:
        """The same, given the place (2,) px of its middle in this frame."""
        (a, b), (c, d) = (controls.pose.rotation[:2, :2] * self.half_width * max(1.0, controls.pose.zoom)).tolist()
        (ax, ay), (dx, dy), (x, y) = self.across.tolist(), self.down.tolist(), middle.tolist()
        top, bottom = min(self.brow, -0.75) - 0.1, BELOW + 0.25
        # Plain numbers: of four corners, NumPy would take ten times as long.
        corners = [(u * ax + v * dx, u * ay + v * dy) for u in (-ROI_SIDE, ROI_SIDE) for v in (top, bottom)]
        columns, rows = [x + a * i + b * j for i, j in corners], [y + c * i + d * j for i, j in corners]
        x0, y0 = int(min(columns)), int(min(rows))
        return Rectangle(x0, y0, int(max(columns)) + 1 - x0, int(max(rows)) + 1 - y0)


@dataclass(frozen=True)
class Lid:
    """The skin of one closing lid, to be painted over the frame."""

    skin: Tensor  # (3, h, w)
    shown: Tensor  # (h, w) where it is painted
    darker: Tensor  # (h, w) what the lashes leave of the light


@dataclass(frozen=True)
class EyeFrame:
    """What `open_eye` found out for one frame, to be painted by `paint_eye` once the skin is there."""

    rows: slice
    columns: slice
    ball: Tensor  # (3, h, w) the eyeball, shaded by the lids
    opening: Tensor  # (h, w) where it shows
    lid: Lid | None


def curve(coefficients: Doubles, u: _Places) -> _Places:
    """v of a lid at `u` of any shape, array or tensor: (1 - u^2) times the cubic of its `coefficients` (4,)."""
    a, b, c, d = (float(value) for value in coefficients)
    return (1 - u * u) * (a + u * (b + u * (c + u * d)))


def open_eye(eye: Eye, control: EyeControl, sampler: Sampler, x: Tensor, y: Tensor, at: tuple[int, int]) -> EyeFrame:
    """Changes the source coordinates `x`, `y` (h, w), stage px, around one eye; returns what to paint afterwards.

    `at` is the first row and column of these tensors in the frame.
    """
    u = ((x - eye.centre[0]) * eye.across[0] + (y - eye.centre[1]) * eye.across[1]) / eye.half_width
    v = ((x - eye.centre[0]) * eye.down[0] + (y - eye.centre[1]) * eye.down[1]) / eye.half_width
    within = u.clamp(-1, 1)
    upper, lower = curve(eye.upper, within), curve(eye.lower, within)
    opened = lower - upper
    closing = how_closed(control)
    meet = lower - 0.10 * opened  # a shut eye meets a little above the lower lid
    new_upper = (
        upper + (meet - upper) * closing - WIDENS * control.wide * (1 - within**2) + 0.12 * control.squint * opened
    )
    new_lower = lower - (lower - meet) * max(closing, 0.0) - 0.30 * control.squint * opened

    if closing or control.wide or control.squint:
        moved = (_column_map(eye, v, upper, lower, new_upper, new_lower) - v) * eye.half_width
        x.add_(moved, alpha=float(eye.down[0]))
        y.add_(moved, alpha=float(eye.down[1]))

    edge = 1.2 / eye.half_width
    opening = ((v - new_upper) / edge + 0.5).clamp(0, 1) * ((new_lower - v) / edge + 0.5).clamp(0, 1)
    opening *= (1 - _smoothstep(u.abs(), BALL_ENDS, 1.0)) * how_drawn(control)
    ball = _eyeball(eye, control, sampler, u, v)
    ball *= 1 - 0.35 * (1 - _smoothstep(v - new_upper, 0.0, 0.22)) - 0.12 * (1 - _smoothstep(new_lower - v, 0.0, 0.12))
    rows, columns = slice(at[0], at[0] + x.shape[0]), slice(at[1], at[1] + x.shape[1])
    lid = _lid(eye, closing, sampler, u, v, upper, new_upper) if closing > 0 else None
    return EyeFrame(rows, columns, ball, opening, lid)


def _lid(eye: Eye, closing: float, sampler: Sampler, u: Tensor, v: Tensor, upper: Tensor, new_upper: Tensor) -> Lid:
    """The skin that a closing lid unfolds, and its lashes."""
    unfolding = _canvas_sample(eye.lid, sampler, u, v)
    at_once, later, shut = how_unfolded(closing)
    shown = unfolding[3] / 255 * (later + (at_once - later) * _smoothstep(v, upper - 0.10, upper - 0.02))
    shown *= 1 - _smoothstep(v, new_upper - 0.02, new_upper + 0.03)
    from_edge = v - new_upper
    bulge = torch.exp(-0.5 * ((from_edge + 0.25) / 0.16) ** 2) - 1.6 * torch.exp(-0.5 * (from_edge / 0.10) ** 2)
    skin = unfolding[:3] * (1 + 0.05 * later * (1 - u.clamp(-1, 1) ** 2) * bulge)
    # The photo's own lashes, moved with the lid and turned down as it shuts, and a line where the lids meet.
    own = _canvas_sample(eye.lashes, sampler, u, upper - from_edge.abs())[0] / 255
    weight = at_once * torch.where(from_edge < 0, 1 - 0.75 * shut, 0.75 * shut)
    line = 0.20 * shut * torch.exp(-0.5 * (from_edge / 0.035) ** 2) * (1 - u.abs().clamp(0, 1) ** 4)
    return Lid(skin, shown, (1 - weight * (1 - own)) * (1 - line))


def paint_eye(frame: EyeFrame, picture: Tensor, light: Tensor) -> None:
    """Paints lid and eyeball into `picture` (3, H, W) under the skin's `light` (1, H, W), gain less one."""
    skin = picture[:, frame.rows, frame.columns]
    gain = 1 + light[:, frame.rows, frame.columns]
    if frame.lid is not None:
        skin.lerp_(frame.lid.skin * gain, frame.lid.shown[None]).mul_(frame.lid.darker)
    skin.lerp_(frame.ball * gain, frame.opening[None])


def _column_map(eye: Eye, v: Tensor, upper: Tensor, lower: Tensor, new_upper: Tensor, new_lower: Tensor) -> Tensor:
    """The v of the photo that is seen at `v` once the lids have moved."""
    top = torch.clamp(upper - eye.fold, max=eye.brow)
    lashes = new_upper - LASHES
    stretched = top + ((v - top) / (lashes - top).clamp(min=0.05)).clamp(0, 1) * (upper - LASHES - top)
    above = torch.where(v <= top, v, torch.where(v < lashes, stretched, v - new_upper + upper))
    bottom = lower + BELOW
    below = lower + ((v - new_lower) / (bottom - new_lower)).clamp(0, 1) * (bottom - lower)
    below = torch.where(v >= bottom, v, below)
    inside = ((v - new_upper) / (new_lower - new_upper).clamp(min=1e-3)).clamp(0, 1)
    between = upper + inside * (lower - upper)
    return torch.where(v < new_upper, above, torch.where(v > new_lower, below, between))


def _eyeball(eye: Eye, control: EyeControl, sampler: Sampler, u: Tensor, v: Tensor) -> Tensor:
    sclera = _canvas_sample(eye.sclera, sampler, u, v)
    iris = _canvas_sample(eye.iris_picture, sampler, u - GAZE_X * control.look_x, v - GAZE_Y * control.look_y)
    return torch.lerp(sclera, iris[:3], iris[3:] / 255)


def _canvas_sample(texture: Texture, sampler: Sampler, u: Tensor, v: Tensor) -> Tensor:
    return sampler.sample(texture, (u + CANVAS_REACH) * CANVAS_SCALE, (v + CANVAS_REACH) * CANVAS_SCALE)


def how_closed(control: EyeControl) -> float:
    """-0.3 .. 1: how far the upper lid goes, which follows the gaze; below 0 it rises."""
    return min(max(control.blink + LID_DOWN * max(control.look_y, 0) - LID_UP * max(-control.look_y, 0), -0.3), 1.0)


def how_unfolded(closing: float) -> tuple[float, float, float]:
    """0 .. 1: of the lid's skin over the old opening, which is needed at once, and above it, only as the fold flattens;
    and of the lashes, how far they are turned down."""
    return min(closing * 6, 1.0), step(closing, 0.1, 0.7), step(closing, 0.3, 1.0)


def how_drawn(control: EyeControl) -> float:
    """0 .. 1: how much of the photo's own eyeball is painted over; none of an eye at rest."""
    moves = abs(control.blink) + abs(control.wide) + abs(control.squint) + abs(control.look_x) + abs(control.look_y)
    return min(1.0, moves / 0.04)


def _smoothstep(x: Tensor, low: Tensor | float, high: Tensor | float) -> Tensor:
    t = ((x - low) / (high - low)).clamp(0, 1)
    weight: Tensor = t * t * (3 - 2 * t)
    return weight
