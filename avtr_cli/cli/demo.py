"""`avtr demo`: the demo clips of examples/."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from avtr_cli.cli import options

if TYPE_CHECKING:
    from avtr_cli.jobs.job import Job
    from avtr_cli.streaming.engine import Engine


def demo(
    name: Annotated[
        str | None, typer.Argument(help="One clip, or avtr1-page; all clips if left out.", show_default=False)
    ] = None,
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for the videos and reports.")] = Path("out"),
    listing: Annotated[bool, typer.Option("--list", help="Say which clips there are and render none.")] = False,
    data: Annotated[
        Path | None, typer.Option(help="For avtr1-page: your copy of the Seamless Interaction data set.")
    ] = None,
    quiet: options.Quiet = False,
) -> None:
    """Render the demo clips into a folder, each with its report; what an earlier demo wrote there is replaced.

    avtr1-page renders the calls of AVTR-1's page.
    """
    if name == "avtr1-page":
        _page(data, out, quiet)
        return
    from avtr_cli.jobs.demos import choose_demos, demo_job

    clips = choose_demos(name)
    if listing:
        for clip in clips:
            typer.echo(f"{clip.name:24} {clip.description}")
        return
    for clip in clips:
        _render(demo_job(clip, out, options.typed()), clip.name, quiet)


def _page(data: Path | None, out: Path, quiet: bool) -> None:
    """The calls of AVTR-1's page, both sides of each in one video."""
    from avtr_cli.core.errors import ConfigError
    from avtr_cli.jobs.demo_page import page_jobs

    if data is None:
        raise ConfigError("avtr1-page needs --data FOLDER, your copy of the Seamless Interaction data set")
    from avtr_cli.streaming.engine import Engine

    jobs = page_jobs(data, out, command=options.typed())
    engine = Engine(jobs[0].preset)
    for job in jobs:
        _render(job, job.out.stem, quiet, engine)


def _render(job: Job, title: str, quiet: bool, engine: Engine | None = None) -> None:
    from avtr_cli.jobs.production import render_file

    with options.progress(quiet, title) as watch:
        report = render_file(job, engine, watch)
    options.print_report(report, quiet)
