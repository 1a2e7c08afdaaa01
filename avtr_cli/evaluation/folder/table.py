"""A report of a folder as a table for a terminal: a column for each system, then the controls, then what is missing."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from avtr_cli.report.elements import counted

CELL = 14
SHOWN_AS_0 = 5e-5
ABBREVIATED = {"random_order": "shuffled", "next_truth": "next"}


def report_lines(report: Mapping[str, Any], width: int = 80) -> Iterator[str]:
    """Lines of at most `width` columns. `value ±half` is a 95 % interval; what leaks stands apart."""
    systems, controls = report["systems"], report["controls"]
    for leaks in (False, True):
        names = [name for name, one in systems.items() if (one["conditioned_on_truth"] == "same_clip") is leaks]
        if names and leaks:
            yield from _wrapped("Given the very truth they are judged by (leaks):", width)
        yield from _block({name: systems[name]["measures"] for name in names}, width)
    if controls:
        yield "Controls, made of truth:"
    yield from _block({ABBREVIATED.get(name, name): one["measures"] for name, one in controls.items()}, width)
    both = f"{counted(report['clips'], 'clip')} of {counted(report['groups'], 'conversation')}"
    yield from _wrapped(f"{both}; {report['statement']}", width)
    yield from _reasons(report, width)


def _block(columns: Mapping[str, Mapping[str, Any]], width: int) -> Iterator[str]:
    """The columns, in as many tables as the width needs; rows without any value are left to the reasons."""
    rows = [row for row in _rows(columns) if any(one.get(row, {}).get("value") is not None for one in columns.values())]
    if not rows:
        return
    first = max(map(len, rows)) + 1
    most = max(1, (width - first) // CELL)
    names = list(columns)
    for start in range(0, len(names), most):
        shown = names[start : start + most]
        yield " " * first + "".join(f"{_short(name):>{CELL}}" for name in shown)
        for row in rows:
            cells = "".join(f"{_cell(columns[name].get(row)):>{CELL}}" for name in shown)
            yield f"{row:{first}}{cells}".rstrip()
        yield ""


def _rows(columns: Mapping[str, Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(row for measures in columns.values() for row in measures))


def _cell(entry: Mapping[str, Any] | None) -> str:
    if entry is None or entry["value"] is None:
        return "-"
    half = f" ±{number((entry['high'] - entry['low']) / 2)}" if entry["high"] is not None else ""
    mark = "!" if entry.get("confounded") else ""
    return f"{number(entry['value'])}{mark}{half}"


def number(value: float) -> str:
    """For people: two digits behind the point, or the first that is not 0; no zero before it."""
    size = abs(value)
    if size < SHOWN_AS_0:
        return "0"
    digits = (
        2 if 0.1 <= size < 10 else 1 if 10 <= size < 1000 else 0 if size >= 1000 else 1 - math.floor(math.log10(size))
    )
    text = f"{value:.{digits if digits < 5 else 4}f}"
    return text.replace("0.", ".", 1) if size < 1 else text


def _short(name: str) -> str:
    return name if len(name) < CELL else name[: CELL - 2] + "~"


def _reasons(report: Mapping[str, Any], width: int) -> Iterator[str]:
    """Each reason once, with the rows that have no value for it; then files that were left out."""
    rows: dict[tuple[str, str], list[str]] = {}
    for name, one in report["systems"].items():
        for row, entry in one["measures"].items():
            if entry["reason"]:
                rows.setdefault((entry["reason"], "value" if entry["value"] is None else "few"), []).append(row)
            if entry.get("confounded"):
                rows.setdefault(("mostly identity: a deaf face of the right person scores it too", "!"), []).append(row)
        for left in one["left_out"]:
            yield from _wrapped(f"left out: {name} {left['id']}: {left['reason']}", width)
    for (reason, _), names in rows.items():
        yield from _wrapped(f"{listed(list(dict.fromkeys(names)))}: {reason}", width)


def listed(names: Sequence[str]) -> str:
    """The names, or the first two and how many more."""
    return ", ".join(names) if len(names) <= 3 else f"{names[0]}, {names[1]} and {len(names) - 2} more"


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, subsequent_indent="  ", break_on_hyphens=False)
