"""`avtr eval renderer`: the embedded renderer's acceptance list on photos."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from avtr_cli.cli import options


def renderer(
    photos: Annotated[list[Path], typer.Argument(help="Portraits to try it on.", show_default=False)],
    device: options.Device = None,
    threads: Annotated[int, typer.Option(help="CPU threads; 0 chooses.", min=0, max=64)] = 0,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write all numbers here.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Do not say what is being done.")] = False,
) -> None:
    """Command the renderer, read its frames with Face Mesh, and hold what is seen against its bounds."""
    from avtr_cli.core import runtime
    from avtr_cli.core.files import write_json
    from avtr_cli.evaluation.mesh.renderer import BOUNDS, evaluate_renderer, kept_share, renderer_table

    options.check_written({"--json": json_file}, photos)
    runtime.use_threads(threads)
    say = (lambda line: None) if quiet else (lambda line: typer.echo(line, err=True))
    results = evaluate_renderer(photos, runtime.choose_device(device or "auto"), say)
    for line in renderer_table(results):
        typer.echo(line)
    if json_file is not None:
        kept, measured = kept_share(results)
        bounds = {
            name: {"line": bound.line, "what": bound.what, "needed": bound.text} for name, bound in BOUNDS.items()
        }
        report = {"command": options.typed(), "bounds": bounds, "photos": results, "kept": kept, "measured": measured}
        write_json(json_file, report)
