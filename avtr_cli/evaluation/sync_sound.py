"""A voice into the coefficients that SyncNet hears: MFCC of 25 ms every 10 ms, four columns to a video frame.

No window is laid over a frame, and samples are whole numbers as in a file, not shares of 1: the network learned it so.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct

from avtr_cli.core.arrays import Doubles, Reals
from avtr_cli.core.timing import SAMPLE_RATE

FRAME, STEP, FFT = 400, 160, 512  # samples
FILTERS, COEFFICIENTS, LIFTER = 26, 13, 22
EMPHASIS = 0.97
LEAST = float(np.finfo(np.float64).eps)  # in place of no energy at all


def mfcc(samples: NDArray[np.int16], before: float = 0.0) -> Doubles:
    """(13, columns) of (n,) samples at 16 kHz, behind a sample `before`; the last frame is filled up with zeros."""
    x = np.concatenate([[before], np.asarray(samples, np.float64)])
    x = x[1:] - EMPHASIS * x[:-1]
    count = 1 + max(0, math.ceil((len(x) - FRAME) / STEP))
    padded = np.zeros((count - 1) * STEP + FRAME)
    padded[: len(x)] = x
    frames = np.lib.stride_tricks.sliding_window_view(padded, FRAME)[::STEP]
    power = np.abs(np.fft.rfft(frames, FFT)) ** 2 / FFT
    heard = np.maximum(power @ _triangles().T, 0)
    cepstrum = dct(np.log(np.where(heard > 0, heard, LEAST)), type=2, axis=1, norm="ortho")[:, :COEFFICIENTS]
    cepstrum *= 1 + LIFTER / 2 * np.sin(np.pi * np.arange(COEFFICIENTS) / LIFTER)
    total = power.sum(1)
    cepstrum[:, 0] = np.log(np.where(total > 0, total, LEAST))
    columns: Doubles = cepstrum.T
    return columns


def whole_numbers(samples: Reals) -> NDArray[np.int16]:
    """Samples in -1 .. 1 as a 16-bit file holds them."""
    numbers: NDArray[np.int16] = np.clip(np.rint(samples * 2.0**15), -(2**15), 2**15 - 1).astype(np.int16)
    return numbers


class Columns:
    """The columns of a sound that comes in blocks of int16 (n,), asked for from left to right: little is held."""

    def __init__(self, blocks: Iterator[NDArray[np.int16]]):
        self._blocks = blocks
        self._held = np.zeros(0, np.int16)
        self._first, self._before = 0, 0.0  # which sample is held first, and the one ahead of it

    def between(self, first: int, end: int) -> Doubles:
        """Columns (13, end - first), those that reach beyond the sound's end filled up with zeros."""
        start, stop = first * STEP, (end - 1) * STEP + FRAME
        while self._first + len(self._held) < stop and (block := next(self._blocks, None)) is not None:
            self._held = np.concatenate([self._held, block])
        gone = min(start - self._first, len(self._held))
        if gone > 0:
            self._before = float(self._held[gone - 1])
            self._held, self._first = self._held[gone:], start
        heard = np.zeros(stop - start, np.int16)
        there = self._held[: len(heard)]
        heard[: len(there)] = there
        return mfcc(heard, self._before)


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
