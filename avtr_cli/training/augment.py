"""Clean synthetic speech into what microphones, rooms and lines make of it; each side of a call by itself.

Speed, pitch and formants change together by resampling (`factor`), which also scales the phone times; all
else leaves times alone. Shares and ranges are those that the recipe's runs found useful.
"""

from __future__ import annotations

import io

import numpy as np
import soundfile
from scipy.signal import fftconvolve

from avtr_cli.core.arrays import Reals, Sound
from avtr_cli.core.timing import SAMPLE_RATE


def colour(samples: Sound, rng: np.random.Generator) -> Sound:
    """float32 (n,) of one side, any length -> the same length: tone, room, band, clipping, code, noise, gain."""
    x = _equalise(samples, rng)
    if rng.random() < 0.35:
        x = _room(x, rng)
    if rng.random() < 0.15:
        drive = rng.uniform(2, 8)
        x = np.tanh(drive * x) / drive
    if rng.random() < 0.10:
        x = _mu_law(x)
    x = x * 10 ** (rng.uniform(-20, 4) / 20)
    if rng.random() < 0.90:
        x = x + _noise(len(x), rng) * _level(x) * 10 ** (-rng.uniform(14, 55) / 20)
    if rng.random() < 0.12:
        x = _compressed(np.clip(x, -1, 1), rng)
    return np.clip(x, -1, 1).astype(np.float32)


def leak(own: Sound, other: Sound, rng: np.random.Generator) -> Sound:
    """Crosstalk: in 40 % of calls the other voice is heard 25-45 dB lower, some ms late."""
    if rng.random() >= 0.4:
        return own
    delay = int(rng.uniform(0.001, 0.02) * SAMPLE_RATE)
    late = np.concatenate([np.zeros(delay, np.float32), other[: len(other) - delay]])
    heard: Sound = own + late * np.float32(10 ** (-rng.uniform(25, 45) / 20))
    return heard


def _level(x: Reals) -> float:
    """Root mean square of the loud tenth, so that pauses do not count; 0.05 where there is no speech."""
    frames = x[: len(x) // 400 * 400].reshape(-1, 400)
    loud = np.sort((frames**2).mean(1))[-max(1, len(frames) // 10) :]
    level = float(np.sqrt(loud.mean()))
    return level if level > 1e-4 else 0.02


def _equalise(x: Reals, rng: np.random.Generator) -> Reals:
    """4 dB knots and a tilt; a fifth of the sides also lose what a telephone loses."""
    spectrum = np.fft.rfft(x)
    hertz = np.linspace(0, SAMPLE_RATE / 2, len(spectrum))
    octave = np.log2(np.maximum(hertz, 60) / 1000)
    knots = np.linspace(-4, 3, 8)
    decibel = np.interp(octave, knots, rng.normal(0, 4, 8)) + rng.uniform(-2.5, 2.5) * octave
    if rng.random() < 0.2:
        low, high = rng.uniform(60, 320), rng.uniform(3200, 6500)
        decibel = decibel - 48 * np.clip(np.log2(low / np.maximum(hertz, 1)), 0, 2)
        decibel = decibel - 48 * np.clip(np.log2(np.maximum(hertz, 1) / high), 0, 2)
    equalised: Reals = np.fft.irfft(spectrum * 10 ** (decibel / 20), len(x))
    return equalised


def _room(x: Reals, rng: np.random.Generator) -> Reals:
    """Exponentially decaying noise as a room's answer; reverberation time 80-500 ms, direct sound kept first."""
    seconds = rng.uniform(0.08, 0.5)
    n = int(seconds * SAMPLE_RATE)
    tail = rng.standard_normal(n) * np.exp(-6.9 * np.arange(n) / n)
    tail *= rng.uniform(0.1, 0.6) / np.sqrt((tail**2).sum())
    tail[: SAMPLE_RATE // 500] = 0
    tail[0] = 1.0
    echoed: Reals = fftconvolve(x, tail)[: len(x)]
    return echoed


def _mu_law(x: Reals) -> Reals:
    """8-bit mu-law there and back (ITU-T G.711's curve)."""
    squeezed = np.sign(x) * np.log1p(255 * np.abs(np.clip(x, -1, 1))) / np.log(256)
    coarse = np.round(squeezed * 127) / 127
    decoded: Reals = np.sign(coarse) * (256 ** np.abs(coarse) - 1) / 255
    return decoded


def _compressed(x: Reals, rng: np.random.Generator) -> Reals:
    """Opus at 6-30 kbit/s or MP3 at 20-24 there and back, as calls and recordings are sent; both keep the time."""
    form, subtype, low, high = ("OGG", "OPUS", 0.9, 1.0) if rng.random() < 0.7 else ("MP3", "MPEG_LAYER_III", 0.9, 0.97)
    held = io.BytesIO()
    level = float(rng.uniform(low, high))
    soundfile.write(held, x, SAMPLE_RATE, format=form, subtype=subtype, compression_level=level)
    held.seek(0)
    heard, _ = soundfile.read(held, dtype="float32")
    out = np.zeros_like(x)
    out[: len(heard)] = heard[: len(x)]
    return out


def _noise(n: int, rng: np.random.Generator) -> Reals:
    """Unit-power noise with a spectrum between white and brown, in some calls swelling slowly."""
    spectrum = np.fft.rfft(rng.standard_normal(n))
    spectrum[1:] *= np.arange(1, len(spectrum)) ** (-rng.uniform(0, 1))
    noise = np.fft.irfft(spectrum, n)
    if rng.random() < 0.3:
        knots = rng.uniform(0.3, 1.5, max(2, n // (2 * SAMPLE_RATE)))
        noise = noise * np.interp(np.arange(n), np.linspace(0, n, len(knots)), knots)
    even: Reals = noise / (np.sqrt((noise**2).mean()) + 1e-9)
    return even
