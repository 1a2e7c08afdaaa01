"""One voice into pitch and accents: the stressed places that beats of head and hands meet. At 100 Hz."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import binary_closing, binary_opening, uniform_filter1d

from avtr_cli.core.arrays import Doubles, Floats, Mask, Reals, Sound
from avtr_cli.core.timing import SAMPLE_RATE

RATE = 100  # Hz
HOP = SAMPLE_RATE // RATE
_WINDOW = 640  # samples: two periods of 50 Hz
_LAGS = (SAMPLE_RATE // 420, SAMPLE_RATE // 62)
_BELOW_LOUD_DB, _LEAST_DB = 28.0, -60.0  # of speech: within this of the voice's loud places, and above


def heard_accents(samples: Sound) -> tuple[Doubles, Mask]:
    """Accents in seconds, and the speech mask at 100 Hz, of a recording (n,) whose phones nobody knows."""
    count = len(samples) // HOP
    level = level_db(samples)
    speech = level > max(float(np.percentile(level, 95)) - _BELOW_LOUD_DB, _LEAST_DB) if count else np.zeros(0, bool)
    speech = binary_opening(binary_closing(speech, np.ones(15)), np.ones(7))
    return accents(level, pitch(samples, speech), speech), speech


def level_db(samples: Sound) -> Floats:
    """(n // 160,): mean power of 30 ms."""
    count = len(samples) // HOP
    power = (samples[: count * HOP].reshape(count, HOP) ** 2).mean(1)
    level: Floats = 10 * np.log10(uniform_filter1d(power, 3) + 1e-8)
    return level


def pitch(samples: Sound, speech: Mask) -> Doubles:
    """F0 in Hz at 100 Hz by the normalised autocorrelation (Boersma 1993), 0 where unvoiced or silent."""
    f0 = np.zeros(len(speech))
    at = np.flatnonzero(speech)
    if not len(at):
        return f0
    padded = np.pad(samples, (_WINDOW // 2, _WINDOW))
    window = np.hanning(_WINDOW)
    own = np.fft.irfft(np.abs(np.fft.rfft(window, 2048)) ** 2)[: _LAGS[1] + 1]
    frames = padded[at[:, None] * HOP + np.arange(_WINDOW)[None]] * window
    spectrum = np.abs(np.fft.rfft(frames.astype(np.float32), 2048)) ** 2
    correlation = np.fft.irfft(spectrum)[:, : _LAGS[1] + 1] / (own / own[0])
    correlation /= correlation[:, :1] + 1e-9
    best = correlation[:, _LAGS[0] :].argmax(1) + _LAGS[0]
    voiced = correlation[np.arange(len(at)), best] > 0.5
    f0[at[voiced]] = SAMPLE_RATE / best[voiced]
    return f0


def accents(level: Floats, f0: Doubles, speech: Mask) -> Doubles:
    """In seconds: peaks over +-120 ms of loudness (200 ms smooth) and 0.8 times log F0, both z-scores over speech."""
    if speech.sum() < 50:
        return np.zeros(0)
    score = stress(level, f0, speech)
    times, last = [], -100
    for i in np.flatnonzero(speech & (score > 0.6)):
        window = score[max(0, i - 12) : i + 13]
        if score[i] >= window.max() and i - last > 30:
            times.append(i / RATE)
            last = i
    return np.array(times)


def stress(level: Floats, f0: Doubles, speech: Mask) -> Doubles:
    """Loudness and 0.8 times log F0, both as z-scores over speech, at 100 Hz."""
    loud = uniform_filter1d(level, 20)
    tone = np.log(np.where(f0 > 0, f0, np.median(f0[f0 > 0]) if (f0 > 0).any() else 1.0))
    tone = uniform_filter1d(tone, 12)

    def z(x: Reals) -> Reals:
        score: Reals = (x - x[speech].mean()) / (x[speech].std() + 1e-6)
        return score

    stress: Doubles = np.asarray(z(loud) + 0.8 * z(tone), np.float64)
    return stress
