"""Sound files into blocks: float32 (2, n), rows (avatar, partner), at one sample rate, in constant memory.

Any format libsndfile reads, any sample rate. A resampled stream has exactly ceil(n * rate / file rate)
samples, so at 16 kHz and 25 fps the video has exactly ceil(25 * seconds) frames.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import soundfile
import soxr

from avtr_cli.errors import AudioError
from avtr_cli.timing import SAMPLE_RATE

BLOCK_SECONDS = 1  # read at a time
SHORTEST_SECONDS = 0.04  # one video frame


@dataclass(frozen=True, kw_only=True)
class DialogueFiles:
    """Which sound is whose: one two-channel file, two mono files, or one voice alone."""

    dialogue: Path
    partner: Path | None = None  # then `dialogue` holds the avatar's voice alone
    solo: bool = False  # `dialogue` holds the avatar's voice alone and nobody answers
    self_channel: int = 1  # of a two-channel file: which one is the avatar, 1 or 2
    start_s: float = 0.0
    duration_s: float | None = None

    @property
    def paths(self) -> tuple[Path, ...]:
        return (self.dialogue,) if self.partner is None else (self.dialogue, self.partner)


@dataclass(frozen=True)
class AudioFacts:
    """What the files are, before any of it is heard."""

    file_rate: int  # Hz, of the avatar's file
    channels: int
    duration_s: float  # of what will be rendered
    samples: int  # the same at 16 kHz


class DialogueSource:
    """The two sides of a call as a stream of blocks.

    >>> with DialogueSource(DialogueFiles(dialogue=Path("call.wav"))) as source:
    ...     for block in source.blocks():  # float32 (2, n) at 16 kHz
    ...         session.push(block)

    Raises AudioError where a file is missing, not sound, empty, cut off, holds NaN, or has another number
    of channels than its role needs.
    """

    def __init__(self, files: DialogueFiles):
        self._files = files
        self._tracks = _open_tracks(files)
        seconds = max(track.seconds for track in self._tracks)
        if seconds < SHORTEST_SECONDS:
            raise AudioError(
                f"{files.dialogue}: only {seconds * 1000:.0f} ms of sound; at least one frame (40 ms) needed"
            )
        first = self._tracks[0]
        self.facts = AudioFacts(
            file_rate=first.rate,
            channels=first.channels,
            duration_s=seconds,
            samples=max(track.count_at(SAMPLE_RATE) for track in self._tracks),
        )

    @property
    def seconds_of_files(self) -> tuple[float, ...]:
        """How long each file sounds within --start and --duration."""
        return tuple(track.seconds for track in self._tracks)

    @property
    def sha256(self) -> tuple[str, ...]:
        """STANDIN"""
        from avtr_cli.files import file_sha256

        return tuple(file_sha256(path) for path in self._files.paths)

    def check_unchanged(self) -> None:
        """STANDIN"""

    def blocks(self, rate: int = SAMPLE_RATE) -> Iterator[np.ndarray]:
        """All of it from the beginning, float32 (2, n) in [-1, 1] at `rate` Hz; may be asked for again."""
        streams = [track.blocks(rate) for track in self._tracks]
        sides = [_Side(stream, rows) for stream, rows in zip(streams, _rows(self._files), strict=True)]
        left = max(track.count_at(rate) for track in self._tracks)
        step = BLOCK_SECONDS * rate
        while left:
            count = min(step, left)
            block = np.zeros((2, count), np.float32)
            for side in sides:
                side.fill(block)
            yield block
            left -= count

    def __enter__(self) -> DialogueSource:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for track in self._tracks:
            track.close()


def _rows(files: DialogueFiles) -> list[tuple[tuple[int, int], ...]]:
    """For every file, pairs (channel of the file, row of the block)."""
    if files.partner is not None:
        return [((0, 0),), ((0, 1),)]
    if files.solo:
        return [((0, 0),)]
    own = files.self_channel - 1
    return [((own, 0), (1 - own, 1))]


def _open_tracks(files: DialogueFiles) -> list[_Track]:
    if files.self_channel not in (1, 2):
        raise AudioError(f"{files.dialogue}: --self-channel is 1 or 2, not {files.self_channel}")
    if files.start_s < 0 or (files.duration_s is not None and files.duration_s <= 0):
        raise AudioError(f"{files.dialogue}: --start must be 0 or more and --duration more than 0 seconds")
    tracks = [_Track(path, files.start_s, files.duration_s) for path in files.paths]
    alone = files.solo or files.partner is not None
    for track in tracks:
        if alone and track.channels != 1:
            track.close()
            raise AudioError(
                f"{track.path}: has {track.channels} channels, but one voice alone (--solo, --partner) is a mono file; "
                "leave the option out if this file holds both sides of the call"
            )
        if not alone and track.channels != 2:
            track.close()
            raise AudioError(
                f"{track.path}: has {track.channels} channel{'s' * (track.channels > 1)}, but a dialogue has two "
                "(1 the avatar, 2 the partner); for one voice alone add --solo, for two mono files --partner FILE"
            )
    return tracks


class _Track:
    """One sound file between `start` and `start + duration`, resampled on the way."""

    def __init__(self, path: Path, start_s: float, duration_s: float | None):
        self.path = path
        self._file = _open(path)
        self.rate, self.channels = self._file.samplerate, self._file.channels
        self._first = min(round(start_s * self.rate), self._file.frames)
        self._count = self._file.frames - self._first
        if duration_s is not None:
            self._count = min(self._count, round(duration_s * self.rate))
        if self._file.frames == 0:
            raise AudioError(f"{path}: holds no sound at all")
        if self._count <= 0:
            raise AudioError(
                f"{path}: --start {start_s:g} lies behind its end at {self._file.frames / self.rate:.2f} s"
            )

    @property
    def seconds(self) -> float:
        return self._count / self.rate

    def count_at(self, rate: int) -> int:
        return -(-self._count * rate // self.rate)

    def blocks(self, rate: int) -> Iterator[np.ndarray]:
        """float32 (n, channels) at `rate`, `count_at(rate)` samples in all."""
        resampler: Any = None
        if rate != self.rate:
            resampler = soxr.ResampleStream(self.rate, rate, self.channels, dtype="float32", quality="HQ")
        wanted = self.count_at(rate)
        for block, last in self._read():
            if resampler is not None:
                block = resampler.resample_chunk(block, last=last)
            if last and len(block) < wanted:  # the resampler may end a sample early
                block = np.concatenate([block, np.zeros((wanted - len(block), self.channels), np.float32)])
            block = block[:wanted]
            wanted -= len(block)
            yield block

    def _read(self) -> Iterator[tuple[np.ndarray, bool]]:
        try:
            self._file.seek(self._first)
            left = self._count
            while left:
                count = min(BLOCK_SECONDS * self.rate, left)
                block = self._file.read(count, dtype="float32", always_2d=True)
                if len(block) < count:
                    at = (self._first + self._count - left + len(block)) / self.rate
                    raise AudioError(_cut_off(self.path, at, self._file.frames / self.rate))
                if not np.isfinite(block).all():
                    raise AudioError(f"{self.path}: holds NaN or infinite samples; export it again as 16-bit PCM")
                left -= count
                yield block, left == 0
        except soundfile.LibsndfileError as error:
            raise AudioError(
                f"{self.path}: cannot be read to its end ({error.error_string}); export it again"
            ) from error

    def close(self) -> None:
        self._file.close()


def _open(path: Path) -> soundfile.SoundFile:
    if not path.exists():
        raise AudioError(f"{path}: there is no such file")
    if path.is_dir():
        raise AudioError(f"{path}: is a folder, not a sound file; for a folder of jobs use avtr batch")
    try:
        file = soundfile.SoundFile(path)
    except soundfile.LibsndfileError as error:
        raise AudioError(
            f"{path}: not a sound file that can be read (wav, flac, ogg, mp3, aiff are); "
            f"{error.error_string.rstrip('.')}"
        ) from error
    except OSError as error:
        raise AudioError(f"{path}: cannot be opened ({error.strerror})") from error
    promised = _promised_bytes(path)
    if promised is not None and path.stat().st_size < promised and file.frames:
        whole = file.frames / file.samplerate
        file.close()
        raise AudioError(_cut_off(path, whole, None))
    return file


def _promised_bytes(path: Path) -> int | None:
    """The size a RIFF header states for its whole file; None for other formats and for streamed headers."""
    with path.open("rb") as file:
        head = file.read(12)
    if head[:4] != b"RIFF" or head[8:12] != b"WAVE":
        return None
    stated = int.from_bytes(head[4:8], "little")
    return stated + 8 if 36 < stated < 0xFFFFFF00 else None  # 0 and ~0: written as a stream, length unknown


def _cut_off(path: Path, ends_s: float, promised_s: float | None) -> str:
    promise = "more" if promised_s is None else f"{promised_s:.2f} s"
    return f"{path}: is cut off after {ends_s:.2f} s though its header promises {promise}; copy or export it again"


class _Side:
    """Doles a track's blocks out in other sizes; silence once the track has ended."""

    def __init__(self, blocks: Iterator[np.ndarray], rows: tuple[tuple[int, int], ...]):
        self._blocks, self._rows = blocks, rows
        self._rest = np.zeros((0, 2), np.float32)

    def fill(self, block: np.ndarray) -> None:
        at = 0
        while at < block.shape[1]:
            if not len(self._rest):
                self._rest = next(self._blocks, self._rest)
                if not len(self._rest):
                    return
            count = min(len(self._rest), block.shape[1] - at)
            for channel, row in self._rows:
                block[row, at : at + count] = self._rest[:count, channel]
            self._rest = self._rest[count:]
            at += count
