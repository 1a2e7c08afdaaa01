"""Where every pixel of the stage comes from: expression and head pose as one displacement field per lip layer.

At preparation the displacements of the face points are spread to the grid by thin-plate splines, once for each
shape, so that a frame's field is one product `weights @ basis` plus the rotation of a depth map. It says where skin
goes; frames need where it comes from, which `inverse` finds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from avtr_cli.core.arrays import Doubles, Floats, Indices, Mask, Matte, Points, Reals
from avtr_cli.kernels import thinplate
from avtr_cli.perception.topology import FACE_OVAL, INNER_LOWER_LIP, INNER_UPPER_LIP, MOUTH_CORNERS, SKIN_POINTS
from avtr_cli.render.mesh.controls import Controls
from avtr_cli.render.mesh.geometry import (
    Geometry,
    body_weights,
    collar_still,
    inside_weight,
    measure,
    outlines_away,
    skull,
    smooth_depth,
)
from avtr_cli.render.mesh.shapes import LOWER, SHAPES, UPPER, layer_points, smoothstep
from avtr_cli.render.mesh.stage import Stage

RINGS = (1.3, 1.75, 2.6)  # outer anchors: the face's outline enlarged about its middle
# Share of the outline's displacement that the rings follow. None at all on the first ring would fold the skin under
# the chin when the jaw opens far.
RING_SHARES = (0.45, 0.10, 0.0)
# Outlines from the middle of the face at which expressions fade out, and the two lip layers become one.
SKIN_ENDS, LIPS_END = (1.55, 1.95), (0.95, 1.2)
CORNERS_END = (1.0, 1.35)  # the same for the layers, in half mouth widths from its middle: beyond, nothing is torn


@dataclass(frozen=True)
class Block:
    """A table over a rectangle of the grid: rows and columns of nodes, and a tensor (shapes, ...) over them."""

    rows: slice
    columns: slice
    table: Tensor

    @property
    def size(self) -> tuple[int, int]:
        """(rows, columns) of nodes."""
        return self.rows.stop - self.rows.start, self.columns.stop - self.columns.start


@dataclass(frozen=True)
class FieldBasis:
    """The tensors behind `displacement` on a grid of (rows, columns) nodes."""

    grid: tuple[int, int]
    depth: Floats  # (rows, columns) px
    skin: Block  # (shapes, 3 * nodes) px in the camera frame: the upper layer, and all that is not mouth
    lips: Block  # the same: what the lower layer has more
    arms: Tensor  # (3, rows * columns) px from the pivot
    head_weight: Tensor  # (rows * columns,) 1 on the head, falling to 0 down the neck
    body_weight: Tensor  # (rows * columns,) how much of the head's shift is followed
    breath: Tensor  # (2, rows * columns) px at full breath
    inside: Tensor  # (rows, columns) 0 where motion must have died
    per_px: Tensor  # (2, 1, 1) grid_sample units per px
    home: Tensor  # (1, 2, rows, columns) grid_sample coordinates of the nodes
    coarse_home: Tensor  # (2, 2, ~rows / 2, ~columns / 2) the same of half as many nodes each way, for both layers
    lower_side: Tensor  # (1, 1, rows, columns) 1 below the lip line, softly
    unit: float  # px per EO
    cell: int  # px between nodes
    lips_arms: Doubles  # (3, 2 * (columns + rows)) px from the pivot: the outline of the lips' block


def prepare_field(stage: Stage, device: torch.device, matte: Matte | None = None) -> tuple[Geometry, FieldBasis]:
    """A stage's geometry, and the tables by which `displacement` moves its nodes, on `device`.

    `matte` (height, width) of the stage says where the head ends; without it, a common head of hair is assumed.
    """
    geometry, nodes, grid = measure(stage), stage.nodes(), stage.grid
    unit = geometry.unit
    away = outlines_away(stage, geometry, nodes)
    skin_part = _bounds(away.reshape(grid) < SKIN_ENDS[1])
    near = np.arange(len(nodes)).reshape(grid)[skin_part].ravel()
    places = np.concatenate([stage.points[:SKIN_POINTS, :2], _rings(stage, geometry)]) / unit
    spline = _Spline(nodes[near] / unit, places)

    fields = [
        spline.spread(geometry.deltas[layer], carriers)
        for layer, carriers in enumerate(layer_points(geometry.head)[:2])
    ]
    window = 1 - smoothstep(away[near], *SKIN_ENDS)
    neck = collar_still(geometry, nodes[near], away[near])
    skin = fields[UPPER] * (window * neck)[:, None]
    apart = (1 - smoothstep(away[near], *LIPS_END)) * (1 - smoothstep(_aside(stage.points, nodes[near]), *CORNERS_END))
    lips = (fields[LOWER] - fields[UPPER]) * (apart * neck)[:, None]
    to_camera = geometry.rotation.astype(np.float32) * np.float32(unit)
    relief = np.full(grid, geometry.pivot[2])
    heights = spline.relief(stage.points[:SKIN_POINTS, 2], geometry.pivot[2]) - geometry.pivot[2]
    heights = np.minimum(heights, skull(stage, geometry, nodes[near], away[near], matte))
    relief[skin_part] += (heights * window).reshape(relief[skin_part].shape)
    depth = smooth_depth(relief, stage, geometry)
    head_weight, body_weight, breath = body_weights(stage, geometry, nodes)

    def on_device(values: Reals) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32)).to(device)

    def block(part: tuple[slice, slice], values: Doubles) -> Block:
        """`values` (shapes, rows, columns, 3) in the head frame."""
        planes = (values @ to_camera.T).transpose(0, 3, 1, 2)
        return Block(*part, on_device(planes.reshape(len(SHAPES), -1)))

    high, wide = relief[skin_part].shape
    skin_grid = skin.reshape(len(SHAPES), high, wide, 3)
    lips_grid = lips.reshape(len(SHAPES), high, wide, 3)
    inner = _bounds(np.abs(lips_grid).max(axis=(0, 3)) > 1e-4)
    lips_part = tuple(
        slice(outer.start + part.start, outer.start + part.stop) for outer, part in zip(skin_part, inner, strict=True)
    )
    arms = np.column_stack([nodes, depth.ravel()]).T - geometry.pivot[:, None]
    lips_arms = arms.reshape(3, *grid)[:, lips_part[0], lips_part[1]]
    home = ((nodes + 0.5) * 2 / (stage.width, stage.height) - 1).reshape(*grid, 2)
    # From the first node to the last, so that interpolating with aligned corners leads back to the nodes.
    coarse = np.meshgrid(
        np.linspace(home[0, 0, 0], home[-1, -1, 0], (grid[1] + 1) // 2),
        np.linspace(home[0, 0, 1], home[-1, -1, 1], (grid[0] + 1) // 2),
    )
    return geometry, FieldBasis(
        grid=grid,
        depth=depth,
        skin=block(skin_part, skin_grid),
        lips=block((lips_part[0], lips_part[1]), lips_grid[:, inner[0], inner[1]]),
        arms=on_device(arms),
        head_weight=on_device(head_weight),
        body_weight=on_device(body_weight),
        breath=on_device(breath),
        inside=on_device(inside_weight(stage, nodes).reshape(grid)),
        per_px=on_device(np.array([2 / stage.width, 2 / stage.height])[:, None, None]),
        home=on_device(home.transpose(2, 0, 1)[None]),
        coarse_home=on_device(np.stack([coarse, coarse])),
        lower_side=on_device(_lower_side(stage.points, nodes).reshape(1, 1, *grid)),
        unit=unit,
        cell=stage.cell,
        lips_arms=np.concatenate([lips_arms[:, 0], lips_arms[:, -1], lips_arms[:, :, 0], lips_arms[:, :, -1]], axis=1),
    )


def displacement(field: FieldBasis, controls: Controls) -> Tensor:
    """Where skin goes: (2 layers, 2, rows, columns) px."""
    pose, device = controls.pose, field.arms.device
    rotation = torch.from_numpy(pose.rotation.astype(np.float32)).to(device)
    weights = torch.from_numpy(controls.weights).to(device)
    turned = rotation[:2] * pose.zoom
    moved = torch.zeros((2, field.arms.shape[1]), device=device)
    if not pose.at_rest:
        torch.matmul(turned - torch.eye(3, device=device)[:2], field.arms, out=moved)
        moved *= field.head_weight
        shift = torch.from_numpy((pose.shift * field.unit).astype(np.float32)).to(device)
        moved.addcmul_(shift[:, None], field.body_weight)
    if controls.breath:
        moved.add_(field.breath, alpha=controls.breath)
    result = torch.empty((2, 2, *field.grid), device=device)
    result[UPPER] = moved.view(2, *field.grid)
    _add_block(result[UPPER], field.skin, weights, turned)
    result[LOWER] = result[UPPER]
    _add_block(result[LOWER], field.lips, weights, turned)
    return result.mul_(field.inside)


def merge_layers(field: FieldBasis, back: Tensor) -> Tensor:
    """One field (2, rows, columns) for all but the mouth: the lower layer's below the lips, the upper one's above."""
    return torch.lerp(back[UPPER], back[LOWER], warp_grid(field, field.lower_side[0], back[LOWER]))


def warp_grid(field: FieldBasis, values: Tensor, back: Tensor) -> Tensor:
    """Node values (C, rows, columns) carried along with the skin; `back` (2, rows, columns) px."""
    return read_nodes(values[None], field.home + back * field.per_px)[0]


def _add_block(target: Tensor, block: Block, weights: Tensor, turned: Tensor) -> None:
    """Adds a block's shapes, turned into the picture by the (2, 3) matrix `turned`, to `target` (2, rows, columns)."""
    shaped = torch.matmul(turned, (weights @ block.table).view(3, -1))
    target[:, block.rows, block.columns] += shaped.view(2, *block.size)


