"""`avtr bench render`: milliseconds of the embedded renderer's stages."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from avtr_cli.cli import options
from avtr_cli.cli.measured import tell_numbers


def bench_render(
    photo: Annotated[Path, typer.Argument(help="A portrait.", show_default=False)],
    preset: options.PresetName = "default",
    settings: options.Settings = None,
    device: options.Device = None,
    frames: Annotated[int, typer.Option(help="How many frames to draw.", min=10)] = 100,
    report: options.NumbersFile = None,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Draw a talking face frame by frame and show what each stage takes."""
    from avtr_cli.core import runtime
    from avtr_cli.diagnostics.render_timing import time_renderer, timing_lines

    options.check_written({"--report": report}, (photo,))
    chosen = options.preset_of(preset, settings, device)
    threads = runtime.use_threads(chosen.runtime.threads)
    where = runtime.choose_device(chosen.runtime.device)
    timing = time_renderer(photo, chosen.render, where, frames, chosen.runtime.kernels)
    machine = runtime.describe_device(where, chosen.runtime.precision, threads)["name"]
    tell_numbers([f"{machine}, {threads} thread(s)", *timing_lines(timing)], timing, report, as_json)
