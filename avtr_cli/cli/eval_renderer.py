"""`avtr eval renderer`: the embedded renderer's acceptance list on photos."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from avtr_cli.cli import options, voice
from avtr_cli.cli.measured import tell_numbers


def renderer(
    photos: Annotated[list[Path], typer.Argument(help="Portraits to try it on.", show_default=False)],
    device: options.Device = None,
    threads: Annotated[int, typer.Option(help="CPU threads; 0 chooses.", min=0, max=64)] = 0,
    report: options.NumbersFile = None,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Command the renderer, read its frames with Face Mesh, and hold what is seen against its bounds."""
    from avtr_cli.core import runtime
    from avtr_cli.evaluation.mesh.renderer import BOUNDS, evaluate_renderer, kept_share, renderer_table

    options.check_written({"--report": report}, photos)
    runtime.use_threads(threads)
    results = evaluate_renderer(photos, runtime.choose_device(device or "auto"), voice.note)
    kept, measured = kept_share(results)
    bounds = {name: {"line": bound.line, "what": bound.what, "needed": bound.needed} for name, bound in BOUNDS.items()}
    told = {"command": options.typed(), "bounds": bounds, "photos": results, "kept": kept, "measured": measured}
    tell_numbers(renderer_table(results, width=voice.width(sys.stdout)), told, report, as_json)
