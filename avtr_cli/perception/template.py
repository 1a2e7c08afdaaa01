"""The average head: 478 points every face is compared with, and the pose and shape of a face relative to it.

The template's unit is the distance of the outer eye corners (EO, about 92 mm on an adult), its origin between
them, x to the right of the picture, y down along the vertical from forehead to chin, z away from the camera.
`assets/face_template.npz` was made by `make_template` from MediaPipe's points of seven near-frontal portraits.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from avtr_cli.core.arrays import Indices, Points, Rotation, Vector
from avtr_cli.core.shipped import asset
from avtr_cli.perception.topology import CHIN, FOREHEAD, OUTER_EYE_CORNERS, RIGID

ASSET = asset("face_template.npz")


class Template(NamedTuple):
    """The average head that poses are measured against."""

    points: Points  # float64 (478, 3), in EO
    mirror: Indices  # int (478,): the point that a mirror puts in each point's place


class Pose(NamedTuple):
    """`points = scale * template @ rotation.T + shift`: where a face is and how it is turned."""

    rotation: Rotation  # (3, 3)
    scale: float  # px per EO
    shift: Vector  # (3,) px

    @property
    def angles(self) -> Vector:
        """(pitch, yaw, roll) in degrees as a rotation vector, signs as in types.CONTROLS."""
        return np.degrees(rotation_vector(self.rotation))


@lru_cache(maxsize=1)
def template() -> Template:
    """The shipped template."""
    with np.load(ASSET, allow_pickle=False) as table:
        return Template(table["points"].astype(np.float64), table["mirror"].astype(np.int64))


def fit_similarity(source: Points, target: Points) -> Pose:
    """The similarity that maps `source` (n, 3) onto `target` (n, 3) best. Umeyama 1991."""
    mean_source, mean_target = source.mean(axis=0), target.mean(axis=0)
    a, b = source - mean_source, target - mean_target
    u, singular, vt = np.linalg.svd(b.T @ a)
    signs = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    rotation = (u * signs) @ vt
    scale = float((singular * signs).sum() / (a * a).sum())
    return Pose(rotation, scale, mean_target - scale * rotation @ mean_source)


def fit_pose(points: Points) -> Pose:
    """Pose of a face from the points that expressions hardly move."""
    rigid = list(RIGID)
    return fit_similarity(template().points[rigid], points[rigid])


def head_shape(points: Points, pose: Pose) -> Points:
    """The person's own points in the template's frame and unit, (478, 3)."""
    return (points - pose.shift) @ pose.rotation / pose.scale


def unlikeness(points: Points, pose: Pose) -> float:
    """Root mean square distance, in EO, of a face's rigid points to the average head's."""
    rigid = list(RIGID)
    difference = head_shape(points, pose)[rigid] - template().points[rigid]
    return float(np.sqrt((difference[:, :2] ** 2).sum(axis=1).mean()))


def rotation_vector(rotation: Rotation) -> Vector:
    """so3 vector (radians) of a rotation matrix below half a turn."""
    cosine = np.clip((np.trace(rotation) - 1) / 2, -1, 1)
    angle = np.arccos(cosine)
    axis = np.array([
        rotation[2, 1] - rotation[1, 2], rotation[0, 2] - rotation[2, 0], rotation[1, 0] - rotation[0, 1],
    ])  # fmt: skip
    return axis * (0.5 if angle < 1e-6 else angle / (2 * np.sin(angle)))


def rotation_matrix(vector: Vector) -> Rotation:
    """Rotation matrix of an so3 vector in radians. Rodrigues' formula."""
    angle = float(np.linalg.norm(vector))
    x, y, z = vector
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    if angle < 1e-9:
        return np.asarray(np.eye(3) + cross)
    matrix: Rotation = np.eye(3) + np.sin(angle) / angle * cross + (1 - np.cos(angle)) / angle**2 * cross @ cross
    return matrix


def make_template(faces: list[Points], mirrored: list[Points]) -> Template:
    """The average of `faces` and their mirror images, made symmetric and upright.

    `faces` are points found in pictures, `mirrored` those found in the same pictures flipped, with x flipped
    back. A plain nearest neighbour pairs 27 points around lips and lids wrongly, hence the assignment.
    """
    from scipy.optimize import linear_sum_assignment

    pairs = zip(faces, mirrored, strict=True)
    distance = np.mean([((a[:, None, :2] - b[None, :, :2]) ** 2).sum(-1) / np.ptp(a[:, 1]) ** 2 for a, b in pairs], 0)
    mirror = linear_sum_assignment(distance + distance.T)[1]
    flip = np.array([-1.0, 1.0, 1.0])
    shapes = [shape for face in faces for shape in (face - face.mean(0), (face - face.mean(0))[mirror] * flip)]
    corners = list(OUTER_EYE_CORNERS)
    mean = (shapes[0] + shapes[1]) / 2
    for _ in range(8):  # generalised Procrustes
        aligned = []
        for shape in shapes:
            fit = fit_similarity(shape, mean)
            aligned.append(fit.scale * shape @ fit.rotation.T + fit.shift)
        mean = np.mean(aligned, axis=0)
        mean = (mean + mean[mirror] * flip) / 2
        mean /= np.linalg.norm(mean[corners[0]] - mean[corners[1]])
    # MediaPipe's zero pitch leans the face back by about 11 degrees: stand it upright.
    lean = mean[CHIN] - mean[FOREHEAD]
    mean = mean @ rotation_matrix(np.array([-np.arctan2(lean[2], lean[1]), 0, 0])).T
    return Template(mean - mean[corners].mean(axis=0), mirror)


def write_template(made: Template, path: Path = ASSET) -> None:
    """Save a template as `template` reads it, points as float32."""
    np.savez_compressed(path, points=made.points.astype(np.float32), mirror=made.mirror.astype(np.int16))
