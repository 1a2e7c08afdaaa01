"""`avtr doctor`: what this machine can do, and what is missing."""

from __future__ import annotations

import json
import textwrap
from typing import Annotated

import typer

MARKS = {"ok": "ok  ", "note": "-   ", "fail": "FAIL"}
COLUMNS = 80
INDENT = "      "


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Machine-readable.")] = False) -> None:
    """Check python, torch, devices, encoders, MediaPipe, weights, disk and extras; each with the fix.

    Exit code 0 when avtr can render here, 1 when it cannot.
    """
    from avtr_cli.diagnostics.doctor import FAIL, examine_machine

    checks = []
    for check in examine_machine():
        checks.append(check)
        if not as_json:
            typer.echo(_wrapped(f"{MARKS[check.state]}  {check.name}: {check.found}", ""))
            if check.fix and check.state != "ok":
                typer.echo(_wrapped(check.fix, INDENT))
    failed = [check for check in checks if check.state == FAIL]
    if as_json:
        typer.echo(json.dumps({"good": not failed, "checks": [vars(check) for check in checks]}, indent=2))
    elif failed:
        typer.echo(f"\n{len(failed)} of {len(checks)} checks failed: avtr cannot render here until they are fixed")
    else:
        typer.echo("\navtr can render here")
    if failed:
        raise typer.Exit(1)


def _wrapped(text: str, first: str) -> str:
    """Lines of 80 columns, broken between words alone: a long path can still be copied."""
    return textwrap.fill(
        text, COLUMNS, initial_indent=first, subsequent_indent=INDENT, break_long_words=False, break_on_hyphens=False
    )
