"""One call's sound into what happens in it, frame by frame: levels, who speaks, phrases and their ends.

All at 25 fps by the level alone, from the sound that the model heard: no model judges another here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import maximum_filter1d

from avtr_cli.core.arrays import Doubles, Mask, Reals, Sound
from avtr_cli.core.timing import FPS, SAMPLES_PER_FRAME, frames_of

SILENT_DB = -100.0  # what digital silence is given
HEARD_DB = -60.0  # a frame below this is nobody's voice
DEAD_DB = -55.0  # a side whose loudest frames stay below this does not speak at all
BELOW_LOUD_DB = 25.0  # a voice's frames lie within this of its loud ones (95th percentile)
ABOVE_NOISE_DB = 8.0  # and this far above the room (5th percentile)
CLEAR_DB = 10.0  # but no frame this near the loud ones is called noise
LEAK_DB = 20.0  # a frame this far below the other side is the other's voice leaking in
PAUSE_FRAMES = 6  # 0.24 s: a shorter pause does not end a phrase
BURST_FRAMES = 3  # 0.12 s: shorter sounds are clicks
PHRASE_FRAMES = round(0.7 * FPS)  # a phrase must be longer to call for an answer


@dataclass(frozen=True)
class Voice:
    """One side of a call over T frames.

    energy_db  float64 (T,), mean power of each frame, -100 in digital silence
    active     bool (T,), this side speaks; pauses below 0.24 s are bridged
    phrases    (first, end) frames of every stretch of `active` longer than 0.7 s
    """

    energy_db: Doubles
    active: Mask
    phrases: tuple[tuple[int, int], ...]

    def __len__(self) -> int:
        return len(self.active)

    def away(self, before: int, after: int) -> Mask:
        """bool (T,): no voice within `before` frames ahead of its start and `after` frames past its end."""
        reach = max(before, after)
        padded = np.pad(self.active, reach)
        near = np.zeros(len(padded), bool)
        for shift in range(-before, after + 1):
            near |= np.roll(padded, shift)
        return ~near[reach : reach + len(self.active)]

    def level(self) -> Doubles:
        """`energy_db` with everything 50 dB below the loud frames cut off: an empty channel says nothing more."""
        return floored(self.energy_db)


def hear(sound: Sound) -> tuple[Voice, Voice]:
    """Both sides of float32 (2, n) at 16 kHz, rows (avatar, partner)."""
    levels = [energy_db(side) for side in sound]
    voices = []
    for own, other in (levels, levels[::-1]):
        active = speaks(own, other)
        phrases = tuple(run for run in runs(active) if run[1] - run[0] > PHRASE_FRAMES)
        voices.append(Voice(own, active, phrases))
    return voices[0], voices[1]


def energy_db(samples: Reals) -> Doubles:
    """Mean power in dBFS of every frame of (n,) samples, ceil(n / 640) of them."""
    frames = frames_of(len(samples))
    padded = np.zeros(frames * SAMPLES_PER_FRAME)
    padded[: len(samples)] = samples
    power = (padded.reshape(frames, SAMPLES_PER_FRAME) ** 2).mean(1)
    decibel: Doubles = 10 * np.log10(power + 10 ** (SILENT_DB / 10))
    return decibel


def floored(levels: Doubles) -> Doubles:
    """Levels (T,) with everything 50 dB below the loud frames cut off."""
    return np.maximum(levels, loudness(levels) - 50.0)


def loudness(levels: Doubles) -> float:
    """The 95th percentile of the frames that can be heard at all."""
    heard = levels[levels > HEARD_DB]
    return float(np.percentile(heard, 95)) if len(heard) else SILENT_DB


def speaks(levels: Doubles, other: Doubles) -> Mask:
    """bool (T,): where a side with these levels speaks, given the other side's."""
    loud = loudness(levels)
    if loud < DEAD_DB:
        return np.zeros(len(levels), bool)
    room = float(np.percentile(levels, 5)) + ABOVE_NOISE_DB
    threshold = max(loud - BELOW_LOUD_DB, min(room, loud - CLEAR_DB), HEARD_DB)
    # The other's loudest moment nearby, since a leak arrives a little later and smeared.
    voiced: Mask = (levels > threshold) & (levels > maximum_filter1d(other, 3) - LEAK_DB)
    for first, end in runs(~voiced):
        if first > 0 and end < len(voiced) and end - first < PAUSE_FRAMES:
            voiced[first:end] = True
    for first, end in runs(voiced):
        if end - first < BURST_FRAMES:
            voiced[first:end] = False
    return voiced


def runs(mask: Mask) -> list[tuple[int, int]]:
    """(first, end) of every stretch of True, end exclusive."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
    return [(int(first), int(end)) for first, end in zip(edges[::2], edges[1::2], strict=True)]
