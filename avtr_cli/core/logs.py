"""What avtr decides and where its time goes, told by stdlib `logging`: silent until somebody listens.

Every module has `logging.getLogger(__name__)`; a script sets levels and handlers as for any library.
The command line listens with `listen` (-v, --log-file), and the processes it starts inherit that by the environment.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable
from pathlib import Path

from avtr_cli.core.errors import OutputError
from avtr_cli.core.files import reason
from avtr_cli.core.textfile import printable

ROOT = "avtr_cli"
NOTICE = 25  # good to know, though nobody asked and nothing is wrong
QUIET, DECISIONS, DETAILS = NOTICE, logging.INFO, logging.DEBUG
_SHOWN, _FILE = "AVTR_LOG_SHOWN", "AVTR_LOG_FILE"  # what worker processes inherit
_LINE = re.compile(rb"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")

Say = Callable[[logging.LogRecord, str], None]
"""Shows a record, with the line that tells it."""


class _Shown(logging.Handler):
    """Hands every record to `say`, with the seconds since the start and the module that speaks."""

    def __init__(self, say: Say):
        super().__init__()
        self._say = say

    def emit(self, record: logging.LogRecord) -> None:
        where = record.name.removeprefix(f"{ROOT}.")
        self._say(record, f"{record.relativeCreated / 1000:8.2f} s  {where}: {record.getMessage()}")


def listen(say: Say, level: int = QUIET, file: Path | None = None) -> None:
    """Hand what is told from `level` on to `say`, and append it to `file`; what listened before hears no more.

    `file` holds decisions at least. Raises OutputError where it cannot be written, or is something else than a log.
    """
    fall_silent()
    logger = logging.getLogger(ROOT)
    shown = _Shown(say)
    shown.setLevel(level)
    logger.addHandler(shown)
    if file is not None:
        kept = _kept(file)
        kept.setLevel(min(level, DECISIONS))
        logger.addHandler(kept)
    logger.setLevel(min(handler.level for handler in logger.handlers if handler.level))
    os.environ[_SHOWN] = str(level)
    if file is not None:
        os.environ[_FILE] = os.path.abspath(file)


def follow(say: Say) -> None:
    """In a process that `listen`'s started: as there."""
    file = os.environ.get(_FILE)
    listen(say, int(os.environ.get(_SHOWN, QUIET)), Path(file) if file else None)


def fall_silent() -> None:
    """As a library: nobody listens."""
    logger = logging.getLogger(ROOT)
    for handler in list(logger.handlers):
        if not isinstance(handler, logging.NullHandler):
            logger.removeHandler(handler)
            handler.close()
    logger.setLevel(logging.NOTSET)
    for name in (_SHOWN, _FILE):
        os.environ.pop(name, None)


def tells_details() -> bool:
    """Whether decisions are being shown, so that a bug may be shown whole too."""
    return any(isinstance(one, _Shown) and one.level <= DECISIONS for one in logging.getLogger(ROOT).handlers)


def _kept(file: Path) -> logging.Handler:
    try:
        if file.is_file() and file.stat().st_size:
            with file.open("rb") as stream:
                if not _LINE.match(stream.read(32)):
                    raise OutputError(f"{file}: exists already and is no log; choose another --log-file")
        file.parent.mkdir(parents=True, exist_ok=True)
        handler = logging.FileHandler(file, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise OutputError(
            f"{printable(str(file))}: cannot be written ({reason(error)}); choose another --log-file"
        ) from error
    handler.setFormatter(logging.Formatter("%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s"))
    return handler
