"""DIR/index.html: a card for every video of the batch, whichever run made it, and what failed."""

from __future__ import annotations

import json
from pathlib import Path

from avtr_cli.batch.plan import Item
from avtr_cli.output.html import batch_page

INDEX = "index.html"


def write_index(items: list[Item], folder: Path) -> None:
    """Write the page from the reports of all jobs that are done. Raises OutputError."""
    reports, pages = [], {}
    for item in items:
        out = item.entry.out
        if item.state not in ("done", "finished"):
            continue
        report = json.loads(out.with_suffix(".json").read_text(encoding="utf-8"))
        report["output"]["path"] = str(out)  # as seen from here, wherever and from whatever folder it was made
        reports.append(report)
        if out.with_suffix(".html").is_file():
            pages[str(out)] = out.with_suffix(".html")
    failures = [(item.name, item.failure.reason) for item in items if item.failure is not None]
    batch_page(reports, folder / INDEX, failures, pages)
