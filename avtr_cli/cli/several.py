"""Several sounds with one photo: all is checked before the first frame, one engine, one failure stops no other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from avtr_cli.cli import outputs, progress, running, voice
from avtr_cli.core.errors import AvtrError, BatchError, ConfigError, OutputError
from avtr_cli.core.textfile import json_text

if TYPE_CHECKING:
    from avtr_cli.cli.render import RenderOptions
    from avtr_cli.jobs.job import Job
    from avtr_cli.report.report import Report
    from avtr_cli.streaming.engine import Engine


def refuse_what_goes_with_one(shared: RenderOptions, dialogues: Sequence[Path]) -> None:
    """Raises ConfigError for an option, or a sound, that can only mean one video."""
    single = {"--partner": shared.partner, "--from-motion": shared.from_motion, "--preview": shared.preview}
    for option, value in single.items():
        if value is not None:
            raise ConfigError(f"{option} goes with one sound, not with {len(dialogues)}; see avtr batch")
    for path in dialogues:
        if str(path) == "-" or path.is_fifo():
            raise ConfigError(f"{path}: a pipe goes alone, or as a file among several")


def places(shared: RenderOptions, dialogues: Sequence[Path], default: str) -> dict[Path, dict[str, Any]]:
    """The outputs of every sound, named by it. Raises ConfigError or OutputError."""
    if shared.out == default or not outputs.is_folder(shared.out):
        said = "say where to: -o FOLDER/" if shared.out == default else f"-o {shared.out}: write {shared.out}/"
        raise ConfigError(f"{len(dialogues)} sounds make {len(dialogues)} videos; {said}")
    suffix = outputs.suffix_of(shared.form)
    named: dict[str, Path] = {}
    for path in dialogues:
        if (twin := named.setdefault(path.stem.casefold(), path)) is not path:
            raise OutputError(f"{path}: would be the same {path.stem}{suffix} as {twin}; rename one of them")
    return {
        path: {
            "out": Path(shared.out) / f"{path.stem}{suffix}",
            "report": outputs.in_folder(shared.report, "--report", path.stem, ".json"),
            "page": outputs.in_folder(shared.page, "--html", path.stem, ".html"),
            "motion_out": outputs.in_folder(shared.motion_out, "--motion-out", path.stem, ".safetensors"),
        }
        for path in dialogues
    }


def run(jobs: Sequence[Job], shared: RenderOptions) -> None:
    """Render all of them. Raises BatchError where some failed, or the first error of those that cannot be begun."""
    manner = running.Manner.of(shared)
    _check(jobs)
    if shared.dry_run:
        for job in jobs:
            running.looked_at(job, manner)
        return
    engine = _engine(jobs, manner)
    reports: list[Report] = []
    failed: dict[str, str] = {}
    for number, job in enumerate(jobs, 1):
        try:
            report = running.rendered(job, manner, f"{number}/{len(jobs)} {job.out.name}", engine)
        except Exception as error:
            failed[str(job.sound.dialogue)] = told(error)
            continue
        reports.append(report)
        if not manner.as_json:
            running.tell(lambda report=report: running.tell_report(report, manner), job.out)  # type: ignore[misc]
    if manner.as_json:
        typer.echo(json_text({"reports": reports, "failures": failed}, 2))
    if failed:
        raise BatchError(f"{len(failed)} of {len(jobs)} sounds failed: {', '.join(failed)}")


def _check(jobs: Sequence[Job]) -> None:
    """Every refusal that needs no model, of all of them; raises the first after the others were told."""
    from avtr_cli.jobs.checking import check
    from avtr_cli.jobs.glance import check_inputs_exist

    refused: list[AvtrError] = []
    for job in jobs:
        try:
            check_inputs_exist(job)
            with check(job):
                pass
        except AvtrError as error:
            if str(error) not in map(str, refused):  # the photo's is the same for all
                refused.append(error)
    for other in refused[1:]:
        voice.error(str(other), other.exit_code)
    if refused:
        raise refused[0]


def _engine(jobs: Sequence[Job], manner: running.Manner) -> Engine:
    """One for all, in which the avatar is prepared already: a photo without a face ends all of them here."""
    with progress.shown(f"{len(jobs)} sounds", manner.progress, manner.quiet) as watching:
        from avtr_cli.jobs.steps import Step
        from avtr_cli.streaming.engine import Engine

        watching.step(Step.LOAD)
        engine = Engine(jobs[0].preset)
        watching.step(Step.FACE)
        engine.avatar(jobs[0].photo, jobs[0].face)
    return engine


def told(error: Exception) -> str:
    """What stopped one of several, said on stderr; returns the sentence."""
    from avtr_cli.cli.unforeseen import sentence

    code = error.exit_code if isinstance(error, AvtrError) else 1
    said = str(error) if isinstance(error, AvtrError) else sentence(error)
    voice.error(said, code)
    return said
