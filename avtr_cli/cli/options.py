"""Options that several commands share, and how they become settings, sound files and a progress bar."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from avtr_cli.core.config import PRESET_SUFFIXES, Preset, load_preset
from avtr_cli.core.errors import ConfigError, OutputError
from avtr_cli.core.files import is_stream, lies_there, reason, same_file
from avtr_cli.core.timing import FPS

if TYPE_CHECKING:
    from avtr_cli.jobs.checking import CheckedJob
    from avtr_cli.jobs.job import Job
    from avtr_cli.jobs.production import OnFrames
    from avtr_cli.report.report import Report

PresetName = Annotated[str, typer.Option("--preset", metavar="NAME|FILE", help="Settings: default, fast, quality, …")]
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change one setting, as in render.size=256.")
]
Seed = Annotated[
    int, typer.Option(metavar="N", help="Another seed moves the head and eyes another way.", min=0, max=2**31 - 1)
]
Device = Annotated[str | None, typer.Option(metavar="NAME", help="auto, cpu, cuda or cuda:N.")]
Size = Annotated[int | None, typer.Option(metavar="PIXELS", help="Side of the crop, or longer side of the photo view.")]
View = Annotated[str | None, typer.Option(metavar="NAME", help="crop: around the head. photo: the whole picture.")]
Background = Annotated[
    str | None, typer.Option(metavar="NAME|FILE", help="none, blur, transparent, #RRGGBB or an image file.")
]
Sound = Annotated[str | None, typer.Option(metavar="NAME", help="avatar, mix, stereo or none.")]
Label = Annotated[str, typer.Option(metavar="TEXT", help="Write this on every frame, such as 'AI-generated'.")]
Provenance = Annotated[bool, typer.Option(help="Mark the file as AI-generated (metadata, XMP, C2PA).")]
Certificate = Annotated[
    Path | None,
    typer.Option("--cert", metavar="FILE", help="Sign the C2PA mark with this chain (PEM); else AVTR_CERT."),
]
Key = Annotated[
    Path | None, typer.Option("--key", metavar="FILE", help="The certificate's private key (PEM); else AVTR_KEY.")
]
Pace = Annotated[str, typer.Option(metavar="NAME", help="max, or realtime: hear the sound at the speed of a call.")]
Page = Annotated[
    Path | None, typer.Option("--html", metavar="FILE", help="Write a report page here (one self-contained file).")
]


def _named_output(text: str | Path) -> Path:
    """Of what was typed, and of the option's default, which typer hands to the parser too."""
    from avtr_cli.output.sequence import named_output

    return named_output(text)


Out = Annotated[
    Path,
    typer.Option(
        "-o",
        "--out",
        parser=_named_output,
        metavar="FILE",
        help="The video to write: .mp4, .webm or .mov; clip_%06d.png or FOLDER/ for pictures one by one.",
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print nothing but the path of the result.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace outputs that exist.")]
ReportFile = Annotated[Path | None, typer.Option("--report", metavar="FILE", help="Write the report here (JSON).")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Look at photo, sound and disk, say what would be done, render nothing.")
]
Preview = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="With --dry-run: write a picture (.png) of the faces found and what is cut out."),
]


def preset_of(
    name: str,
    settings: list[str] | None,
    device: str | None = None,
    size: int | None = None,
    view: str | None = None,
    background: str | None = None,
    sound: str | None = None,
) -> Preset:
    """The preset with `--set` pairs and then the named options on top. Raises ConfigError."""
    typed = {
        "--device": ("runtime.device", device),
        "--size": ("render.size", size),
        "--view": ("render.view", view),
        "--background": ("render.background", background),
        "--sound": ("output.sound", sound),
    }
    options = {key: option for option, (key, _) in typed.items()}
    return load_preset(name, tuple(settings or ())).changed(dict(typed.values()), options=options)


def files_of_settings(preset: str, cues: Path | None = None) -> tuple[Path, ...]:
    """The files of the user that `--preset` and `--cues` name."""
    files = (Path(preset),) if Path(preset).suffix.lower() in PRESET_SUFFIXES else ()
    return files if cues is None else (*files, cues)


