"""Inputs that can be read only once, `-` (standard input) and pipes, into files that can be read again.

A render reads its sound several times: to check it, to hear it, to write it. So what comes through a pipe is copied to
a temporary file first, by the megabyte, and goes by its own name in every sentence.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, TypeVar

from avtr_cli.core.errors import AvtrError, ConfigError, InputError, OutputError
from avtr_cli.core.files import reason
from avtr_cli.jobs.job import Job

STDIN = Path("-")
_Job = TypeVar("_Job", bound=Job)


@contextlib.contextmanager
def spooled(job: _Job) -> Iterator[_Job]:
    """The job with every pipe and `-` among its photos and sounds copied to a file, which is gone afterwards.

    Raises ConfigError where `-` stands for two things, InputError where nothing comes, OutputError where the temporary
    disk is full; errors of the body name the pipe, not the copy.
    """
    if sum(path == STDIN for path in (*job.photos, *job.sound.paths)) > 1:
        raise ConfigError("- stands for standard input, which can be one photo or one sound; name files for the others")
    with tempfile.TemporaryDirectory(prefix="avtr-pipe-") as folder:
        spool = _Spool(Path(folder))
        voices = ("dialogue", "partner") if job.sound.partner is not None else ("dialogue",)
        sound: dict[str, Any] = {name: spool.file(getattr(job.sound, name)) for name in voices}
        shown = ("photo", "photo_b")[: len(job.photos)]
        photos: dict[str, Any] = {name: spool.file(getattr(job, name)) for name in shown}
        job = dataclasses.replace(
            job, sound=dataclasses.replace(job.sound, **sound), copies=job.copies | spool.copies, **photos
        )
        try:
            yield job
        except AvtrError as error:
            raise type(error)(job.true_names(str(error))) from error


class _Spool:
    def __init__(self, folder: Path):
        self._folder = folder
        self.copies: dict[Path, Path] = {}  # copy -> what it is of

    def file(self, path: Path) -> Path:
        """`path`, or its copy where it can be read only once."""
        if path != STDIN and not _is_pipe(path):
            return path
        for copy, read in self.copies.items():
            if read == path:
                return copy
        copy = self._folder / str(len(self.copies)) / ("standard input" if path == STDIN else path.name)
        self.copies[copy] = path
        try:
            with _opened(path) as source:
                self._copy(source, copy, path)
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({reason(error)})") from error
        if not copy.stat().st_size:
            raise InputError(f"{path}: nothing came through it")
        return copy

    @staticmethod
    def _copy(source: IO[bytes], copy: Path, path: Path) -> None:
        with _on_the_disk(copy, path):
            copy.parent.mkdir()
            target = copy.open("wb", buffering=0)
        with target:
            while block := memoryview(source.read(1 << 20)):
                with _on_the_disk(copy, path):
                    while block := block[target.write(block) :]:
                        pass


@contextlib.contextmanager
def _on_the_disk(copy: Path, path: Path) -> Iterator[None]:
    """What the temporary disk refuses is not the fault of the pipe at `path`."""
    try:
        yield
    except OSError as error:
        free = shutil.disk_usage(copy.parents[1]).free >> 20
        raise OutputError(
            f"{path}: the temporary disk cannot hold it ({reason(error)}, {free} MiB free); set TMPDIR"
        ) from error


def _is_pipe(path: Path) -> bool:
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def _opened(path: Path) -> contextlib.AbstractContextManager[IO[bytes]]:
    if path != STDIN:
        return path.open("rb")
    if sys.stdin is None or sys.stdin.isatty():
        raise InputError("-: standard input is a terminal; pipe a file into it, as in cat call.wav | avtr render …")
    if _never_ends(sys.stdin.buffer):
        raise InputError("-: standard input is a device, not a file or a pipe; give a file")
    return contextlib.nullcontext(sys.stdin.buffer)


def _never_ends(stream: IO[bytes]) -> bool:
    """Whether it is a device as /dev/zero; /dev/null, which services have, is at its end at once."""
    try:
        found = os.fstat(stream.fileno())
    except (OSError, ValueError):  # no file at all, but something that can be read
        return False
    return stat.S_ISCHR(found.st_mode) and not os.path.samestat(found, os.stat(os.devnull))
