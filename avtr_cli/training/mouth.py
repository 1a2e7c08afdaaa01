"""Phones and loudness of one side into the mouth's ground truth at 25 fps.

Cohen & Massaro 1993: each phone's shape counts by a dominance that falls off around its centre; the mouth is
the weighted mean. Closures are laid over the blend, not blended, because lips do touch. Worked out at
100 Hz, then averaged; closures take the strongest of the four sub-frames, or they would vanish.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import binary_dilation, convolve1d

from avtr_cli.core.arrays import Doubles, Floats, Labels
from avtr_cli.core.phones import BILABIAL
from avtr_cli.motion.lmfm.articulation import MOUTH
from avtr_cli.training import phones
from avtr_cli.training.prosody import RATE, Prosody

_PER_FRAME = RATE // 25
_HANN = np.hanning(11)[1:-1] / np.hanning(11)[1:-1].sum()  # 9 taps: 90 ms
_RAMP = 0.05  # s, into and out of a closure
_LONGEST_STOP = 0.12  # s that a p or b holds the lips
_ID = {name: k for k, name in enumerate(phones.PHONES)}


@dataclass(frozen=True)
class MouthTruth:
    """At 25 fps: open shapes (T, 7), closures (T, 2: bilabial, labiodental), activity (T,), visemes uint8 (T, 4)."""

    shapes: Floats
    closures: Floats
    activity: Floats
    visemes: Labels


def mouth_truth(rows: Floats, prosody: Prosody, opening: float, rng: np.random.Generator) -> MouthTruth:
    """`rows` are (phone, start s, end s); `opening` scales this person's mouth (1 = average)."""
    count = len(prosody.speech) // _PER_FRAME * _PER_FRAME
    blended = _blend(rows, count, rng)
    level = np.interp(np.arange(count), np.arange(len(prosody.level_db)), prosody.level_db)
    spoken = prosody.speech[:count]
    if spoken.any():
        gain = np.clip(1 + 0.035 * (level - np.median(level[spoken])), 0.35, 1.35)
        gain = convolve1d(gain, _HANN, mode="nearest") * opening
        blended[:, :3] *= gain[:, None]
    activity = binary_dilation(spoken, iterations=6).astype(float)
    smooth = np.hanning(15)[1:-1]
    activity = np.clip(convolve1d(activity, smooth / smooth.sum(), mode="nearest"), 0, 1)
    return MouthTruth(
        _mean(blended).astype(np.float32),
        _closures(rows, count).reshape(-1, _PER_FRAME, 2).max(1).astype(np.float32),
        _mean(activity[:, None])[:, 0].astype(np.float32),
        _visemes(rows, count).reshape(-1, _PER_FRAME),
    )


def _mean(at_100_hz: Doubles) -> Doubles:
    means: Doubles = at_100_hz.reshape(-1, _PER_FRAME, at_100_hz.shape[1]).mean(1)
    return means


def _blend(rows: Floats, count: int, rng: np.random.Generator) -> Doubles:
    """The dominance-weighted mean of phone shapes, smoothed by 90 ms."""
    total, weight = np.zeros((count, len(MOUTH))), np.full(count, 0.02)
    for phone, start, end in rows:
        phone, duration = int(phone), end - start
        centre = 0.5 * (start + end)
        first, last = max(0, int((centre - 0.6) * RATE)), min(count, int((centre + 0.6) * RATE) + 1)
        if first >= last:
            continue
        dt = np.arange(first, last) / RATE - centre
        width = np.where(dt < 0, max(0.05, 0.55 * duration), max(0.045, 0.5 * duration))
        dominance = phones.DOMINANCE[phone] * np.exp(-1.1 * np.abs(dt / width) ** 1.4)
        shape = phones.TARGETS[phone] * rng.uniform(0.88, 1.12, len(MOUTH))
        total[first:last] += dominance[:, None] * shape
        weight[first:last] += dominance
    smooth: Doubles = convolve1d(total / weight[:, None], _HANN, axis=0, mode="nearest")
    return smooth


def _closures(rows: Floats, count: int) -> Doubles:
    """How closed the lips are for p b m (first) and f v (second), with 50 ms ramps."""
    closed = np.zeros((count, 2))
    t = (np.arange(count) + 0.5) / RATE
    for phone, start, end in rows:
        name = phones.PHONES[int(phone)]
        kind = 0 if name in BILABIAL else 1 if name in phones.LABIODENTAL else None
        if kind is None:
            continue
        if phone != _ID["m"]:
            end = min(end, start + _LONGEST_STOP)
        first, last = max(0, int((start - 0.1) * RATE)), min(count, int((end + 0.1) * RATE) + 1)
        outside = np.maximum(np.maximum(start - t[first:last], t[first:last] - end), 0)
        closed[first:last, kind] = np.maximum(closed[first:last, kind], 1 - np.clip(outside / _RAMP, 0, 1))
    return closed


def _visemes(rows: Floats, count: int) -> Labels:
    classes = np.zeros(count, np.uint8)
    for phone, start, end in rows:
        classes[int(start * RATE) : int(end * RATE)] = phones.VISEME_OF_PHONE[int(phone)]
    return classes
