"""The embedded encoder `avtr-av-1`: nine numbers a frame of the voice that is heard, nine of the face that is shown.

It needs no download. Sound looks back alone, since an answer comes 0.1 - 1.4 s after its cause and no short window
holds both. Its values are not comparable with those of any other encoder.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.ndimage import uniform_filter1d

from avtr_cli.core.arrays import Doubles, Mask, Reals
from avtr_cli.core.timing import FPS
from avtr_cli.evaluation.motion.face import step_lengths
from avtr_cli.evaluation.motion.voice import PHRASE_FRAMES
from avtr_cli.evaluation.stats import correlation
from avtr_cli.motion.noticing import nod_band, nod_envelope

NAME = "avtr-av-1"
SMOOTH_FRAMES = 5  # of head angles: a chunk
FACE = ("pitch", "yaw", "roll", "speed", "nod_envelope", "nod_band", "brow", "smile", "blink")
LAGS = 15  # frames either way, of the lips against the voice


def audio_vector(level: Reals, active: Mask, phrases: Sequence[tuple[int, int]]) -> Doubles:
    """What is heard of a partner, (T, 9), from their level in dB (T,), activity (T,), and (first, end) of phrases."""
    loud = (np.asarray(level, np.float64) - np.max(level, initial=-np.inf)) / 10 if len(level) else np.zeros(0)
    speaks = np.asarray(active, np.float64)
    ends = np.zeros(len(loud))
    for first, end in phrases:
        if end - first > PHRASE_FRAMES and end < len(ends):
            ends[end] = 1.0
    columns = [
        _past(loud, 0, 5),
        _past(loud, 0, 12),
        _past(loud, 0, 5) - _past(loud, 5, 15),
        _past(speaks, 0, 12),
        _past(speaks, 12, 25),
        _past(speaks, 25, 50),
        _past(speaks, 50, 100),
        13 * _past(ends, 3, 16),
        20 * _past(ends, 16, 36),
    ]
    return np.stack(columns, 1)


def face_vector(head: Reals, brow: Reals, smile: Reals, blink: Reals) -> Doubles:
    """What is shown of a face, (T, 9) in the order of FACE, from degrees (T, 3) and weights (T,)."""
    angles = np.asarray(head, np.float64)
    shown = np.column_stack([
        uniform_filter1d(angles, SMOOTH_FRAMES, axis=0) if len(angles) else angles,
        step_lengths(angles) * FPS,
        nod_envelope(angles[:, 0]),
        nod_band(angles[:, 0]),
        brow,
        smile,
        blink,
    ])  # fmt: skip
    return shown.astype(np.float64)


def lag_scores(aperture: Reals, level: Reals) -> dict[str, float | None]:
    """Do lips go with the own voice? The highest r over lags (positive: the mouth is late), and what it stands out by.

    `level` (T,) is in dB with a floor below its loud frames, as `Voice.level` gives it. The plain twin of Sync-C and
    Sync-D, and not comparable with them. None where nothing varies.
    """
    lips, heard = np.asarray(aperture, np.float64), np.asarray(level, np.float64)
    count = min(len(lips), len(heard))
    lags = range(-LAGS, LAGS + 1)
    first = [(max(0, -lag), max(0, lag), max(0, count - abs(lag))) for lag in lags]
    found = np.array([correlation(heard[a : a + both], lips[b : b + both]) for a, b, both in first])
    if not np.isfinite(found).any():
        return {"lag": None, "r": None, "margin": None}
    best = int(np.nanargmax(found))
    r = float(found[best])
    return {"lag": lags[best], "r": r, "margin": r - float(np.nanmedian(found))}


def _past(x: Doubles, a: int, b: int) -> Doubles:
    """The mean over the frames from b - 1 to a ago, (T,); before the start lie zeros."""
    total = np.concatenate([np.zeros(b), np.cumsum(x)])
    count = len(x)
    mean: Doubles = (total[b - a : b - a + count] - total[:count]) / (b - a)
    return mean
