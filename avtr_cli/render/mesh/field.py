"""Where every pixel of the stage comes from: expression and head pose as one displacement field per lip layer.

At preparation the displacements of the face points are spread to the grid by thin-plate splines, once for each
shape, so that a frame's field is one product `weights @ basis` plus the rotation of a depth map. It says where skin
goes; frames need where it comes from, so the field is inverted by a damped fixed point on the grid.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from avtr_cli.perception.template import fit_pose, head_shape
from avtr_cli.perception.topology import (
    CHIN,
    EARS,
    FACE_OVAL,
    FOREHEAD,
    INNER_LOWER_LIP,
    INNER_UPPER_LIP,
    SKIN_POINTS,
)
from avtr_cli.render.mesh import thinplate
from avtr_cli.render.mesh.controls import BREATH_LIFT, Controls
from avtr_cli.render.mesh.shapes import SHAPES, agree_where_shared, layer_points, shape_deltas, smoothstep
from avtr_cli.render.mesh.stage import Stage

RINGS = (1.3, 1.75, 2.6)  # outer anchors: the face's outline enlarged about its centre
# Share of the outline's displacement that the rings follow. None at all on the first ring would fold the skin under
# the chin when the jaw opens far.
RING_SHARES = (0.45, 0.10, 0.0)
BEHIND_EARS = 0.15  # EO: the plane on which hair and the turning axis lie, so that hair hardly moves under yaw
STEEPEST = 2.4  # limit of the depth's slope, px per px: steeper flanks would fold over when the head turns
FADE = 0.9  # EO over which motion dies at those sides of the stage behind which the photo goes on
DAMPING = (1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.5)  # per iteration; plain steps oscillate at nose and jaw


@dataclass(frozen=True)
class Geometry:
    """The face as measured, in the frames that the renderer's parts need."""

    head: np.ndarray  # (478, 3) EO, the person's points in the head's own frame
    rotation: np.ndarray  # (3, 3) head frame -> camera, as in the photo
    shift: np.ndarray  # (3,) px
    unit: float  # px per EO
    pivot: np.ndarray  # (3,) px: what the head turns about
    deltas: np.ndarray  # (2, shapes, 478, 3) EO in the head frame, layers agreeing where they share points
    depth: np.ndarray  # (rows, columns) px: z of the grid nodes

    def to_stage(self, head_points: np.ndarray) -> np.ndarray:
        return head_points @ self.rotation.T * self.unit + self.shift


@dataclass(frozen=True)
class FieldBasis:
    """The tensors behind `displacement`; n nodes, row by row."""

    grid: tuple[int, int]
    basis: Tensor  # (shapes, 2 layers * 3 * n) px in the camera frame
    arms: Tensor  # (3, n) px from the pivot
    head_weight: Tensor  # (n,) 1 on the head, falling to 0 down the neck
    body_weight: Tensor  # (n,) how much of the head's shift is followed
    breath: Tensor  # (2, n) px at full breath
    inside: Tensor  # (n,) 0 where motion must have died
    per_px: Tensor  # (2, 1, 1) grid_sample units per px
    home: Tensor  # (1, rows, columns, 2) grid_sample coordinates of the nodes
    lower_side: Tensor  # (1, 1, rows, columns) 1 below the lip line, softly
    unit: float


def prepare_field(stage: Stage, device: torch.device) -> tuple[Geometry, FieldBasis]:
    points, nodes = stage.points, stage.nodes()
    pose = fit_pose(points)
    head = head_shape(points, pose)
    unit, rotation = pose.scale, pose.rotation
    centre = points[[*EARS, FOREHEAD, CHIN], :2].mean(axis=0)
    outline = points[list(FACE_OVAL[::2]), :2]
    anchors = np.concatenate([centre + (outline - centre) * ring for ring in RINGS])
    places = np.concatenate([points[:SKIN_POINTS, :2], anchors]) / unit
    node_kernel = thinplate.kernel(nodes / unit, places)

    deltas = agree_where_shared(shape_deltas(head), head)
    basis = np.stack(
        [
            _spread(deltas[layer], carriers, places, nodes / unit, node_kernel)
            for layer, carriers in enumerate(layer_points(head)[:2])
        ]
    )  # (2, shapes, n, 3)
    basis = np.einsum("ij,lkgj->klig", rotation * unit, basis)

    pivot_z = points[list(EARS), 2].mean() + BEHIND_EARS * unit
    pivot = np.array([points[list(EARS), 0].mean(), (points[list(EARS), 1].mean() + points[CHIN, 1]) / 2, pivot_z])
    depth = _depth(points, places, nodes / unit, node_kernel, pivot_z, unit, stage)
    head_weight, body_weight, breath = _body(stage, nodes, points, rotation, unit)

    rows, columns = stage.grid
    lower = _lower_side(points, nodes).reshape(rows, columns)

    def on_device(values: np.ndarray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32)).to(device)

    home = (nodes + 0.5) * 2 / (stage.width, stage.height) - 1
    return (
        Geometry(head, rotation, pose.shift, unit, pivot, deltas, depth),
        FieldBasis(
            grid=(rows, columns),
            basis=on_device(basis.reshape(len(SHAPES), -1)),
            arms=on_device(np.column_stack([nodes, depth.ravel()]).T - pivot[:, None]),
            head_weight=on_device(head_weight),
            body_weight=on_device(body_weight),
            breath=on_device(breath),
            inside=on_device(_inside(stage, nodes)),
            per_px=on_device(np.array([2 / stage.width, 2 / stage.height])[:, None, None]),
            home=on_device(home.reshape(1, rows, columns, 2)),
            lower_side=on_device(lower[None, None]),
            unit=unit,
        ),
    )


