"""Text that comes from the user's files and goes back to the user's eyes: read whole or refused in one sentence.

A file that is named by mistake may be a folder, a pipe that never ends, a video of gigabytes or not text at all, and
its very name may not be UTF-8. Whoever reads or writes settings, manifests, cues and reports does it through here.
"""

from __future__ import annotations

import codecs
import json
import os
import stat
from pathlib import Path
from typing import Any, TextIO

from avtr_cli.core.errors import ConfigError

MOST_BYTES = 16 << 20  # of a text that somebody wrote; a manifest of 100,000 jobs has as much

_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def why_no_file(path: Path) -> str:
    """What is at `path` instead of an ordinary file, as the end of a sentence; nothing where it is one."""
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return "there is no such file"
    except OSError as error:  # a name too long, a folder that may not be searched
        return f"cannot be read ({error.strerror})"
    except ValueError:
        return "there is no such file: its name holds a NUL character"
    if stat.S_ISREG(mode):
        return ""
    if stat.S_ISDIR(mode):
        return "is a folder, not a file"
    return "is a pipe; give a file" if stat.S_ISFIFO(mode) else "is a device, not a file"


def read_bytes(path: Path, most: int = MOST_BYTES) -> bytes:
    """The file's bytes. Raises ConfigError for what is no ordinary file, cannot be read, or is larger than `most`."""
    if why := why_no_file(path):
        raise ConfigError(f"{path}: {why}")
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from error
    if len(data) > most:
        raise ConfigError(f"{path}: is larger than {most >> 20} MiB, as no such text is; is it another file?")
    return data


def read_text(path: Path) -> str:
    """The file's text: UTF-8, or UTF-16 with a byte order mark. Raises ConfigError as `read_bytes`."""
    data = read_bytes(path)
    mark, encoding = next(((mark, name) for mark, name in _BOMS if data.startswith(mark)), (b"", "utf-8"))
    try:
        return data.removeprefix(mark).decode() if encoding == "utf-8" else data.decode(encoding)
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: is not UTF-8 text; save it as UTF-8") from None


def parse_json(text: str) -> Any:
    """`json.loads`, where everything that can go wrong is a ValueError, and a key that stands twice is one too."""
    try:
        return json.loads(text, object_pairs_hook=_without_twins)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        twin = next(key for at, (key, _) in enumerate(pairs) if key in [name for name, _ in pairs[:at]])
        raise ValueError(f"the key {quoted(twin)} stands twice in one table")
    return table


def json_text(value: Any, indent: int | None = None) -> str:
    """JSON that can be written as UTF-8: letters as they are, but names that are not UTF-8 with escapes."""
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    return text if _is_unicode(text) else json.dumps(value, indent=indent)


def printable(text: str, stream: TextIO | None = None) -> str:
    """`text` with escapes in place of what cannot be printed to `stream`, or written as UTF-8."""
    encoding = (getattr(stream, "encoding", None) if stream is not None else None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def quoted(value: Any, most: int = 60) -> str:
    """A value for an error message: as Python writes it, on one line, and cut where it is long."""
    if isinstance(value, list | dict) and value:  # never written out: it may be endless
        return f"a list of {len(value)}" if isinstance(value, list) else f"a table of {len(value)}"
    try:
        text = repr(value)
    except ValueError:  # a number of more than 4300 digits
        return "a number of thousands of digits"
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
