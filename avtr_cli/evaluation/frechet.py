"""The Fréchet distance between two Gaussians, exact where a covariance is singular: fewer frames than dimensions.

|m1 - m2|^2 + tr C1 + tr C2 - 2 tr (C1^1/2 C2 C1^1/2)^1/2 (Dowson & Landau 1982); the last trace is the sum of the
singular values of C1^1/2 C2^1/2, which needs no root of a product that is not symmetric, and nothing on a diagonal.
"""

from __future__ import annotations

import numpy as np

from avtr_cli.core.arrays import Doubles, Reals

FLOOR = 2.2e-16  # times dimensions and the largest eigenvalue: below it an eigenvalue is rounding


def gaussian(x: Reals) -> tuple[Doubles, Doubles]:
    """Mean (d,) and covariance (d, d), centred products over n - 1, of frames (n, d); NaN below two frames."""
    table = np.asarray(x, np.float64)
    if len(table) < 2:
        return np.full(table.shape[1], np.nan), np.full((table.shape[1],) * 2, np.nan)
    mean = table.mean(0)
    centred = table - mean
    return mean, centred.T @ centred / (len(table) - 1)


def root(covariance: Doubles) -> Doubles:
    """The symmetric root of a covariance (d, d); eigenvalues that are rounding count as 0."""
    values, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
    values = np.where(values < len(values) * FLOOR * values[-1], 0.0, values)
    rooted: Doubles = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    return rooted


def frechet(mu1: Doubles, cov1: Doubles, mu2: Doubles, cov2: Doubles) -> float:
    """The squared distance between N(mu1, cov1) and N(mu2, cov2), not below 0; NaN where one holds no number."""
    if not all(np.isfinite(part).all() for part in (mu1, cov1, mu2, cov2)):
        return float("nan")
    return rooted_frechet(mu1, cov1, root(cov1), mu2, cov2, root(cov2))


def rooted_frechet(mu1: Doubles, cov1: Doubles, root1: Doubles, mu2: Doubles, cov2: Doubles, root2: Doubles) -> float:
    """The same with both roots given: one that takes part in many distances is taken once."""
    overlap = np.linalg.svd(root1 @ root2, compute_uv=False).sum()
    apart = ((mu1 - mu2) ** 2).sum() + np.trace(cov1) + np.trace(cov2) - 2 * overlap
    return max(float(apart), 0.0)


def wide_frechet(mu1: Doubles, cov1: Doubles, mu2: Doubles, cov2: Doubles, root2: Doubles) -> float:
    """The same with one root alone, by eigenvalues of C2^1/2 C1 C2^1/2: a third of the time where d is thousands.

    Where a covariance is singular, rounding adds up to 1e-8 of the largest eigenvalue for each dimension.
    """
    crossed = root2 @ cov1 @ root2
    overlap = np.sqrt(np.maximum(np.linalg.eigvalsh((crossed + crossed.T) / 2), 0.0)).sum()
    apart = ((mu1 - mu2) ** 2).sum() + np.trace(cov1) + np.trace(cov2) - 2 * overlap
    return max(float(apart), 0.0)


class Pool:
    """Frames of `width` numbers into their Gaussian; only sums are kept, in float64, however many come."""

    def __init__(self, width: int):
        self.count = 0
        self._sums, self._products = np.zeros(width), np.zeros((width, width))

    def add(self, rows: Reals) -> None:
        """Frames (n, width)."""
        table = np.asarray(rows, np.float64)
        self.count += len(table)
        self._sums += table.sum(0)
        self._products += table.T @ table

    def merge(self, other: Pool) -> None:
        """All frames of another pool too."""
        if not other.count:
            return  # zeros that were never touched cost no memory
        self.count += other.count
        self._sums += other._sums
        self._products += other._products

    def gaussian(self) -> tuple[Doubles, Doubles]:
        """As `gaussian` of all frames."""
        if self.count < 2:
            return np.full_like(self._sums, np.nan), np.full_like(self._products, np.nan)
        mean = self._sums / self.count
        return mean, (self._products - self.count * np.outer(mean, mean)) / (self.count - 1)
