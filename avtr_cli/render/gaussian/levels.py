"""Fewer Gaussians for small frames: neighbours that fall within about a pixel become one.

Which are merged depends on the size of a job's frame and on nothing that moves, so nothing pops. Merging keeps the
first two moments, each member weighing as much as it covers, and the area that is covered, as Kerbl et al. 2024
(arXiv:2406.12080) merge theirs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from avtr_cli.core.arrays import Doubles, Floats, Indices, Reals
from avtr_cli.core.camera import Pinhole
from avtr_cli.kernels.splat_measures import MOST_ALPHA
from avtr_cli.render.gaussian.gaussians import Gaussians, axes_of_covariances

SPACING = 1.0  # px of the frame, a side of the cubes whose Gaussians become one


@dataclass(frozen=True)
class Level:
    """Which Gaussians become which: `labels` (n,) has the cluster of each, numbered as their first members come.

    `weights` (n,), float64, are the members' shares, which sum to 1 in each cluster: what else is known of a Gaussian
    (where it is bound, say) is merged by `mean`.
    """

    labels: Indices
    weights: Doubles
    size: int

    def mean(self, values: Reals) -> Doubles:
        """The weighted mean of (n, ...) in each cluster, (size, ...), float64."""
        rest = values.shape[1:]
        columns = values.reshape(len(values), math.prod(rest)) * self.weights[:, None]
        means = np.empty((self.size, columns.shape[1]))
        for number, column in enumerate(columns.T):
            means[:, number] = np.bincount(self.labels, column, self.size)
        return means.reshape(self.size, *rest)

    def merge(self, gaussians: Gaussians) -> Gaussians:
        """One Gaussian for each cluster; those that are alone stay to the bit."""
        means = self.mean(gaussians.means)
        apart = gaussians.means - means[self.labels]
        spread = self.mean(_covariances(gaussians.axes) + apart[:, :, None] * apart[:, None])
        covered = np.bincount(self.labels, _covers(gaussians), self.size)
        axes = axes_of_covariances(spread)
        opacities = np.minimum(covered / np.maximum(_areas(axes), 1e-30), MOST_ALPHA)
        merged = (means, axes, opacities, self.mean(gaussians.colours))
        new = Gaussians(*(np.ascontiguousarray(a, np.float32) for a in merged))
        counts = np.bincount(self.labels, minlength=self.size)
        alone = np.flatnonzero(counts[self.labels] == 1)
        at = self.labels[alone]
        for into, old in (
            (new.means, gaussians.means), (new.axes, gaussians.axes), (new.opacities, gaussians.opacities),
            (new.colours, gaussians.colours),
        ):  # fmt: skip
            into[at] = old[alone]
        return new


def level_of(gaussians: Gaussians, photo: Pinhole, spacing: float = SPACING) -> Level:
    """Clusters of what `photo` sees within `spacing` px, given the camera of the job's frame from the front.

    Cubes are as large as that at each depth, in steps of a tenth, so that near and far are thinned alike.
    """
    depths = np.maximum(gaussians.means.astype(np.float64) @ photo.view[2, :3] + photo.view[2, 3], 1e-3)
    rung = np.round(np.log(depths) / np.log(1.1)).astype(np.int64)
    side = spacing / min(photo.focal_px) * 1.1 ** rung.astype(np.float64)
    cells = np.floor(gaussians.means / side[:, None]).astype(np.int64)
    _, first, inverse = np.unique(np.column_stack([rung, cells]), axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first, kind="stable")
    number = np.empty(len(order), np.intp)
    number[order] = np.arange(len(order))
    labels = number[inverse.reshape(-1)]
    covers = np.maximum(_covers(gaussians), 1e-30)
    return Level(labels, covers / np.bincount(labels, covers, len(order))[labels], len(order))


def _covariances(axes: Floats) -> Doubles:
    wide = axes.astype(np.float64)
    covariances: Doubles = wide @ wide.transpose(0, 2, 1)
    return covariances


def _areas(axes: Floats) -> Doubles:
    """(n,): the two largest standard deviations' product, from the squares of the axes' 2 x 2 minors."""
    wide = axes.astype(np.float64)
    sides = np.cross(wide[:, :, (0, 1, 2)], wide[:, :, (1, 2, 0)], axis=1)
    areas: Doubles = np.sqrt((sides**2).sum(axis=(1, 2)))
    return areas


def _covers(gaussians: Gaussians) -> Doubles:
    """How much each hides, seen from its broad side."""
    return gaussians.opacities * _areas(gaussians.axes)