@contextmanager
def progress(quiet: bool, name: str) -> Iterator[OnFrames | None]:
    """A bar on stderr with the time left, when that is a terminal."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from tqdm import tqdm

    with tqdm(desc=name, unit="frame", dynamic_ncols=True, leave=False) as bar:

        def watch(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield watch


def render_and_print(job: Job, quiet: bool, plan: Plan | None = None) -> None:
    """Render one job and say what a person wants to know of it; with a `plan`, only what would be done."""
    from avtr_cli.jobs.glance import check_inputs_exist

    check_inputs_exist(job)
    from avtr_cli.jobs.checking import check
    from avtr_cli.jobs.spooling import spooled

    with spooled(job) as job, check(job) as checked:
        if plan is not None:
            _print_plan(checked, plan)
            return
        from avtr_cli.jobs.production import render_file

        try:
            with progress(quiet, job.out.name) as watch:
                done = render_file(job, watch=watch, checked=checked)
        except KeyboardInterrupt:
            _print_kept(job.out)
            raise
    print_report(done, quiet)


def _print_kept(out: Path) -> None:
    from avtr_cli.jobs.workfolder import frames_kept

    if kept := frames_kept(out):
        typer.echo(
            f"{kept / FPS:g} s of {out} are kept: run the same command again and it goes on from there", err=True
        )


def print_report(done: Report, quiet: bool) -> None:
    """Say what came of a job. Raises OutputError where nobody can be told; the video is there."""
    try:
        print_warnings([] if quiet else done["warnings"])
        for line in [done["output"]["path"]] if quiet else done.summary():
            typer.echo(line)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(f"{done['output']['path']}: is there, but cannot be told ({reason(error)})") from error


def _print_plan(checked: CheckedJob, plan: Plan) -> None:
    from avtr_cli.jobs.forecast import forecast

    foretold = forecast(checked, plan.preview)
    print_warnings(foretold.warnings)
    for line in foretold.lines():
        typer.echo(line)


@dataclass(frozen=True)
class Plan:
    """`--dry-run`: look, and render nothing; `preview` is where a picture of what was found is written."""

    preview: Path | None = None


def plan_of(dry_run: bool, preview: Path | None) -> Plan | None:
    """What `--dry-run` and `--preview` ask for together. Raises ConfigError for a preview of a real run."""
    if preview is not None and not dry_run:
        raise ConfigError("--preview goes with --dry-run: it shows what was found in the photo")
    return Plan(preview) if dry_run else None


def print_warnings(warnings: Iterable[str]) -> None:
    """Each on a line of its own on the standard error."""
    for warning in warnings:
        typer.echo(f"warning: {warning}", err=True)


def check_written(written: Mapping[str, Path | None], read: Iterable[Path | None] = ()) -> None:
    """Before the work of a measuring command: each output can be written, and replaces nothing but an earlier one.

    `written` are the outputs by their options, `read` what is measured. Raises OutputError.
    """
    from avtr_cli.jobs.checking import check_writable

    files = [path for path in read if path is not None]
    for option, path in written.items():
        if path is None or is_stream(path):
            continue
        if not path.absolute().parent.is_dir():
            raise OutputError(f"{path}: the folder does not exist; make it or choose another name")
        check_writable(path, option)
        if any(same_file(path, given) for given in files):
            raise OutputError(f"{path}: is what is to be measured; choose another {option}")
        if lies_there(path) and not _measured_before(path):
            raise OutputError(f"{path}: exists already, and no such command wrote it; choose another {option}")


def _measured_before(path: Path) -> bool:
    """Whether a measuring command wrote it: a JSON report with a key of ours, or curves that Matplotlib drew."""
    try:
        data = path.read_bytes()
        if not data.startswith(b"{"):
            return b"atplotlib" in data
        return not json.loads(data).keys().isdisjoint(("command", "runs", "sessions", "stages_ms"))
    except (OSError, ValueError, RecursionError):
        return False


def typed() -> str:
    """The command as it was typed, for the report."""
    import shlex

    return shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])
