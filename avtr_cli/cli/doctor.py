"""`avtr doctor`: what this machine can do, and what is missing."""

from __future__ import annotations

import json
from typing import Annotated

import typer

MARKS = {"ok": "ok  ", "note": "-   ", "fail": "FAIL"}


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Machine-readable.")] = False) -> None:
    """Check python, torch, devices, encoders, MediaPipe, weights, disk and extras; each with the fix.

    Exit code 0 when avtr can render here, 1 when it cannot.
    """
    from avtr_cli.doctor import FAIL, examine_machine

    checks = []
    for check in examine_machine():
        checks.append(check)
        if not as_json:
            fix = f"\n       {check.fix}" if check.fix and check.state != "ok" else ""
            typer.echo(f"{MARKS[check.state]}  {check.name}: {check.found}{fix}")
    failed = [check for check in checks if check.state == FAIL]
    if as_json:
        typer.echo(json.dumps({"good": not failed, "checks": [vars(check) for check in checks]}, indent=2))
    elif failed:
        typer.echo(f"\n{len(failed)} of {len(checks)} checks failed: avtr cannot render here until they are fixed")
    else:
        typer.echo("\navtr can render here")
    if failed:
        raise typer.Exit(1)
