"""The head as measured on the stage: pose, shape, depth, and what of the picture follows it.

Depth is the face's relief, from the face points, on a plane behind the ears; hair lies on that plane, which is
also the turning axis, so that it hardly moves when the head turns. That is what makes turning hair look right.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

from avtr_cli.core.arrays import Doubles, Floats, Matte, Points, Rotation, Vector
from avtr_cli.core.packing import MADE_ANEW
from avtr_cli.perception.template import fit_pose, head_shape
from avtr_cli.perception.topology import CHIN, EARS, FACE_OVAL, FOREHEAD
from avtr_cli.render.mesh.controls import BREATH_LIFT, Controls
from avtr_cli.render.mesh.shapes import agree_where_shared, shape_deltas, smoothstep
from avtr_cli.render.mesh.stage import Stage

BEHIND_EARS = 0.15  # EO from the ears to the plane on which hair and turning axis lie
SKULL_SIDES = (0.15, 0.80)  # cosines of the angle from straight up between which the skull goes over into its sides
COMMON_END, HEAD_ENDS = 1.5, (1.12, 1.75)  # outlines of the face within which a head with its hair ends, above it
SHOULDERS_FOLLOW = 0.2  # share of the head's shift that the body goes along with
STEEPEST = 2.4  # limit of the depth's slope, px per px: steeper flanks would fold over when the head turns
NECK = (0.0, 0.5)  # EO below the jaw line over which expressions die: shorter, an open mouth would fold the throat
FADE = 0.9  # EO over which motion dies at those sides of the stage behind which the photo goes on


@dataclass(frozen=True)
class Geometry:
    """One person's head on one stage. The head frame is the template's: EO, upright, origin between the eyes."""

    head: Points  # (478, 3) EO, the person's points in the head frame
    rotation: Rotation  # (3, 3) head frame -> camera, as in the photo
    shift: Vector  # (3,) px
    unit: float  # px per EO
    centre: Vector  # (2,) px: middle of the face
    pivot: Vector  # (3,) px: what the head turns about
    deltas: Doubles  # (2, shapes, 478, 3) EO in the head frame, layers agreeing where they share points
    # Of `moved_points`, by points and layer: made once, as they are asked every frame.
    tables: dict[tuple[tuple[int, ...], int], tuple[Points, Floats]] = field(
        default_factory=dict, repr=False, metadata=MADE_ANEW
    )

    def to_stage(self, head_points: Points) -> Points:
        """Points (n, 3) of the head frame, EO, into the stage as in the photo, (n, 3) px."""
        stage: Points = head_points @ self.rotation.T * self.unit + self.shift
        return stage

    def place(self, head_points: Points, controls: Controls) -> Points:
        """Where points of the head frame lie in the picture under the pose, (n, 2) px."""
        pose = controls.pose
        arms = self.to_stage(head_points) - self.pivot
        turned: Points = arms @ pose.rotation.T * pose.zoom + self.pivot
        return turned[:, :2] + pose.shift * self.unit

    def moved_points(self, points: tuple[int, ...], layer: int, controls: Controls) -> Points:
        """Where face points lie in the picture under pose and shapes, (n, 2) px."""
        if (points, layer) not in self.tables:
            which = list(points)
            deltas = self.deltas[layer][:, which].reshape(len(self.deltas[layer]), -1).astype(np.float32)
            self.tables[points, layer] = self.head[which], deltas
        rest, deltas = self.tables[points, layer]
        return self.place(rest + (controls.weights @ deltas).reshape(-1, 3), controls)


def measure(stage: Stage) -> Geometry:
    """The head on `stage`, from its face points."""
    points = stage.points
    pose = fit_pose(points)
    head = head_shape(points, pose)
    ears = points[list(EARS)]
    pivot = np.array([
        ears[:, 0].mean(), (ears[:, 1].mean() + points[CHIN, 1]) / 2, ears[:, 2].mean() + BEHIND_EARS * pose.scale,
    ])  # fmt: skip
    return Geometry(
        head=head,
        rotation=pose.rotation,
        shift=pose.shift,
        unit=pose.scale,
        centre=points[[*EARS, FOREHEAD, CHIN], :2].mean(axis=0),
        pivot=pivot,
        deltas=agree_where_shared(shape_deltas(head), head),
    )


def outlines_away(stage: Stage, geometry: Geometry, nodes: Points) -> Doubles:
    """How far from the middle of the face the nodes lie (n,): 1 on its outline, 2 twice as far out."""
    outline = stage.points[list(FACE_OVAL), :2] - geometry.centre
    offset = nodes - geometry.centre
    angles, radii = np.arctan2(outline[:, 1], outline[:, 0]), np.hypot(*outline.T)
    order = np.argsort(angles)
    radius = np.interp(np.arctan2(offset[:, 1], offset[:, 0]), angles[order], radii[order], period=2 * np.pi)
    away: Doubles = np.hypot(*offset.T) / radius
    return away


def skull(stage: Stage, geometry: Geometry, nodes: Points, away: Doubles, matte: Matte | None) -> Doubles:
    """Depth (n,) px of the head above the face, from the plane of the hair, towards the camera: less than 0.

    From the top of the forehead it goes back as a dome that ends where the head does. Hair that lay flat behind the
    forehead would squeeze and stretch it as the head nods. Beside and below the face it is 0.
    """
    outline = stage.points[list(FACE_OVAL)]
    arms = outline[:, :2] - geometry.centre
    up = -geometry.rotation[:2, 1] / np.linalg.norm(geometry.rotation[:2, 1])
    above = smoothstep(arms @ up / np.hypot(*arms.T), *SKULL_SIDES)
    forehead = np.minimum(outline[:, 2] - geometry.pivot[2], 0) * above
    angles = np.arctan2(arms[:, 1], arms[:, 0])
    order = np.argsort(angles)
    offset = nodes - geometry.centre
    towards = np.arctan2(offset[:, 1], offset[:, 0])
    height, end = (
        np.interp(towards, angles[order], values[order], period=2 * np.pi)
        for values in (forehead, _head_ends(arms, geometry, matte))
    )
    along = np.clip((away - 1) / (end - 1), 0, 1)
    dome: Doubles = height * (1 - along**2) * (away >= 1)
    return dome


def _head_ends(arms: Points, geometry: Geometry, matte: Matte | None) -> Doubles:
    """How many outlines from the middle of the face the person ends in the direction of each of `arms` (n, 2)."""
    if matte is None:
        return np.full(len(arms), COMMON_END)
    steps = np.arange(1.0, HEAD_ENDS[1], 0.02)
    x, y = (geometry.centre + arms[:, None] * steps[:, None]).astype(np.float32).transpose(2, 0, 1)
    person = cv2.remap(matte.astype(np.float32), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT) > 0.5
    ends = np.where(person.all(axis=1), HEAD_ENDS[1], steps[person.argmin(axis=1)])
    around = np.array([1, 2, 3, 2, 1]) / 9  # the outline is a ring: its first points follow its last
    smooth = np.convolve(np.pad(ends, 2, mode="wrap"), around, mode="valid")
    return np.clip(smooth, *HEAD_ENDS)


def collar_still(geometry: Geometry, nodes: Points, away: Doubles) -> Doubles:
    """(n,) 1 on the face and beside it, falling to 0 down the neck; `away` of the nodes is that of `outlines_away`.

    The skin of the throat gives way to an opening jaw; a collar under it does not move along.
    """
    offset = nodes - geometry.centre
    length = np.hypot(*offset.T).clip(1e-6)
    down = geometry.rotation[:2, 1] / np.linalg.norm(geometry.rotation[:2, 1])
    below = (1 - 1 / away.clip(1e-6)) * length / geometry.unit
    return 1 - smoothstep(below, *NECK) * smoothstep(offset @ down / length, 0.15, 0.5)


def limit_slope(depth: Floats, step: float) -> Floats:
    """`depth` (rows, columns) pulled towards the camera until no neighbours differ by more than `step`."""
    depth = depth.copy()
    for _ in range(60):
        before = depth.copy()
        depth[:, 1:] = np.minimum(depth[:, 1:], depth[:, :-1] + step)
        depth[:, :-1] = np.minimum(depth[:, :-1], depth[:, 1:] + step)
        depth[1:] = np.minimum(depth[1:], depth[:-1] + step)
        depth[:-1] = np.minimum(depth[:-1], depth[1:] + step)
        if np.array_equal(before, depth):
            break
    return depth


def smooth_depth(relief: Doubles, stage: Stage, geometry: Geometry) -> Floats:
    """Depth map (rows, columns) px from the splined `relief`: behind the ears nothing recedes, flanks stay gentle."""
    depth = np.minimum(relief, geometry.pivot[2] + 0.3 * geometry.unit).astype(np.float32)
    return cv2.GaussianBlur(limit_slope(depth, STEEPEST * stage.cell), (0, 0), 0.035 * geometry.unit / stage.cell)


def body_weights(stage: Stage, geometry: Geometry, nodes: Points) -> tuple[Doubles, Doubles, Doubles]:
    """What follows the head: weights (n,) of turning and of shifting, and the breath (2, n) px."""
    unit, down = geometry.unit, geometry.rotation[:2, 1] / np.linalg.norm(geometry.rotation[:2, 1])
    from_chin = nodes - stage.points[CHIN, :2]
    below = from_chin @ down / unit
    aside = np.abs(from_chin @ (down[1], -down[0])) / unit
    # The jaw line rises from the chin to the ears.
    under_jaw = below + 0.33 * np.clip(aside / 0.8, 0, 1) ** 2
    head = 1 - smoothstep(under_jaw, -0.02, 0.62)
    shoulders = smoothstep(below, 0.15, 0.9)
    bottom = stage.visible.y + stage.visible.height - 1
    body = SHOULDERS_FOLLOW + (1 - SHOULDERS_FOLLOW) * head  # alike from the neck down, else cloth would wobble
    moving = 1 - smoothstep((nodes[:, 1] - bottom) / unit, -0.75, 0.08)  # the picture's lower edge does not breathe
    lift = BREATH_LIFT * unit * (shoulders * moving + 0.35 * (1 - shoulders))
    return head, body, -lift[None] * down[:, None]


def inside_weight(stage: Stage, nodes: Points) -> Doubles:
    """(n,) 1 inside, falling to 0 at the sides of the stage behind which the photo goes on unmoved."""
    weight = np.ones(len(nodes))
    left, top, right, bottom = stage.still_sides
    distances = (
        (left, nodes[:, 0]),
        (top, nodes[:, 1]),
        (right, stage.width - 1 - nodes[:, 0]),
        (bottom, stage.height - 1 - nodes[:, 1]),
    )
    for still, distance in distances:
        if still:
            weight *= smoothstep(distance, 1.5 * stage.cell, FADE * stage.unit)
    return weight
