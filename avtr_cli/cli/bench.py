"""`avtr bench`: how fast this machine is, stage by stage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from avtr_cli.cli import bench_render, options
from avtr_cli.cli.command import Command, Group
from avtr_cli.cli.measured import tell_numbers
from avtr_cli.core.errors import ConfigError

if TYPE_CHECKING:
    from avtr_cli.core.config import Preset

app = typer.Typer(cls=Group, help="Per-stage timing of a whole job on this machine.", invoke_without_command=True)
app.command("render", cls=Command)(bench_render.bench_render)


@app.callback()
def bench(
    context: typer.Context,
    preset: options.PresetName = "default",
    settings: options.Settings = None,
    device: options.Device = None,
    seconds: Annotated[float, typer.Option(help="Length of the job (seconds of video).", min=0.2)] = 20.0,
    runs: Annotated[int, typer.Option(help="How often; the medians are shown.", min=1)] = 3,
    random_weights: Annotated[
        bool, typer.Option("--random-weights", help="Made-up weights for avtr1, liveportrait: as fast, 2 GB of disk.")
    ] = False,
    sessions: Annotated[
        int | None, typer.Option(help="Instead of whole jobs: so many avatars in step, not encoded, once.", min=1)
    ] = None,
    wide: Annotated[bool, typer.Option("--wide", help="Whole camera pictures too: 1280x720 and 1920x1080.")] = False,
    report: options.NumbersFile = None,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Render a demo clip several times: what each stage takes, what the cores do, whether a live call holds."""
    if context.invoked_subcommand is not None:
        return
    options.check_written({"--report": report})
    if wide and sessions is not None:
        raise ConfigError("--wide times whole jobs, and --sessions none; leave either out")
    if random_weights:
        from avtr_cli.diagnostics.made_up.weight_set import use_made_up

        use_made_up()
    chosen = options.preset_of(preset, settings, device)
    told, lines = _jobs(chosen, seconds, runs, wide) if sessions is None else _sessions(chosen, seconds, sessions)
    if chosen.render.renderer == "liveportrait":
        from avtr_cli.diagnostics.benchmark import published_lines

        lines += published_lines()
    if chosen.render.renderer == "body":
        from avtr_cli.diagnostics.body_timing import body_lines, time_body

        timing = time_body(chosen)
        told, lines = told | {"body": timing}, [*lines, *body_lines(timing)]
    tell_numbers(lines, told, report, as_json)


def _jobs(preset: Preset, seconds: float, runs: int, wide: bool) -> tuple[dict[str, Any], list[str]]:
    from avtr_cli.diagnostics.whole_jobs import WIDE, bench_job, job_lines, machine_line

    measured = {"runs": bench_job(preset, seconds, runs)}
    if wide:
        measured |= {name: bench_job(preset, seconds, runs, size) for name, size in WIDE.items()}
    lines = [machine_line(measured["runs"][0])]
    for name, done in measured.items():
        lines += [*([] if name == "runs" else ["", name]), *job_lines(done)]
    return {name: [run.entry() for run in done] for name, done in measured.items()}, lines


def _sessions(preset: Preset, seconds: float, count: int) -> tuple[dict[str, Any], list[str]]:
    from avtr_cli.diagnostics.benchmark import bench_sessions, sessions_lines

    measured = bench_sessions(preset, seconds, count)
    return {"sessions": measured}, sessions_lines(measured)
