"""Sound that libsndfile cannot read (m4a, mp4, webm, mov, mkv, wma, amr and so on) into a temporary AU file of floats.

ffmpeg does it, in constant memory, with what players honour: edit lists, encoder delay,
gaps filled with silence. It gets the user's file as an open handle and may read that alone: only demuxers of media
files are allowed and only the protocols `file` and `pipe`, so neither a playlist nor a network address is followed.
The temporary file has no name from the beginning, so nothing is left however avtr ends.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from typing import IO

from avtr_cli.audio.opening import OpenedFile
from avtr_cli.core import ffmpeg_program
from avtr_cli.core.errors import AudioError
from avtr_cli.core.interruption import interruptible

DEMUXERS = (
    "wav,w64,aiff,caf,au,flac,ogg,mp3,mov,matroska,asf,avi,mpegts,mpeg,flv,aac,ac3,eac3,amr,amrnb,amrwb,wv,ape,tta,rm"
)
READABLE = "wav, flac, ogg, mp3, aiff, m4a, mp4, webm, mov, mkv, wma and others are"
PATIENCE_S = 120.0  # without a byte more of sound
BYTES_A_SECOND = 32  # the fewest that any codec needs; more sound than that is a damaged header
MOST_ANYWAY_S = 60.0
AU_HEADER = 24
CUT_OFF = ("partial file", "moov atom not found", "File ended prematurely", "Truncating packet")
CONTAINER = re.compile(rb"....(ftyp|moov)|\x1a\x45\xdf\xa3|\x30\x26\xb2\x75|RIFF....AVI ", re.S)  # mp4, mkv, asf, avi
_TAIL_BYTES = 64_000  # of what ffmpeg says: so many of the beginning, so many of the end


class Decoded:
    """The temporary file, there until `close`."""

    def __init__(self, sound: IO[bytes], note: str):
        self._sound, self.note = sound, note  # "" or a warning
        self.size = os.fstat(sound.fileno()).st_size

    def read_at(self, at: int, count: int) -> bytes:
        """Up to `count` bytes of the decoded WAV from `at`, fewer only at its end."""
        return os.pread(self._sound.fileno(), count, at)

    def close(self) -> None:
        """Give the temporary file back."""
        self._sound.close()


def decode(file: OpenedFile, until_s: float | None = None) -> Decoded:
    """The sound of `file`, its first `until_s` seconds at least.

    Raises AudioError where there is no sound or more than one sound track, where `file` is cut off, damaged or no
    media file, and where there is no room for it.
    """
    _check_tracks(file)
    longest = MOST_ANYWAY_S + file.size / BYTES_A_SECOND
    wanted = longest if until_s is None else min(until_s + 1, longest)
    sound = tempfile.TemporaryFile()  # noqa: SIM115 - the caller's
    try:
        limits = ["-t", f"{wanted:.3f}", "-af", "aresample=async=1"]
        tracks = ["-map", "0:a:0", "-vn", "-sn", "-dn"]
        code, said = _run(file, [*tracks, *limits, "-c:a", "pcm_f32be", "-f", "au", "pipe:1"], sound)
        _check(file, code, said, os.fstat(sound.fileno()).st_size)
        if _seconds(sound) > longest - 1:
            raise AudioError(f"{file.path}: states more sound than its {file.size} bytes can hold; export it again")
    except BaseException:
        sound.close()
        raise
    damaged = re.search(r"Invalid data|rror submitting|ecoding error|corrupt", said)
    return Decoded(sound, f"{file.path}: is damaged; what cannot be decoded is left out" if damaged else "")


def _check_tracks(file: OpenedFile) -> None:
    """Raise AudioError unless ffmpeg finds exactly one sound track."""
    with tempfile.TemporaryFile() as nothing:
        _, said = _run(file, ["-t", "0", "-f", "null", "-"], nothing, "info")
    kinds = re.findall(r"^ *Stream #0:\d+.*?: (Audio|Video|Subtitle|Data|Attachment|Unknown)", _input_of(said), re.M)
    count = kinds.count("Audio")
    if count == 1:
        return
    if count:
        raise AudioError(
            f"{file.path}: holds {count} sound tracks; take one of them out first: "
            f'ffmpeg -i "{file.path.name}" -map 0:a:0 call.wav (0:a:1 for the second)'
        )
    if any(words in said for words in CUT_OFF):
        raise AudioError(_cut_off(file))
    if "Video" in kinds:
        raise AudioError(f"{file.path}: is a video without a sound track")
    if CONTAINER.match(file.read_at(0, 16)):
        raise AudioError(f"{file.path}: is a damaged or cut off recording, nothing in it can be found; copy it again")
    raise AudioError(f"{file.path}: not a sound file that can be read ({READABLE})")


def _input_of(said: str) -> str:
    """What ffmpeg lists of its input, without what it lists of its output."""
    return said.split("\nStream mapping:")[0].split("\nOutput #0")[0]


def _check(file: OpenedFile, code: int, said: str, written: int) -> None:
    if any(words in said for words in CUT_OFF):
        raise AudioError(_cut_off(file))
    if "No space left" in said:
        raise AudioError(
            f"{file.path}: no room for its decoded sound in {tempfile.gettempdir()}; free some, or set TMPDIR"
        )
    if code or written <= AU_HEADER:
        raise AudioError(f"{file.path}: its sound cannot be decoded ({_reason(said)}); export it again as WAV")


def _cut_off(file: OpenedFile) -> str:
    return f"{file.path}: is cut off, or was never finished; copy or export it again"


def _reason(said: str) -> str:
    lines = [re.sub(r"^(\[[^]]*\] *)+", "", line).strip() for line in said.splitlines()]
    return next((line.rstrip(".") for line in lines if line), "no reason given")


def _seconds(sound: IO[bytes]) -> float:
    header = os.pread(sound.fileno(), AU_HEADER, 0)
    rate, channels = int.from_bytes(header[16:20], "big"), int.from_bytes(header[20:24], "big")
    return (os.fstat(sound.fileno()).st_size - AU_HEADER) / (4 * max(rate * channels, 1))


def _run(file: OpenedFile, arguments: list[str], out: IO[bytes], level: str = "error") -> tuple[int, str]:
    """ffmpeg on `file`: its exit code and what it said. Raises AudioError if it is missing or does nothing for long."""
    source = ["-protocol_whitelist", "file,pipe", "-format_whitelist", DEMUXERS, "-i", f"file:/dev/fd/{file.number}"]
    command = ["-nostats", "-loglevel", level, *source, *arguments]
    with tempfile.TemporaryFile() as words:
        os.lseek(file.number, 0, os.SEEK_SET)  # where /dev/fd/N is no new opening, ffmpeg reads on from there
        try:
            process = ffmpeg_program.start(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=words, pass_fds=[file.number]
            )
        except OSError as error:
            raise AudioError(f"{file.path}: needs ffmpeg, and it cannot be started ({error})") from error
        with ffmpeg_program.ended_with(process), interruptible():
            _wait(process, file, out)
        said = os.pread(words.fileno(), _TAIL_BYTES, 0)
        end = max(_TAIL_BYTES, os.fstat(words.fileno()).st_size - _TAIL_BYTES)
        said += os.pread(words.fileno(), _TAIL_BYTES, end)
    return process.returncode, said.decode(errors="replace")


def _wait(process: subprocess.Popen[bytes], file: OpenedFile, out: IO[bytes]) -> None:
    before = -1
    while True:
        try:
            process.wait(PATIENCE_S)
            return
        except subprocess.TimeoutExpired:
            written = os.fstat(out.fileno()).st_size
            if written <= before:
                raise AudioError(f"{file.path}: ffmpeg gets no sound out of it; export it again as WAV") from None
            before = written
