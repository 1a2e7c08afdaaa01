"""What SOURCE says about each job, as written: a row a job, before any file is looked at."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from avtr_cli.core.errors import ConfigError
from avtr_cli.core.renamed import name_now
from avtr_cli.core.textfile import quoted

KEYS = (
    "name", "out", "format", "photo", "photo_b", "layout", "dialogue", "partner", "solo", "avatar_channel", "start",
    "duration", "preset", "set", "seed", "face", "face_b", "cues", "interactions", "from_motion", "label",
    "report", "page", "motion_out",
)  # fmt: skip
OF_ONE_JOB = ("name", "out")  # which no defaults can give


@dataclass(frozen=True)
class Row:
    """What one place says about one job: some of KEYS, or settings by their dotted names.

    where  names the place in messages          base  the folder that its relative paths start from
    problem  why no job can come of it, if so
    """

    where: str
    base: Path
    values: dict[str, Any] = field(default_factory=dict)
    problem: str = ""


@dataclass(frozen=True)
class Source:
    """All rows, in order, and what holds for those that do not say otherwise.

    files  what was read to know them          notes  sentences for the user, about what was left alone
    """

    rows: tuple[Row, ...]
    defaults: Row
    files: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()


def row(where: str, path: Path, values: Any) -> Row:
    """The row of a table that stands in the file at `path`; what says nothing is left out. Raises ConfigError."""
    if not isinstance(values, dict):
        example = "{photo: a.png, dialogue: a.wav}"
        raise ConfigError(f"{where}: a job is a table such as {example}, not {quoted(values)}")
    return Row(where, path.parent, {key: value for key, value in values.items() if value is not None})


def check_keys(rows: list[Row], defaults: Row) -> None:
    """Raises ConfigError for a key that no job has: a typo must not pass as a default."""
    for one in (defaults, *rows):
        if unknown := [key for key in one.values if key not in KEYS and "." not in key]:
            there_are = f"there are {', '.join(KEYS)}, and settings such as render.size"
            meant = next((now for key in unknown if (now := name_now(key))), there_are)
            raise ConfigError(f"{one.where}: no job has {', '.join(map(quoted, unknown))}; {meant}")
    if given := [key for key in OF_ONE_JOB if key in defaults.values]:
        raise ConfigError(f"{defaults.where}: '{given[0]}' belongs to one job, not to all")
