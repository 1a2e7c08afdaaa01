"""SyncNet: do lips and voice go together, and how late is one? Chung & Zisserman 2016, "Out of time".

The network and its keys are those of the public reference, so its weights load as they are (`avtr weights pull
eval/syncnet`); which nobody ships here.
Pictures are BGR in 0 .. 255, sound is int16 at 16 kHz, 25 frames a second.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from avtr_cli.core.arrays import Doubles, Frames, Image, Reals
from avtr_cli.core.timing import SAMPLES_PER_FRAME
from avtr_cli.evaluation.sync_faces import crops, tracks
from avtr_cli.evaluation.sync_sound import Columns, mfcc
from avtr_cli.weights.tensors import fitted, layout_of, read_table

__all__ = ["SyncNet", "build", "crops", "distances", "embed", "mfcc", "scores", "tracks"]

FILES = "eval/syncnet"  # in the registry of published weights

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


def load(path: Path) -> SyncNet:
    """The network with the weights of `path`, in the published format or as safetensors. Raises WeightsError."""
    net = build()
    net.load_state_dict(fitted(path, "SyncNet", read_table(path, FILES), layout_of(net), FILES))
    return net


def windows_of(frames: int, samples: int) -> int:
    """How many windows a video and its sound have."""
    return max(0, min(frames, samples // SAMPLES_PER_FRAME) - WINDOW)


def embed(net: SyncNet, frames: Frames, samples: NDArray[np.int16]) -> tuple[Doubles, Doubles]:
    """Pictures (T, 224, 224, 3) in BGR and samples (n,) -> vectors of pictures and of sound, (windows, 1024) each."""
    count = windows_of(len(frames), len(samples))
    seen, sound = list(seen_in(net, iter(frames), count)), list(heard_in(net, Columns(iter([samples])), count))
    if not seen:
        return np.zeros((0, 1024)), np.zeros((0, 1024))
    return np.concatenate(seen), np.concatenate(sound)


def seen_in(net: SyncNet, frames: Iterator[Image], count: int) -> Iterator[Doubles]:
    """Vectors (up to 16, 1024) of the first `count` windows of pictures (224, 224, 3) in BGR, as they come."""
    held: list[Image] = []
    for first in range(0, count, BATCH):
        size = min(BATCH, count - first)
        held += islice(frames, size + WINDOW - 1 - len(held))
        pictures = np.stack([np.stack(held[i : i + WINDOW]).transpose(3, 0, 1, 2) for i in range(size)])
        with torch.inference_mode():  # left before the yield: the caller's own mode is not to change
            vectors = net.lips(torch.from_numpy(pictures).float()).double().numpy()
        yield vectors
        held = held[size:]


def heard_in(net: SyncNet, heard: Columns, count: int) -> Iterator[Doubles]:
    """Vectors (up to 16, 1024) of the sound of the first `count` windows."""
    for first in range(0, count, BATCH):
        size = min(BATCH, count - first)
        wide = heard.between(4 * first, 4 * (first + size - 1) + COLUMNS)
        columns = np.stack([wide[None, :, 4 * i : 4 * i + COLUMNS] for i in range(size)])
        with torch.inference_mode():
            vectors = net.audio(torch.from_numpy(columns).float()).double().numpy()
        yield vectors


def distances(video: Reals, audio: Reals) -> Doubles:
    """How far each window's lips lie from the sound at lags -15 .. 15, (windows, 31); beyond the ends lie zeros."""
    sound = np.pad(np.asarray(audio, np.float64), ((REACH, REACH), (0, 0)))
    return _apart(np.asarray(video, np.float64), sound)


class Lags:
    """Mean distances at all lags of vectors that come batch by batch: those of thirty windows are held, no more."""

    def __init__(self) -> None:
        self._lips, self._sound = np.zeros((0, 1024)), np.zeros((REACH, 1024))
        self._sums, self._count = np.zeros(2 * REACH + 1), 0

    def push(self, video: Doubles, audio: Doubles) -> None:
        """The next windows' vectors, (n, 1024) each."""
        self._lips, self._sound = np.concatenate([self._lips, video]), np.concatenate([self._sound, audio])
        self._settle(len(self._sound) - 2 * REACH)

    def means(self) -> Doubles:
        """Over all windows, (31,), as the mean of `distances`: the last call. NaN where none came."""
        self._sound = np.concatenate([self._sound, np.zeros((REACH, 1024))])
        self._settle(len(self._lips))
        with np.errstate(invalid="ignore"):
            means: Doubles = self._sums / self._count
        return means

    def _settle(self, ready: int) -> None:
        if ready > 0:
            self._sums += _apart(self._lips[:ready], self._sound[: ready + 2 * REACH]).sum(0)
            self._lips, self._sound, self._count = self._lips[ready:], self._sound[ready:], self._count + ready


def scores(table: Reals) -> dict[str, float]:
    """Sync-D (the least mean distance), Sync-C (the median less it), and the lag in frames; negative: sound is late."""
    return scored(np.asarray(table, np.float64).mean(0))


def scored(means: Reals) -> dict[str, float]:
    """The same from the mean distances (31,)."""
    best = int(means.argmin())
    least = float(means[best])
    return {"offset": REACH - best, "sync_d": least, "sync_c": float(np.median(means)) - least}


def _apart(lips: Doubles, padded: Doubles) -> Doubles:
    """Distances (n, 31) of vectors (n, 1024) from those of the sound (n + 30, 1024) that begin 15 windows earlier."""
    columns = [
        np.sqrt(((lips - padded[j : j + len(lips)] + NEARNESS) ** 2).sum(1)) for j in range(2 * REACH + 1)
    ]  # a column at a time: all at once would be gigabytes for minutes of video
    return np.stack(columns, 1)


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
