"""SyncNet: do lips and voice go together, and how late is one? Chung & Zisserman 2016, "Out of time".

The network and its keys are those of the public reference, so its weights load as they are; which nobody ships here.
Pictures are BGR in 0 .. 255, sound is int16 at 16 kHz, 25 frames a second.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from avtr_cli.core.arrays import Doubles, Frames, Reals
from avtr_cli.core.timing import SAMPLES_PER_FRAME
from avtr_cli.evaluation.sync_faces import crops, tracks
from avtr_cli.evaluation.sync_sound import mfcc

__all__ = ["SyncNet", "build", "crops", "distances", "embed", "mfcc", "scores", "tracks"]

WINDOW = 5  # frames that are looked at together
COLUMNS = 20  # of the sound that goes with them
REACH = 15  # frames either way
NEARNESS = 1e-6  # added to each component of a difference, as the reference does
BATCH = 16  # windows at a time


class SyncNet(nn.Module):
    """Five frames of lips, and the 0.2 s of sound that belong to them, into one space of 1024 dimensions."""

    def __init__(self) -> None:
        super().__init__()
        self.netcnnaud = nn.Sequential(
            *_conv2d(1, 64, 3, 1), nn.MaxPool2d(1, 1),
            *_conv2d(64, 192, 3, 1), nn.MaxPool2d(3, (1, 2)),
            *_conv2d(192, 384, 3, 1), *_conv2d(384, 256, 3, 1), *_conv2d(256, 256, 3, 1), nn.MaxPool2d(3, 2),
            *_conv2d(256, 512, (5, 4), 0),
        )  # fmt: skip
        self.netfcaud = _head()
        self.netcnnlip = nn.Sequential(
            *_conv3d(3, 96, (5, 7, 7), (1, 2, 2), 0), nn.MaxPool3d((1, 3, 3), (1, 2, 2)),
            *_conv3d(96, 256, (1, 5, 5), (1, 2, 2), (0, 1, 1)), nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)),
            *_conv3d(256, 256, (1, 3, 3), 1, (0, 1, 1)), *_conv3d(256, 256, (1, 3, 3), 1, (0, 1, 1)),
            *_conv3d(256, 256, (1, 3, 3), 1, (0, 1, 1)), nn.MaxPool3d((1, 3, 3), (1, 2, 2)),
            *_conv3d(256, 512, (1, 6, 6), 1, 0),
        )  # fmt: skip
        self.netfclip = _head()

    def audio(self, x: Tensor) -> Tensor:
        """MFCC (B, 1, 13, 20) -> (B, 1024)."""
        out: Tensor = self.netfcaud(self.netcnnaud(x).flatten(1))
        return out

    def lips(self, x: Tensor) -> Tensor:
        """Pictures (B, 3, 5, 224, 224) -> (B, 1024)."""
        out: Tensor = self.netfclip(self.lip_features(x))
        return out

    def lip_features(self, x: Tensor) -> Tensor:
        """The same before the head, (B, 512), none below 0."""
        out: Tensor = self.netcnnlip(x).flatten(1)
        return out


def build() -> SyncNet:
    """The network, in evaluation mode, with no weights that mean anything."""
    return SyncNet().eval()


@torch.inference_mode()
def embed(net: SyncNet, frames: Frames, samples: NDArray[np.int16]) -> tuple[Doubles, Doubles]:
    """Pictures (T, 224, 224, 3) in BGR and samples (n,) -> vectors of pictures and of sound, (windows, 1024) each."""
    count = max(0, min(len(frames), len(samples) // SAMPLES_PER_FRAME) - WINDOW)
    heard = mfcc(samples)
    seen, sound = [], []
    for first in range(0, count, BATCH):
        at = range(first, min(first + BATCH, count))
        pictures = np.stack([frames[i : i + WINDOW].transpose(3, 0, 1, 2) for i in at])
        columns = np.stack([heard[None, :, 4 * i : 4 * i + COLUMNS] for i in at])
        seen.append(net.lips(torch.from_numpy(pictures).float()).double().numpy())
        sound.append(net.audio(torch.from_numpy(columns).float()).double().numpy())
    if not seen:
        return np.zeros((0, 1024)), np.zeros((0, 1024))
    return np.concatenate(seen), np.concatenate(sound)


def distances(video: Reals, audio: Reals) -> Doubles:
    """How far each window's lips lie from the sound at lags -15 .. 15, (windows, 31); beyond the ends lie zeros."""
    lips, sound = np.asarray(video, np.float64), np.asarray(audio, np.float64)
    padded = np.pad(sound, ((REACH, REACH), (0, 0)))
    columns = [
        np.sqrt(((lips - padded[j : j + len(lips)] + NEARNESS) ** 2).sum(1)) for j in range(2 * REACH + 1)
    ]  # a column at a time: all at once would be gigabytes for minutes of video
    return np.stack(columns, 1)


def scores(table: Reals) -> dict[str, float]:
    """Sync-D (the least mean distance), Sync-C (the median less it), and the lag in frames; negative: sound is late."""
    means = np.asarray(table, np.float64).mean(0)
    best = int(means.argmin())
    least = float(means[best])
    return {"offset": REACH - best, "sync_d": least, "sync_c": float(np.median(means)) - least}


def _conv2d(before: int, after: int, size: int | tuple[int, int], pad: int) -> tuple[nn.Module, ...]:
    return nn.Conv2d(before, after, size, padding=pad), nn.BatchNorm2d(after), nn.ReLU()


def _conv3d(
    before: int,
    after: int,
    size: tuple[int, int, int],
    stride: int | tuple[int, int, int],
    pad: int | tuple[int, int, int],
) -> tuple[nn.Module, ...]:
    return nn.Conv3d(before, after, size, stride, pad), nn.BatchNorm3d(after), nn.ReLU()


def _head() -> nn.Sequential:
    return nn.Sequential(nn.Linear(512, 512), nn.BatchNorm1d(512), nn.ReLU(), nn.Linear(512, 1024))
