"""ffmpeg at work on an output: run to its end or fed with pictures, its last words kept.

A failure becomes one OutputError that ends with what ffmpeg said. It runs in the folder of its files, which it is given
by their bare names: in a path of the user's a colon is a protocol to it, a percent sign a number, and a quote ends a
line of a listing.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import re
import subprocess
import tempfile
from pathlib import Path
from typing import IO

import numpy as np

from avtr_cli.core import ffmpeg_program
from avtr_cli.core.arrays import Sound
from avtr_cli.core.errors import AudioError, OutputError
from avtr_cli.core.files import reason
from avtr_cli.core.interruption import interruptible
from avtr_cli.core.timing import SAMPLE_RATE

logger = logging.getLogger(__name__)

PATIENCE_S = 10.0  # with an ffmpeg whose pipe is broken, until its last words are written
TAIL_LINES = 6  # of ffmpeg's stderr, shown when it fails
_SPEAKER = re.compile(r"\[[^]]* @ 0x[0-9a-f]+\] ?")  # which part of ffmpeg says it, and where that lies in memory
_COMMON = ("-loglevel", "error", "-y")


def named(path: Path) -> str:
    """A user's path as ffmpeg takes it for a file, whatever stands in it."""
    return f"file:{path}"


def run(arguments: list[str], purpose: str, folder: Path | None = None) -> None:
    """Run ffmpeg to its end, in `folder`; raises OutputError "`purpose`: ...what ffmpeg said" when it fails."""
    capture(arguments, purpose, folder)


def capture(arguments: list[str], purpose: str, folder: Path | None = None) -> bytes:
    """As `run`; returns what ffmpeg wrote to its standard output."""
    process = _started(arguments, purpose, folder, subprocess.DEVNULL, subprocess.PIPE, subprocess.PIPE)
    with process, ffmpeg_program.ended_with(process), interruptible():
        output, said = process.communicate()
    if process.returncode:
        raise OutputError(f"{purpose}: {_reason(said.decode(errors='replace'))}")
    return output


def heard_in(path: Path, channels: int = 1) -> Sound:
    """The sound of a file or a video, mixed to one channel, or two of it: float32 (channels, n) at 16 kHz.

    It begins when the picture does. Raises AudioError where there is none.
    """
    said = f"{path}: has no sound that can be read"
    arguments = ["-i", named(path.absolute()), "-vn", "-af", "aresample=async=1:first_pts=0"]
    arguments += ["-ac", str(channels), "-ar", str(SAMPLE_RATE), "-f", "s16le", "-"]
    try:
        samples = np.frombuffer(capture(arguments, said), "<i2").astype(np.float32) / 32_768
    except OutputError as error:
        raise AudioError(said) from error
    if not len(samples):
        raise AudioError(said)
    return np.ascontiguousarray(samples.reshape(-1, channels).T)


def _started(
    arguments: list[str], purpose: str, folder: Path | None, stdin: int, stdout: int, stderr: int | IO[bytes]
) -> subprocess.Popen[bytes]:
    logger.debug("ffmpeg %s", " ".join(arguments))
    try:
        return ffmpeg_program.start([*_COMMON, *arguments], stdin=stdin, stdout=stdout, stderr=stderr, cwd=folder)
    except OSError as error:
        raise OutputError(f"{purpose}: ffmpeg cannot be started ({reason(error)})") from error


class FramePipe:
    """An ffmpeg that works in `folder` and reads raw pictures from its standard input until `close`."""

    def __init__(self, arguments: list[str], purpose: str, folder: Path):
        self._purpose = purpose
        self._stderr: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        try:  # -nostdin is about the keyboard; the pictures still come by stdin
            self._process = _started(arguments, purpose, folder, subprocess.PIPE, subprocess.DEVNULL, self._stderr)
        except BaseException:
            self._stderr.close()
            raise

    def write(self, pixels: memoryview) -> None:
        """Send one picture; raises OutputError when ffmpeg is gone."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(pixels)
        except OSError:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
            try:
                self._process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:  # the pipe broke and not the program
                self._process.kill()
                self._process.wait()
            raise OutputError(f"{self._purpose}: {self._said()}") from None

    def close(self) -> None:
        """No more pictures: wait until the file is whole. Raises OutputError when it is not."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):  # ffmpeg died first: its return code says so
            self._process.stdin.close()
        code = self._process.wait()
        said = self._said()
        self._stderr.close()
        if code:
            raise OutputError(f"{self._purpose}: {said}")

    def kill(self) -> None:
        """End ffmpeg at once and give its pipes back; what it wrote is not whole."""
        self._process.kill()
        self._process.wait()
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        self._stderr.close()

    def _said(self) -> str:
        self._stderr.seek(0)
        return _reason(self._stderr.read().decode(errors="replace"))


def _reason(stderr: str) -> str:
    lines = [line for line in (_SPEAKER.sub("", line).strip() for line in stderr.splitlines()) if line]
    if any("No space left on device" in line for line in lines):
        return "no space left on the disk; free some or write elsewhere with -o"
    return " | ".join(lines[-TAIL_LINES:]) or "ffmpeg was ended from outside; a limit on file size or memory?"


@functools.cache
def works(encoder: str) -> bool:
    """Whether ffmpeg can really encode a picture with `encoder` here (NVENC may be listed and not work)."""
    try:
        run(
            ["-f", "lavfi", "-i", "color=size=256x256:rate=25:duration=0.2", "-c:v", encoder, "-f", "null", "-"],
            encoder,
        )
    except OutputError as error:
        logger.info("encoder %s does not work here", encoder)
        logger.debug("%s", error)
        return False
    logger.info("encoder %s works here", encoder)
    return True
