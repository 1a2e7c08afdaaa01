"""The ffmpeg program that imageio-ffmpeg brings, as a child process: found, started, and never left behind.

No shell, no system package. Each has a session of its own, so that Ctrl-C is ours to handle.
"""

from __future__ import annotations

import contextlib
import errno
import subprocess
from collections.abc import Iterator, Sequence
from typing import Any

import imageio_ffmpeg

COMMON = ("-hide_banner", "-nostdin")


def executable() -> str:
    """Its path. Raises OSError where there is none."""
    try:
        program: str = imageio_ffmpeg.get_ffmpeg_exe()
        return program
    except RuntimeError as error:
        raise OSError(errno.ENOENT, str(error).splitlines()[0]) from error


def start(arguments: Sequence[str], **streams: Any) -> subprocess.Popen[bytes]:
    """ffmpeg with `arguments`; `streams` are Popen's. Raises OSError where it cannot be started."""
    return subprocess.Popen([executable(), *COMMON, *arguments], start_new_session=True, **streams)


@contextlib.contextmanager
def ended_with(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Whatever ends the body early ends the process too: killed and waited for, so that it writes no more."""
    try:
        yield
    except BaseException:
        process.kill()
        process.wait()
        raise
