"""Triangles seen by a pinhole camera: which one each pixel shows, and where on it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from avtr_cli.kernels.compiling import Counts, Floats, kernel

F: Any = np.float32
FLAT = F(1e-9)  # px^2: a triangle seen from its edge
SLACK = F(1e-5)  # of a weight, so that no pixel falls between two triangles


@kernel("void(f4[:,::1], i4[:,::1], i4[:,::1], f4[:,:,::1], f4[:,::1])")
def nearest(points: Floats, triangles: Counts, which: Counts, weights: Floats, depth: Floats) -> None:
    """The nearest triangle of each pixel centre into `which` (H, W), -1 where there is none.

    `points` (n, 3) are x and y in px and the depth; all triangles (t, 3) must lie before the camera. `weights`
    (H, W, 3) are those of the corners for places in space, not in the picture; `depth` (H, W) is infinite elsewhere.
    """
    height, width = which.shape
    for y in range(height):
        for x in range(width):
            which[y, x], depth[y, x] = -1, F(np.inf)
            weights[y, x, 0] = weights[y, x, 1] = weights[y, x, 2] = F(0)
    for t in range(triangles.shape[0]):
        a, b, c = points[triangles[t, 0]], points[triangles[t, 1]], points[triangles[t, 2]]
        area = (b[1] - c[1]) * (a[0] - c[0]) + (c[0] - b[0]) * (a[1] - c[1])
        if abs(area) < FLAT:
            continue
        left, right = max(0, math.ceil(min(a[0], b[0], c[0]))), min(width - 1, math.floor(max(a[0], b[0], c[0])))
        top, bottom = max(0, math.ceil(min(a[1], b[1], c[1]))), min(height - 1, math.floor(max(a[1], b[1], c[1])))
        for y in range(top, bottom + 1):
            for x in range(left, right + 1):
                of_a = ((b[1] - c[1]) * (x - c[0]) + (c[0] - b[0]) * (y - c[1])) / area
                of_b = ((c[1] - a[1]) * (x - c[0]) + (a[0] - c[0]) * (y - c[1])) / area
                of_c = F(1) - of_a - of_b
                if of_a < -SLACK or of_b < -SLACK or of_c < -SLACK:
                    continue
                near_a, near_b, near_c = of_a / a[2], of_b / b[2], of_c / c[2]
                far = F(1) / (near_a + near_b + near_c)
                if far < depth[y, x]:
                    depth[y, x], which[y, x] = far, t
                    weights[y, x, 0], weights[y, x, 1], weights[y, x, 2] = near_a * far, near_b * far, near_c * far
