"""What happened when: both voices and the movement of every avatar, in at most some hundred bins, in constant memory.

Read from the sound and from the motion files of a work folder, for the report page.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from avtr_cli.audio.source import DialogueSource
from avtr_cli.motion.file import load_motion
from avtr_cli.output.workfolder import WorkFolder
from avtr_cli.render.liveportrait.regions import EYE_KEYPOINTS, LIP_KEYPOINTS
from avtr_cli.timing import FPS, SAMPLES_PER_FRAME
from avtr_cli.types import MotionSpace

BINS = 800  # about the width of a chart in pixels
QUIETEST_DB = -60.0  # drawn as nothing
LONG_BIN_S = 0.5  # in a longer bin there is always a blink, so its mean says more than its widest
SMALLEST_MOVEMENT = 1e-3  # of keypoints; below it nothing has moved


@dataclass(frozen=True)
class Curves:
    """One avatar's movement, float32 (bins,) each: openings from 0 to 1, angles of the head in degrees."""

    mouth: np.ndarray
    blink: np.ndarray
    pitch: np.ndarray
    yaw: np.ndarray
    roll: np.ndarray


@dataclass(frozen=True)
class Timeline:
    """`voices` are float32 (2, bins), rows (avatar, partner), 0 for silence and 1 for full scale, in decibels."""

    duration_s: float
    voices: np.ndarray
    curves: tuple[Curves, ...]

    def speaking(self, time_s: float) -> tuple[bool, bool]:
        """Whether each side is heard around `time_s`."""
        bins = self.voices.shape[1]
        at = min(int(time_s / self.duration_s * bins), bins - 1)
        reach = max(1, round(0.3 / self.duration_s * bins))
        near = self.voices[:, max(0, at - reach) : at + reach + 1].max(1)
        return bool(near[0] > 0.3), bool(near[1] > 0.3)  # -42 dBFS


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
    if space.name == "keypoints":  # a learned unit without a scale: relative to the widest of this video
        opened = opened / np.maximum(opened.max(0), SMALLEST_MOVEMENT)
    mouth, blink = opened.astype(np.float32).clip(0, 1).T
    return Curves(mouth, blink, *means[:, 2:].T)


def _movement(space: MotionSpace, values: np.ndarray, neutral: np.ndarray) -> np.ndarray:
    """Mouth, blink, and pitch, yaw, roll in degrees, (T, 5), of float32 (T, C)."""
    if space.name == "controls":
        mouth = np.maximum(values[:, space.index("jawOpen")] - values[:, space.index("mouthClose")], 0)
        blink = values[:, [space.index("eyeBlinkLeft"), space.index("eyeBlinkRight")]].mean(1)
        angles = values[:, [space.index(name) for name in ("headPitch", "headYaw", "headRoll")]]
    else:
        moved = values - neutral
        points = moved[:, 3:].reshape(len(moved), -1, 3)
        mouth, blink = (np.sqrt((points[:, list(kept)] ** 2).mean((1, 2))) for kept in (LIP_KEYPOINTS, EYE_KEYPOINTS))
        angles = moved[:, :3]
    return np.column_stack([mouth, blink, np.degrees(angles)])
