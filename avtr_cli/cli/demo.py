"""`avtr demo`: the demo clips of examples/."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from avtr_cli.cli import completions, options, voice
from avtr_cli.cli.command import INPUT, OUTPUT
from avtr_cli.cli.options import option

if TYPE_CHECKING:
    from avtr_cli.cli.running import Manner
    from avtr_cli.jobs.job import Job
    from avtr_cli.streaming.engine import Engine


def demo(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME]", help="One clip, compare, or avtr1-page; all clips if left out.", show_default=False,
            autocompletion=completions.demo_names,
        ),
    ] = None,
    out: Annotated[
        Path, option(OUTPUT, "-o", "--out", metavar="FOLDER", help="Folder for the videos and reports.")
    ] = Path("out"),
    listing: Annotated[bool, option(INPUT, "--list", help="Say which clips there are and render none.")] = False,
    data: Annotated[
        Path | None,
        option(INPUT, "--data", metavar="FOLDER", help="For avtr1-page: your Seamless Interaction data set."),
    ] = None,
    progress: options.Progress = "auto",
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:  # fmt: skip
    """Render the demo clips into a folder, each with its report; what an earlier demo wrote there is replaced.

    compare sets our own systems beside faces that do not listen. avtr1-page renders the calls of AVTR-1's page.
    """
    from avtr_cli.cli.running import Manner
    from avtr_cli.core.textfile import json_text

    manner = Manner(quiet, as_json, progress)
    if name == "avtr1-page":
        _page(data, out, manner)
        return
    if name == "compare":
        from avtr_cli.cli.demo_compare import demo_compare

        demo_compare(out, manner)
        return
    from avtr_cli.jobs.demos import choose_demos, demo_job

    clips = choose_demos(name)
    if not listing:
        _render([demo_job(clip, out, options.typed()) for clip in clips], manner)
        return
    if as_json:
        typer.echo(json_text([{"name": clip.name, "description": clip.description} for clip in clips], 2))
        return
    for clip in clips:
        line = f"{clip.name:24} {clip.description}"
        typer.echo(clip.name if quiet else voice.wrapped(line, voice.width(sys.stdout), " " * 25))


def _page(data: Path | None, out: Path, manner: Manner) -> None:
    """The calls of AVTR-1's page, both sides of each in one video."""
    from avtr_cli.core.errors import ConfigError
    from avtr_cli.jobs.demo_page import page_jobs

    if data is None:
        raise ConfigError("avtr1-page needs --data FOLDER, your copy of the Seamless Interaction data set")
    from avtr_cli.streaming.engine import Engine

    jobs = page_jobs(data, out, command=options.typed())
    _render(jobs, manner, Engine(jobs[0].preset))


def _render(jobs: Iterable[Job], manner: Manner, engine: Engine | None = None) -> None:
    """Each, told as it is done; as JSON all together, a list."""
    from avtr_cli.cli import running
    from avtr_cli.core.textfile import json_text

    reports = []
    for job in jobs:
        report = running.rendered(job, manner, job.out.stem, engine)
        reports.append(report)
        if not manner.as_json:
            running.tell_report(report, manner)
    if manner.as_json:
        typer.echo(json_text(reports, 2))
