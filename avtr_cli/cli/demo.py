"""`avtr demo`: the demo clips of examples/."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from avtr_cli.cli import options


def demo(
    name: Annotated[str | None, typer.Argument(help="One clip; all of them if left out.", show_default=False)] = None,
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for the videos and reports.")] = Path("out"),
    listing: Annotated[bool, typer.Option("--list", help="Say which clips there are and render none.")] = False,
    quiet: options.Quiet = False,
) -> None:
    """Render the demo clips into a folder, each with its report."""
    from avtr_cli.demos import choose_demos, demo_job

    clips = choose_demos(name)
    if listing:
        for clip in clips:
            typer.echo(f"{clip.name:24} {clip.description}")
        return
    from avtr_cli.offline import render_file

    for clip in clips:
        job = demo_job(clip, out, options.typed())
        with options.progress(quiet, clip.name) as watch:
            report = render_file(job, watch=watch)
        report.write(job.out.with_suffix(".json"))
        options.echo_warnings(report["warnings"])
        for line in [str(job.out)] if quiet else report.summary():
            typer.echo(line)
