"""SOURCE into rows: what a folder or a manifest says about each job, as written, before any file is looked at.

A folder pairs NAME.wav with NAME.png (docs/batch.md). A manifest is a list of tables: YAML (with `defaults` if
wanted), CSV with a header, or JSON lines. An unknown key is an error, so a typo cannot pass as a default.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from avtr_cli.errors import ConfigError

SOUNDS = (".wav", ".flac", ".ogg", ".mp3", ".aiff", ".aif")
PICTURES = (".png", ".jpg", ".jpeg", ".webp")
MANIFESTS = (".yaml", ".yml", ".csv", ".jsonl")
KEYS = (
    "name", "out", "format", "photo", "dialogue", "partner", "solo", "self_channel", "start", "duration", "preset",
    "set", "seed", "face", "cues", "from_motion",
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    """What one place says about one job: some of KEYS, or settings by their dotted names.

    where  names the place in messages          base  the folder that its relative paths start from
    """

    where: str
    base: Path
    values: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Source:
    """All rows, in order, and what holds for those that do not say otherwise."""

    rows: tuple[Row, ...]
    defaults: Row


def read_source(path: Path) -> Source:
    """The rows of a folder or manifest. Raises ConfigError for what is neither, is broken, or holds no job."""
    if path.is_dir():
        source = Source(tuple(_folder_rows(path)), Row(str(path), path))
        if not source.rows:
            raise ConfigError(f"{path}: no sound file in it; put NAME.wav and NAME.png there, or give a manifest")
        return source
    if path.suffix.lower() not in MANIFESTS:
        raise ConfigError(f"{path}: neither a folder nor a manifest; manifests are named {', '.join(MANIFESTS)}")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError(f"{path}: the manifest cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: the manifest is not UTF-8 text; save it as UTF-8") from error
    read = {".csv": _csv, ".jsonl": _jsonl}.get(path.suffix.lower(), _yaml)
    rows, defaults = read(text, path)
    if not rows:
        raise ConfigError(f"{path}: the manifest holds no job")
    for row in (defaults, *rows):
        if unknown := [str(key) for key in row.values if key not in KEYS and "." not in str(key)]:
            raise ConfigError(
                f"{row.where}: no job has '{', '.join(unknown)}'; there are {', '.join(KEYS)}, "
                "and settings such as render.size"
            )
    return Source(tuple(rows), defaults)


def _folder_rows(folder: Path) -> Iterable[Row]:
    """A row for every sound file, with the picture of the same name where there is one."""
    files = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    pictures: dict[str, list[Path]] = {}
    for path in files:
        if path.suffix.lower() in PICTURES:
            pictures.setdefault(path.stem, []).append(path)
    for path in files:
        if path.suffix.lower() not in SOUNDS:
            continue
        found = pictures.get(path.stem, [])
        if len(found) > 1:
            names = " and ".join(picture.name for picture in found)
            raise ConfigError(f"{folder}: {names} both go with {path.name}; keep one of them")
        values = {"name": path.stem, "dialogue": path.name}
        if found:
            values["photo"] = found[0].name
        yield Row(str(path), folder, values)


def _yaml(text: str, path: Path) -> tuple[list[Row], Row]:
    import yaml

    try:
        loaded = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: not a YAML file ({' '.join(str(error).split())})") from error
    defaults: Any = {}
    if isinstance(loaded, dict):
        if unknown := loaded.keys() - {"jobs", "defaults"}:
            raise ConfigError(f"{path}: holds 'jobs' and 'defaults', not '{', '.join(map(str, sorted(unknown)))}'")
        defaults, loaded = loaded.get("defaults") or {}, loaded.get("jobs")
    if not isinstance(loaded or [], list) or not isinstance(defaults, dict):
        raise ConfigError(f"{path}: a manifest is a list of jobs, or a table with 'jobs' (a list) and 'defaults'")
    rows = [_row(f"{path}: job {number}", path, values) for number, values in enumerate(loaded or [], 1)]
    return rows, _row(f"{path}: defaults", path, defaults)


def _jsonl(text: str, path: Path) -> tuple[list[Row], Row]:
    rows = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            rows.append(_row(f"{path}: line {number}", path, json.loads(line)))
        except ValueError as error:
            raise ConfigError(f"{path}: line {number} is not JSON ({error})") from error
    return rows, _row(str(path), path, {})


def _csv(text: str, path: Path) -> tuple[list[Row], Row]:
    """Cells are text; an empty one says nothing. `;` separates columns where the header uses it."""
    header = text.partition("\n")[0]
    reader = csv.DictReader(text.splitlines(), delimiter=";" if ";" in header and "," not in header else ",")
    rows = []
    for cells in reader:
        where = f"{path}: line {reader.line_num}"
        if None in cells:
            raise ConfigError(f"{where} has more cells than the header; quote a cell that holds the separator")
        said = {key.strip(): cell.strip() for key, cell in cells.items() if cell and cell.strip()}
        if said:
            rows.append(_row(where, path, {key: _cell(key, cell) for key, cell in said.items()}))
    return rows, _row(str(path), path, {})


def _cell(key: str, cell: str) -> Any:
    """A cell's text as the kind of thing its column holds; what it cannot be is complained about later."""
    import yaml

    if key in ("solo", "self_channel", "start", "duration", "seed", "face"):
        try:
            return yaml.safe_load(cell)
        except yaml.YAMLError:
            return cell
    if key == "set":
        return [pair.strip() for pair in cell.split(";") if pair.strip()]
    return cell


def _row(where: str, path: Path, values: Any) -> Row:
    if not isinstance(values, dict):
        raise ConfigError(f"{where}: a job is a table such as {{photo: a.png, dialogue: a.wav}}, not {values!r}")
    return Row(where, path.parent, {key: value for key, value in values.items() if value is not None})
