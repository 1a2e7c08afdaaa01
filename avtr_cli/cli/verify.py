"""`avtr verify`: what a video says of its origin."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def verify(
    files: Annotated[list[Path], typer.Argument(help="Videos.", metavar="FILE...", show_default=False)],
    report: Annotated[Path | None, typer.Option(help="The job's report (JSON): compare the file with it.")] = None,
    trust: Annotated[Path | None, typer.Option(help="Root certificates to trust as well (PEM).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable.")] = False,
) -> None:
    """Say what FILE is, by whom it was made, and whether it was altered.

    Exit code 0 when it is marked as AI-generated and nothing speaks against it, 1 when it is altered or unmarked.
    """
    import json

    from avtr_cli.verification import verify as verify_file

    verdicts = [verify_file(path, report, trust) for path in files]
    if as_json:
        typer.echo(json.dumps([verdict.as_dict() for verdict in verdicts], indent=2, ensure_ascii=False))
    else:
        for verdict in verdicts:
            typer.echo("\n    ".join(verdict.lines))
    if not all(verdict.good for verdict in verdicts):
        raise typer.Exit(1)
