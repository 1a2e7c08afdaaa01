"""`avtr batch`: many jobs in one go."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from avtr_cli.cli import completions, options, voice
from avtr_cli.cli.command import INPUT, OUTPUT, RUN, SETTINGS, TOLD, Command, takes
from avtr_cli.cli.options import option
from avtr_cli.core.errors import BatchError, ConfigError

if TYPE_CHECKING:
    from avtr_cli.batch.entries import Entry
    from avtr_cli.batch.events import Events
    from avtr_cli.batch.ledger import Lock
    from avtr_cli.batch.messages import Workers
    from avtr_cli.batch.progress import Progress
    from avtr_cli.batch.rows import Row, Source
    from avtr_cli.batch.run import MakeWorkers, Outcome


class BatchCommand(Command):
    """Takes `--ray` without an address too, as the last word or before another option."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As click does, with `--ray` alone read as `--ray auto`."""
        at = args.index("--ray") if "--ray" in args else None
        if at is not None and (at + 1 == len(args) or args[at + 1].startswith("-")):
            args.insert(at + 1, "auto")
        return super().parse_args(ctx, args)


@dataclass(frozen=True, kw_only=True)
class ManyJobs:
    """The options of batch; what the command line leaves out, a manifest may say."""

    out: Annotated[
        Path,
        option(
            OUTPUT, "-o", "--out", metavar="FOLDER", help="Folder for videos, reports and ledger.", show_default=False
        ),
    ]
    photo: Annotated[
        Path | None, option(INPUT, "--photo", metavar="PHOTO", help="The photo of every job that has none of its own.")
    ] = None
    recursive: Annotated[
        bool, option(INPUT, "--recursive", help="Search the folders in a folder too; videos keep their places.")
    ] = False
    include: Annotated[
        list[str] | None,
        option(
            INPUT,
            "--include",
            metavar="GLOB",
            help="Of a folder only sounds called so, as in 'anna*'; may be repeated.",
        ),
    ] = None
    avatar_channel: Annotated[
        int | None,
        option(INPUT, "--avatar-channel", metavar="1|2", min=1, max=2, help="The avatar's channel (1 if left out)."),
    ] = None
    solo: Annotated[bool, option(INPUT, "--solo", help="The sound files are the avatar's voice alone (mono).")] = False
    start: Annotated[float | None, option(INPUT, "--start", metavar="SECONDS", min=0, help="Begin here.")] = None
    duration: Annotated[
        float | None, option(INPUT, "--duration", metavar="SECONDS", help="Render so much of each.")
    ] = None
    size: options.Size = None
    view: options.View = None
    background: options.Background = None
    camera: options.Camera = None
    framing: options.Framing = None
    label: options.Label = ""
    sound: options.Sound = None
    preset: Annotated[
        str | None,
        option(
            SETTINGS,
            "--preset",
            metavar="NAME|FILE",
            envvar="AVTR_PRESET",
            autocompletion=completions.preset_names,
            help="Settings of jobs that name none: default, fast, … (see avtr presets).",
        ),
    ] = None
    settings: options.Settings = None
    seed: Annotated[
        int | None, option(SETTINGS, "--seed", metavar="N", min=0, max=2**31 - 1, help="Seed of jobs that name none.")
    ] = None
    device: options.Device = None
    form: Annotated[
        str | None,
        option(
            OUTPUT,
            "--format",
            metavar="NAME",
            autocompletion=completions.video_formats,
            help="mp4, mkv, or with alpha webm or mov.",
        ),
    ] = None
    overwrite: options.Overwrite = False
    pages: Annotated[bool, option(TOLD, "--html", help="A report page for each job, beside FOLDER/index.html.")] = False
    provenance: options.Provenance = True
    certificate: options.Certificate = None
    private_key: options.Key = None
    jobs: Annotated[
        str, option(RUN, "--jobs", metavar="N|auto", help="Workers; auto: one per GPU, or per two cores.")
    ] = "auto"
    sessions: Annotated[
        int,
        option(RUN, "--sessions", metavar="N", min=1, help="Jobs in step in each worker; a GPU draws them together."),
    ] = 1
    ray: Annotated[
        str | None,
        option(
            RUN,
            "--ray",
            metavar="ADDRESS",
            help="Use this Ray cluster: host:port, auto (the one here), local (start one).",
        ),
    ] = None
    retries: Annotated[
        int,
        option(RUN, "--retries", metavar="N", min=0, help="Further attempts at a job that fails for a passing reason."),
    ] = 1
    resume: Annotated[
        bool, option(RUN, "--resume/--no-resume", help="Skip what is done; otherwise do everything anew.")
    ] = True
    dry_run: Annotated[bool, option(RUN, "--dry-run", help="Check everything, print the plan, render nothing.")] = False
    progress: options.Progress = "auto"
    as_json: options.AsJson = False
    quiet: options.Quiet = False

    def check(self) -> None:
        """Refuse what is wrong for every job at once. Raises ConfigError, OutputError."""
        from avtr_cli.output.label import check_label
        from avtr_cli.provenance.marks import choose_signer

        options.preset_of(self.preset or "default", self.settings, **options.named_settings(self))
        if self.label:
            check_label(self.label)
        if self.provenance and (self.certificate or self.private_key):
            choose_signer(self.certificate, self.private_key)

    def said(self) -> Row:
        """What the command line says of every job, as a row of a manifest would."""
        from avtr_cli.batch.rows import Row

        said: dict[str, Any] = {
            "photo": self.photo, "avatar_channel": self.avatar_channel, "solo": self.solo or None,
            "preset": self.preset, "set": self.settings or None, "seed": self.seed, "start": self.start,
            "duration": self.duration, "format": self.form, "label": self.label or None,
        }  # fmt: skip
        said |= {options.NAMED[name]: value for name, value in options.named_settings(self).items()}
        return Row("the command line", Path(), {key: value for key, value in said.items() if value is not None})


