"""What should not happen, in one sentence; the trace of it in a file that the sentence names."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
import traceback

from avtr_cli.core.files import reason


def sentence(error: Exception) -> str:
    """One sentence about `error`, and where the rest of it is."""
    if isinstance(error, MemoryError):
        said = "there is not enough memory; free some, or take a smaller --size"
    elif isinstance(error, OSError):
        hint = "; allow more with ulimit -n" if error.errno in (errno.EMFILE, errno.ENFILE) else ""
        where = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, str | bytes) else ""
        said = f"{where}the system says: {reason(error)}{hint}"
    else:
        said = f"a bug in avtr, please report it: {type(error).__name__}: {error}".splitlines()[0]
    with contextlib.suppress(OSError):
        handle, path = tempfile.mkstemp(prefix="avtr-bug-", suffix=".txt")
        with open(handle, "w", errors="backslashreplace") as file:
            traceback.print_exception(error, file=file)
        said += f" (the whole trace is in {path})"
    return said
