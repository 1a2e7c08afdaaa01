"""DIR/index.html: a card for every video of the batch, whichever run made it, and what failed."""

from __future__ import annotations

import os
from pathlib import Path

from avtr_cli.batch.plan import Item
from avtr_cli.batch.summary import INDEX
from avtr_cli.core.errors import ConfigError
from avtr_cli.core.textfile import parse_json, printable, read_text
from avtr_cli.report.page import batch_page


def write_index(items: list[Item], folder: Path) -> None:
    """Write the page from the reports of all jobs that are done. Raises OutputError."""
    reports, pages = [], {}
    failures = [(item.name, item.failure.reason) for item in items if item.failure is not None]
    for item in (item for item in items if item.state in ("done", "finished")):
        page = item.out.with_suffix(".html")
        try:
            report = parse_json(read_text(item.out.with_suffix(".json")))
            report["output"]["path"] = str(item.out)  # as seen from here, wherever and from whatever folder it was made
        except (ConfigError, ValueError, KeyError, TypeError):  # somebody has edited it since
            failures.append((item.name, f"the video is done, but its report {page.with_suffix('.json')} is damaged"))
            continue
        reports.append(report)
        if os.path.isfile(page):
            pages[str(item.out)] = page
    batch_page(reports, folder / INDEX, [(printable(name), printable(why)) for name, why in failures], pages)
