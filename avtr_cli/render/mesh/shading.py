"""How light on the skin changes when the head turns and the face moves: one gain per pixel, 1 at rest.

Turning the head under a lamp at the upper left changes the gain by the change of a Lambert term, on normals of the
smoothed depth map. Expressions add folds and highlights painted on the grid: the nasolabial fold of a smile, the
lines of a raised forehead. Stronger values, or sharper normals, show as grey arcs and bands.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from avtr_cli.core.arrays import Doubles, Floats, Reals, Rotation, Vector
from avtr_cli.perception.topology import CHEEKS, FOREHEAD, MOUTH_CORNERS, NOSE_WINGS
from avtr_cli.render.mesh.controls import Controls
from avtr_cli.render.mesh.field import FieldBasis, warp_grid
from avtr_cli.render.mesh.geometry import Geometry
from avtr_cli.render.mesh.shapes import BROW_PEAKS, SHAPES, smoothstep
from avtr_cli.render.mesh.stage import Stage
from avtr_cli.render.split import DARK_SKIN, LUMA

LAMP = np.array([-0.25, -0.50, 0.83])  # towards the light; its z counts towards the camera
RELIGHT = 0.30
BRIGHTENING = 0.7  # share of a gain above 1 that is applied: burnt-out skin looks worse than dark skin

GLABELLA = (8, 9, 168)  # points between the brows, where no hair falls
# Of each line: its share of the way from the brows to the hair, its depth, how much its ends bend down, and where along
# it the brows' arches begin.
FOREHEAD_LINES = ((0.38, 0.090, 0.10, 0.0), (0.72, 0.085, 0.14, 0.5), (1.06, 0.045, 0.18, -0.4))


@dataclass(frozen=True)
class Shading:
    """One face's light, made once; n nodes of the grid."""

    normals: Tensor  # (3, n) of the head's relief, z towards the camera, times the head's weight
    folds: Tensor  # (shapes, n) change of gain at a control of 1
    strength: float
    tint: tuple[float, float, float]  # share of the gain that red, green and blue follow


def prepare_shading(
    stage: Stage, geometry: Geometry, field: FieldBasis, strength: float, device: torch.device
) -> Shading:
    """Tables of `gain` for one face on `device`; `strength` is the setting relight: 0 is off, 1 the usual."""

    def on_device(values: Reals) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32)).to(device)

    inside = field.inside.cpu().numpy().ravel()
    normals = _normals(field.depth, stage) * field.head_weight.cpu().numpy() * inside
    folds = on_device(_folds(stage, geometry, field.depth) * inside)
    return Shading(on_device(normals), folds, strength, _tint(stage))


def apply_gain(shading: Shading, picture: Tensor, light: Tensor) -> None:
    """Multiplies `picture` (3, h, w) in place by 1 + `light` (1, h, w), in the tint of shaded skin."""
    for plane, share in zip(picture, shading.tint, strict=True):
        plane.addcmul_(plane, light[0], value=share)


def _tint(stage: Stage) -> tuple[float, float, float]:
    """Skin in shade is lit by its own red neighbourhood: a grey fold on it looks like dirt. Grey photos stay grey."""
    x, y = stage.points[list(CHEEKS), :2].astype(int).T
    skin = stage.image[y.clip(0, stage.height - 1), x.clip(0, stage.width - 1)].mean(axis=0)
    colourful = float(np.clip(np.ptp(skin) / max(float(skin.max()), DARK_SKIN) / 0.25, 0, 1))
    return 1 - 0.25 * colourful, 1 + 0.05 * colourful, 1 + 0.25 * colourful


def gain(shading: Shading, field: FieldBasis, controls: Controls, back: Tensor) -> Tensor:
    """Gain less one, (1, rows, columns), of the nodes as they appear in the frame; `back`: the inverted upper layer."""
    weights = torch.from_numpy(controls.weights).to(shading.folds.device)
    change = weights @ shading.folds
    if not controls.pose.at_rest:
        lit = torch.from_numpy(lamp_change(controls.pose.rotation)).to(change.device) @ shading.normals
        change = change + torch.minimum(lit, BRIGHTENING * lit)
    return warp_grid(field, change.view(1, *field.grid), back).mul_(shading.strength)


def lamp_change(rotation: Rotation) -> Floats:
    """(3,): times a normal, how much more light falls on the turned head; 0 at rest."""
    # n . (R^T l) - n . l: the light as seen from the turning head. The relief's z points to the camera.
    flip = np.array([1.0, 1.0, -1.0])
    change: Floats = (RELIGHT * ((rotation.T @ (LAMP * flip)) * flip - LAMP)).astype(np.float32)
    return change


def _normals(depth: Floats, stage: Stage) -> Floats:
    relief = cv2.GaussianBlur(-depth, (0, 0), 0.045 * stage.unit / stage.cell)
    slope_y, slope_x = np.gradient(relief, stage.cell)
    length = np.sqrt(slope_x**2 + slope_y**2 + 1)
    normals: Floats = np.stack([-slope_x / length, -slope_y / length, 1 / length]).reshape(3, -1)
    return normals


