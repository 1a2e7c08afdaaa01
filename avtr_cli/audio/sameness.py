"""Whether two sides of a call carry the same sound: also turned over, on another level, or some milliseconds late.

Means are taken out first: a constant that a cheap microphone adds would make any two sounds alike.
"""

from __future__ import annotations

import numpy as np

from avtr_cli.core.arrays import Doubles, Sound
from avtr_cli.core.timing import SAMPLE_RATE

MOST_LAG = SAMPLE_RATE // 50  # samples, 20 ms: the way across a room, a mixer's delay
LEAST_BLOCK = SAMPLE_RATE // 2  # shorter blocks say little of a delay
MOST_BLOCKS = 60  # of a second, in which both sides sound, that are searched for a delay
SOUNDING = 1e-3**2  # power from which a side sounds: -60 dBFS
TRANSFORM = 1 << 15  # holds a second and its delays without wrapping round


class Sameness:
    """Hears float32 (2, n) blocks at 16 kHz, in constant memory; then tells."""

    def __init__(self) -> None:
        self._count = 0
        self._sums, self._squares, self._products = np.zeros(2), np.zeros(2), 0.0
        self._lagged, self._powers, self._blocks = np.zeros(TRANSFORM // 2 + 1, complex), np.zeros(2), 0
        self._shortest = SAMPLE_RATE

    def hear(self, block: Sound) -> None:
        """Take in the next block, float32 (2, n)."""
        double = block.astype(np.float64)
        self._count += block.shape[1]
        self._sums += double.sum(1)
        self._squares += (double**2).sum(1)
        self._products += float((double[0] * double[1]).sum())
        if self._blocks < MOST_BLOCKS and LEAST_BLOCK <= block.shape[1] <= SAMPLE_RATE:
            self._search(double - double.mean(1, keepdims=True))

    def _search(self, varying: Doubles) -> None:
        powers = (varying**2).mean(1)
        if powers.min() < SOUNDING:
            return
        avatar, partner = np.fft.rfft(varying, TRANSFORM)
        self._lagged += np.conj(avatar) * partner
        self._powers += powers * varying.shape[1]
        self._shortest = min(self._shortest, varying.shape[1])
        self._blocks += 1

    @property
    def means(self) -> Doubles:
        """(2,): how far each side's middle lies from 0."""
        return self._sums / max(self._count, 1)

    @property
    def correlation(self) -> float:
        """-1 to 1, of the two sides as they are."""
        powers = self._squares - self._count * self.means**2
        if (powers <= 1e-12 * self._squares).any():
            return 0.0
        product = self._products - self._count * self.means.prod()
        return float(np.clip(product / np.sqrt(powers.prod()), -1, 1))

    @property
    def delayed(self) -> tuple[float, float]:
        """(correlation, lag in ms) at the lag within 20 ms where the two are most alike; positive: the partner late."""
        if not self._blocks:
            return 0.0, 0.0
        lags = np.arange(-MOST_LAG, MOST_LAG + 1)
        overlap = 1 - np.abs(lags) / self._shortest
        alike = np.fft.irfft(self._lagged, TRANSFORM)[lags] / np.sqrt(self._powers.prod()) / overlap
        best = int(np.abs(alike).argmax())
        return float(np.clip(alike[best], -1, 1)), float(lags[best]) * 1000 / SAMPLE_RATE
