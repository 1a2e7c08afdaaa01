"""What is doubtful about a dialogue's sound, told before anything is rendered: one pass, constant memory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from avtr_cli.audio.files import DialogueFiles
from avtr_cli.audio.levels import VOICE_DBFS, frame_powers
from avtr_cli.audio.sameness import Sameness
from avtr_cli.audio.source import DialogueSource
from avtr_cli.core.arrays import Doubles, Floats
from avtr_cli.core.timing import SAMPLE_RATE

SAME_CORRELATION = 0.95  # with either sign; two microphones of one call stay far below
DEAD_DBFS = -60.0  # no frame of the whole channel is louder
CLIPPED_LEVEL, CLIPPED_SHARE = 0.999, 1e-3  # so many samples at full scale are heard as distortion
OFFSET_LEVEL = 0.02  # a mean so far from 0 is the recorder's fault
RARELY, OFTEN = 0.02, 0.20  # shares of frames with voice: this side hardly speaks, that side speaks
UNEQUAL_SECONDS = 1.0  # by which two mono files may differ in length


@dataclass(frozen=True)
class Health:
    """What was measured, and the sentences for the user."""

    correlation: float  # of the two sides without their means, -1 to 1
    peak: tuple[float, float]
    voice_share: tuple[float, float]  # of frames, (avatar, partner)
    warnings: tuple[str, ...]


def examine(source: DialogueSource, files: DialogueFiles) -> Health:
    """Hear all of `source` once. Raises AudioError where a sample is out of scale or the file is cut off."""
    same, count = Sameness(), 0
    low, high, clipped, voiced, frames = np.full(2, np.inf), np.full(2, -np.inf), np.zeros(2), np.zeros(2), 0
    for block in source.blocks():
        same.hear(block)
        count += block.shape[1]
        low, high = np.minimum(low, block.min(1)), np.maximum(high, block.max(1))
        clipped += (np.abs(block) >= CLIPPED_LEVEL).sum(1)
        powers = frame_powers(block)
        voiced += (powers > 10 ** (VOICE_DBFS / 10)).sum(1)
        frames += powers.shape[1]
    share = voiced / max(frames, 1)
    heard = _Heard(same, low, high, clipped / max(count, 1), share, count)
    warnings = (*source.notes, *_warnings(files, source, heard))
    peak = np.maximum(-low, high)
    return Health(same.correlation, (float(peak[0]), float(peak[1])), (float(share[0]), float(share[1])), warnings)


@dataclass(frozen=True)
class _Heard:
    """All that the pass measured; arrays are (2,): avatar, partner."""

    same: Sameness
    low: Floats
    high: Floats
    clipped: Doubles  # shares of the samples
    voice: Doubles  # shares of the frames
    count: int  # samples


def _warnings(files: DialogueFiles, source: DialogueSource, heard: _Heard) -> list[str]:
    said = []
    if not files.solo:
        said += _same(files, heard.same)
    names = _names(files)
    for row in (0,) if files.solo else (0, 1):
        if heard.high[row] - heard.low[row] < 2 * 10 ** (DEAD_DBFS / 20):
            said.append(f"{names[row]} is dead: nothing above {DEAD_DBFS:.0f} dBFS in it")
        if heard.clipped[row] > CLIPPED_SHARE:
            share = f"{heard.clipped[row]:.1%}"
            said.append(f"{names[row]} is clipped: {share} of its samples are at full scale; record it quieter")
        offset = float(heard.same.means[row])
        if abs(offset) > OFFSET_LEVEL and heard.count >= SAMPLE_RATE:
            said.append(f"{names[row]} has a DC offset of {offset:.2f}: its recorder is faulty; a high-pass removes it")
    if not files.solo and heard.voice[0] < RARELY and heard.voice[1] > OFTEN:
        swapped = f"--avatar-channel {3 - files.avatar_channel}"
        other = swapped if files.partner is None else "the two files the other way round"
        said.append(
            f"{files.dialogue}: the avatar hardly speaks ({heard.voice[0]:.0%} of the time) while the partner does "
            f"({heard.voice[1]:.0%}): if the sides are swapped, use {other}"
        )
    lengths = source.seconds_of_files
    if len(lengths) == 2 and abs(lengths[0] - lengths[1]) > UNEQUAL_SECONDS:
        said.append(
            f"{names[0]} lasts {lengths[0]:.1f} s and {names[1]} {lengths[1]:.1f} s: the shorter ends in silence"
        )
    return said


def _same(files: DialogueFiles, same: Sameness) -> list[str]:
    alike, lag_ms = same.delayed
    if abs(same.correlation) > SAME_CORRELATION:
        found = f"correlation {same.correlation:.2f}"
    elif abs(alike) > SAME_CORRELATION:
        found = f"correlation {alike:.2f}, the {'partner' if lag_ms > 0 else 'avatar'} {abs(lag_ms):.0f} ms late"
    else:
        return []
    name = files.dialogue if files.partner is None else f"{files.dialogue} and {files.partner}"
    return [
        f"{name}: both sides carry the same sound ({found}), "
        "so this is not a dialogue; give two separate recordings, or one mono voice with --solo"
    ]


def _names(files: DialogueFiles) -> tuple[str, str]:
    def named(path: Path, which: str) -> str:
        return f"{path}: {which}"

    if files.partner is not None:
        return named(files.dialogue, "the avatar's voice"), named(files.partner, "the partner's voice")
    own = files.avatar_channel
    if files.solo:
        return named(files.dialogue, "the avatar's voice"), "the partner's silence"
    return named(files.dialogue, f"channel {own} (avatar)"), named(files.dialogue, f"channel {3 - own} (partner)")
