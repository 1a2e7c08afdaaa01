"""One side's clean speech into loudness, pitch and accents, at 100 Hz and as events in seconds.

Used for the ground truth only, where the speech is clean; the trained model hears the augmented sound.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import uniform_filter1d

from avtr_cli.core.arrays import Doubles, Floats, Mask, Reals, Sound
from avtr_cli.core.timing import SAMPLE_RATE
from avtr_cli.training.conversation import Side

RATE = 100  # Hz
_HOP = SAMPLE_RATE // RATE
_WINDOW = 640  # samples: two periods of 50 Hz
_LAGS = (SAMPLE_RATE // 420, SAMPLE_RATE // 62)
_LIVELY_SEMITONES = 2.8  # spread of pitch within a phrase from which it counts as lively


@dataclass(frozen=True)
class Prosody:
    """At 100 Hz: speech mask, level (dB), F0 (Hz, 0 unvoiced). In seconds: accents, ends of low-pitch regions.

    `units` are (start, end, feedback, lively) of the phrases.
    """

    speech: Mask
    level_db: Floats
    f0: Doubles
    accents: Doubles
    low_pitch_ends: Doubles
    low_pitch: Doubles
    units: list[tuple[float, float, bool, bool]]


def analyse(side: Side) -> Prosody:
    """The prosody of one side of a call."""
    count = len(side.samples) // _HOP
    speech = np.zeros(count, bool)
    for phone, start, end in side.phone_rows:
        if phone > 0:
            speech[int(start * RATE) : max(int(end * RATE), int(start * RATE) + 1)] = True
    power = (side.samples[: count * _HOP].reshape(count, _HOP) ** 2).mean(1)
    level = 10 * np.log10(uniform_filter1d(power, 3) + 1e-8)
    f0 = pitch(side.samples, speech)
    low, ends = _low_pitch(f0, speech)
    units = []
    for start, end, feedback in side.units:
        part = f0[int(start * RATE) : int(end * RATE)]
        part = part[part > 0]
        spread = np.std(12 * np.log2(part)) if len(part) > 15 else 0.0
        units.append((start, end, feedback, bool(spread > _LIVELY_SEMITONES)))
    return Prosody(speech, level, f0, _accents(level, f0, speech), ends, low, units)


def pitch(samples: Sound, speech: Mask) -> Doubles:
    """F0 in Hz at 100 Hz by the normalised autocorrelation (Boersma 1993), 0 where unvoiced or silent."""
    f0 = np.zeros(len(speech))
    at = np.flatnonzero(speech)
    if not len(at):
        return f0
    padded = np.pad(samples, (_WINDOW // 2, _WINDOW))
    window = np.hanning(_WINDOW)
    own = np.fft.irfft(np.abs(np.fft.rfft(window, 2048)) ** 2)[: _LAGS[1] + 1]
    frames = padded[at[:, None] * _HOP + np.arange(_WINDOW)[None]] * window
    spectrum = np.abs(np.fft.rfft(frames.astype(np.float32), 2048)) ** 2
    correlation = np.fft.irfft(spectrum)[:, : _LAGS[1] + 1] / (own / own[0])
    correlation /= correlation[:, :1] + 1e-9
    best = correlation[:, _LAGS[0] :].argmax(1) + _LAGS[0]
    voiced = correlation[np.arange(len(at)), best] > 0.5
    f0[at[voiced]] = SAMPLE_RATE / best[voiced]
    return f0


def _low_pitch(f0: Doubles, speech: Mask) -> tuple[Doubles, Doubles]:
    """Regions of at least 110 ms below the voice's 26th percentile: the cue of Ward & Tsukahara 2000."""
    mask = np.zeros(len(f0))
    voiced = f0 > 0
    if voiced.sum() < 50:
        return mask, np.zeros(0)
    low = voiced & (f0 < np.percentile(f0[voiced], 26))
    edges = np.flatnonzero(np.diff(np.concatenate([[0], low.astype(int), [0]])))
    ends = []
    for start, end in edges.reshape(-1, 2):
        if end - start >= 11:
            mask[start:end] = 1
            ends.append(end / RATE)
    return mask, np.array(ends)


def _accents(level: Floats, f0: Doubles, speech: Mask) -> Doubles:
    """Peaks over +-120 ms of loudness (200 ms smooth) and 0.8 times log F0, both as z-scores over speech."""
    if speech.sum() < 50:
        return np.zeros(0)
    score = _stress(level, f0, speech)
    times, last = [], -100
    for i in np.flatnonzero(speech & (score > 0.6)):
        window = score[max(0, i - 12) : i + 13]
        if score[i] >= window.max() and i - last > 30:
            times.append(i / RATE)
            last = i
    return np.array(times)


def accent_strengths(prosody: Prosody) -> Doubles:
    """(n,): how far each accent stands out, in spreads of the whole call's speech."""
    score = _stress(prosody.level_db, prosody.f0, prosody.speech) if len(prosody.accents) else np.zeros(1)
    found: Doubles = score[np.minimum((prosody.accents * RATE).astype(int), len(score) - 1)]
    return found


def _stress(level: Floats, f0: Doubles, speech: Mask) -> Doubles:
    """Loudness and 0.8 times log F0, both as z-scores over speech, at 100 Hz."""
    loud = uniform_filter1d(level, 20)
    tone = np.log(np.where(f0 > 0, f0, np.median(f0[f0 > 0]) if (f0 > 0).any() else 1.0))
    tone = uniform_filter1d(tone, 12)

    def z(x: Reals) -> Reals:
        score: Reals = (x - x[speech].mean()) / (x[speech].std() + 1e-6)
        return score

    stress: Doubles = np.asarray(z(loud) + 0.8 * z(tone), np.float64)
    return stress
