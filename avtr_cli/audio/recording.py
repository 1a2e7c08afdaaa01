"""A sound file opened rightly: its true length, then its samples, float32 (n, channels) in about [-1, 1].

libsndfile reads what it can read to the true end; what it misreads gets a repaired header, is handed to it link by
link, or is decoded by ffmpeg first. Where something is missing of a file, that is said before any of it is heard.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import soundfile

from avtr_cli.audio import mpeg, ogg
from avtr_cli.audio.chunks import SoundChunk, find_sound, repaired
from avtr_cli.audio.decoding import READABLE, Decoded, decode
from avtr_cli.audio.joined import starts
from avtr_cli.audio.opening import Bytes, Cursor, OpenedFile, View
from avtr_cli.core.arrays import Sound
from avtr_cli.core.errors import AudioError

LEAST_RATE, MOST_RATE = 1_000, 768_000  # Hz
UNKNOWN_FRAMES = 1 << 50  # libsndfile's word for a length that the header leaves open is larger
MPEG_LEAD = 24 * 1_152  # samples decoded before those that are wanted: an MP3 frame draws on the bits of earlier ones
PLAYLIST = re.compile(rb"\s*(#EXTM3U|ffconcat version|\[playlist\]|<asx|<\?xml[^>]*>\s*<(playlist|MPD))", re.I)


class Recording:
    """`parts` one after another, read by libsndfile. Raises AudioError where it cannot, or where they differ."""

    def __init__(self, path: Path, parts: Sequence[Bytes], note: str = "", decoded: Decoded | None = None):
        self.path, self._parts, self._decoded = path, parts, decoded
        self.notes = (note,) if note else ()
        kinds, self._frames = set(), []
        for part in parts:
            with _reader(part)[0] as file:
                kinds.add((file.samplerate, file.channels))
                self._frames.append(file.frames)
                self.coding = file.subtype
        if len(kinds) > 1:
            raise AudioError(f"{path}: its {len(parts)} parts differ in rate or channels; export it again as one WAV")
        self.rate, self.channels = kinds.pop()
        self.frames = sum(self._frames)

    def samples(self, first: int, count: int, step: int) -> Iterator[Sound]:
        """`count` of them from `first`, at most `step` at a time. Raises AudioError where the file ends before that."""
        before = 0
        for part, frames in zip(self._parts, self._frames, strict=True):
            start = max(first - before, 0)
            here = min(max(frames - start, 0), count)
            if here:
                yield from self._of_part(part, start, here, step, before)
            before, count = before + frames, count - here

    def _of_part(self, part: Bytes, first: int, count: int, step: int, before: int) -> Iterator[Sound]:
        try:
            file, cursor = _reader(part)
            with file:
                lead = min(first, MPEG_LEAD) if file.subtype.startswith("MPEG") else 0
                file.seek(first - lead)
                file.read(lead, dtype="float32")
                while count:
                    block = file.read(min(step, count), dtype="float32", always_2d=True)
                    if cursor.failure is not None:
                        raise cursor.failure
                    if not len(block):
                        at, end = (before + file.tell()) / self.rate, self.frames / self.rate
                        raise AudioError(
                            f"{self.path}: is cut off after {at:.2f} s though its header promises {end:.2f} s; "
                            "copy or export it again"
                        )
                    yield block
                    count -= len(block)
        except soundfile.LibsndfileError as error:
            reason = error.error_string.rstrip(".")
            raise AudioError(f"{self.path}: cannot be read to its end ({reason}); export it again") from error

    def close(self) -> None:
        """Give back what was decoded; the file itself is its opener's."""
        if self._decoded is not None:
            self._decoded.close()


def open_recording(file: OpenedFile, until_s: float | None = None) -> Recording:
    """`file` as a recording; of one that has to be decoded only what lies before `until_s` may be there.

    Raises AudioError where `file` is no sound, holds none or not all that it promises, or has a rate out of bounds.
    """
    recording = _recording(file, until_s)
    try:
        if recording.frames <= 0:
            raise AudioError(f"{file.path}: holds no sound at all")
        if not LEAST_RATE <= recording.rate <= MOST_RATE:
            raise AudioError(
                f"{file.path}: states a sample rate of {recording.rate} Hz; {LEAST_RATE} to {MOST_RATE} Hz are read"
            )
    except BaseException:
        recording.close()
        raise
    return recording


