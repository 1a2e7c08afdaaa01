"""Where the 478 points of a face lie on the body's mesh: found by looking at a picture of the mean head.

Lips and irises are painted on for that; the network that finds the points in photos finds them in this picture.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from avtr_cli.core.folders import cache_folder
from avtr_cli.kernels import triangles as drawing
from avtr_cli.kernels.compiling import load
from avtr_cli.perception.face_mesh import faces_in

SIDE, FOCAL, AWAY = 512, 2400.0, 2.4  # px, px, m
LIGHT = np.array([-0.3, -0.5, -0.8]) / np.linalg.norm([-0.3, -0.5, -0.8])
SKIN, LIPS, MOUTH, SCLERA = (0.78, 0.58, 0.48), (0.62, 0.32, 0.30), (0.3, 0.1, 0.1), (0.9, 0.9, 0.9)
IRIS, PUPIL = ((0.25, 0.15, 0.1), 0.0075), ((0.02, 0.02, 0.02), 0.003)  # colour, and m from the front of the eyeball
Points = NDArray[np.float64]


def landmark_places(
    vertices: Points, triangles: NDArray[np.int32], part: NDArray[np.uint8], masks: dict[str, NDArray[np.float64]]
) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Triangle (478,) and its corners' weights (478, 3) under each face point of the body `vertices` (n, 3) m.

    `part` (n,) is 0 of skin, 1 and 2 of the eyeballs; skin points lie on skin.
    """
    colours = np.tile(SKIN, (len(vertices), 1))
    colours[(masks["lips"] > 0.5) & (part == 0)] = LIPS
    colours[(masks["inside-mouth"] > 0.5) & (part == 0)] = MOUTH
    colours[part > 2] = SCLERA
    eyes = []
    for eye in (1, 2):
        ball = vertices[part == eye]
        centre = ball.mean(0)
        eyes.append(centre)
        front = np.linalg.norm(ball - [centre[0], centre[1], ball[:, 2].min()], axis=1)
        paint = np.tile(SCLERA, (len(ball), 1))
        for colour, reach in (IRIS, PUPIL):
            paint[front < reach] = colour
        colours[part == eye] = paint
    placed = vertices - np.mean(eyes, axis=0) + [0, -0.02, AWAY]
    picture, which, weights = _picture(placed, triangles, colours)
    (points,) = faces_in(picture, 1, 0.5)
    places = [_on_mesh(point, which, weights, part[triangles[:, 0]] == 0, number < 468) for number, point in
              enumerate(points[:, :2])]  # fmt: skip
    return np.array([place for place, _ in places]), np.array([share for _, share in places], np.float32)


def _picture(
    vertices: Points, triangles: NDArray[np.int32], colours: Points
) -> tuple[NDArray[np.uint8], NDArray[np.int32], NDArray[np.float32]]:
    """A matt body before grey, uint8 RGB, and which triangle each pixel shows, where."""
    load(cache_folder() / "kernels", print)
    points = np.column_stack([FOCAL * vertices[:, :2] / vertices[:, 2:] + SIDE / 2, vertices[:, 2]]).astype(np.float32)
    which, depth = np.empty((SIDE, SIDE), np.int32), np.empty((SIDE, SIDE), np.float32)
    weights = np.empty((SIDE, SIDE, 3), np.float32)
    drawing.nearest(points, triangles, which, weights, depth)
    corners = vertices[triangles]
    facing = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.zeros_like(vertices)
    for corner in range(3):
        np.add.at(normals, triangles[:, corner], facing)
    seen = triangles[np.maximum(which, 0)]
    normal = (normals[seen] * weights[..., None]).sum(2)
    normal /= np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-12)
    light = 0.45 + 0.6 * np.clip(normal @ LIGHT, 0, 1)
    shown = (colours[seen] * weights[..., None]).sum(2) * light[..., None]
    picture = np.where(which[..., None] >= 0, shown, 0.55)
    return (picture.clip(0, 1) * 255).astype(np.uint8), which, weights


def _on_mesh(
    point: Points, which: NDArray[np.int32], weights: NDArray[np.float32], skin: NDArray[np.bool_], on_skin: bool
) -> tuple[int, NDArray[np.float32]]:
    """The nearest pixel that shows the mesh, or its skin where the point belongs there."""
    shown = (which >= 0) & (~np.bool_(on_skin) | skin[np.maximum(which, 0)])
    y, x = np.nonzero(shown)
    nearest = np.argmin((x - point[0]) ** 2 + (y - point[1]) ** 2)
    place = y[nearest], x[nearest]
    return int(which[place]), weights[place]