@takes(ManyJobs)
def batch(
    sources: Annotated[
        list[Path],
        typer.Argument(
            metavar="SOURCE...",
            help="A manifest (.yaml, .csv, .jsonl), or folders of NAME.wav + NAME.png, or sounds.",
            show_default=False,
        ),
    ],
    shared: ManyJobs,
) -> None:
    """Render many jobs. Run again, it skips what is done and goes on where it stopped.

    Ends with exit code 6 and a table when some jobs failed; the others are done.
    """
    run(sources, shared)


def run(sources: list[Path], shared: ManyJobs) -> None:
    """Render what the sources say. Raises BatchError where jobs failed, KeyboardInterrupt, ConfigError, InputError."""
    from avtr_cli.batch.run import BatchOptions, plan_batch, render_batch

    command = options.typed()
    shared.check()
    found, entries = _entries(sources, shared, command)
    make_workers = _workers(entries, shared.out, shared.jobs, shared.sessions, shared.ray)
    how = BatchOptions(shared.resume, shared.retries, shared.overwrite)
    progress = _progress(shared.progress, shared.quiet)
    progress.notes(found.notes)
    try:
        act = plan_batch if shared.dry_run else render_batch
        outcome = act(entries, shared.out, make_workers, how, progress)
    finally:
        progress.close()
    _tell(outcome, " ".join(map(str, sources)), shared, command)
    if outcome.interrupted:
        raise KeyboardInterrupt
    _complain(outcome, shared.dry_run)


def _entries(sources: list[Path], shared: ManyJobs, command: str) -> tuple[Source, list[Entry]]:
    """What the sources say, and the jobs that come of it. Raises ConfigError, InputError."""
    from avtr_cli.batch.entries import entries_of
    from avtr_cli.batch.folder import Choice
    from avtr_cli.batch.sources import read_sources

    found = read_sources(sources, Choice(shared.recursive, tuple(shared.include or ()), shared.out))
    entries = entries_of(
        found, shared.said(), shared.out, shared.pages, provenance=shared.provenance, certificate=shared.certificate,
        private_key=shared.private_key, resume=shared.resume, command=command,
    )  # fmt: skip
    return found, entries


