"""One writer an output: an advisory lock (flock(2)) on a file in the output's work folder.

The system lets go of it when its process ends, however that ends, so a `kill -9` leaves no lock behind. Where the file
system knows no locks, work goes on without.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from pathlib import Path

from avtr_cli.core.errors import OutputError

NAME = "lock"
_BUSY = (errno.EWOULDBLOCK, errno.EACCES)
_TRIES = 100  # at a folder that its last owner removes in the same moment


class Lock:
    """The lock of `folder`, which is made where it is missing. Held until `release`.

    Raises OutputError, naming `out`, where another process has it; OSError where the folder cannot be made.
    """

    def __init__(self, folder: Path, out: Path):
        self._path = folder / NAME
        self._made: list[Path] = []  # folders above it that had to be made too, topmost first
        try:
            self._file = self._locked(out)
        except BaseException:
            self._leave()
            raise
        with contextlib.suppress(OSError):  # a full disk: the number is for the message alone
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, str(os.getpid()).encode(), 0)

    def release(self) -> None:
        """Let go, and take away the folder and those made above it, where nothing else lies in them."""
        with contextlib.suppress(OSError):
            self._path.unlink()
        self._leave()
        os.close(self._file)

    def _locked(self, out: Path) -> int:
        """The lock's file, open."""
        self._make()
        for _ in range(_TRIES):
            try:
                file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
            except FileNotFoundError:
                self._make()
                continue
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                if error.errno in _BUSY:
                    os.close(file)
                    raise busy(out, self._path) from None
            if _same(file, self._path):
                return file
            os.close(file)
        raise OutputError(f"{out}: its work folder comes and goes; is another avtr writing it?")

    def _make(self) -> None:
        folder = self._path.parent
        self._made += [parent for parent in reversed(folder.parents) if not parent.exists()]
        folder.mkdir(parents=True, exist_ok=True)

    def _leave(self) -> None:
        with contextlib.suppress(OSError):
            for folder in (self._path.parent, *reversed(self._made)):
                if folder.is_dir():
                    folder.rmdir()


def holder(folder: Path) -> int | None:
    """The number of the process that holds the lock of `folder`, 0 where that is not known; None where none does."""
    try:
        file = os.open(folder / NAME, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        return _pid(folder / NAME) if error.errno in _BUSY else None
    finally:
        os.close(file)
    return None


def busy(out: Path, lock: Path) -> OutputError:
    """The error that tells who writes `out`, as far as `lock` says."""
    pid = _pid(lock)
    return OutputError(
        f"{out}: another avtr{f' (process {pid})' if pid else ''} is writing it; wait for it, or choose another -o"
    )


def _pid(lock: Path) -> int:
    try:
        return int(lock.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0


def _same(file: int, path: Path) -> bool:
    """Whether the open file is the one that has the name: its last owner may have removed it before we locked it."""
    try:
        return os.path.samestat(os.fstat(file), os.stat(path))
    except OSError:
        return False