def place(geometry: Geometry, controls: Controls, head_points: np.ndarray) -> np.ndarray:
    """Where points of the head's frame lie in the picture under the pose, (n, 2) stage px."""
    pose = controls.pose
    arms = geometry.to_stage(head_points) - geometry.pivot
    turned = arms @ pose.rotation.T * pose.zoom + geometry.pivot
    return turned[:, :2] + pose.shift * geometry.unit


def moved_points(geometry: Geometry, controls: Controls, points: tuple[int, ...], layer: int) -> np.ndarray:
    """Where face points lie in the picture under pose and shapes, (n, 2) stage px."""
    deltas = np.tensordot(controls.weights, geometry.deltas[layer][:, list(points)], 1)
    return place(geometry, controls, geometry.head[list(points)] + deltas)


def displacement(field: FieldBasis, controls: Controls) -> Tensor:
    """Where skin goes: (2 layers, 2, n) px."""
    pose, count = controls.pose, field.arms.shape[1]
    device = field.basis.device
    rotation = torch.from_numpy(pose.rotation.astype(np.float32)).to(device)
    weights = torch.from_numpy(controls.weights).to(device)
    moved = (weights @ field.basis).view(2, 3, count)
    result = torch.matmul(rotation[:2], moved) * pose.zoom
    if not pose.at_rest:
        turn = rotation[:2] * pose.zoom - torch.eye(3, device=device)[:2]
        result += torch.matmul(turn, field.arms) * field.head_weight
        shift = torch.from_numpy((pose.shift * field.unit).astype(np.float32)).to(device)
        result += shift[:, None] * field.body_weight
    if controls.breath:
        result += field.breath * controls.breath
    return result * field.inside


def invert(field: FieldBasis, displaced: Tensor) -> Tensor:
    """Where the nodes' skin comes from: `source - node`, (2 layers, 2, rows, columns) px, of `displacement`'s field.

    Fixed point of source = node - displacement(source). On 16000 nodes an iteration takes a tenth of a millisecond.
    """
    scaled = displaced.view(2, 2, *field.grid) * field.per_px
    source = field.home.expand(2, -1, -1, -1)
    for damping in DAMPING:
        step = field.home - _read(scaled, source)
        source = step if damping == 1 else source + damping * (step - source)
    return (source - field.home).permute(0, 3, 1, 2) / field.per_px


def residual(field: FieldBasis, displaced: Tensor, back: Tensor) -> Tensor:
    """How far `invert` missed, px (2, rows, columns): |source + displacement(source) - node|."""
    scaled = displaced.view(2, 2, *field.grid) * field.per_px
    source = field.home + (back * field.per_px).permute(0, 2, 3, 1)
    miss = (source + _read(scaled, source) - field.home).permute(0, 3, 1, 2) / field.per_px
    return miss.norm(dim=1)


def merge_layers(field: FieldBasis, back: Tensor) -> Tensor:
    """One field (2, rows, columns) for all but the mouth: the lower layer's below the lips, the upper one's above."""
    where = field.home + (back[1:] * field.per_px).permute(0, 2, 3, 1)
    lower = functional.grid_sample(field.lower_side, where, padding_mode="border", align_corners=False)[0]
    return back[0] + (back[1] - back[0]) * lower


def warp_grid(field: FieldBasis, values: Tensor, back: Tensor) -> Tensor:
    """Node values (C, rows, columns) carried along with the skin; `back` (2, rows, columns) px."""
    where = field.home[0] + (back * field.per_px).permute(1, 2, 0)
    return functional.grid_sample(values[None], where[None], padding_mode="border", align_corners=False)[0]


def _read(scaled: Tensor, source: Tensor) -> Tensor:
    return functional.grid_sample(scaled, source, padding_mode="border", align_corners=False).permute(0, 2, 3, 1)


