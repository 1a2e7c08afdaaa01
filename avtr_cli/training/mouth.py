"""Phones and brightness of one side into the mouth's ground truth at 25 fps.

Cohen & Massaro 1993: each phone's shape counts by a dominance that falls off around its centre; the mouth is
the weighted mean. Opening falls off quickly, rounding and spreading slowly: lips are on their way to a rounded sound
before the sounds in between (Perkell & Matthies 1992). By others' videos (`targets`), with phones as a recogniser heard
them, apertures are followed best by dominances of 30 ms and a third of the phone (wider ones: r .50 for .54), widths by
50 ms and more than half of it (r .52; quick ones .48). Loudness tells hardly anything; how bright the voice is does
(`prosody.brightness`: r .54, without it .505). Closures are laid over the blend, not blended, because lips do touch.
Worked out at 100 Hz, then averaged; closures take the strongest of the four sub-frames, or they would vanish.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import binary_dilation, convolve1d

from avtr_cli.audio.accents import RATE
from avtr_cli.core.arrays import Doubles, Floats, Labels
from avtr_cli.core.phones import BILABIAL
from avtr_cli.motion.lmfm.articulation import MOUTH
from avtr_cli.training import phones, targets
from avtr_cli.training.prosody import Prosody

_PER_FRAME = RATE // 25
_HANN = np.hanning(11)[1:-1] / np.hanning(11)[1:-1].sum()  # 9 taps: 90 ms
_AROUND = np.hanning(13)[1:-1] / np.hanning(13)[1:-1].sum()  # 11 taps: 110 ms
_BY_BRIGHTNESS = 0.27  # of the opening, per standard deviation of the voice's brightness
_OPENED = (0.3, 2.0)  # its bounds
_ACROSS = np.isin(MOUTH, ("stretch", "funnel", "pucker"))  # what makes the mouth wide or narrow
_NEAR = np.where(_ACROSS, 0.05, 0.03)  # s, and
_OF_LENGTH = np.where(_ACROSS, 0.6, 0.3)  # share of a phone: how wide its dominance is, by channel
_GAP = 0.03  # s between phones from which it is a pause
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
    blended[:, :3] *= (opening * _brightly(prosody.brightness[:count]))[:, None]
    activity = binary_dilation(prosody.speech[:count], iterations=6).astype(float)
    smooth = np.hanning(15)[1:-1]
    activity = np.clip(convolve1d(activity, smooth / smooth.sum(), mode="nearest"), 0, 1)
    return MouthTruth(
        _mean(blended).astype(np.float32),
        _closures(rows, count).reshape(-1, _PER_FRAME, 2).max(1).astype(np.float32),
        _mean(activity[:, None])[:, 0].astype(np.float32),
        _visemes(rows, count).reshape(-1, _PER_FRAME),
    )


def _brightly(brightness: Doubles) -> Doubles:
    """The factor of the opening, by how bright the voice is around each moment, (n,)."""
    around = convolve1d(brightness, _AROUND, mode="nearest")
    factor: Doubles = np.clip(1 + _BY_BRIGHTNESS * around, *_OPENED)
    return factor


def _mean(at_100_hz: Doubles) -> Doubles:
    means: Doubles = at_100_hz.reshape(-1, _PER_FRAME, at_100_hz.shape[1]).mean(1)
    return means


def _blend(rows: Floats, count: int, rng: np.random.Generator) -> Doubles:
    """The dominance-weighted mean of what phones and pauses pass through, smoothed by 90 ms."""
    total, weight = np.zeros((count, len(MOUTH))), np.full((count, len(MOUTH)), 1e-3)
    for target, start, end, paused in _passed(rows, count / RATE):
        reach = 0.6 if not paused else 0.15
        centre = 0.5 * (start + end)
        first, last = max(0, int((min(start, centre) - reach) * RATE)), min(count, int((end + reach) * RATE) + 1)
        if first >= last:
            continue
        t = (np.arange(first, last) + 0.5) / RATE
        if paused:  # as strong all along, not at its centre alone
            apart, width = np.maximum(np.maximum(start - t, t - end), 0), _NEAR
        else:
            apart, width = np.abs(t - centre), _NEAR + _OF_LENGTH * (end - start)
        dominance = target.dominance * np.exp(-1.1 * (apart[:, None] / width) ** 1.4)
        total[first:last] += dominance * (target.shape * rng.uniform(0.9, 1.1, len(MOUTH)))
        weight[first:last] += dominance
    smooth: Doubles = convolve1d(total / weight, _HANN, axis=0, mode="nearest")
    return smooth


def _passed(rows: Floats, seconds: float) -> Iterator[tuple[targets.Target, float, float, bool]]:
    """(target, start s, end s, is a pause) of all that the mouth passes through, in order."""
    last = 0.0
    for phone, start, end in rows:
        if int(phone) == 0:
            continue
        if start - last > _GAP:
            yield targets.TARGETS[phones.SILENCE], last, start, True
        for target, begins, ends in targets.passed_through(int(phone), float(start), float(end)):
            yield target, begins, ends, False
        last = max(last, float(end))
    if seconds - last > _GAP:
        yield targets.TARGETS[phones.SILENCE], last, seconds, True


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
