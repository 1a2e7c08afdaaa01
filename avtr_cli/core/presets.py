"""Presets by name: those that ship with avtr, and the user's own in ~/.config/avtr/presets (XDG_CONFIG_HOME counts).

A shipped name always means the shipped preset; a file of the user's that bears one is told and not used.
"""

from __future__ import annotations

import contextlib
import logging
import os
from dataclasses import dataclass
from pathlib import Path

from avtr_cli.core.errors import ConfigError
from avtr_cli.core.shipped import shipped_folder

SUFFIXES = (".yaml", ".yml")  # of a preset's file

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Named:
    """A preset that can be asked for by name."""

    name: str
    path: Path
    shipped: bool
    description: str = ""  # the first sentence of the comment at the file's beginning


def users_folder() -> Path:
    """Where presets of the user's own lie; it need not be there."""
    base = os.environ.get("XDG_CONFIG_HOME", "")
    return (Path(base) if os.path.isabs(base) else Path("~/.config").expanduser()) / "avtr" / "presets"


def shipped_names() -> list[str]:
    """Those of avtr's own, sorted."""
    return sorted(path.stem for path in _in(shipped_folder("presets")))


def names() -> list[str]:
    """Every name that can be asked for, sorted."""
    return sorted({path.stem for path in (*_in(shipped_folder("presets")), *_in(users_folder()))})


def find(name: str) -> Path | None:
    """The file of the preset called `name`, or None. A file of the user's that is passed over is told in the log."""
    shipped = _named(shipped_folder("presets"), name)
    own = _named(users_folder(), name)
    if shipped is not None and own is not None:
        logger.warning("%s is not used: '%s' is a preset of avtr's; give yours another name, or its path", own, name)
    return shipped or own


def listed() -> list[Named]:
    """All of them: shipped ones first, then the user's; those of the user's that are passed over are not among them."""
    shipped = [Named(path.stem, path, True, _description(path)) for path in _in(shipped_folder("presets"))]
    taken = {one.name for one in shipped}
    own = [Named(path.stem, path, False, _description(path)) for path in _in(users_folder()) if path.stem not in taken]
    return shipped + own


def passed_over() -> list[Path]:
    """Files of the user's that bear the name of a shipped preset."""
    taken = {path.stem for path in _in(shipped_folder("presets"))}
    return [path for path in _in(users_folder()) if path.stem in taken]


def _in(folder: Path) -> list[Path]:
    with contextlib.suppress(OSError):
        found = [path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")]
        return sorted(found, key=lambda path: (path.stem, path.suffix))
    return []


def _named(folder: Path, name: str) -> Path | None:
    return next((path for path in _in(folder) if path.stem == name), None)


def _description(path: Path) -> str:
    """The first sentence of the comment that the file begins with; nothing where there is none."""
    from avtr_cli.core.textfile import read_text

    said: list[str] = []
    with contextlib.suppress(ConfigError):
        for line in read_text(path).splitlines():
            if not line.startswith("#"):
                break
            said.append(line.lstrip("# ").strip())
    text = " ".join(said)
    end = text.find(". ")
    return text[: end + 1] if end >= 0 else text
