"""`avtr bench`: how fast this machine is, stage by stage."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from avtr_cli.cli import bench_render, options

app = typer.Typer(help="Per-stage timing of a whole job on this machine.", invoke_without_command=True)
app.command("render")(bench_render.bench_render)


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
    json_file: Annotated[Path | None, typer.Option("--json", help="Write all reports here.")] = None,
) -> None:
    """Render a demo clip several times and show medians of every stage."""
    if context.invoked_subcommand is not None:
        return
    from avtr_cli.core.files import write_json
    from avtr_cli.diagnostics.benchmark import bench_job, bench_sessions, median_lines, published_lines, sessions_lines

    options.check_written({"--json": json_file})
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
    for line in lines:
        typer.echo(line)
    if chosen.render.renderer == "liveportrait":
        for line in published_lines():
            typer.echo(line)
    if json_file is not None:
        write_json(json_file, told)