def _tell(outcome: Outcome, source: str, shared: ManyJobs, command: str) -> None:
    """The summary: written, printed, and as an event, as the options ask; of a dry run its plan."""
    from avtr_cli.batch.summary import SUMMARY, index_is_due, plan_table, summary_of
    from avtr_cli.core.files import write_json
    from avtr_cli.core.textfile import json_text, printable

    summary, path = summary_of(outcome, shared.out, source, command), shared.out / SUMMARY
    if shared.dry_run:
        for line in [] if shared.as_json else plan_table(outcome.items, voice.terminal_width(sys.stdout)):
            typer.echo(printable(line))
    else:
        write_json(path, summary)
        if index_is_due(outcome, shared.out):
            from avtr_cli.batch.index import write_index  # draws charts, so only where there is something new

            write_index(outcome.items, shared.out, summary)
        last = printable(str(path) if shared.quiet else _last_line(outcome, path))
        voice.note(last) if shared.as_json else typer.echo(last)
    if shared.progress == "json":
        _tell_done(summary, path, shared.dry_run)
    if shared.as_json:
        typer.echo(json_text(summary, 2))


def _progress(kind: str, quiet: bool) -> Progress | Events:
    """What follows the batch, as `--progress` asks."""
    if kind == "json":
        from avtr_cli.batch.events import Events

        return Events(voice.event)
    from avtr_cli.batch.progress import Progress

    return Progress(quiet, shown=kind != "none", note=voice.note, warn=voice.warning)


def _tell_done(summary: dict[str, Any], path: Path, dry_run: bool) -> None:
    facts = {key: summary[key] for key in ("counts", "interrupted", "video_s", "wall_s", "estimate_s")}
    voice.event("done", path=None if dry_run else str(path), **facts)


def _workers(entries: list[Entry], folder: Path, jobs: str, sessions: int, ray: str | None) -> MakeWorkers:
    """How to get workers once it is known how many calls there are for them. Raises ConfigError."""
    if jobs != "auto" and not (jobs.isdecimal() and int(jobs) > 0):
        raise ConfigError(f"--jobs {jobs}: write a number of workers from 1, or auto")
    if sessions > 1 and ray is not None:
        raise ConfigError("--sessions is for workers of this machine; leave it out with --ray")
    wanted = None if jobs == "auto" else int(jobs)
    devices = {entry.job.preset.runtime.device for entry in entries if entry.job is not None}

    def processes(calls: int, lock: Lock | None) -> Workers:
        from avtr_cli.batch.processes import Processes, crew_for, visible_gpus
        from avtr_cli.core import runtime

        gpus = visible_gpus() if devices & {"auto", "cuda"} else ()
        crew = crew_for(wanted, calls, runtime.cores(), gpus, sessions)
        return Processes(replace(crew, json_lines=voice.manner.as_json), lock)

    def cluster(calls: int, lock: Lock | None) -> Workers:
        from avtr_cli.batch.cluster import Cluster

        assert ray is not None
        return Cluster(ray, wanted, folder, use_gpus=bool(devices & {"auto", "cuda"}))

    return processes if ray is None else cluster


def _last_line(outcome: Outcome, summary: Path) -> str:
    states = [item.state for item in outcome.items]
    said = [f"{states.count('done')} done"]
    said += [f"{states.count('finished')} finished before"] if "finished" in states else []
    said += [f"{states.count(state)} {state}" for state in ("failed", "interrupted") if state in states]
    return f"{', '.join(said)} in {outcome.wall_s:.1f} s; {summary}"


def _complain(outcome: Outcome, plan_batch: bool) -> None:
    from avtr_cli.batch.summary import failures_table
    from avtr_cli.core.textfile import printable

    failed = [item for item in outcome.items if item.failure is not None]
    if failed:
        verb = "cannot be rendered" if plan_batch else "failed"
        lines = printable("\n".join(failures_table(failed, voice.terminal_width(sys.stderr))))
        raise BatchError(f"{len(failed)} of {len(outcome.items)} jobs {verb}\n{lines}")
