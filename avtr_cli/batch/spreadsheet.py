"""CSV as spreadsheets write it, into rows: a header names the columns, cells are text, an empty one says nothing.

Columns are separated by commas, semicolons or tabs, whichever makes a header that can be read; a first line `sep=;`,
as Excel wants it, says which. Cells may hold line breaks where they are quoted (RFC 4180).
"""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

from avtr_cli.batch.rows import KEYS, Row, row
from avtr_cli.core.errors import ConfigError
from avtr_cli.core.plain_yaml import load
from avtr_cli.core.textfile import quoted

SEPARATORS = (",", ";", "\t")
_NUMBERS = ("solo", "avatar_channel", "start", "duration", "seed", "face", "face_b")


def read_csv(text: str, path: Path) -> list[Row]:
    """The rows of a table, each as it stands. Raises ConfigError for a table that is broken."""
    first, _, rest = text.partition("\n")
    skipped, separator = 0, ""
    if first.lower().startswith("sep=") and len(first.rstrip("\r")) == 5:
        skipped, separator, text = 1, first[4], rest
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=separator or _separator(text), strict=True)
    rows: list[Row] = []
    header: list[str] | None = None
    try:
        for cells in lines:
            where = f"{path}: line {lines.line_num + skipped}"
            if header is None:
                header = _header(cells, where) if any(cells) else None
            elif said := _said(header, cells, where):
                rows.append(row(where, path, {key: _cell(key, cell) for key, cell in said.items()}))
    except csv.Error as error:
        where = f"{path}: line {lines.line_num + skipped}"
        raise ConfigError(f"{where}: not a table ({error}); is a quotation mark missing or too many?") from None
    return rows


def _separator(text: str) -> str:
    """The one that splits the first line into the most columns that jobs have."""

    def columns(separator: str) -> int:
        try:
            names = next(csv.reader(io.StringIO(text.lstrip(), newline=""), delimiter=separator), [])
        except csv.Error:
            return 0
        return sum(_key(name) in KEYS or "." in name for name in names)

    return max(SEPARATORS, key=columns)  # the first of equals


def _key(name: str) -> str:
    return name.strip().lower()


def _header(cells: list[str], where: str) -> list[str]:
    header = [_key(cell) for cell in cells]
    if twins := [key for at, key in enumerate(header) if key and key in header[:at]]:
        raise ConfigError(f"{where}: two columns are called {quoted(twins[0])}; keep one of them")
    return header


def _said(header: list[str], cells: list[str], where: str) -> dict[str, str]:
    """What the cells of one line say, by the header's names."""
    while cells and len(cells) > len(header) and not cells[-1].strip():
        cells = cells[:-1]
    if len(cells) > len(header):
        raise ConfigError(f"{where} has more cells than the header; quote a cell that holds the separator")
    said = {}
    for at, (key, cell) in enumerate(zip(header, cells, strict=False), 1):  # those left out at the end say nothing
        if cell.strip():
            if not key:
                raise ConfigError(f"{where}: column {at} has no name in the header")
            said[key] = cell.strip()
    return said


def _cell(key: str, cell: str) -> Any:
    """A cell's text as the kind of thing its column holds; what it cannot be is complained about later."""
    if key in _NUMBERS:
        try:
            return load(cell, key)
        except ConfigError:
            return cell
    if key == "set":
        return [pair.strip() for pair in cell.split(";") if pair.strip()]
    return cell
