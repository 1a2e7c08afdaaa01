"""Numbers into the rows of a report: value, interval, counts, and a reason wherever there is no value."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from avtr_cli.evaluation.replicates import Replicates
from avtr_cli.evaluation.table import plain

FORMAT = 1
INTERVAL = "jackknife over groups"


@dataclass(frozen=True)
class Count:
    """From how many pairs (clips), conversations and frames a number comes."""

    pairs: int
    groups: int
    frames: int


def row(
    found: Replicates,
    count: Count,
    better: bool | None,
    *,
    comparable: bool = False,
    reason: str | None = None,
    **more: Any,
) -> dict[str, Any]:
    """One entry; `better`: whether higher is. A reason of its own is found where a value is not known."""
    known = math.isfinite(found.value)
    if not known and reason is None:
        reason = "nothing to measure it by: too few frames, or nothing varies"
    filled: dict[str, Any] = plain({
        "value": found.value if known else None,
        "low": found.low,
        "high": found.high,
        "se": found.se,
        "interval": INTERVAL if math.isfinite(found.se) else None,
        "count": {"pairs": count.pairs, "groups": count.groups, "frames": count.frames},
        "higher_is_better": better,
        "comparable_with_published": comparable,
        "reason": reason,
        **more,
    })  # fmt: skip
    return filled


def difference(one: Replicates, other: Replicates) -> dict[str, Any]:
    """Of two systems on the same clips, the same conversations left out on both sides."""
    if one.without.shape != other.without.shape:
        return {"value": None, "low": None, "high": None}
    apart = one.minus(other)
    told: dict[str, Any] = plain({"value": apart.value, "low": apart.low, "high": apart.high})
    return told


def csv_lines(report: Mapping[str, Any]) -> Iterator[str]:
    """One table of all systems and controls: system, row, value, low, high."""
    yield "system,row,value,low,high"
    for block in ("systems", "controls"):
        for name, one in report.get(block, {}).items():
            for measure, entry in one["measures"].items():
                values = ("" if entry[key] is None else f"{entry[key]:g}" for key in ("value", "low", "high"))
                shown = f'"{name}"' if "," in name else name
                yield ",".join([f"{'control ' if block == 'controls' else ''}{shown}", measure, *values])
