"""A path into bytes that stay: one open file of the user, read at any place, hashed, and watched for changes.

All that is read of a sound comes through the one handle that was opened first, so a file that is replaced by another
of its name while avtr works does no harm, and one that is overwritten in place is noticed (`check_unchanged`).
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import re
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from avtr_cli.core.errors import AudioError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

HASH_BYTES = 1 << 20  # read at a time


class Bytes(Protocol):
    """What can be read at any place."""

    @property
    def size(self) -> int:
        """How many there are."""

    def read_at(self, at: int, count: int) -> bytes:
        """Up to `count` bytes from `at`, fewer only at the end. Raises AudioError where the disk fails."""
        ...


class OpenedFile:
    """A regular file, open until `close`. Raises AudioError, in a sentence, where `path` is none or may not be read."""

    def __init__(self, path: Path):
        self.path = path
        self.number = _descriptor(path)
        self._found = self._state()
        self.size = self._found[0]
        self._sha256: str | None = None

    def read_at(self, at: int, count: int) -> bytes:
        """Up to `count` bytes from `at`, fewer only at the end. Raises AudioError where the disk fails."""
        count = min(count, self.size - at)  # a damaged header may ask for any place
        parts = []
        while count > 0:
            try:
                part = os.pread(self.number, count, at)
            except OSError as error:
                raise AudioError(f"{self.path}: cannot be read at byte {at} ({error.strerror})") from error
            if not part:
                break
            parts.append(part)
            at, count = at + len(part), count - len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    @property
    def sha256(self) -> str:
        """Hex, of the file's bytes; computed once. Raises AudioError where they are not those that were opened."""
        if self._sha256 is None:
            found = self._hashed()
            if self._state() != self._found:
                raise AudioError(self._changed())
            self._sha256 = found
        return self._sha256

    def check_unchanged(self) -> None:
        """Raise AudioError if the file was overwritten in place, cut or extended since it was opened."""
        found = self._state()
        if found == self._found:
            return
        if self._sha256 is None or found[0] != self.size or self._hashed() != self._sha256:
            raise AudioError(self._changed())

    def close(self) -> None:
        """Give the file back; once is enough, twice does no harm."""
        if self.number >= 0:
            os.close(self.number)
            self.number = -1

    def _changed(self) -> str:
        return f"{self.path}: changed while it was read; run it again once nothing writes to it"

    def _state(self) -> tuple[int, int]:
        try:
            found = os.fstat(self.number)
        except OSError as error:  # a network disk that is gone
            raise AudioError(f"{self.path}: cannot be read any more ({error.strerror})") from error
        return found.st_size, found.st_mtime_ns

    def _hashed(self) -> str:
        digest, at = hashlib.sha256(), 0
        while part := self.read_at(at, HASH_BYTES):
            digest.update(part)
            at += len(part)
        return digest.hexdigest()


def _descriptor(path: Path) -> int:
    """`path` opened for reading; never waits (as a pipe without a writer would make us)."""
    try:
        kind = os.stat(path).st_mode
        _check_regular(path, kind)
        number = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError) as error:
        raise AudioError(f"{path}: {_why_not(path, error)}") from error
    try:
        _check_regular(path, os.fstat(number).st_mode)
    except BaseException:
        os.close(number)
        raise
    return number


def _check_regular(path: Path, mode: int) -> None:
    if stat.S_ISDIR(mode):
        raise AudioError(f"{path}: is a folder, not a sound file; for a folder of jobs use avtr batch")
    if not stat.S_ISREG(mode):
        kind = "a pipe" if stat.S_ISFIFO(mode) else "a socket" if stat.S_ISSOCK(mode) else "a device"
        raise AudioError(f"{path}: is {kind}, and a sound is read more than once; write it to a file and give that")


def _why_not(path: Path, error: OSError | ValueError) -> str:
    if isinstance(error, ValueError):  # a zero byte, which no system takes
        return "is no name that a file can have"
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        fetched = "; avtr fetches nothing: download it first" if re.match(r"[a-z][a-z0-9+.-]+:/", str(path)) else ""
        return f"there is no such file{fetched}"
    if error.errno == errno.ENAMETOOLONG:
        return "the name is too long for a file"
    if error.errno in (errno.EACCES, errno.EPERM):
        return "may not be read; check the rights of the file and of its folder"
    return f"cannot be opened ({error.strerror})"


class View:
    """Some of a file's bytes, with `head` put before them: a header in place of a broken one, one part of a chain."""

    def __init__(self, inside: Bytes, at: int, size: int, head: bytes = b""):
        self._inside, self._at, self._head = inside, at, head
        self._length = size
        self.size = len(head) + size

    def read_at(self, at: int, count: int) -> bytes:
        """Up to `count` bytes from `at` of head and part together. Raises AudioError where the disk fails."""
        begin = self._head[at : at + count]
        from_inside = max(at - len(self._head), 0)
        left = min(count - len(begin), self._length - from_inside)
        return begin + self._inside.read_at(self._at + from_inside, left) if left > 0 else begin


class Cursor(io.RawIOBase):
    """`Bytes` as the file object that libsndfile wants, with a place of its own.

    It is called from C, where an exception would be printed and lost: `failure` keeps it for the caller to raise.
    """

    def __init__(self, inside: Bytes):
        self._inside, self._place = inside, 0
        self.failure: AudioError | None = None

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Fill `buffer` from the place on, and move the place; fewer bytes only at the end or where the disk fails."""
        into = memoryview(buffer)
        found = b""
        try:
            found = self._inside.read_at(self._place, len(into))
        except AudioError as error:
            self.failure = error
        into[: len(found)] = found
        self._place += len(found)
        return len(found)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place, counted as by `io`; one before the start leaves it where it is. Returns the place."""
        place = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self._inside.size}[whence]
        if place >= 0:  # a damaged header may ask for less
            self._place = place
        return self._place

    def tell(self) -> int:
        """The place of the next byte."""
        return self._place
