"""One side's clean speech into loudness, pitch, brightness and accents, at 100 Hz and as events in seconds.

Used for the ground truth only, where the speech is clean; the trained model hears the augmented sound.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from avtr_cli.audio.accents import HOP, RATE, accents, level_db, pitch, stress
from avtr_cli.core.arrays import Doubles, Floats, Mask, Sound
from avtr_cli.motion.lmfm.log_mel import MELS, LogMel
from avtr_cli.training.conversation import Side

_DARK, _BRIGHT = slice(0, 20), slice(50, 70)  # mel bands: 60 to 650 Hz, 2.7 to 5.3 kHz
_LIVELY_SEMITONES = 2.8  # spread of pitch within a phrase from which it counts as lively


@dataclass(frozen=True)
class Prosody:
    """At 100 Hz: speech mask, level (dB), F0 (Hz, 0 unvoiced), brightness (sd; 0 where nobody speaks).

    In seconds: accents, ends of low-pitch regions. `units` are (start, end, feedback, lively) of the phrases.
    """

    speech: Mask
    level_db: Floats
    f0: Doubles
    brightness: Doubles
    accents: Doubles
    low_pitch_ends: Doubles
    low_pitch: Doubles
    units: list[tuple[float, float, bool, bool]]


def analyse(side: Side) -> Prosody:
    """The prosody of one side of a call."""
    count = len(side.samples) // HOP
    speech = np.zeros(count, bool)
    for phone, start, end in side.phone_rows:
        if phone > 0:
            speech[int(start * RATE) : max(int(end * RATE), int(start * RATE) + 1)] = True
    level = level_db(side.samples)
    f0 = pitch(side.samples, speech)
    low, ends = _low_pitch(f0, speech)
    units = []
    for start, end, feedback in side.units:
        part = f0[int(start * RATE) : int(end * RATE)]
        part = part[part > 0]
        spread = np.std(12 * np.log2(part)) if len(part) > 15 else 0.0
        units.append((start, end, feedback, bool(spread > _LIVELY_SEMITONES)))
    return Prosody(speech, level, f0, brightness(side.samples, speech), accents(level, f0, speech), ends, low, units)


def brightness(samples: Sound, speech: Mask) -> Doubles:
    """How bright a voice is at 100 Hz, in standard deviations of its own speech, 0 where it is silent.

    That is its mean log-mel energy between 2.7 and 5.3 kHz less that below 650 Hz: lips that part let the upper
    formants out (Grant & Seitz 2000: the mouth's area goes with their envelopes, not with that of the first).
    """
    bright = np.zeros(len(speech))
    if not speech.any():
        return bright
    rows = LogMel().of_file(torch.from_numpy(samples)).numpy().reshape(-1, MELS)[: len(speech)]
    contrast = rows[:, _BRIGHT].mean(1) - rows[:, _DARK].mean(1)
    heard = contrast[speech]
    bright[speech] = (heard - heard.mean()) / (heard.std() + 1e-6)
    return bright


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


def accent_strengths(prosody: Prosody) -> Doubles:
    """(n,): how far each accent stands out, in spreads of the whole call's speech."""
    score = stress(prosody.level_db, prosody.f0, prosody.speech) if len(prosody.accents) else np.zeros(1)
    found: Doubles = score[np.minimum((prosody.accents * RATE).astype(int), len(score) - 1)]
    return found
