"""`avtr eval body`: the acceptance list of whole bodies on photos."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from avtr_cli.cli import options, voice
from avtr_cli.cli.measured import tell_numbers
from avtr_cli.core.errors import ConfigError

if TYPE_CHECKING:
    from avtr_cli.core.arrays import Image


def body(
    photos: Annotated[list[Path], typer.Argument(help="People, down to the waist at least.", show_default=False)],
    size: Annotated[int, typer.Option(help="Longer side of the frames, px.", min=128, max=4096)] = 768,
    device: options.Device = None,
    threads: Annotated[int, typer.Option(help="CPU threads; 0 chooses.", min=0, max=64)] = 0,
    sheet: Annotated[Path | None, typer.Option(help="Draw each photo at rest, from aside, acting here (.png).")] = None,
    report: options.NumbersFile = None,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Fit, picture at rest, views, hands, face, head, flicker, bits, speed, PLY: measured on each photo."""
    from avtr_cli.core import runtime
    from avtr_cli.evaluation.body.suite import BOUNDS, evaluate_bodies
    from avtr_cli.evaluation.mesh.renderer import kept_share, renderer_table

    if sheet is not None and sheet.suffix.lower() != ".png":
        raise ConfigError(f"--sheet {sheet}: name it .png")
    options.check_written({"--report": report, "--sheet": sheet}, photos)
    runtime.use_threads(threads)
    where = runtime.choose_device(device or "auto")
    results, rows = evaluate_bodies(photos, where, size, sheet is not None, voice.note)
    if sheet is not None:
        _draw(sheet, rows)
    kept, measured = kept_share(results, BOUNDS)
    bounds = {name: {"line": bound.line, "what": bound.what, "needed": bound.needed} for name, bound in BOUNDS.items()}
    told = {"command": options.typed(), "bounds": bounds, "photos": results, "kept": kept, "measured": measured}
    tell_numbers(renderer_table(results, BOUNDS, voice.width(sys.stdout)), told, report, as_json)


def _draw(path: Path, rows: list[Image]) -> None:
    import cv2

    from avtr_cli.core.errors import OutputError
    from avtr_cli.core.files import reason, replacing
    from avtr_cli.evaluation.body.sheet import stacked

    data = cv2.imencode(".png", stacked(rows)[..., ::-1])[1].tobytes()
    try:
        with replacing(path) as partial:
            partial.write_bytes(data)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({reason(error)})") from error