def _recording(file: OpenedFile, until_s: float | None) -> Recording:
    if not file.size:
        raise AudioError(f"{file.path}: not a sound file: it is empty")
    if PLAYLIST.match(file.read_at(0, 256)):
        raise AudioError(f"{file.path}: is a playlist, and avtr follows none; give the sound file itself")
    walked = mpeg.walk(file)
    parts, note = (_runs(file, walked), "") if walked else _parts(file)
    if parts:
        try:
            found = Recording(file.path, parts, note)
        except soundfile.LibsndfileError:
            pass
        else:
            guessed = walked is None and found.coding.startswith("MPEG")  # as in a WAV: its length is an estimate
            if not guessed and found.frames < UNKNOWN_FRAMES:
                return found
    return _decoded(file, until_s, note)


def _runs(file: OpenedFile, walked: mpeg.Walked) -> list[Bytes]:
    """The MP3s that `file` is stitched of, none where they do not say how long they are."""
    if walked.is_cut_off(file.size):
        last = walked.runs[-1]
        raise AudioError(_cut_off(file, f"{last.frames} of {last.stated} MP3 frames"))
    if not walked.is_true:
        return []
    if len(walked.runs) == 1:
        return [file]
    return [View(file, run.start, run.end - run.start) for run in walked.runs]


def _parts(file: OpenedFile) -> tuple[list[Bytes], str]:
    """What libsndfile is given to read, and a warning or "". Raises AudioError where the file is cut off."""
    chain = ogg.links(file)
    if chain is not None:
        note = "" if chain.ends else f"{file.path}: has no end mark and may be cut off"
        return [View(file, start, end - start) for start, end in chain.links], note
    begins = starts(file)
    if len(begins) > 1:
        joined: list[Bytes] = [
            View(file, at, end - at) for at, end in zip(begins, [*begins[1:], file.size], strict=True)
        ]
        _sound_of(file, joined[-1])
        return joined, ""
    sound = _sound_of(file, file)
    if sound is None:
        return [file], ""
    if sound.frames is not None and _frames(file) != sound.frames:
        view = repaired(file, sound)
        if view is not None and _frames(view) == sound.frames:
            return [view], ""
    return [file], ""


def _sound_of(file: OpenedFile, part: Bytes) -> SoundChunk | None:
    """The chunk of the sound. Raises AudioError where some of it is missing."""
    sound = find_sound(part)
    if sound is not None and sound.is_cut_off:
        raise AudioError(_cut_off(file, f"{sound.size} of {sound.stated} bytes of sound"))
    return sound


def _decoded(file: OpenedFile, until_s: float | None, note: str) -> Recording:
    sound = decode(file, until_s)
    try:
        return Recording(file.path, [sound], sound.note or note, sound)
    except soundfile.LibsndfileError as error:
        sound.close()
        raise AudioError(f"{file.path}: not a sound file that can be read ({READABLE})") from error


def _cut_off(file: OpenedFile, share: str) -> str:
    return f"{file.path}: is cut off after {share}; copy or export it again"


def _frames(file: Bytes) -> int:
    """What libsndfile finds in it; -1 where it cannot read it."""
    try:
        with _reader(file)[0] as found:
            samples: int = found.frames
            return samples
    except soundfile.LibsndfileError:
        return -1


class _Sequential(soundfile.SoundFile):  # type: ignore[misc]  # soundfile comes without types
    """soundfile seeks to where it is after every read of what is seekable: clicks in an MP3, time lost in a FLAC."""

    def seekable(self) -> bool:
        return False


def _reader(part: Bytes) -> tuple[_Sequential, Cursor]:
    cursor = Cursor(part)
    return _Sequential(cursor), cursor
