"""One recording between `start` and `start + duration`, resampled on the way, as one voice or as two.

A resampled stream has exactly ceil(n * rate / file rate) samples, so at 16 kHz and 25 fps the video has exactly
ceil(25 * seconds) frames.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from avtr_cli.audio.opening import OpenedFile
from avtr_cli.audio.recording import open_recording
from avtr_cli.core.arrays import Sound
from avtr_cli.core.errors import AudioError

if TYPE_CHECKING:
    import soxr

BLOCK_SECONDS = 1  # read at a time
LOUDEST = 8.0  # full scale is 1; float files go above it a little, never so far
LARGEST_INTEGER = 32_768.0  # of 16 bits: what a float file holds that was never divided by it
EQUAL_SHARE = 1e-3  # of the peak: channels that differ by less are one voice
DEAD_RANGE = 2e-3  # from the lowest to the highest sample of a channel with nothing in it: -60 dBFS


class Track:
    """The part of one sound file that is heard, for the role of a dialogue (two channels) or of one voice (`alone`).

    Raises AudioError where the file cannot be read, does not have the channels of its role, or ends before `start_s`.
    """

    def __init__(self, path: Path, start_s: float, duration_s: float | None, alone: bool):
        self.path = path
        self.file = OpenedFile(path)
        try:
            self._recording = open_recording(self.file, None if duration_s is None else start_s + duration_s)
        except BaseException:
            self.file.close()
            raise
        try:
            self.rate: int = self._recording.rate
            self.channels: int = self._recording.channels
            self._first, self.count = self._cut(start_s, duration_s)
            self.notes = list(self._recording.notes)
            self._voice = self._one_voice(alone)  # the channel that is heard; None: both
        except BaseException:
            self.close()
            raise

    @property
    def seconds(self) -> float:
        """How long the part that is heard lasts."""
        return self.count / self.rate

    def count_at(self, rate: int) -> int:
        """Its samples at `rate` Hz, a last part of one counted whole."""
        return -(-self.count * rate // self.rate)

    def blocks(self, rate: int) -> Iterator[Sound]:
        """float32 (n, 1 or 2) at `rate`, `count_at(rate)` samples in all; the same however often it is asked for."""
        resampler: soxr.ResampleStream | None = None
        if rate != self.rate:
            import soxr

            channels = self.channels if self._voice is None else 1
            resampler = soxr.ResampleStream(self.rate, rate, channels, dtype="float32", quality="HQ")
        wanted, left = self.count_at(rate), self.count
        for block in self._read():
            left -= len(block)
            if self._voice is not None:
                block = np.ascontiguousarray(block[:, self._voice, None])
            if resampler is not None:
                block = resampler.resample_chunk(block, last=not left)
            if not left and len(block) < wanted:  # the resampler may end a sample early
                block = np.concatenate([block, np.zeros((wanted - len(block), block.shape[1]), np.float32)])
            block = block[:wanted]
            wanted -= len(block)
            yield block

    def close(self) -> None:
        """Give the file and what was decoded of it back."""
        self._recording.close()
        self.file.close()

    def _cut(self, start_s: float, duration_s: float | None) -> tuple[int, int]:
        """(first sample, how many)."""
        frames = self._recording.frames
        first = min(round(start_s * self.rate), frames)
        if first == frames:
            raise AudioError(f"{self.path}: --start {start_s:g} lies behind its end at {frames / self.rate:.2f} s")
        wanted = frames - first
        return first, wanted if duration_s is None else min(wanted, max(round(duration_s * self.rate), 1))

    def _read(self) -> Iterator[Sound]:
        for block in self._recording.samples(self._first, self.count, BLOCK_SECONDS * self.rate):
            low, high = float(block.min()), float(block.max())
            if not (low >= -LOUDEST and high <= LOUDEST):  # also where one of them is NaN
                raise AudioError(f"{self.path}: {_out_of_scale(max(-low, high))}")
            yield block

    def _one_voice(self, alone: bool) -> int | None:
        """The channel to be heard where one voice is wanted, None where there is no choice."""
        wanted = 1 if alone else 2
        if self.channels == wanted:
            return None
        if self.channels > 2:
            raise AudioError(
                f"{self.path}: has {self.channels} channels; export the ones that are wanted, "
                "two for a dialogue or one for a single voice (--solo, --partner)"
            )
        if not alone:
            raise AudioError(
                f"{self.path}: has 1 channel, but a dialogue has two (1 the avatar, 2 the partner); "
                "for one voice alone add --solo, for two mono files --partner FILE"
            )
        return self._voice_of_two()

    def _voice_of_two(self) -> int:
        low, high, apart = np.full(2, np.inf), np.full(2, -np.inf), 0.0
        for block in self._read():
            low, high = np.minimum(low, block.min(0)), np.maximum(high, block.max(0))
            apart = max(apart, float(np.abs(block[:, 0] - block[:, 1]).max()))
        if apart <= EQUAL_SHARE * max(-low.min(), high.max()):
            self.notes.append(f"{self.path}: has two equal channels; they are taken as one voice")
            return 0
        dead = high - low < DEAD_RANGE
        if dead.any():
            voice = int(dead[0])
            self.notes.append(f"{self.path}: channel {2 - voice} is empty; channel {voice + 1} is taken as the voice")
            return voice
        raise AudioError(
            f"{self.path}: has two channels that differ, but one voice alone (--solo, --partner) is one channel; "
            "if this file holds both sides of the call leave the option out (--avatar-channel: which is the avatar's); "
            f'one voice in stereo becomes mono with: ffmpeg -i "{self.path.name}" -ac 1 voice.wav'
        )


def _out_of_scale(peak: float) -> str:
    if not np.isfinite(peak):
        return "holds NaN or infinite samples; export it again as 16-bit PCM"
    found = f"holds float samples up to {peak:.5g} where 1 is full scale"
    if peak <= LARGEST_INTEGER:
        return f"{found}: 16-bit integers written as floats? divide by 32768, or export it again as 16-bit PCM"
    return f"{found}; export it again as 16-bit PCM"
