"""The ledger: what has happened to each job of a batch, one JSON line an event, in DIR/batch.jsonl.

Lines are only ever appended, each is on the disk before the batch goes on, and a line torn by a crash is passed
over, as is what a newer avtr may write that this one does not know. One process at a time writes it; the lock lives
as long as any process of that batch does.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
from collections.abc import Iterable
from datetime import datetime, timezone
from multiprocessing import reduction
from pathlib import Path
from typing import Any

from avtr_cli.core.errors import OutputError
from avtr_cli.core.files import sync_folder
from avtr_cli.core.textfile import json_text, parse_json, why_no_file

LEDGER = "batch.jsonl"
LOCK_PATIENCE_S = 5.0  # with a batch that is about to end
ORPHANS_PATIENCE_S = 120.0  # with workers whose batch was killed: they notice, clean up and end by themselves

EVENTS = ("started", "done", "failed", "lost", "interrupted")

Event = dict[str, Any]


def read_ledger(path: Path) -> list[Event]:
    """Every whole line of the ledger at `path`, oldest first; none where there is no ledger.

    Raises OutputError where it cannot be read, or is a file of another kind.
    """
    if not os.path.lexists(path):
        return []
    if why := why_no_file(path):
        raise OutputError(f"{path}: the ledger {why}; move it away, or choose another -o")
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise OutputError(f"{path}: the ledger cannot be read ({error.strerror})") from error
    events = [event for line in lines if (event := _event_of(line)) is not None]
    if not events and any(
        line.strip(b"\0 \t\r") for line in lines[:-1]
    ):  # the last may be torn, others are a stranger's
        raise OutputError(f"{path}: is not the ledger of a batch; move it away, or choose another -o")
    return events


def _event_of(line: bytes) -> Event | None:
    try:
        event = parse_json(line.decode())
    except ValueError:  # torn by a crash; the job it spoke of is done again
        return None
    return event if isinstance(event, dict) and isinstance(event.get("event"), str) else None


class History:
    """What a ledger's lines say of each job."""

    def __init__(self, events: Iterable[Event] = ()):
        self._last: dict[str, Event] = {}
        self._begun: set[tuple[str, str | None]] = set()  # name, file; None in old ledgers
        for event in events:
            self.learn(event)

    def learn(self, event: Event) -> None:
        """Take in one line of the ledger; a line that is none of ours changes nothing."""
        name = event.get("name")
        if isinstance(name, str) and event["event"] in EVENTS:
            self._last[name] = event
            if event["event"] == "started":
                out, also = event.get("out"), event.get("also")
                self._begun.add((name, out if isinstance(out, str) else None))
                if not isinstance(also, list):  # in ledgers that did not tell whether there was a page
                    also = [f"{os.path.splitext(out)[0]}.html"] if isinstance(out, str) else []
                self._begun |= {(name, other) for other in also if isinstance(other, str)}

    def last(self, name: str) -> Event | None:
        """The latest event of the job called `name`."""
        return self._last.get(name)

    def begun(self, name: str, out: str) -> bool:
        """Whether the job was ever rendered here to a file called `out`, so that what lies there is a batch's own."""
        return (name, out) in self._begun or (name, None) in self._begun


class Ledger:
    """The ledger of a folder, locked for writing.

    Raises OutputError where the folder cannot be written to, or another batch is at work in it.
    """

    def __init__(self, folder: Path, patience_s: float = LOCK_PATIENCE_S):
        self.path = folder / LEDGER
        if os.path.lexists(self.path) and (why := why_no_file(self.path)):
            raise OutputError(f"{self.path}: the ledger {why}; move it away, or choose another -o")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        except OSError as error:
            raise OutputError(f"{folder}: the folder cannot be written to ({error.strerror})") from error
        try:
            self._lock(patience_s)
            with contextlib.suppress(OSError):  # the ledger's own name is to survive a power cut, where that can be had
                sync_folder(folder)
            self.lock = Lock(self._file)
            self.history = History(read_ledger(self.path))
        except BaseException:
            self.close()
            raise

    def write(self, event: str, **facts: Any) -> None:
        """Append one event; it is on the disk when this returns. Raises OutputError."""
        entry = {"event": event, "at": datetime.now(timezone.utc).isoformat(timespec="milliseconds"), **facts}
        line = json_text(entry).encode() + b"\n"
        try:
            found = os.fstat(self._file)
            if not found.st_nlink:  # what is written now, nobody would ever read
                raise OSError(errno.ENOENT, "it was taken away while the batch was at work")
            if found.st_size and os.pread(self._file, 1, found.st_size - 1) != b"\n":
                line = b"\n" + line  # a crash tore the last line
            if os.write(self._file, line) < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(self._file)
        except OSError as error:
            raise OutputError(f"{self.path}: the ledger cannot be written ({error.strerror})") from error
        self.history.learn(entry)

    def close(self) -> None:
        """Close the file; every line is on the disk already."""
        os.close(self._file)

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _lock(self, patience_s: float) -> None:
        until = time.monotonic() + patience_s
        while True:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                orphaned = _taker_is_gone(self._file)
                if time.monotonic() >= until + (ORPHANS_PATIENCE_S if orphaned else 0.0):
                    raise OutputError(
                        f"{self.path}: another avtr batch is at work in this folder; wait for it, or choose another -o"
                    ) from None
            except OSError as error:  # some network file systems
                raise OutputError(
                    f"{self.path}: cannot be locked on this file system ({error.strerror}); choose another -o"
                ) from error
            time.sleep(0.1)


def _taker_is_gone(file: int) -> bool:
    """Whether the process that locked `file` is dead, so that only its workers hold the lock still.

    Linux tells it in /proc/locks (proc_locks(5)), by the file's inode; elsewhere the answer is no.
    """
    try:
        rows = [line.split() for line in Path("/proc/locks").read_text(encoding="ascii").splitlines()]
        inode = f":{os.fstat(file).st_ino}"
        takers = [int(row[4]) for row in rows if len(row) > 5 and row[1] == "FLOCK" and row[5].endswith(inode)]
    except (OSError, ValueError):
        return False
    return bool(takers) and not any(pid <= 0 or _lives(pid) for pid in takers)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


class Lock:
    """The ledger's lock, shared with a spawned process by handing it over: held until all who have it are gone."""

    def __init__(self, file: int):
        self._file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return _received, (reduction.DupFd(self._file),)


def _received(handed_over: Any) -> Lock:
    return Lock(handed_over.detach())
