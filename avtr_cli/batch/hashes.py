"""SHA-256 of files, remembered beside the ledger: a file whose size and times are unchanged is not read again."""

from __future__ import annotations

import contextlib
import json
import time
from pathlib import Path

from avtr_cli.core.errors import ConfigError, InputError, OutputError
from avtr_cli.core.files import file_sha256, write_text
from avtr_cli.core.textfile import parse_json, read_bytes, why_no_file

MOST_BYTES = 1 << 30
SETTLED_S = 2.0  # a file touched later than so long ago may change again within one tick of its clock


class Hashes:
    """Callable: path -> SHA-256 (hex). Raises InputError where the file cannot be read.

    A file is taken for unchanged while its size, modification and status-change times are (ns); what was touched
    in the last two seconds is not remembered, as a further change could go unnoticed.
    """

    def __init__(self, path: Path):
        self._path = path
        self._known: dict[str, list[object]] = {}
        self._changed = False
        with contextlib.suppress(ConfigError, ValueError):  # none yet, or damaged: files are read once more
            loaded = parse_json(read_bytes(path, MOST_BYTES).decode())
            self._known = loaded if isinstance(loaded, dict) else {}

    def __call__(self, path: Path) -> str:
        name = str(path.absolute())
        if why := why_no_file(path):  # a pipe would be waited for
            raise InputError(f"{path}: {why}")
        stat = path.stat()
        mark = [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns]
        known = self._known.get(name)
        if isinstance(known, list) and len(known) == 4 and known[:3] == mark:
            return str(known[3])
        digest = file_sha256(path)
        if max(stat.st_mtime, stat.st_ctime) < time.time() - SETTLED_S:
            self._known[name] = [*mark, digest]
            self._changed = True
        return digest

    def save(self) -> None:
        """Write what was learnt; nothing where nothing was, or where it cannot be: files are read once more then."""
        if self._changed:
            with contextlib.suppress(OutputError):
                write_text(self._path, json.dumps(self._known))
            self._changed = False
