"""Whose turn it is: for every frame of a call, the side that a camera would show.

A turn passes when the other side is going to speak for a while and this one is not; a listener's "mhm" or a
short silence passes nothing. The whole call is heard once beforehand, in constant memory.
"""

from __future__ import annotations

import numpy as np

from avtr_cli.audio.levels import VOICE_DBFS, frame_powers
from avtr_cli.audio.source import DialogueSource
from avtr_cli.core.arrays import Labels, Mask
from avtr_cli.core.timing import SAMPLES_PER_FRAME, frames_of

CROSSTALK_DB = 10.0  # so much below the other side it is the other side's voice in this microphone
AHEAD_FRAMES = 25  # what is going to be said within a second decides
OWN_SHARE, OTHER_SHARE = 0.45, 0.15  # voiced shares of that second: the next speaker's at least, this one's at most
SHORTEST_FRAMES = 30  # a turn lasts at least so long
LATER_FRAMES = 8  # than decided: the picture then changes about a quarter second before the new voice


def active_side(source: DialogueSource) -> Labels:
    """uint8 (frames,): 0 where the avatar is to be shown, 1 where the partner is."""
    return turns(voiced(source))


def voiced(source: DialogueSource) -> Mask:
    """bool (2, frames): where each side speaks."""
    levels = np.full((2, frames_of(source.facts.samples)), -120.0, np.float32)
    rest, at = np.zeros((2, 0), np.float32), 0
    for block in source.blocks():
        sound = np.concatenate([rest, block], axis=1)
        whole = sound.shape[1] // SAMPLES_PER_FRAME
        levels[:, at : at + whole] = 10 * np.log10(frame_powers(sound) + 1e-12)
        rest, at = sound[:, whole * SAMPLES_PER_FRAME :], at + whole
    return (levels > VOICE_DBFS) & (levels > levels[::-1] - CROSSTALK_DB)


def turns(voice: Mask) -> Labels:
    """bool (2, frames) into uint8 (frames,), as `active_side`."""
    frames = voice.shape[1]
    sums = np.concatenate([np.zeros((2, 1)), np.cumsum(voice, axis=1)], axis=1)
    ends = np.minimum(np.arange(frames) + AHEAD_FRAMES, frames)
    share = (sums[:, ends] - sums[:, :frames]) / AHEAD_FRAMES
    shown = np.zeros(frames, np.uint8)
    side = int(_first_voice(voice[1]) < _first_voice(voice[0]))
    since = 0
    for frame in range(frames):
        other = 1 - side
        passes = share[other, frame] >= OWN_SHARE and share[side, frame] <= OTHER_SHARE
        if passes and frame - since >= SHORTEST_FRAMES:
            side, since = other, frame
        shown[frame] = side
    later: Labels = np.concatenate([np.repeat(shown[:1], LATER_FRAMES), shown])[:frames]
    return later


def _first_voice(voice: Mask) -> int:
    return int(voice.argmax()) if voice.any() else len(voice)
