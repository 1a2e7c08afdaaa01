"""Speech for tests where no engine is installed: buzzes and hisses with the phone times they were made from."""

from __future__ import annotations

import numpy as np
from scipy.signal import lfilter

from avtr_cli.core.timing import SAMPLE_RATE
from avtr_cli.training import phones
from avtr_cli.training.speech import Utterance

_FORMANTS = {
    "aa": (730, 1090),
    "iy": (270, 2290),
    "uw": (300, 870),
    "eh": (530, 1840),
    "m": (250, 1000),
    "l": (360, 1300),
}


def tiny_utterance(rng: np.random.Generator, hertz: float = 120.0, feedback: bool = False) -> Utterance:
    """A second or two of vowels between consonants, each phone 60-120 ms."""
    names = [str(rng.choice(["m", "b", "s", "l"])) if k % 2 == 0 else str(rng.choice(["aa", "iy", "uw", "eh"]))
             for k in range(4 if feedback else int(rng.integers(8, 18)))]  # fmt: skip
    parts, rows, at = [np.zeros(1280)], [], 0.08
    for name in names:
        seconds = float(rng.uniform(0.06, 0.12))
        parts.append(_sound(name, int(seconds * SAMPLE_RATE), hertz, rng))
        rows.append((phones.PHONES.index(name), at, at + seconds))
        at += len(parts[-1]) / SAMPLE_RATE
    samples = np.concatenate([*parts, np.zeros(1280)])
    samples = 0.07 * samples / np.sqrt((samples**2).mean())
    return Utterance(np.clip(samples, -1, 1).astype(np.float32), np.array(rows, np.float32), feedback)


def tiny_corpus(seed: int = 0, voices: int = 3, sentences: int = 6) -> dict[str, list[Utterance]]:
    rng = np.random.default_rng(seed)
    corpus = {}
    for voice in range(voices):
        hertz = 95.0 + 50 * voice
        spoken = [tiny_utterance(rng, hertz) for _ in range(sentences)]
        corpus[f"tiny-{voice}"] = [*spoken, tiny_utterance(rng, hertz, feedback=True)]
    return corpus


def _sound(name: str, count: int, hertz: float, rng: np.random.Generator) -> np.ndarray:
    if name == "s":
        return 0.15 * np.diff(rng.standard_normal(count + 1))
    if name == "b":
        return 0.02 * np.sin(2 * np.pi * hertz * np.arange(count) / SAMPLE_RATE)
    wobble = hertz * (1 + 0.05 * np.sin(np.arange(count) / 2000))
    phase = np.cumsum(wobble) / SAMPLE_RATE
    source = np.diff(np.floor(phase), prepend=0.0)
    for formant in _FORMANTS[name]:
        pole = 0.97 * np.exp(2j * np.pi * formant / SAMPLE_RATE)
        source = lfilter([1.0], [1, -2 * pole.real, abs(pole) ** 2], source)
    return (0.4 if name in "ml" else 1.0) * source / (np.abs(source).max() + 1e-9)
