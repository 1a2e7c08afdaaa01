"""SOURCE into rows: what a folder or a manifest says about each job, as written, before any file is looked at.

A folder pairs NAME.wav with NAME.png (folder.py). A manifest is a list of tables: YAML (with `defaults` if wanted),
CSV with a header (spreadsheet.py), or JSON lines. An unknown key is an error, so a typo cannot pass as a default.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from avtr_cli.batch.folder import read_folder
from avtr_cli.batch.rows import Row, Source, check_keys, row
from avtr_cli.batch.spreadsheet import read_csv
from avtr_cli.core.errors import ConfigError
from avtr_cli.core.plain_yaml import load
from avtr_cli.core.textfile import parse_json, quoted, read_text

MANIFESTS = (".yaml", ".yml", ".csv", ".jsonl")


def read_source(path: Path) -> Source:
    """The rows of a folder or manifest. Raises ConfigError for what is neither, is broken, or holds no job."""
    if os.path.isdir(path):
        return read_folder(path)
    if not os.path.lexists(path):
        raise ConfigError(f"{path}: there is no such folder or manifest")
    suffix = path.suffix.lower()
    if suffix not in MANIFESTS:
        raise ConfigError(f"{path}: neither a folder nor a manifest; manifests are named {', '.join(MANIFESTS)}")
    text = read_text(path)
    defaults = Row(f"{path}: defaults", path.parent)
    if suffix == ".csv":
        rows = read_csv(text, path)
    elif suffix == ".jsonl":
        rows = _jsonl(text, path)
    else:
        rows, defaults = _yaml(text, path)
    if not rows:
        raise ConfigError(f"{path}: the manifest holds no job")
    check_keys(rows, defaults)
    return Source(tuple(rows), defaults, (path,))


def _yaml(text: str, path: Path) -> tuple[list[Row], Row]:
    loaded = load(text, str(path))
    defaults: Any = {}
    if isinstance(loaded, dict):
        if unknown := [key for key in loaded if key not in ("jobs", "defaults")]:
            raise ConfigError(f"{path}: holds 'jobs' and 'defaults', not {', '.join(map(quoted, unknown))}")
        defaults, loaded = loaded.get("defaults") or {}, loaded.get("jobs")
    if not isinstance(loaded or [], list) or not isinstance(defaults, dict):
        raise ConfigError(f"{path}: a manifest is a list of jobs, or a table with 'jobs' (a list) and 'defaults'")
    rows = [row(f"{path}: job {number}", path, values) for number, values in enumerate(loaded or [], 1)]
    return rows, row(f"{path}: defaults", path, defaults)


def _jsonl(text: str, path: Path) -> list[Row]:
    rows = []
    for number, line in enumerate(text.split("\n"), 1):  # a JSON string may hold what else Python ends lines at
        if not line.strip():
            continue
        try:
            values = parse_json(line)
        except ValueError as error:
            raise ConfigError(f"{path}: line {number} is not JSON ({error})") from error
        rows.append(row(f"{path}: line {number}", path, values))
    return rows