def _folds(stage: Stage, geometry: Geometry, depth: Floats) -> Doubles:
    nodes = np.column_stack([stage.nodes(), depth.ravel()])
    head = (nodes - geometry.shift) @ geometry.rotation / geometry.unit
    x, y = head[:, 0], head[:, 1]
    folds = np.zeros((len(SHAPES), len(nodes)))

    def spot(cx: float, cy: float, wide: float, high: float) -> Doubles:
        return np.exp(-0.5 * ((x - cx) / wide) ** 2 - 0.5 * ((y - cy) / high) ** 2)

    def stroke(start: Vector, end: Vector, wide: float) -> Doubles:
        along = end - start
        t = np.clip(((x - start[0]) * along[0] + (y - start[1]) * along[1]) / (along @ along), 0, 1)
        distance = np.hypot(x - start[0] - t * along[0], y - start[1] - t * along[1])
        line: Doubles = np.exp(-0.5 * (distance / wide) ** 2) * np.sqrt(np.sin(np.pi * np.clip(t * 0.9 + 0.05, 0, 1)))
        return line

    def paint(shape: str, change: Doubles) -> None:
        folds[SHAPES.index(shape)] += change

    for side, sign, wing, corner in (
        ("Left", 1, NOSE_WINGS[1], MOUTH_CORNERS[1]),
        ("Right", -1, NOSE_WINGS[0], MOUTH_CORNERS[0]),
    ):
        start = geometry.head[wing, :2] + (sign * 0.03, 0)
        end = geometry.head[corner, :2] + (sign * 0.075, 0.03)
        bend = (start + end) / 2 + (sign * 0.03, -0.02)
        fine = np.maximum(stroke(start, bend, 0.022), stroke(bend, end, 0.022))
        soft = np.maximum(stroke(start, bend, 0.06), stroke(bend, end, 0.06))
        cx, cy = geometry.head[corner, :2]
        # A fold is dark in its depth, and the cheek that is pushed over it catches the light beside it.
        aside = np.array([sign * 0.06, -0.01])
        beside = np.maximum(stroke(start + aside, bend + aside, 0.03), stroke(bend + aside, end + aside, 0.03))
        cheek = spot(sign * 0.43, 0.44, 0.12, 0.10)
        paint(f"mouthSmile{side}", -0.075 * fine - 0.085 * soft + 0.035 * beside + 0.06 * cheek)
        paint(f"noseSneer{side}", -0.06 * fine - 0.05 * soft)
        paint(f"mouthDimple{side}", -0.20 * spot(cx + sign * 0.07, cy, 0.03, 0.03))
        paint(f"mouthFrown{side}", -0.12 * spot(cx + sign * 0.04, cy + 0.08, 0.04, 0.04))
        between = stroke(np.array([sign * 0.075, -0.30]), np.array([sign * 0.055, -0.14]), 0.022)
        paint(f"browDown{side}", -0.09 * between - 0.07 * spot(sign * 0.055, -0.20, 0.035, 0.08))
        paint("cheekPuff", 0.10 * spot(sign * 0.42, 0.70, 0.13, 0.13))
        paint("jawOpen", -0.05 * spot(sign * 0.50, 0.74, 0.09, 0.20))
        pushed = spot(sign * 0.38, 0.30, 0.13, 0.07)
        paint(f"cheekSquint{side}", -0.07 * spot(sign * 0.36, 0.15, 0.14, 0.030) + 0.04 * pushed)
    lines = _forehead_lines(x, y, geometry) * _bare_skin(stage)
    middle = np.exp(-0.5 * (x / 0.24) ** 2)
    paint("browInnerUp", lines * middle)
    for side, sign in (("Left", 1), ("Right", -1)):
        paint(f"browOuterUp{side}", lines * smoothstep(sign * x, -0.05, 0.25) * np.exp(-0.5 * (x / 0.45) ** 4) * 0.7)
    return folds


def _forehead_lines(x: Doubles, y: Doubles, geometry: Geometry) -> Doubles:
    """(n,) Change of gain by three lines between brows and hair: each dark, over skin bulging into the light."""
    head = geometry.head
    brows, hair = float(head[list(BROW_PEAKS), 1].mean()), float(head[FOREHEAD, 1])
    lines = np.zeros_like(x)
    for share, depth, bow, phase in FOREHEAD_LINES:
        # Lines follow the brows' arches and dip between them; no two of them run alike.
        height = brows + share * (hair - brows) + bow * x**2 - 0.012 * np.cos(9 * x + phase)
        line = np.exp(-0.5 * ((y - height) / 0.021) ** 2) - 0.35 * np.exp(-0.5 * ((y - height - 0.046) / 0.024) ** 2)
        lines -= depth * line
    return lines


def _bare_skin(stage: Stage) -> Doubles:
    """(n,) 1 at nodes around which the photo is as light as the face's skin; 0 by hair, a hat or an edge."""
    small = cv2.resize(stage.image, stage.grid[::-1], interpolation=cv2.INTER_AREA).astype(np.float64) @ LUMA
    nodes_per_eo = stage.unit / stage.cell
    x, y = (stage.points[[*CHEEKS, *GLABELLA], :2] / stage.cell).astype(int).T
    skin = max(float(np.median(small[y.clip(0, stage.grid[0] - 1), x.clip(0, stage.grid[1] - 1)])), DARK_SKIN)
    off = np.abs(np.log(np.maximum(small, 1.0) / skin))
    edges = np.hypot(*np.gradient(small)) * nodes_per_eo / skin
    bare = (1 - smoothstep(off, 0.30, 0.60)) * (1 - smoothstep(edges, 2.5, 6.0))
    worst = cv2.erode(bare, np.ones((3, 3), np.uint8), iterations=2)
    return np.asarray(cv2.GaussianBlur(worst, (0, 0), 0.05 * nodes_per_eo), dtype=np.float64).ravel()
