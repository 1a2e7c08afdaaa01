"""Files written whole or not at all, and safely on the disk once they count; files told apart by their bytes.

POSIX promises that a rename replaces a name at once, and nothing about when bytes reach the disk: so whatever must
survive a power cut is flushed first, then renamed, then its folder is flushed (fsync(2), rename(2)).
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import itertools
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from avtr_cli.core.errors import InputError, OutputError
from avtr_cli.core.textfile import json_text

SPARE_BYTES = 64 << 20  # of a disk, left free beside what a command is expected to write
_numbers = itertools.count()  # of this process's unfinished files
_REMOVALS = 100  # of a folder: each fails if a file is made in it in that very moment
_NO_FSYNC = (errno.EINVAL, errno.ENOTSUP)  # of folders: some network and FUSE file systems


@contextlib.contextmanager
def replacing(path: Path, durable: bool = True) -> Iterator[Path]:
    """A path to write to; when the body ends well, what lies there is flushed and takes the name `path`.

    Otherwise it is removed and `path` stays as it was. What is not `durable` may be damaged by a power cut, and is not
    waited for. Raises OSError.
    """
    partial = path.with_name(f".avtr-{os.getpid()}-{next(_numbers)}.partial")  # short, however long the name is
    try:
        yield partial
        if durable:
            sync(partial)
        partial.replace(path)
        if durable:
            sync_folder(path.parent)
    finally:
        remove(partial)


def write_text(path: Path, text: str) -> None:
    """Write a whole UTF-8 text file or none; straight into a pipe or device, as /dev/stdout. Raises OutputError."""
    data = text.encode("utf-8", "replace")
    try:
        if is_stream(path):
            write_to_stream(data, path)
            return
        with replacing(path) as partial:
            partial.write_bytes(data)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({reason(error)})") from error


def write_to_stream(data: bytes, stream: Path) -> None:
    """Write into a pipe or device, behind what is there where the shell sent /dev/stdout to a file. Raises OSError."""
    with stream.open("ab", buffering=0) as file:
        file.write(data)


def write_json(path: Path, value: Any) -> None:
    """Write `value` as JSON, whole or not at all. Raises OutputError."""
    write_text(path, json_text(value, 2) + "\n")


def sync(path: Path) -> None:
    """Flush a file to the disk. Raises OSError."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_folder(path: Path) -> None:
    """Flush a folder's names to the disk, where its file system can."""
    with contextlib.suppress(PermissionError, InterruptedError):  # a folder that may be written to but not read
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        except OSError as error:
            if error.errno not in _NO_FSYNC:
                raise
        finally:
            os.close(handle)


def remove(path: Path) -> None:
    """Remove a file of ours if it is there; what cannot be removed is no reason to hide what went wrong before."""
    with contextlib.suppress(OSError):
        path.unlink()


def remove_folder(path: Path) -> None:
    """The same of a folder with all that lies in it, even while a program that a killed run left writes there."""
    for _ in range(_REMOVALS):
        shutil.rmtree(path, ignore_errors=True)
        if not lies_there(path):
            return


def lies_there(path: Path) -> bool:
    """Whether anything has this name, be it a broken link; never raises."""
    try:
        os.lstat(path)
    except (OSError, ValueError):
        return False
    return True


def same_file(path: Path, other: Path) -> bool:
    """Whether two names lead to one file, or would if they were written to."""
    try:
        return os.path.samefile(path, other)
    except (OSError, ValueError):
        return os.path.realpath(path) == os.path.realpath(other)


def is_stream(path: Path) -> bool:
    """Whether `path` is a pipe, a socket or a device: what can be written to or read from, but not replaced.

    /dev/stdout is one wherever the shell sent it.
    """
    if os.path.abspath(path).startswith(("/dev/fd/", "/dev/std", "/proc/self/fd/")):
        return True
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def reason(error: OSError) -> str:
    """What the system says of an error, in its own words."""
    return error.strerror or str(error)


def paths_from_strings(value: object, *names: str) -> None:
    """In a frozen dataclass that is being made, turn the fields `names` into paths where somebody gave strings."""
    for name in names:
        given = getattr(value, name)
        if isinstance(given, str):
            object.__setattr__(value, name, Path(given))


def file_sha256(path: Path) -> str:
    """SHA-256 (hex) of a file's bytes. Raises InputError where it cannot be read."""
    try:
        with path.open("rb") as file:
            digest = hashlib.sha256()
            while block := file.read(1 << 20):
                digest.update(block)
            return digest.hexdigest()
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from error
