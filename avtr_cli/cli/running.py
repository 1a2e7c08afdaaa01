"""One job from a command: checked, watched, rendered, and told on stdout as people or programs want it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from avtr_cli.cli import progress, voice
from avtr_cli.cli.options import JobOptions
from avtr_cli.core.errors import ConfigError, OutputError
from avtr_cli.core.files import reason
from avtr_cli.core.textfile import json_text
from avtr_cli.core.timing import FPS

if TYPE_CHECKING:
    from avtr_cli.jobs.forecast import Forecast
    from avtr_cli.jobs.job import Job
    from avtr_cli.report.report import Report
    from avtr_cli.streaming.engine import Engine


@dataclass(frozen=True)
class Manner:
    """How a command tells what it does: to whom, and how much of it."""

    quiet: bool = False
    as_json: bool = False
    progress: str = "auto"

    @classmethod
    def of(cls, shared: JobOptions) -> Manner:
        """As the options of a command ask for it."""
        return cls(shared.quiet, shared.as_json, shared.progress)


def run(job: Job, shared: JobOptions) -> None:
    """Render one job and say what a person wants to know of it; with `--dry-run`, only what would be done."""
    if shared.preview is not None and not shared.dry_run:
        raise ConfigError("--preview goes with --dry-run: it shows what was found in the photo")
    manner = Manner.of(shared)
    if shared.dry_run:
        looked_at(job, manner, shared.preview)
    else:
        report = rendered(job, manner)
        tell(lambda: tell_report(report, manner), job.out)


def rendered(job: Job, manner: Manner, title: str = "", engine: Engine | None = None) -> Report:
    """The report of `job`, rendered while its progress is shown under `title`. Raises AvtrError, KeyboardInterrupt."""
    from avtr_cli.jobs.glance import check_inputs_exist

    check_inputs_exist(job)
    with progress.shown(title or job.out.name, manner.progress, manner.quiet) as watching:
        from avtr_cli.jobs.checking import check
        from avtr_cli.jobs.spooling import spooled

        with spooled(job) as job, check(job) as checked:
            from avtr_cli.jobs.production import render_file

            try:
                report = render_file(job, engine, watching.frames, checked, watching.step)
            except KeyboardInterrupt:
                _tell_kept(job.out)
                raise
    if manner.progress == "json":
        output, timing = report["output"], report["timing"]
        facts = {key: output[key] for key in ("frames", "duration_s")} | {"wall_s": timing["wall_s"]}
        voice.event("done", job=title or job.out.name, path=output["path"], **facts)
    return report


def looked_at(job: Job, manner: Manner, preview: Path | None = None) -> None:
    """Say what rendering `job` would give. Raises AvtrError."""
    from avtr_cli.jobs.glance import check_inputs_exist

    check_inputs_exist(job)
    with progress.shown(job.out.name, manner.progress, manner.quiet):
        from avtr_cli.jobs.checking import check
        from avtr_cli.jobs.spooling import spooled

        with spooled(job) as job, check(job) as checked:
            from avtr_cli.jobs.forecast import forecast

            foretold = forecast(checked, preview)
            lines = [json_text(_foretold(foretold), 2)] if manner.as_json else foretold.lines()
    warn(foretold.warnings)
    for line in lines:
        typer.echo(line)


def _foretold(foretold: Forecast) -> dict[str, Any]:
    checked, (width, height) = foretold.checked, foretold.size
    length = {"frames": checked.frames, "duration_s": checked.frames / FPS}
    return {
        "output": {"path": str(checked.job.out), **length, "width": width, "height": height},
        "seconds": round(foretold.seconds, 2),
        "disk_bytes": checked.form.disk_bytes(foretold.size, checked.frames),
        "warnings": list(foretold.warnings),
    }


def tell_report(report: Report, manner: Manner) -> None:
    """What came of a job: JSON or the gist of it on stdout, warnings on stderr."""
    warn(report["warnings"])
    if manner.as_json:
        for line in report.summary():
            voice.note(line)
        typer.echo(json_text(report, 2))
        return
    for line in [report["output"]["path"]] if manner.quiet else report.summary():
        typer.echo(line)


def tell(say: Callable[[], None], out: Path) -> None:
    """Do `say`. Raises OutputError where nobody can be told; the video at `out` is there."""
    try:
        say()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(f"{out}: is there, but cannot be told ({reason(error)})") from error


def warn(warnings: Iterable[str]) -> None:
    """Each as a line of its own on the standard error."""
    for warning in warnings:
        voice.warning(warning)


def _tell_kept(out: Path) -> None:
    from avtr_cli.jobs.workfolder import frames_kept

    if kept := frames_kept(out):
        voice.manner.hush = False
        voice.note(f"{kept / FPS:g} s of {out} are kept: run the same command again and it goes on from there")
