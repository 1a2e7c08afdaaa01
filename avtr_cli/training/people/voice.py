"""The sound of one person into where that voice is, and its phrases.

A voice is told by its level alone, against the quiet of the same recording: what is heard must be one person's. With
the phones unknown, a unit of speech is what lies between pauses.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import binary_closing, binary_opening, uniform_filter1d

from avtr_cli.audio.accents import RATE
from avtr_cli.core.arrays import Doubles, Mask, Sound
from avtr_cli.core.timing import SAMPLE_RATE
from avtr_cli.training import phones
from avtr_cli.training.conversation import Side

_HOP = SAMPLE_RATE // RATE
_ABOVE = 0.4  # of the way from the quiet to the loud of a recording: from here it is speech
_RANGE_DB = 12.0  # between the two: with less there is no telling voice from noise
_SILENT_DB = -60.0  # of full scale: nothing at all
_PAUSE, _SHORTEST = 0.2, 0.08  # s
_FEEDBACK = 0.7  # s: shorter units are taken for a listener's words


def level_of(samples: Sound) -> Doubles:
    """Loudness in dB of full scale, at 100 Hz."""
    count = len(samples) // _HOP
    power = (samples[: count * _HOP].astype(np.float64).reshape(count, _HOP) ** 2).mean(axis=1)
    level: Doubles = 10 * np.log10(uniform_filter1d(power, 3) + 1e-9)
    return level


def speech_in(samples: Sound) -> Mask:
    """Where the voice is, bool (n,) at 100 Hz; nowhere where there is nothing but noise."""
    level = level_of(samples)
    if not len(level):
        return np.zeros(0, bool)
    quiet, loud = np.percentile(level, [8, 97])
    if loud - quiet < _RANGE_DB or loud < _SILENT_DB:
        return np.zeros(len(level), bool)
    heard = level > max(quiet + _ABOVE * (loud - quiet), _SILENT_DB)
    padded = np.pad(heard, RATE)
    kept = binary_opening(binary_closing(padded, np.ones(round(_PAUSE * RATE))), np.ones(round(_SHORTEST * RATE)))
    mask: Mask = kept[RATE:-RATE]
    return mask


def as_side(samples: Sound, speech: Mask) -> Side:
    """One side of a call as `prosody.analyse` takes it: every unit of speech is one phone that nobody knows."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], speech.astype(int), [0]]))).reshape(-1, 2) / RATE
    rows = [(phones.PHONES.index("ax"), start, end) for start, end in edges]
    side = Side(samples, [np.array(rows, np.float32)] if rows else [])
    side.units = [(float(start), float(end), bool(end - start < _FEEDBACK)) for start, end in edges]
    return side