def _spread(
    deltas: np.ndarray, carriers: np.ndarray, places: np.ndarray, nodes: np.ndarray, node_kernel: np.ndarray
) -> np.ndarray:
    """(shapes, n, 3): displacements of the `carriers` and the rings, interpolated to the nodes."""
    oval = list(FACE_OVAL[::2])
    values = np.concatenate([deltas[:, carriers], *(deltas[:, oval] * share for share in RING_SHARES)], axis=1)
    rings = np.arange(SKIN_POINTS, len(places))
    used = np.concatenate([carriers, rings])
    flat = values.transpose(1, 0, 2).reshape(len(used), -1)
    spline = thinplate.fit(places[used], flat, stiffness=2e-4)
    return thinplate.evaluate(nodes, node_kernel[:, used], spline).reshape(len(nodes), -1, 3).transpose(1, 0, 2)


def _depth(
    points: np.ndarray,
    places: np.ndarray,
    nodes: np.ndarray,
    node_kernel: np.ndarray,
    back: float,
    unit: float,
    stage: Stage,
) -> np.ndarray:
    """z of the nodes in px: the face's relief on a plane behind the ears, nowhere steeper than STEEPEST."""
    values = np.concatenate([points[:SKIN_POINTS, 2], np.full(len(places) - SKIN_POINTS, back)])
    spline = thinplate.fit(places, values[:, None], stiffness=1e-3)
    depth = thinplate.evaluate(nodes, node_kernel, spline)[:, 0]
    depth = np.minimum(depth, back + 0.3 * unit).reshape(stage.grid).astype(np.float32)
    step = STEEPEST * stage.cell
    for _ in range(60):
        before = depth.copy()
        depth[:, 1:] = np.minimum(depth[:, 1:], depth[:, :-1] + step)
        depth[:, :-1] = np.minimum(depth[:, :-1], depth[:, 1:] + step)
        depth[1:] = np.minimum(depth[1:], depth[:-1] + step)
        depth[:-1] = np.minimum(depth[:-1], depth[1:] + step)
        if np.array_equal(before, depth):
            break
    return cv2.GaussianBlur(depth, (0, 0), 0.035 * unit / stage.cell)


def _body(
    stage: Stage, nodes: np.ndarray, points: np.ndarray, rotation: np.ndarray, unit: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights (n,) of turning and shifting, and the breath (2, n) px: what follows the head, and how far."""
    down = rotation[:2, 1] / np.linalg.norm(rotation[:2, 1])
    from_chin = nodes - points[CHIN, :2]
    below = from_chin @ down / unit
    aside = np.abs(from_chin @ (down[1], -down[0])) / unit
    # The jaw line rises from the chin to the ears.
    under_jaw = below + 0.33 * np.clip(aside / 0.8, 0, 1) ** 2
    head = 1 - smoothstep(under_jaw, -0.02, 0.62)
    shoulders = smoothstep(below, 0.15, 0.9)
    bottom = stage.visible.y + stage.visible.height - 1
    still = 1 - smoothstep((nodes[:, 1] - bottom) / unit, -0.75, 0.08)  # the picture's lower edge stays
    body = (0.25 + 0.75 * head) * np.where(head < 0.999, 0.35 + 0.65 * still, 1)
    lift = BREATH_LIFT * unit * (shoulders * still + 0.35 * (1 - shoulders))
    return head, body, -lift[None] * down[:, None]


def _inside(stage: Stage, nodes: np.ndarray) -> np.ndarray:
    """(n,) 1 inside, falling to 0 at the sides of the stage behind which the photo goes on unmoved."""
    weight = np.ones(len(nodes))
    left, top, right, bottom = stage.still_sides
    fade = FADE * stage.unit
    distances = (
        (left, nodes[:, 0]),
        (top, nodes[:, 1]),
        (right, stage.width - 1 - nodes[:, 0]),
        (bottom, stage.height - 1 - nodes[:, 1]),
    )
    for still, distance in distances:
        if still:
            weight *= smoothstep(distance, 1.5 * stage.cell, fade)
    return weight


def _lower_side(points: np.ndarray, nodes: np.ndarray) -> np.ndarray:
    """(n,) 1 for nodes below the lip line, which goes on level from the corners; softened over some cells."""
    line = (points[list(INNER_UPPER_LIP), :2] + points[list(INNER_LOWER_LIP), :2]) / 2
    across = line[-1] - line[0]
    width = float(np.linalg.norm(across))
    across = across / width
    down = np.array([-across[1], across[0]])
    along, height = (nodes - line[0]) @ across, (nodes - line[0]) @ down
    lips = np.interp(along, (line - line[0]) @ across, (line - line[0]) @ down)
    return smoothstep(height - lips, -0.06 * width, 0.06 * width)
