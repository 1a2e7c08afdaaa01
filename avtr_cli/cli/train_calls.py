"""`avtr train import unils|seamless`: published sets of recorded calls become training data."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from avtr_cli.cli import options, voice
from avtr_cli.core.errors import BatchError, OutputError
from avtr_cli.core.files import reason

if TYPE_CHECKING:
    from avtr_cli.training.calls.source import CallSet

KINDS = ("unils", "seamless")


def import_calls(
    kind: str,
    folder: Path,
    out: Path,
    frames: int,
    flame: Path | None,
    landmarks: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Import a set of one of KINDS in pieces of `frames` frames; says what was left out and why. Raises AvtrError."""
    from tqdm import tqdm

    from avtr_cli.core.files import write_json
    from avtr_cli.training.calls.importing import REPORT, import_set, report_of

    _refuse(folder, out)
    calls = _set_of(kind, folder, flame, landmarks)
    total = len(calls.entries())
    accounts: list[dict[str, Any]] = []
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tqdm(total=total, unit="call", disable=True if quiet else None) as bar:
            for account in import_set(calls, out, frames):
                accounts.append(account)
                bar.update(1)
                if account["refused"]:
                    voice.warning(account["refused"])
    except OSError as error:
        raise OutputError(f"{out}: cannot be written ({reason(error)}); mend that and run it again") from error
    told = report_of(calls, accounts, options.typed())
    write_json(out / REPORT, told)
    for line in [json.dumps(told, indent=1)] if as_json else _lines(told, out):
        typer.echo(line)
    if told["left_out"]:
        raise BatchError(f"{len(told['left_out'])} of {told['calls']} could not be taken; {out / REPORT} says why")


def _set_of(kind: str, folder: Path, flame: Path | None, landmarks: Path | None) -> CallSet:
    if kind == "seamless":
        from avtr_cli.training.calls.seamless import SeamlessSet

        return SeamlessSet(folder)
    from avtr_cli.streaming.flame import users_bridge
    from avtr_cli.training.calls.unils import UnilsSet

    return UnilsSet(folder, users_bridge(flame=flame, landmarks=landmarks))


def _refuse(folder: Path, out: Path) -> None:
    """Before the work: nothing of the user's lies where ours will. Raises OutputError."""
    from avtr_cli.training.calls.importing import REPORT

    if out.exists() and not out.is_dir():
        raise OutputError(f"{out}: is no folder; give another one with -o")
    if out.resolve() == folder.resolve() or folder.resolve() in out.resolve().parents:
        raise OutputError(f"{out}: lies in the folder of the set; give another one with -o")
    report = out / REPORT
    if report.exists():
        try:
            ours = "left_out" in json.loads(report.read_text(encoding="utf-8"))
        except (OSError, ValueError, TypeError):
            ours = False
        if not ours:
            raise OutputError(f"{report}: lies there and is not avtr's; move it, or give another folder with -o")


def _lines(told: dict[str, Any], out: Path) -> Iterator[str]:
    yield f"{told['taken']} of {told['calls']} calls taken, {told['pieces']} pieces; licence: {told['licence']}"
    for split, seconds in told["seconds"].items():
        yield f"{out / split}: {seconds:.1f} s"
