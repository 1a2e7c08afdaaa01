"""Scores that another program gave to videos, from a CSV, as rows beside our own: IQA and ASE of Q-Align above all.

The file has a line a video: `system,id` (of the manifest; `truth` for the recorded people), then a column a score,
blank where there is none. Networks of eight billion weights, or with code from a hub, are run by whoever trusts them.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avtr_cli.core.errors import InputError
from avtr_cli.core.files import reason
from avtr_cli.evaluation.folder.apart import NAMES
from avtr_cli.evaluation.folder.clipwise import Numbers, differences
from avtr_cli.evaluation.folder.layout import Layout
from avtr_cli.evaluation.folder.likeness import ROWS, TRUTH
from avtr_cli.evaluation.folder.rows import row

Q_ALIGN = ("IQA", "ASE")  # its quality and aesthetics; papers call other scales by the second name too
LOWEST, HIGHEST = 1.0, 5.0  # of Q_ALIGN
LARGEST = 1e6
_NAME = re.compile(r"[A-Za-z]\w{0,39}")
_TAKEN = (*ROWS, *NAMES)


@dataclass(frozen=True)
class Scores:
    """By system and clip: the scores that it has, by name."""

    names: tuple[str, ...]
    table: dict[tuple[str, str], dict[str, float]]


def load_scores(path: Path, layout: Layout) -> Scores:
    """The file's scores of the folder's systems and clips. Raises InputError."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = csv.DictReader(file, strict=True)
            names = _names(path, list(lines.fieldnames or ()))
            known = ({TRUTH, *(one.name for one in layout.systems)}, {clip.id for clip in layout.clips})
            table: dict[tuple[str, str], dict[str, float]] = {}
            for line in lines:
                where = f"{path}, line {lines.line_num}"
                if None in line:
                    raise InputError(f"{where}: has more columns than the first line names")
                key = (line["system"], line["id"])
                for kind, name, there in zip(("system", "clip"), key, known, strict=True):
                    if name not in there:
                        raise InputError(f"{where}: the folder has no {kind} {str(name)[:60]!r}")
                if key in table:
                    raise InputError(f"{where}: {key[0]} has scores of {key[1]} already")
                table[key] = dict(_values(where, names, line))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({reason(error)})") from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise InputError(f"{path}: is no CSV that can be read ({error})") from error
    return Scores(names, table)


def _names(path: Path, columns: list[str]) -> tuple[str, ...]:
    names = columns[2:]
    if columns[:2] != ["system", "id"] or not names or len(set(columns)) < len(columns):
        raise InputError(f"{path}: its first line must be system,id and the name of every score, as system,id,IQA,ASE")
    for name in names:
        if not _NAME.fullmatch(name) or name in _TAKEN:
            raise InputError(f"{path}: a score cannot be called {name[:40]!r}; use letters, digits and _, not our rows")
    return tuple(names)


def _values(where: str, names: tuple[str, ...], line: Mapping[str, str | None]) -> Iterator[tuple[str, float]]:
    for name in names:
        text = (line[name] or "").strip()
        if not text:
            continue
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not abs(value) <= LARGEST:
            raise InputError(f"{where}: {name} is {text[:40]!r}, which is no number")
        if name in Q_ALIGN and not LOWEST <= value <= HIGHEST:
            raise InputError(
                f"{where}: {name} is {value:g}, and Q-Align's run from 1 to 5; give another scale another name"
            )
        yield name, value


def with_scores(report: dict[str, Any], layout: Layout, scores: Scores) -> dict[str, Any]:
    """The report of pictures with a row a score, in systems, differences and, where truth has any, controls."""
    made = {system.name: _numbers(system.name, layout, scores) for system in layout.systems}
    told = report | {"statement": f"{report['statement']}; {', '.join(scores.names)} with none"}
    told["systems"] = {
        name: one | {"measures": one["measures"] | _rows(made[name])} for name, one in report["systems"].items()
    }
    for pair, found in differences(made).items():
        one = report["differences"].get(pair, found)
        told["differences"] = told["differences"] | {pair: one | {"measures": one["measures"] | found["measures"]}}
    if any(system == TRUTH for system, _ in scores.table):
        own = report["controls"].get(TRUTH, {"measures": {}})["measures"]
        told["controls"] = report["controls"] | {TRUTH: {"measures": own | _rows(_numbers(TRUTH, layout, scores))}}
    return told


def _numbers(system: str, layout: Layout, scores: Scores) -> Numbers:
    numbers = Numbers(scores.names)
    for clip in layout.clips:
        found = scores.table.get((system, clip.id), {})
        if found:
            numbers.add(clip, 0, found)  # a score says nothing of frames
    return numbers


def _rows(numbers: Numbers) -> dict[str, dict[str, Any]]:
    rows = {}
    for name in numbers.names:
        found = numbers.mean(name)
        why = None if math.isfinite(found.value) else "the file has no such score of this system"
        rows[name] = row(found, numbers.count(name), True, reason=why, values=numbers.of(name), given=True)
    return rows
