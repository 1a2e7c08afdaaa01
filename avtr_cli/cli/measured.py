"""What a measuring command found, told: a table or JSON on stdout, all numbers in a file, and its bounds counted."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer

from avtr_cli.cli import voice


def tell_numbers(lines: Iterable[str], told: Mapping[str, Any], report: Path | None, as_json: bool) -> None:
    """`lines` for people or, `as_json`, all of it on stdout; and into the file `report` where one is wanted."""
    from avtr_cli.core.files import write_json
    from avtr_cli.core.textfile import json_text

    for line in [json_text(_finite(told), 2)] if as_json else lines:
        typer.echo(line)
    if report is not None:
        write_json(report, dict(told))


def _finite(value: Any) -> Any:
    """As JSON knows it: nothing for what is no number."""
    if isinstance(value, Mapping):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


@contextmanager
def watched(name: str, quiet: bool) -> Iterator[Callable[[int, int], None] | None]:
    """A bar on a terminal: called with what is done and how much there is."""
    if quiet or not voice.is_terminal(sys.stderr):
        yield None
        return
    from tqdm import tqdm

    with tqdm(desc=name, unit="frame", dynamic_ncols=True, leave=False) as bar:

        def watch(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield watch
