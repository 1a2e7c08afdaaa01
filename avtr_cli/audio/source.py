"""Sound files into blocks: float32 (2, n), rows (avatar, partner), at one sample rate, in constant memory.

Any format that libsndfile or ffmpeg reads, any sample rate from 1 to 768 kHz.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType

import numpy as np

from avtr_cli.audio.files import DialogueFiles
from avtr_cli.audio.track import BLOCK_SECONDS, Track
from avtr_cli.core.arrays import Sound
from avtr_cli.core.errors import AudioError
from avtr_cli.core.timing import FPS, SAMPLE_RATE


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

    Raises AudioError where a file is missing, not sound, empty, cut off, out of scale, or has another number of
    channels than its role needs.
    """

    def __init__(self, files: DialogueFiles):
        self._files = files
        alone = files.solo or files.partner is not None
        with ExitStack() as undo:
            self._tracks: list[Track] = []
            for path in files.paths:
                self._tracks.append(Track(path, files.start_s, files.duration_s, alone))
                undo.callback(self._tracks[-1].close)
            _check_length(files, self._tracks)
            self._undo = undo.pop_all()
        first = self._tracks[0]
        self.facts = AudioFacts(
            file_rate=first.rate,
            channels=first.channels,
            duration_s=max(track.seconds for track in self._tracks),
            samples=max(track.count_at(SAMPLE_RATE) for track in self._tracks),
        )

    @property
    def seconds_of_files(self) -> tuple[float, ...]:
        """How long each file sounds within --start and --duration."""
        return tuple(track.seconds for track in self._tracks)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was found doubtful in opening the files: sentences for the user."""
        return tuple(note for track in self._tracks for note in track.notes)

    @property
    def sha256(self) -> tuple[str, ...]:
        """Hex, of the bytes of each of `files.paths`, read through the handles that were opened; computed once.

        Raises AudioError where a file is no longer what was opened.
        """
        return tuple(track.file.sha256 for track in self._tracks)

    def check_unchanged(self) -> None:
        """Raise AudioError if a file was overwritten in place or cut since it was opened.

        One that was replaced by another of its name (by renaming) is still read as it was.
        """
        for track in self._tracks:
            track.file.check_unchanged()

    def blocks(self, rate: int = SAMPLE_RATE) -> Iterator[Sound]:
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
        self._undo.close()


def _check_length(files: DialogueFiles, tracks: list[Track]) -> None:
    longest = max(tracks, key=lambda track: track.seconds)
    if longest.count * FPS < longest.rate:
        raise AudioError(
            f"{files.dialogue}: only {longest.count} samples of sound at {longest.rate} Hz; "
            f"at least one frame ({-(-longest.rate // FPS)} samples, 40 ms) needed"
        )


def _rows(files: DialogueFiles) -> list[tuple[tuple[int, int], ...]]:
    """For every file, pairs (channel of the file, row of the block)."""
    if files.partner is not None:
        return [((0, 0),), ((0, 1),)]
    if files.solo:
        return [((0, 0),)]
    own = files.avatar_channel - 1
    return [((own, 0), (1 - own, 1))]


class _Side:
    """Doles a track's blocks out in other sizes; silence once the track has ended."""

    def __init__(self, blocks: Iterator[Sound], rows: tuple[tuple[int, int], ...]):
        self._blocks, self._rows = blocks, rows
        self._rest = np.zeros((0, 2), np.float32)

    def fill(self, block: Sound) -> None:
        at = 0
        while at < block.shape[1]:
            while not len(self._rest):
                found = next(self._blocks, None)
                if found is None:
                    return
                self._rest = found
            count = min(len(self._rest), block.shape[1] - at)
            for channel, row in self._rows:
                block[row, at : at + count] = self._rest[:count, channel]
            self._rest = self._rest[count:]
            at += count
