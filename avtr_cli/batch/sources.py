"""What a batch is given, into rows: a manifest, or folders and sounds in any number."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from avtr_cli.batch.folder import EVERYTHING, Choice, matches, read_folder, read_sound
from avtr_cli.batch.manifest import MANIFESTS, read_source
from avtr_cli.batch.rows import Row, Source
from avtr_cli.core.errors import ConfigError
from avtr_cli.core.suffixes import SOUNDS, VIDEOS
from avtr_cli.core.textfile import why_no_file


def read_sources(paths: Sequence[Path], choice: Choice = EVERYTHING) -> Source:
    """The rows of all `paths`, in order; of folders those that `choice` takes.

    Raises ConfigError for what is no source, for a manifest among others, for a choice where there is no folder to
    choose from, and for one that chooses nothing.
    """
    folders = [path for path in paths if os.path.isdir(path)]
    for option, given in (("--recursive", choice.recursive), ("--include", choice.include)):
        if given and not folders:
            raise ConfigError(f"{option} is about the sounds of a folder, and {paths[0]} is none; leave it out")
    if len(paths) == 1 and paths[0].suffix.lower() in MANIFESTS:
        return read_source(paths[0])
    parts = [_part(path, choice) for path in paths]
    rows = tuple(row for part in parts for row in part.rows)
    for glob in choice.include:
        if not any(matches(row.values["dialogue"], glob) for row in rows):
            raise ConfigError(f"--include '{glob}': no sound is called so in {', '.join(map(str, folders))}")
    notes = tuple(note for part in parts for note in part.notes)
    return Source(rows, Row("the sources", Path()), (), notes)


def _part(path: Path, choice: Choice) -> Source:
    if os.path.isdir(path):
        return read_folder(path, choice)
    if path.suffix.lower() in MANIFESTS:
        raise ConfigError(f"{path}: a manifest goes alone; name the others in it, or run two batches")
    if not os.path.lexists(path):
        raise ConfigError(f"{path}: there is no such folder, manifest or sound")
    if path.suffix.lower() not in (*SOUNDS, *VIDEOS):
        raise ConfigError(
            f"{path}: neither a folder, a manifest nor a sound; manifests are named {', '.join(MANIFESTS)}, "
            f"sounds {', '.join(SOUNDS[:6])} and so on"
        )
    if why := why_no_file(path):
        raise ConfigError(f"{path}: {why}")
    return Source((read_sound(path),), Row(str(path), path.parent))