def read_nodes(values: Tensor, source: Tensor) -> Tensor:
    """`values` (B, C, rows, columns) at the places `source` (B, 2, h, w) in grid_sample coordinates, (B, C, h, w)."""
    return functional.grid_sample(values, source.permute(0, 2, 3, 1), padding_mode="border", align_corners=False)


class _Spline:
    """Values at face points and rings, interpolated to nodes; the costly kernel is computed once. Lengths in EO."""

    def __init__(self, nodes: Points, places: Points):
        self.nodes, self.places = nodes, places
        self.kernel = thinplate.kernel(nodes, places)

    def spread(self, deltas: Doubles, carriers: Indices) -> Doubles:
        """(shapes, n, 3): displacements (shapes, 478, 3) of the `carriers`; the rings follow the outline."""
        oval = list(FACE_OVAL)
        values = np.concatenate([deltas[:, carriers], *(deltas[:, oval] * share for share in RING_SHARES)], axis=1)
        used = np.concatenate([carriers, np.arange(SKIN_POINTS, len(self.places))])
        flat = values.transpose(1, 0, 2).reshape(len(used), -1)
        spline = np.zeros((len(self.places) + 3, flat.shape[1]))  # zeros cost less than a kernel without their columns
        spline[[*used, -3, -2, -1]] = thinplate.fit(self.places[used], flat, stiffness=2e-4)
        spread = thinplate.evaluate(self.nodes, self.kernel, spline).reshape(len(self.nodes), -1, 3)
        moved: Doubles = spread.transpose(1, 0, 2)
        return moved

    def relief(self, heights: Doubles, back: float) -> Doubles:
        """(n,): depth of the face points, the rings lying at `back`."""
        values = np.concatenate([heights, np.full(len(self.places) - len(heights), back)])[:, None]
        return thinplate.evaluate(self.nodes, self.kernel, thinplate.fit(self.places, values, stiffness=1e-3))[:, 0]


