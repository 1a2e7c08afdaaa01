"""`avtr bench render`: milliseconds of the embedded renderer's stages."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from avtr_cli.cli import options


def bench_render(
    photo: Annotated[Path, typer.Argument(help="A portrait.", show_default=False)],
    preset: options.PresetName = "default",
    settings: options.Settings = None,
    device: options.Device = None,
    frames: Annotated[int, typer.Option(help="How many frames to draw.", min=10)] = 100,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the numbers here.")] = None,
) -> None:
    """Draw a talking face frame by frame and show what each stage takes."""
    from avtr_cli.core import runtime
    from avtr_cli.core.files import write_json
    from avtr_cli.diagnostics.render_timing import time_renderer, timing_lines

    options.check_written({"--json": json_file}, (photo,))
    chosen = options.preset_of(preset, settings, device)
    threads = runtime.use_threads(chosen.runtime.threads)
    where = runtime.choose_device(chosen.runtime.device)
    timing = time_renderer(photo, chosen.render, where, frames)
    typer.echo(f"{runtime.describe_device(where, chosen.runtime.precision, threads)['name']}, {threads} thread(s)")
    for line in timing_lines(timing):
        typer.echo(line)
    if json_file is not None:
        write_json(json_file, timing)
