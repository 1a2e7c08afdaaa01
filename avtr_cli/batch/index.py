"""DIR/index.html: every video of the batch, whichever run made it, and what failed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from avtr_cli.batch.plan import Item
from avtr_cli.batch.summary import INDEX
from avtr_cli.core.errors import EXIT_INTERRUPTED, BatchError, ConfigError
from avtr_cli.core.files import write_text
from avtr_cli.core.textfile import parse_json, printable, read_text
from avtr_cli.jobs.as_command import as_command
from avtr_cli.report.index_page import About, Failed, Made, can_be_shown, index_page


def write_index(items: list[Item], folder: Path, summary: Mapping[str, Any] | None = None) -> None:
    """Write the page from the reports of all jobs that are done; `summary` is that of batch.json.

    Raises OutputError.
    """
    made = []
    failed = [_failed(item) for item in items if item.failure is not None]
    for item in (item for item in items if item.state in ("done", "finished")):
        page = item.job.page or item.out.with_suffix(".html")
        described = item.job.report or item.out.with_suffix(".json")
        try:
            report = parse_json(read_text(described))
            report["output"]["path"] = str(item.out)  # as seen from here, wherever and from whatever folder it was made
            if not can_be_shown(report):
                raise ValueError
            report["warnings"] = [f"{item.name}: {warning}" for warning in report["warnings"]]
        except (ConfigError, ValueError, KeyError, TypeError):  # somebody has edited it since
            reason = f"the video is done, but its report {described} is damaged"
            failed.append(Failed(printable(item.name), printable(reason)))
            continue
        title = printable(os.path.relpath(item.out, folder))  # two folders may hold videos of one name
        made.append(Made(report, page if os.path.isfile(page) else None, title))
    about = _about(folder, summary) if summary is not None else About(printable(folder.resolve().name))
    write_text(folder / INDEX, index_page(folder / INDEX, made, failed, about))


def _failed(item: Item) -> Failed:
    assert item.failure is not None
    job = item.entry.job
    return Failed(
        name=printable(item.name),
        reason=printable(item.failure.reason),
        exit_code=item.failure.exit_code,
        inputs=(*job.photos, *job.sound.paths) if job is not None else (),
        command=printable(as_command(job, "--dry-run", "--overwrite")) if job is not None else "",
        attempts=item.attempts,
    )


def _about(folder: Path, summary: Mapping[str, Any]) -> About:
    counts, workers = summary["counts"], summary["workers"]
    code = EXIT_INTERRUPTED if summary["interrupted"] else BatchError.exit_code if counts["failed"] else 0
    kind = {"processes": "process", "ray": "Ray task"}.get(workers["kind"], workers["kind"])
    return About(
        name=printable(folder.resolve().name),
        source=printable(summary["source"]),
        command=printable(summary["avtr"]["command"]),
        finished=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        wall_s=summary["wall_s"],
        exit_code=code,
        workers=_workers(kind, workers["count"]),
    )


def _workers(kind: str, count: int) -> str:
    return f"{count} {kind}{'' if count == 1 else 'es' if kind.endswith('s') else 's'}" if count else ""
