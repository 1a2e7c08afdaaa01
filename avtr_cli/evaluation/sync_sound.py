"""A voice into the coefficients that SyncNet hears: MFCC of 25 ms every 10 ms, four columns to a video frame.

No window is laid over a frame, and samples are whole numbers as in a file, not shares of 1: the network learned it so.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct

from avtr_cli.core.arrays import Doubles
from avtr_cli.core.timing import SAMPLE_RATE

FRAME, STEP, FFT = 400, 160, 512  # samples
FILTERS, COEFFICIENTS, LIFTER = 26, 13, 22
EMPHASIS = 0.97
LEAST = float(np.finfo(np.float64).eps)  # in place of no energy at all


def mfcc(samples: NDArray[np.int16]) -> Doubles:
    """(13, columns) of (n,) samples at 16 kHz; the last frame is filled up with zeros."""
    x = np.asarray(samples, np.float64)
    emphasised = np.concatenate([x[:1], x[1:] - EMPHASIS * x[:-1]])
    count = 1 + max(0, math.ceil((len(x) - FRAME) / STEP))
    padded = np.zeros((count - 1) * STEP + FRAME)
    padded[: len(x)] = emphasised
    frames = np.lib.stride_tricks.sliding_window_view(padded, FRAME)[::STEP]
    power = np.abs(np.fft.rfft(frames, FFT)) ** 2 / FFT
    heard = np.maximum(power @ _triangles().T, 0)
    cepstrum = dct(np.log(np.where(heard > 0, heard, LEAST)), type=2, axis=1, norm="ortho")[:, :COEFFICIENTS]
    cepstrum *= 1 + LIFTER / 2 * np.sin(np.pi * np.arange(COEFFICIENTS) / LIFTER)
    total = power.sum(1)
    cepstrum[:, 0] = np.log(np.where(total > 0, total, LEAST))
    columns: Doubles = cepstrum.T
    return columns


def _triangles() -> Doubles:
    """(26, 257): filters between points that are evenly spread over the mel scale, 0 to 8 kHz."""
    top = 2595 * math.log10(1 + SAMPLE_RATE / 2 / 700)
    hertz = 700 * (10 ** (np.linspace(0, top, FILTERS + 2) / 2595) - 1)
    edges = np.floor((FFT + 1) * hertz / SAMPLE_RATE).astype(int)
    table = np.zeros((FILTERS, FFT // 2 + 1))
    for row, (low, peak, high) in enumerate(zip(edges, edges[1:], edges[2:], strict=False)):
        table[row, low:peak] = (np.arange(low, peak) - low) / max(peak - low, 1)
        table[row, peak:high] = (high - np.arange(peak, high)) / max(high - peak, 1)
    return table
