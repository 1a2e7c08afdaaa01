"""`avtr doctor`: what this machine can do, and what is missing."""

from __future__ import annotations

import sys

import typer

from avtr_cli.cli import options, voice

MARKS = {"ok": "ok  ", "note": "-   ", "fail": "FAIL"}
INDENT = "      "


def doctor(as_json: options.AsJson = False, quiet: options.Quiet = False) -> None:
    """Check python, torch, devices, encoders, face finder, weights, disk and extras; each with the fix.

    Exit code 0 when avtr can render here, 1 when it cannot.
    """
    from avtr_cli.core.textfile import json_text
    from avtr_cli.diagnostics.doctor import FAIL, Check, examine_machine

    def show(check: Check) -> None:
        columns = voice.width(sys.stdout)
        lines = voice.wrapped(f"{MARKS[check.state]}  {check.name}: {check.found}", columns, INDENT)
        if check.state == FAIL:
            lines = voice.painted(MARKS[FAIL], "red", sys.stdout) + lines.removeprefix(MARKS[FAIL])
        typer.echo(lines)
        if check.fix and check.state != "ok":
            typer.echo(voice.wrapped(f"{INDENT}{check.fix}", columns, INDENT))

    checks = []
    for check in examine_machine():
        checks.append(check)
        if not as_json and (not quiet or check.state == FAIL):
            show(check)
    failed = [check for check in checks if check.state == FAIL]
    if as_json:
        typer.echo(json_text({"good": not failed, "checks": [vars(check) for check in checks]}, 2))
    elif failed:
        typer.echo(f"\n{len(failed)} of {len(checks)} checks failed: avtr cannot render here until they are fixed")
    elif not quiet:
        typer.echo("\navtr can render here")
    if failed:
        raise typer.Exit(1)
