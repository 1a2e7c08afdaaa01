"""Breaths, laughter and other sounds of a mouth that are not speech, mixed into the pauses of a batch.

The speech that the hearing learns from has none of them, and what it never heard it took for open vowels: a breath
20 dB below the voice opened the mouth wider than any word. Sounds are made from noise and pulses (a bank of some
hundreds), and added to the features, drawn anew at every step. A breath, a sniff, a cough or a click leaves the truth
as it is: a mouth at rest. While the avatar laughs its mouth stays open in one smiling shape, without visemes, its eyes
are squinted and its head goes back; a partner who laughs is lively.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.ndimage import binary_dilation, gaussian_filter1d
from scipy.signal import butter, iirpeak, lfilter, sosfilt
from torch import Tensor

from avtr_cli.core.arrays import Doubles, Mask
from avtr_cli.core.timing import FPS, SAMPLE_RATE
from avtr_cli.motion.lmfm.articulation import FACE, MOUTH
from avtr_cli.motion.lmfm.log_mel import LogMel
from avtr_cli.training.behaviour import FLAGS
from avtr_cli.training.dataset import UNKNOWN_VISEME

KINDS = ("breath", "sniff", "sigh", "cough", "click", "laugh")
_ODDS = (0.4, 0.1, 0.12, 0.08, 0.1, 0.2)
_SIDES = 0.5  # of the sides of a batch that get any
_MOST = 3  # sounds in a window's side
_CLEAR = 3  # frames around speech that stay free of them
_UNIT = 3.0  # natural-log units of mel power in one feature unit
_LAUGHING = {"jaw": 0.22, "upper": 0.2, "lower": 0.12, "stretch": 0.35}
_LAUGHING_FACE = {"smile": 0.45, "squint": 0.4, "lid": -0.3, "pitch": -3.0}
_FADE = 3.0  # frames: sigma with which a laughing face comes and goes


@dataclass(frozen=True)
class Bank:
    """Sounds as features float32 (n frames, 320), and what kind each is."""

    features: tuple[Tensor, ...]
    kinds: tuple[str, ...]

    @classmethod
    def made(cls, count: int, seed: int) -> Bank:
        """`count` sounds at levels from a whisper to a shout."""
        rng, mel = np.random.default_rng(seed), LogMel()
        kinds = tuple(str(kind) for kind in rng.choice(KINDS, size=count, p=_ODDS))
        features = []
        for kind in kinds:
            low, high = (-32, -14) if kind == "laugh" else (-52, -22)
            samples = sound(kind, rng)
            samples *= 10 ** (rng.uniform(low, high) / 20) / max(float(np.sqrt((samples**2).mean())), 1e-9)
            features.append(mel.of_file(torch.from_numpy(samples.astype(np.float32))))
        return cls(tuple(features), kinds)


def sound(kind: str, rng: np.random.Generator) -> Doubles:
    """(n,) samples at 16 kHz of any level: one of KINDS."""
    if kind == "laugh":
        return _laugh(rng)
    if kind == "click":
        return _hiss(rng.uniform(0.01, 0.05), rng.uniform(100, 2500), rng.uniform(3000, 7500), 0.3, rng)
    if kind == "cough":
        burst = _hiss(rng.uniform(0.04, 0.09), 300, rng.uniform(3000, 6000), 0.3, rng)
        return np.concatenate([burst, 0.4 * _hiss(rng.uniform(0.12, 0.3), 200, rng.uniform(1500, 4000), 0.6, rng)])
    seconds = {"breath": (0.25, 0.8), "sniff": (0.1, 0.3), "sigh": (0.5, 1.2)}[kind]
    low, high = {"breath": (200, 900), "sniff": (800, 2500), "sigh": (100, 500)}[kind]
    top = {"breath": (2500, 7000), "sniff": (4500, 7500), "sigh": (1200, 4000)}[kind]
    return _hiss(rng.uniform(*seconds), rng.uniform(low, high), rng.uniform(*top), rng.uniform(0.5, 1.2), rng)


def _hiss(seconds: float, low: float, high: float, sharpness: float, rng: np.random.Generator) -> Doubles:
    """Noise of one band with a resonance in it, that rises and falls somewhere in between."""
    count = int(seconds * SAMPLE_RATE)
    noise = rng.standard_normal(count)
    band = sosfilt(butter(2, [low, high], "band", fs=SAMPLE_RATE, output="sos"), noise)
    around = float(np.exp(rng.uniform(np.log(max(low, 400)), np.log(high))))
    band = band + rng.uniform(0, 3) * _resonance(band, around, 0.15 * around)
    place, peak = np.linspace(0, 1, count), rng.uniform(0.2, 0.8)
    rise = np.where(place < peak, place / peak, (1 - place) / (1 - peak))
    swell: Doubles = band * np.sin(0.5 * np.pi * rise) ** (2 * sharpness)
    return swell


def _laugh(rng: np.random.Generator) -> Doubles:
    """Bursts of breath and voice, some five a second, whose pitch and strength fall (Bachorowski et al. 2001)."""
    pitch, rate = rng.uniform(110, 380), rng.uniform(3.8, 6.5)
    breathy, fall = rng.uniform(0.05, 0.9), rng.uniform(0.0, 0.06)
    formants = [(rng.uniform(450, 850), 120), (rng.uniform(1100, 1800), 150), (rng.uniform(2300, 3000), 220)]
    parts = []
    for burst in range(int(rng.integers(3, 11))):
        period = 1 / (rate * rng.uniform(0.9, 1.1))
        count = int(period * rng.uniform(0.4, 0.6) * SAMPLE_RATE)
        hertz = pitch * (1 - fall) ** burst * (1 + 0.1 * np.linspace(1, -1, count) + 0.05 * rng.standard_normal())
        phase = np.cumsum(hertz) / SAMPLE_RATE
        voice = 2 * (phase % 1) - 1
        voice = (1 - breathy) * voice + breathy * rng.standard_normal(count)
        voice = sum((_resonance(voice, around, width) for around, width in formants), 0.02 * voice)
        voice *= np.hanning(count) * 0.93**burst / max(float(np.abs(voice).max()), 1e-9)
        aspired = _hiss(period - count / SAMPLE_RATE, rng.uniform(300, 700), rng.uniform(2500, 6000), 0.6, rng)
        parts += [rng.uniform(0.05, 0.35) * aspired / max(float(np.abs(aspired).max()), 1e-9), voice]
    return np.concatenate(parts)


def _resonance(samples: Doubles, hertz: float, width: float) -> Doubles:
    """What of the samples lies around one formant."""
    ringing: Doubles = lfilter(*iirpeak(hertz, hertz / width, fs=SAMPLE_RATE), samples)
    return ringing


def mix(batch: dict[str, Tensor], bank: Bank, rng: np.random.Generator) -> dict[str, Tensor]:
    """A batch of `Corpus.batch`, with features, and sounds of `bank` in the pauses of half of its sides: a new one."""
    out = {name: value.clone() for name, value in batch.items()}
    speaking = batch["flags"][..., FLAGS.index("voice")].numpy() > 0
    for window, side in np.ndindex(*speaking.shape[:2]):
        if rng.random() >= _SIDES:
            continue
        free = ~binary_dilation(speaking[window, side], iterations=_CLEAR)
        for _ in range(int(rng.integers(1, _MOST + 1))):
            number = int(rng.integers(len(bank.kinds)))
            first = _place(free, len(bank.features[number]), rng)
            if first is not None:
                last = first + len(bank.features[number])
                free[max(first - 2, 0) : last + 2] = False
                rows = out["features"][window, side, first:last]
                rows.copy_(torch.logaddexp(_UNIT * rows, _UNIT * bank.features[number]) / _UNIT)
                if bank.kinds[number] == "laugh":
                    _laughing(out, window, side, first, last)
    return out


def _place(free: Mask, length: int, rng: np.random.Generator) -> int | None:
    """The first frame of a random stretch of `length` free ones; None where there is none."""
    if length > len(free):
        return None
    starts = np.flatnonzero(np.convolve(free, np.ones(length), "valid") > length - 0.5)
    return int(starts[rng.integers(len(starts))]) if len(starts) else None


def _laughing(batch: dict[str, Tensor], window: int, side: int, first: int, last: int) -> None:
    """The truth of one who laughs in the frames `first` to `last`; of the partner only what is to be heard of it."""
    if side == 1:
        batch["flags"][window, 1, first + FPS // 5 : last + FPS, FLAGS.index("lively")] = 1
        return
    for name, shape in zip(MOUTH, torch.tensor([_LAUGHING.get(name, 0.0) for name in MOUTH]), strict=True):
        batch["mouth"][window, first:last, MOUTH.index(name)] = shape
    batch["visemes"][window, first:last] = UNKNOWN_VISEME
    batch["activity"][window, first:last] = 1
    course = np.zeros(batch["face"].shape[1])
    course[first:last] = 1
    course = gaussian_filter1d(course, _FADE)
    for name, much in _LAUGHING_FACE.items():
        batch["face"][window, :, FACE.index(name)] += much * torch.from_numpy(course).float()
