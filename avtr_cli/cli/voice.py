"""What the command line says to a person on stderr: errors, warnings, notes; in colour and wrapped on a terminal.

To a program (`--progress json`) every line is a JSON object instead. stdout belongs to results alone.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import sys
import textwrap
import threading
from typing import Any, TextIO

import typer

from avtr_cli.core import logs
from avtr_cli.core.errors import EXIT_INTERRUPTED
from avtr_cli.core.textfile import printable

COLUMNS = 80  # where there is no terminal, and the least that tables are made for
_lock = threading.Lock()


class _Manner:
    """How it is said; `hush` of a command that was told to be quiet, `as_json` for a program."""

    as_json = False
    hush = False


manner = _Manner()


def begin() -> None:
    """Of a new command line: as by default."""
    manner.as_json = manner.hush = False


def error(message: str, exit_code: int = 1) -> None:
    """The sentence that a command ends with; always said, if anybody can be told."""
    if manner.as_json:
        event("error", message=message, exit_code=exit_code)
    else:
        _write(f"{painted('error:', 'red', sys.stderr)} {message}")


def interrupted() -> None:
    """What Ctrl-C ends with; always said."""
    message = "interrupted: nothing half-written is left"
    if manner.as_json:
        event("error", message=message, exit_code=EXIT_INTERRUPTED)
    else:
        _write(message)


def warning(message: str) -> None:
    """A doubt that the work goes on in spite of; unless `hush`."""
    if manner.as_json:
        event("warning", message=message)
    elif not manner.hush:
        _write(f"{painted('warning:', 'yellow', sys.stderr)} {message}")


def note(message: str) -> None:
    """Something that is good to know; unless `hush`."""
    if manner.as_json:
        event("note", message=message)
    elif not manner.hush:
        _write(message)


def logged(record: logging.LogRecord, line: str) -> None:
    """A line of the log: warnings as warnings, notices as notes, the rest as it is."""
    if record.levelno >= logging.WARNING:
        warning(record.getMessage())
    elif record.levelno >= logs.NOTICE:
        note(record.getMessage())
    elif manner.as_json:
        event("log", module=record.name, message=record.getMessage())
    else:
        _write(line, wrap=False)


def event(name: str, **facts: Any) -> None:
    """One JSON object on one line."""
    _write(json.dumps({"event": name, **facts}), wrap=False)


def painted(text: str, colour: str, stream: TextIO) -> str:
    """`text` in colour where `stream` is a terminal that shows it and NO_COLOR is not set (no-color.org)."""
    if not is_terminal(stream) or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return text
    return typer.style(text, fg=colour, bold=True)


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a person reads the stream as it is written."""
    with contextlib.suppress(ValueError, AttributeError):  # closed, or a stand-in
        return stream is not None and stream.isatty()
    return False


def width(stream: TextIO) -> int:
    """Columns of the terminal, 80 where `stream` is none."""
    return shutil.get_terminal_size((COLUMNS, 24)).columns if is_terminal(stream) else COLUMNS


def terminal_width(stream: TextIO) -> int | None:
    """Columns of the terminal; None where `stream` is none: lines for grep and logs are as long as they like."""
    return width(stream) if is_terminal(stream) else None


def wrapped(text: str, columns: int, indent: str = "") -> str:
    """`text` in lines of `columns` at most, broken between words alone: a long path can still be copied."""
    return textwrap.fill(
        text, columns, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False, drop_whitespace=True
    )


def _write(text: str, wrap: bool = True) -> None:
    """To stderr, above a progress bar that stands there; the exit code says it too where nobody can be told."""
    text = printable(text, sys.stderr) if sys.stderr is not None else text
    if wrap and is_terminal(sys.stderr):
        text = "\n".join(wrapped(line, width(sys.stderr)) if line else "" for line in text.split("\n"))
    with _lock, contextlib.suppress(OSError, ValueError):
        bars = sys.modules.get("tqdm")
        if bars is not None and is_terminal(sys.stderr):
            bars.tqdm.write(text, file=sys.stderr)
        else:
            typer.echo(text, err=True)
