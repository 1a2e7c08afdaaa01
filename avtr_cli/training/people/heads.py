"""Face points of one person over a video into where the head is, and the face in the head's own frame.

The pose is fitted twice: to the average head, then to the person's own median face, so that a long nose or deep eyes
are not read as a turn. Lengths are in EO (`perception.template`), the person's own, so neither the size of the picture
nor the distance to the camera counts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from avtr_cli.core.arrays import Doubles, Mask, Points, Rotation, Vector
from avtr_cli.perception.template import Pose, fit_pose, fit_similarity, head_shape, rotation_vector
from avtr_cli.perception.topology import CHIN, EARS, OUTER_EYE_CORNERS, RIGID
from avtr_cli.render.mesh.geometry import BEHIND_EARS

CAMERA_DISTANCE = 7.0  # EO from the camera to the head, as the renderer has it: what a change of size says of depth


@dataclass(frozen=True)
class Heads:
    """One person's head in T frames.

    shapes    float64 (T, 478, 3): the face in the head's own frame, in EO; NaN where it was lost
    rotation  float64 (T, 3): so3 vector in radians away from the person's median pose, signs as in CONTROLS
    shift     float64 (T, 3): of what the head turns about, away from its median place, in EO: right, down, away
    """

    shapes: Points
    rotation: Doubles
    shift: Doubles

    def __len__(self) -> int:
        return len(self.shapes)

    @property
    def found(self) -> Mask:
        """bool (T,): the frames with a face."""
        there: Mask = np.isfinite(self.shapes[:, 0, 0])
        return there


def heads_of(points: Points) -> Heads:
    """The head in points (T, 478, 3) px, NaN where no face was found; at least one frame has one."""
    found = np.flatnonzero(np.isfinite(points[:, 0, 0]))
    rough = [fit_pose(points[at]) for at in found]
    own = np.median([head_shape(points[at], pose) for at, pose in zip(found, rough, strict=True)], axis=0)
    own /= np.linalg.norm(np.diff(own[list(OUTER_EYE_CORNERS)], axis=0))
    own -= own[list(OUTER_EYE_CORNERS)].mean(axis=0)
    rigid = list(RIGID)
    poses = [fit_similarity(own[rigid], points[at][rigid]) for at in found]
    shapes = np.full(points.shape, np.nan)
    shapes[found] = [head_shape(points[at], pose) for at, pose in zip(found, poses, strict=True)]
    rotation, shift = np.full((len(points), 3), np.nan), np.full((len(points), 3), np.nan)
    rotation[found] = _turned(poses)
    shift[found] = _moved(poses, _pivot(own))
    return Heads(shapes, rotation, shift)


def _turned(poses: list[Pose]) -> Doubles:
    """so3 vectors (n, 3) away from the median pose."""
    matrices = np.stack([pose.rotation for pose in poses])
    middle = _nearest_rotation(np.median(matrices, axis=0))
    return np.stack([rotation_vector(matrix @ middle.T) for matrix in matrices])


def _nearest_rotation(matrix: Rotation) -> Rotation:
    u, _, vt = np.linalg.svd(matrix)
    nearest: Rotation = u @ np.diag([1.0, 1.0, np.linalg.det(u @ vt)]) @ vt
    return nearest


def _moved(poses: list[Pose], pivot: Vector) -> Doubles:
    """Where the pivot is (n, 3), in EO away from its median place; a head that looks smaller is further away."""
    scale = np.array([pose.scale for pose in poses])
    typical = float(np.median(scale))
    places = np.stack([pose.shift + pose.scale * pose.rotation @ pivot for pose in poses]) / typical
    away = CAMERA_DISTANCE * (typical / scale - 1)
    moved = np.column_stack([places[:, :2], away])
    centred: Doubles = moved - np.median(moved, axis=0)
    return centred


def _pivot(own: Points) -> Vector:
    """What the head turns about, in its own frame and as the renderer has it: behind the ears, half way to the chin."""
    ears = own[list(EARS)].mean(axis=0)
    return np.array([0.0, (ears[1] + own[CHIN, 1]) / 2, ears[2] + BEHIND_EARS])
