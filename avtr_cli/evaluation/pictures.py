"""Two pictures of one size into how alike they are: PSNR in dB, and SSIM as its authors defined it."""

from __future__ import annotations

import math

import cv2
import numpy as np

from avtr_cli.core.arrays import AnyArray, Doubles, Reals

PEAK = 255.0
LUMA = (0.299, 0.587, 0.114)
WINDOW, SIGMA = 11, 1.5  # px
C1, C2 = (0.01 * PEAK) ** 2, (0.03 * PEAK) ** 2


def psnr(a: AnyArray, b: AnyArray) -> float:
    """10 log10(255^2 / mean squared error) over all pixels and channels, in dB; infinite of equal pictures."""
    error = float(((a.astype(np.float64) - b.astype(np.float64)) ** 2).mean())
    return 10 * math.log10(PEAK**2 / error) if error > 0 else math.inf


def ssim(a: AnyArray, b: AnyArray) -> float:
    """Structural similarity of one channel (H, W) in 0 .. 255: the mean over windows that lie within the picture.

    Wang et al. 2004: Gaussian window of 11 px, sigma 1.5, population covariances. NaN of pictures below 11 px.
    """
    if min(a.shape) < WINDOW:
        return math.nan
    edge = WINDOW // 2
    return float(similarity(a, b)[edge:-edge, edge:-edge].mean())


def similarity(a: AnyArray, b: AnyArray) -> Doubles:
    """The same at every pixel of two grey pictures (H, W), float64; beyond the border lies its mirror image."""
    x, y = a.astype(np.float64), b.astype(np.float64)
    mean_x, mean_y = _local(x), _local(y)
    var_x, var_y = _local(x * x) - mean_x**2, _local(y * y) - mean_y**2
    both = _local(x * y) - mean_x * mean_y
    alike: Doubles = (2 * mean_x * mean_y + C1) * (2 * both + C2)
    return alike / ((mean_x**2 + mean_y**2 + C1) * (var_x + var_y + C2))


def _local(values: Reals) -> Doubles:
    return np.asarray(cv2.GaussianBlur(values, (WINDOW, WINDOW), SIGMA), np.float64)
