"""`avtr bench`: how fast this machine is, stage by stage."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from avtr_cli.cli import bench_render, options
from avtr_cli.cli.command import Command, Group
from avtr_cli.cli.measured import tell_numbers

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
    report: options.NumbersFile = None,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Render a demo clip several times and show medians of every stage."""
    if context.invoked_subcommand is not None:
        return
    from avtr_cli.diagnostics.benchmark import bench_job, bench_sessions, median_lines, published_lines, sessions_lines

    options.check_written({"--report": report})
    if random_weights:
        from avtr_cli.diagnostics.made_up.weight_set import use_made_up

        use_made_up()
    chosen = options.preset_of(preset, settings, device)
    told: dict[str, Any]
    if sessions is None:
        reports = bench_job(chosen, seconds, runs)
        told, lines = {"runs": reports}, median_lines(reports)
    else:
        measured = bench_sessions(chosen, seconds, sessions)
        told, lines = {"sessions": measured}, sessions_lines(measured)
    if chosen.render.renderer == "liveportrait":
        lines = [*lines, *published_lines()]
    tell_numbers(lines, told, report, as_json)
