"""Scattered values into a smooth field: thin-plate splines (Bookstein 1989)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]


def kernel(points: Doubles, centres: Doubles) -> Doubles:
    """r^2 log r between `points` (q, 2) and `centres` (n, 2), (q, n)."""
    squared = (points**2).sum(1)[:, None] + (centres**2).sum(1)[None] - 2 * points @ centres.T
    np.clip(squared, 1e-12, None, out=squared)
    values: Doubles = 0.5 * squared * np.log(squared)
    return values


def fit(centres: Doubles, values: Doubles, stiffness: float) -> Doubles:
    """Coefficients (n + 3, m) of the spline through `values` (n, m) at `centres` (n, 2); see `evaluate`.

    `stiffness` above 0 smooths instead of meeting every value.
    """
    size = len(centres)
    plane = np.column_stack([np.ones(size), centres])
    system = np.zeros((size + 3, size + 3))
    system[:size, :size] = kernel(centres, centres) + stiffness * np.eye(size)
    system[:size, size:], system[size:, :size] = plane, plane.T
    return np.asarray(np.linalg.solve(system, np.vstack([values, np.zeros((3, values.shape[1]))])), np.float64)


def evaluate(points: Doubles, point_kernel: Doubles, coefficients: Doubles) -> Doubles:
    """Values (q, m) at `points` (q, 2), whose kernel to the centres is given: it is the costly part, and shared."""
    size = point_kernel.shape[1]
    values: Doubles = point_kernel @ coefficients[:size] + coefficients[size] + points @ coefficients[size + 1 :]
    return values
