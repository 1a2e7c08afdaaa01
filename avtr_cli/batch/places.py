"""What a job is called, and where in the batch's folder its video comes to lie."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path, PurePosixPath
from typing import Any

from avtr_cli.batch.rows import Row
from avtr_cli.core.errors import ConfigError
from avtr_cli.core.limits import can_name_a_file
from avtr_cli.core.textfile import quoted
from avtr_cli.output.formats import VIDEOS

FORMATS = tuple(suffix.removeprefix(".") for suffix in VIDEOS)
RESERVED = ("batch", "index", ".batch-hashes")  # DIR/batch.json and its like are about all jobs
OUTPUTS = {"report": ".json", "page": ".html", "motion_out": ".safetensors"}  # key -> ending where a folder is named
LONGEST_NAME = 200  # bytes: beside the video lie files whose names are longer


def place_of(row: Row, values: dict[str, Any], folder: Path) -> tuple[str, Path]:
    """(name, path of the video). The name is `name`, else `out`, else the dialogue's, without its suffix.

    `values` are the row's and what holds where it says nothing. Raises ConfigError where nothing can be called so.
    """
    suffix = f".{format_said(row, values.get('format', 'mp4'))}"
    given = {key: _text(row, key, row.values[key]) for key in ("name", "out", "dialogue") if key in row.values}
    if not given:
        raise ConfigError(f"{row.where}: says neither 'dialogue' nor 'name'")
    out = PurePosixPath(given.get("out") or (given.get("name") or PurePosixPath(given["dialogue"]).stem) + suffix)
    if not out.suffix:
        out = out.with_name(out.name + suffix)
    name = given.get("name") or str(out.with_suffix(""))
    if out.suffix.lower() == ".png":
        raise ConfigError(f"{row.where}: a batch writes videos; avtr render writes pictures one by one")
    if out.suffix.lower().lstrip(".") not in FORMATS:
        raise ConfigError(f"{row.where}: no video format is called '{out.suffix}'; name it .{', .'.join(FORMATS)}")
    return name, _within(row, out, folder, f"the name of a video has {LONGEST_NAME} bytes at most; {quoted(name)}")


def output_of(row: Row, key: str, said: Any, out: Path, folder: Path) -> Path:
    """The file within the batch's folder that the row's `key`, one of OUTPUTS, names for the video `out`.

    With a slash at its end it names a folder, and the file there is called as the video. Raises ConfigError.
    """
    text = _text(row, key, said.rstrip("/") if isinstance(said, str) and said.strip("/") else said)
    path = PurePosixPath(text)
    if said.endswith("/"):
        path = path / PurePosixPath(out.relative_to(folder).with_suffix(OUTPUTS[key]))
    return _within(row, path, folder, f"the name of an output has {LONGEST_NAME} bytes at most; {quoted(path.name)}")


def _within(row: Row, path: PurePosixPath, folder: Path, too_long: str) -> Path:
    """`path` in `folder`. Raises ConfigError where it is not in there, or where the batch's own files are."""
    if path.is_absolute() or ".." in path.parts:
        raise ConfigError(f"{row.where}: '{path}' lies outside of {folder}; outputs are names within it")
    if len(path.parts) == 1 and path.stem.lower() in RESERVED:
        raise ConfigError(f"{row.where}: '{path.stem}' is the name of the batch's own files; choose another")
    if any(part.startswith(".") and part.endswith(".avtr") for part in path.parts):
        raise ConfigError(f"{row.where}: '{path}' lies where videos are made; choose another name")
    if len(os.fsencode(path.name)) > LONGEST_NAME:
        raise ConfigError(f"{row.where}: {too_long} is longer")
    return folder / path


def format_said(row: Row, said: Any) -> str:
    """The video format that a row asks for. Raises ConfigError for another word, and for pictures."""
    form = said.lower().removeprefix(".") if isinstance(said, str) else said
    if form == "png":
        raise ConfigError(f"{row.where}: a batch writes videos; avtr render writes pictures one by one")
    if form not in FORMATS:
        raise ConfigError(f"{row.where}: format is {quoted(said)}, but must be one of {', '.join(FORMATS)}")
    return str(form)


def _text(row: Row, key: str, said: Any) -> str:
    """What the row says as its `key`, as what can be the name of a file."""
    if not isinstance(said, str):
        raise ConfigError(f"{row.where}: {key} is {quoted(said)}, but names are text; put it in quotes")
    last = said.rpartition("/")[2]
    if last.strip() in ("", ".", ".."):
        raise ConfigError(f"{row.where}: {key} is {quoted(said)}, which names no file; leave it out or name one")
    if not can_name_a_file(said) or any(unicodedata.category(letter) == "Cc" for letter in said):
        raise ConfigError(f"{row.where}: {key} is {quoted(said)}, which cannot be the name of a file")
    return said
