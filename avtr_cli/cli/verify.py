"""`avtr verify`: what a video says of its origin."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from avtr_cli.cli import options
from avtr_cli.core.errors import InputError


def verify(
    files: Annotated[
        list[Path],
        typer.Argument(
            help="Videos, sequences of pictures, or other files with a C2PA manifest.",
            metavar="FILE...",
            show_default=False,
        ),
    ],
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The job's report (JSON): compare the file with it.")
    ] = None,
    trust: Annotated[Path | None, typer.Option(help="Root certificates to trust as well (PEM).")] = None,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Say what FILE is, by whom it was made, and whether it was altered.

    Exit code 0 when it is marked as AI-generated and nothing speaks against it, 1 when it is altered or unmarked,
    3 when a FILE is missing or no video.
    """
    from avtr_cli.core.textfile import json_text, printable
    from avtr_cli.provenance.verification import Verdict
    from avtr_cli.provenance.verification import verify as verify_file

    verdicts: list[Verdict] = []
    refused: list[str] = []
    for path in files:
        try:
            verdicts.append(verify_file(path, report, trust))
        except InputError as error:  # the others are told all the same
            refused.append(str(error))
    if as_json:
        typer.echo(json_text([verdict.as_dict() for verdict in verdicts], indent=2))
    else:
        for verdict in [one for one in verdicts if not (quiet and one.good)]:
            typer.echo(printable("\n    ".join(verdict.lines)))
    if refused:
        raise InputError(printable("\n".join(refused)))
    if not all(verdict.good for verdict in verdicts):
        raise typer.Exit(1)
