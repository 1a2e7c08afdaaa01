"""3D Gaussians as a value: where each lies, how far it reaches, how much it hides, its colour.

The reach is kept as `axes`, a matrix A of each with A A^T its covariance. What deforms space by J there makes J A of
it: skin that stretches takes its Gaussians along with one product, and long thin ones lose no digits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from avtr_cli.core.arrays import Floats, Reals


@dataclass(frozen=True)
class Gaussians:
    """n Gaussians, all arrays float32 and contiguous. Their order counts where two are equally far: keep it.

    means      (n, 3) metres: x to the right of the picture, y down, z away from the camera that took the photo
    axes       (n, 3, 3) metres: the columns span it, the covariance is axes times its transpose
    opacities  (n,) 0 .. 1, in the middle
    colours    (n, 3) red, green, blue; 0 .. 1 for pictures, but any number is blended
    """

    means: Floats
    axes: Floats
    opacities: Floats
    colours: Floats

    def __post_init__(self) -> None:
        n = len(self.means)
        for array, shape in (
            (self.means, (n, 3)), (self.axes, (n, 3, 3)), (self.opacities, (n,)), (self.colours, (n, 3))
        ):  # fmt: skip
            assert array.shape == shape
            assert array.dtype == np.float32
            assert array.flags.c_contiguous

    def __len__(self) -> int:
        return len(self.means)

    @property
    def covariances(self) -> Floats:
        """(n, 3, 3) square metres."""
        covariances: Floats = self.axes @ self.axes.transpose(0, 2, 1)
        return covariances

    def take(self, which: Reals | slice) -> Gaussians:
        """Those of the indices or mask `which`, in its order."""
        return Gaussians(
            *(np.ascontiguousarray(a[which]) for a in (self.means, self.axes, self.opacities, self.colours))
        )


def axes_of_rotations(quaternions: Reals, scales: Reals) -> Floats:
    """(n, 3, 3) from quaternions (n, 4), w x y z of any length, and standard deviations (n, 3), as files have them."""
    quaternions = np.asarray(quaternions, np.float64)
    length = np.sqrt((quaternions**2).sum(axis=1, keepdims=True))
    w, x, y, z = (quaternions / np.maximum(length, 1e-12)).T
    rotations = np.array([
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]).transpose(2, 0, 1)  # fmt: skip
    return np.ascontiguousarray(rotations * np.asarray(scales, np.float64)[:, None], dtype=np.float32)


def axes_of_covariances(covariances: Reals) -> Floats:
    """(n, 3, 3) from covariances (n, 3, 3), flat ones too: lower triangles, Cholesky's, 0 where there is no extent."""
    c = np.asarray(covariances, np.float64)
    axes = np.zeros((len(c), 3, 3))
    for column in range(3):
        rest = c[:, column:, column] - (axes[:, column:, :column] * axes[:, column : column + 1, :column]).sum(axis=2)
        pivot = np.sqrt(np.maximum(rest[:, 0], 0))
        flat = pivot <= 1e-7 * np.sqrt(np.maximum(c[:, column, column], 0))
        axes[:, column:, column] = np.where(flat[:, None], 0, rest / np.where(flat, 1, pivot)[:, None])
    return axes.astype(np.float32)


def rotations_of(axes: Reals) -> tuple[Reals, Reals]:
    """Quaternions (n, 4), w x y z of length 1 with w >= 0, and standard deviations (n, 3), the largest first.

    The other way round of `axes_of_rotations`, up to the choice among equal covariances.
    """
    rotations, scales, _ = np.linalg.svd(np.asarray(axes, np.float64))
    rotations[np.linalg.det(rotations) < 0, :, 2] *= -1
    return _quaternions(rotations), scales


def _quaternions(rotations: Reals) -> Reals:
    """Shepperd's method: the largest of the four parts first, from which the others follow without cancellation."""
    r = rotations
    trace = r[:, 0, 0] + r[:, 1, 1] + r[:, 2, 2]
    # Row k of `products` is 4 q_k q.
    skew = np.stack([r[:, 2, 1] - r[:, 1, 2], r[:, 0, 2] - r[:, 2, 0], r[:, 1, 0] - r[:, 0, 1]], axis=1)
    products = np.empty((len(r), 4, 4))
    products[:, 1:, 1:] = r + r.transpose(0, 2, 1)
    products[:, 0, 0] = 1 + trace
    products[:, 0, 1:] = products[:, 1:, 0] = skew
    for k in range(3):
        products[:, k + 1, k + 1] = 1 - trace + 2 * r[:, k, k]
    largest = np.argmax(np.diagonal(products, axis1=1, axis2=2), axis=1)
    quaternions = products[np.arange(len(r)), largest]
    quaternions /= np.linalg.norm(quaternions, axis=1, keepdims=True)
    return np.where(quaternions[:, :1] < 0, -quaternions, quaternions)
