"""What is doubtful about a dialogue's sound, told before anything is rendered: one pass, constant memory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from avtr_cli.audio.source import DialogueFiles, DialogueSource
from avtr_cli.timing import SAMPLES_PER_FRAME

SAME_CORRELATION = 0.95  # two microphones of one call stay far below
DEAD_DBFS = -60.0  # no frame of the whole channel is louder
CLIPPED_LEVEL, CLIPPED_SHARE = 0.999, 1e-3  # so many samples at full scale are heard as distortion
VOICE_DBFS = -45.0  # a frame above this is taken for voice
RARELY, OFTEN = 0.02, 0.20  # shares of frames with voice: this side hardly speaks, that side speaks
UNEQUAL_SECONDS = 1.0  # by which two mono files may differ in length


@dataclass(frozen=True)
class Health:
    """What was measured, and the sentences for the user."""

    correlation: float
    peak: tuple[float, float]
    voice_share: tuple[float, float]  # of frames, (avatar, partner)
    warnings: tuple[str, ...]


def examine(source: DialogueSource, files: DialogueFiles) -> Health:
    """Hear all of `source` once. Raises AudioError where a sample is NaN or the file is cut off."""
    count, energy, cross = 0, np.zeros(2), 0.0
    peak, clipped, voiced, frames = np.zeros(2), np.zeros(2), np.zeros(2), 0
    for block in source.blocks():
        double = block.astype(np.float64)
        count += block.shape[1]
        energy += (double**2).sum(1)
        cross += float((double[0] * double[1]).sum())
        magnitude = np.abs(block)
        peak = np.maximum(peak, magnitude.max(1))
        clipped += (magnitude >= CLIPPED_LEVEL).sum(1)
        whole = block.shape[1] // SAMPLES_PER_FRAME
        levels = (double[:, : whole * SAMPLES_PER_FRAME].reshape(2, whole, -1) ** 2).mean(2)
        voiced += (levels > 10 ** (VOICE_DBFS / 10)).sum(1)
        frames += whole
    share = voiced / max(frames, 1)
    correlation = float(cross / np.sqrt(energy.prod())) if energy.prod() > 0 else 0.0
    warnings = _warnings(files, source, correlation, peak, clipped / max(count, 1), share)
    return Health(correlation, (float(peak[0]), float(peak[1])), (float(share[0]), float(share[1])), tuple(warnings))


def _warnings(
    files: DialogueFiles,
    source: DialogueSource,
    correlation: float,
    peak: np.ndarray,
    clipped: np.ndarray,
    share: np.ndarray,
) -> list[str]:
    said = []
    avatar, partner = _names(files)
    heard = (0,) if files.solo else (0, 1)
    if not files.solo and correlation > SAME_CORRELATION:
        said.append(
            f"{files.dialogue}: both sides carry the same sound (correlation {correlation:.2f}), "
            "so this is not a dialogue; give two separate recordings, or one mono voice with --solo"
        )
    for row in heard:
        name = (avatar, partner)[row]
        if peak[row] < 10 ** (DEAD_DBFS / 20):
            said.append(f"{name} is dead: nothing above {DEAD_DBFS:.0f} dBFS in it")
        if clipped[row] > CLIPPED_SHARE:
            said.append(f"{name} is clipped: {clipped[row]:.1%} of its samples are at full scale; record it quieter")
    if not files.solo and share[0] < RARELY and share[1] > OFTEN:
        other = (
            f"--self-channel {3 - files.self_channel}" if files.partner is None else "the two files the other way round"
        )
        said.append(
            f"the avatar hardly speaks ({share[0]:.0%} of the time) while the partner does ({share[1]:.0%}): "
            f"if the sides are swapped, use {other}"
        )
    lengths = source.seconds_of_files
    if len(lengths) == 2 and abs(lengths[0] - lengths[1]) > UNEQUAL_SECONDS:
        said.append(f"{avatar} lasts {lengths[0]:.1f} s and {partner} {lengths[1]:.1f} s: the shorter ends in silence")
    return said


def _names(files: DialogueFiles) -> tuple[str, str]:
    def named(path: Path, which: str) -> str:
        return f"{path}: {which}"

    if files.partner is not None:
        return named(files.dialogue, "the avatar's voice"), named(files.partner, "the partner's voice")
    own = files.self_channel
    if files.solo:
        return named(files.dialogue, "the avatar's voice"), "the partner's silence"
    return named(files.dialogue, f"channel {own} (avatar)"), named(files.dialogue, f"channel {3 - own} (partner)")
