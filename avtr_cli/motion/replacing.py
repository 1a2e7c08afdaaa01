"""A file that is written whole or not at all: under another name first, which it then gives up for its own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from avtr_cli.errors import OutputError


@contextlib.contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """A name beside `path` to write to; it takes that name at the end, or nothing stays. Raises OutputError."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        yield partial
        partial.replace(path)
    except OSError as error:
        raise OutputError(f"{path}: the motion cannot be written ({error.strerror or error})") from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