def _rings(stage: Stage, geometry: Geometry) -> Points:
    outline = stage.points[list(FACE_OVAL), :2]
    return np.concatenate([geometry.centre + (outline - geometry.centre) * ring for ring in RINGS])


def _bounds(mask: Mask) -> tuple[slice, slice]:
    """The smallest rectangle of rows and columns that holds a mask's true cells."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _aside(points: Points, nodes: Points) -> Doubles:
    """How far nodes lie to the side of the mouth's middle (n,), 1 at its corners."""
    left, right = points[list(MOUTH_CORNERS), :2]
    across = right - left
    aside: Doubles = np.abs((nodes - (left + right) / 2) @ across) / (across @ across / 2)
    return aside


def _lower_side(points: Points, nodes: Points) -> Doubles:
    """(n,) 1 for nodes below the lip line, which goes on level from the corners; softened over some cells."""
    line = (points[list(INNER_UPPER_LIP), :2] + points[list(INNER_LOWER_LIP), :2]) / 2
    across = line[-1] - line[0]
    width = float(np.linalg.norm(across))
    across = across / width
    down = np.array([-across[1], across[0]])
    along, height = (nodes - line[0]) @ across, (nodes - line[0]) @ down
    lips = np.interp(along, (line - line[0]) @ across, (line - line[0]) @ down)
    return smoothstep(height - lips, -0.06 * width, 0.06 * width)
