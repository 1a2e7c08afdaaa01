"""What happened when, read from a job's sound and the motion in its work folder, in constant memory."""

from __future__ import annotations

import numpy as np

from avtr_cli.audio.source import DialogueSource
from avtr_cli.core.motion_space import MotionSpace
from avtr_cli.core.timing import FPS, SAMPLES_PER_FRAME
from avtr_cli.jobs.workfolder import WorkFolder
from avtr_cli.motion.file import load_motion
from avtr_cli.report.timeline import BINS, LONG_BIN_S, QUIETEST_DB, SMALLEST_MOVEMENT, Curves, Timeline


def collect(source: DialogueSource, folder: WorkFolder, neutrals: list[np.ndarray]) -> Timeline:
    """The timeline of a rendered job before its work folder is removed; `neutrals` are the avatars' motions at rest."""
    frames = folder.frames
    bins = min(BINS, frames)
    curves = tuple(_curves(folder, avatar, neutral, frames, bins) for avatar, neutral in enumerate(neutrals))
    return Timeline(frames / FPS, _voices(source, frames, bins), curves)


def _voices(source: DialogueSource, frames: int, bins: int) -> np.ndarray:
    power, at = np.zeros((2, bins)), 0
    for block in source.blocks():
        frame = np.minimum((np.arange(block.shape[1]) + at) // SAMPLES_PER_FRAME, frames - 1)
        where = frame * bins // frames
        starts = np.flatnonzero(np.diff(where, prepend=-1))
        means = np.add.reduceat(block.astype(np.float64) ** 2, starts, axis=1) / np.diff([*starts, len(where)])
        power[:, where[starts]] = np.maximum(power[:, where[starts]], means)
        at += block.shape[1]
    level = 10 * np.log10(power + 1e-12)
    return (1 - np.clip(level / QUIETEST_DB, 0, 1)).astype(np.float32)


def _curves(folder: WorkFolder, avatar: int, neutral: np.ndarray, frames: int, bins: int) -> Curves:
    widest, sums, counts, at = np.zeros((bins, 2)), np.zeros((bins, 5)), np.zeros((bins, 1)), 0
    for index in range(len(folder.closed)):
        space, tensor, _ = load_motion(folder.motion(index, avatar))
        rows = _movement(space, tensor.numpy(), neutral)
        where = (np.arange(len(rows)) + at) * bins // frames
        np.maximum.at(widest, where, rows[:, :2])
        np.add.at(sums, where, rows)
        np.add.at(counts, where, 1)
        at += len(rows)
    means = (sums / np.maximum(counts, 1)).astype(np.float32)
    opened = widest if frames / FPS / bins <= LONG_BIN_S else means[:, :2]
    if not space.scaled:  # relative to the widest of this video
        opened = opened / np.maximum(opened.max(0), SMALLEST_MOVEMENT)
    mouth, blink = opened.astype(np.float32).clip(0, 1).T
    return Curves(mouth, blink, *means[:, 2:].T)


def _movement(space: MotionSpace, values: np.ndarray, neutral: np.ndarray) -> np.ndarray:
    """Mouth, blink, and pitch, yaw, roll in degrees, (T, 5), of float32 (T, C)."""
    seen = space.readings(values, neutral)
    return np.column_stack([seen.mouth, seen.blink, seen.head_degrees])
