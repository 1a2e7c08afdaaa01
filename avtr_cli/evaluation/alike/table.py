"""Rows of a comparison as a table for a terminal: reference, ours, their ratio, what is needed, `ok` or `NO`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

COLUMNS = ("reference", "ours", "ratio")
_WIDE = 10


def comparison_lines(rows: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """A line a measure, and last how many bounds are met; within 80 columns."""
    first = max(map(len, rows), default=0) + 1
    yield " " * (first + 3) + "".join(f"{name:>{_WIDE}}" for name in COLUMNS) + "  needed"
    for name, row in rows.items():
        mark = {True: "ok", False: "NO", None: ""}[row["met"]]
        numbers = "".join(f"{number(row[column]):>{_WIDE}}" for column in COLUMNS)
        yield f"{name:{first}}{mark:3}{numbers}  {bounds(row)}".rstrip()
    yield counted_bounds(rows)


def counted_bounds(rows: Mapping[str, Mapping[str, Any]]) -> str:
    """`12 of 17 bounds met`."""
    met = [row["met"] for row in rows.values() if row["met"] is not None]
    return f"{sum(met)} of {len(met)} bounds met"


def number(value: float | None) -> str:
    """Three digits, or a dash for what was not measured."""
    return "-" if value is None else f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


def bounds(row: Mapping[str, Any]) -> str:
    """What a row needs, in words; `x` where the ratio is meant."""
    if row["needed"] is None:
        return ""
    low, high = row["needed"]
    text = f">= {low:g}" if high is None else f"<= {high:g}" if low is None else f"{low:g} .. {high:g}"
    return f"{text} x" if row["relative"] else text
