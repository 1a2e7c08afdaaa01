"""What a batch has to tell when it ends: batch.json for programs, tables for people."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from avtr_cli import __version__
from avtr_cli.batch.ledger import LEDGER
from avtr_cli.batch.plan import Item
from avtr_cli.batch.run import Outcome
from avtr_cli.core.timing import FPS

SUMMARY = "batch.json"
INDEX = "index.html"
WIDEST_NAME = 40  # characters of a table's first column
LEAST_ROOM = 30  # columns that a sentence needs beside others


def index_is_due(outcome: Outcome, folder: Path) -> bool:
    """Whether the page of all videos lacks something: one is new, or the last run was killed before it wrote it."""
    if any(item.state == "done" for item in outcome.items):
        return True
    try:
        written = (folder / INDEX).stat().st_mtime_ns >= (folder / LEDGER).stat().st_mtime_ns
    except OSError:
        written = False
    return not written and any(item.state == "finished" for item in outcome.items)


def summary_of(outcome: Outcome, folder: Path, source: Path | str, command: str = "") -> dict[str, Any]:
    """The content of DIR/batch.json; docs/batch.md names every key. Paths are relative to `folder`."""
    counts = Counter(item.state for item in outcome.items)
    done = [item for item in outcome.items if item.state == "done"]
    kind, workers = outcome.workers
    video_s = sum(item.frames for item in done) / FPS
    return {
        "avtr": {"version": __version__, "command": command},
        "source": str(source),
        "counts": {
            "jobs": len(outcome.items),
            "done": counts["done"],
            "finished_before": counts["finished"],
            "failed": counts["failed"],
            "interrupted": counts["interrupted"],
        },
        "interrupted": outcome.interrupted,
        "workers": {"kind": kind, "count": workers},
        "wall_s": round(outcome.wall_s, 3),
        "estimate_s": round(outcome.estimate_s, 1),
        "video_s": round(video_s, 2),
        "jobs_per_minute": round(60 * len(done) / outcome.wall_s, 2),
        "jobs": [_entry(item, folder) for item in outcome.items],
        "warnings": [f"{item.name}: {warning}" for item in outcome.items for warning in item.warnings],
        "failures": [_failure(item) for item in outcome.items if item.failure is not None],
    }


def plan_table(items: list[Item], width: int | None = None) -> list[str]:
    """A line a job: what will be done with it, why, how long it is, how long it may take."""
    rows = [("job", "plan", "video", "time", "")]
    for item in items:
        plan = {"to do": "render", "finished": "skip", "failed": "cannot"}.get(item.state, item.state)
        length = f"{item.frames / FPS:.2f} s" if item.frames else ""
        time = duration_text(item.estimate_s) if item.estimate_s else ""
        note = item.failure.reason if item.failure else item.why
        rows.append((item.name, plan, length, time, "; ".join((note, *(() if item.failure else item.warnings)))))
    return table(rows, width)


def failures_table(items: list[Item], width: int | None = None) -> list[str]:
    """A line for every job that failed, with the exit code that it would have ended `avtr render` with."""
    rows = [("job", "exit", "reason")]
    rows += [(item.name, str(item.failure.exit_code), item.failure.reason) for item in items if item.failure]
    return table(rows, width)


def table(rows: Sequence[tuple[str, ...]], width: int | None = None) -> list[str]:
    """Left-aligned columns; the last one is as wide as it likes, or wrapped between words to fit `width` in all."""
    widths = [min(WIDEST_NAME, max(map(len, column))) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row[:-1], widths[:-1], strict=True)]
        lines += _wrapped("  ".join([*cells, ""]), row[-1], width)
    return lines


def _wrapped(before: str, last: str, width: int | None) -> list[str]:
    """A row whose last cell goes on below itself, or near the left edge where the columns before leave no room."""
    if width is None or len(before) + len(last) <= width:
        return [(before + last).rstrip()]
    roomy = width - len(before) >= LEAST_ROOM
    indent = " " * (len(before) if roomy else 4)
    first = before if roomy else indent
    lines = textwrap.wrap(
        last, width, initial_indent=first, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
    return lines if roomy else [before.rstrip(), *lines]


def duration_text(seconds: float) -> str:
    """`42 s`, `7 min` or `2 h 05 min`."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def _entry(item: Item, folder: Path) -> dict[str, Any]:
    files: dict[str, Path] = item.job.outputs if item.state in ("done", "finished") else {}

    def place(option: str) -> str | None:
        return str(files[option].relative_to(folder)) if option in files else None

    entry: dict[str, Any] = {
        "name": item.name,
        "state": item.state,
        "why": item.why,
        "video": place("-o"),
        "report": place("--report"),
        "motion": place("--motion-out"),
        "key": item.key or None,
        "frames": item.frames,
        "attempts": item.attempts,
    }
    if item.checked is not None:
        entry |= {"estimate_s": round(item.estimate_s, 2), "warnings": list(item.warnings)}
    if item.rendered is not None:
        entry |= {
            "frames_sha256": item.rendered.frames_sha256,
            "wall_s": item.rendered.wall_s,
            "resumed_from_frame": item.rendered.resumed_from_frame,
        }
    return entry


def _failure(item: Item) -> dict[str, Any]:
    assert item.failure is not None
    return {
        "name": item.name,
        "exit_code": item.failure.exit_code,
        "reason": item.failure.reason,
        "attempts": item.attempts,
    }
