"""Rotation vectors and matrices: so3 (…, 3) in radians and R (…, 3, 3), for row vectors (a rotated point is p R).

LivePortrait's rotation is the transpose of the usual matrix, and the vector here is the logarithm of R as it is,
so turning the head by `v` in the usual sense (column vectors) adds `-v`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from avtr_cli.core.arrays import Doubles


def matrix_of(vector: Tensor) -> Tensor:
    """exp of the cross-product matrix of `vector`. Rodrigues' formula, smooth at zero."""
    angle = vector.norm(dim=-1)[..., None, None]
    x, y, z = vector.unbind(-1)
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=-1).unflatten(-1, (3, 3))
    sine = torch.sinc(angle / torch.pi)  # sin(a) / a
    cosine = 0.5 * torch.sinc(angle / (2 * torch.pi)).square()  # (1 - cos(a)) / a^2
    matrix: Tensor = torch.eye(3, dtype=vector.dtype, device=vector.device) + sine * cross + cosine * (cross @ cross)
    return matrix


def vector_of(matrix: Tensor) -> Tensor:
    """The rotation vector whose `matrix_of` is `matrix`; for turns below 180 degrees."""
    skew = (matrix - matrix.mT) / 2
    axis = torch.stack([skew[..., 2, 1], skew[..., 0, 2], skew[..., 1, 0]], dim=-1)  # times the angle's sine
    trace = matrix.diagonal(dim1=-2, dim2=-1).sum(-1, keepdim=True)
    angle = torch.atan2(axis.norm(dim=-1, keepdim=True), (trace - 1) / 2)
    return axis / torch.sinc(angle / torch.pi)


def turn_matrix(vector: Doubles) -> Doubles:
    """As `matrix_of`, in NumPy: float64 (..., 3) -> (..., 3, 3), column vectors turned in the usual sense."""
    angle = np.sqrt((vector * vector).sum(-1))[..., None, None]
    cross = np.zeros((*vector.shape, 3))
    for row, column, axis, sign in _CROSS:
        cross[..., row, column] = vector[..., axis] if sign > 0 else -vector[..., axis]
    sine, cosine = np.sinc(angle / np.pi), 0.5 * np.sinc(angle / (2 * np.pi)) ** 2
    matrix: Doubles = np.eye(3) + sine * cross + cosine * (cross @ cross)
    return matrix


_CROSS = ((0, 1, 2, -1), (0, 2, 1, 1), (1, 0, 2, 1), (1, 2, 0, -1), (2, 0, 1, -1), (2, 1, 0, 1))
"""Of the cross-product matrix: row, column, which of the vector it has there, and its sign."""
