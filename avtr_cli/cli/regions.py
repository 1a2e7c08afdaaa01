"""`avtr regions`: what of a person in a photo can be touched, as a list, a picture, and a page to click on."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from avtr_cli.cli import options
from avtr_cli.cli.command import INPUT, OUTPUT
from avtr_cli.cli.options import option

if TYPE_CHECKING:
    from avtr_cli.core.regions import RegionMap

SUFFIXES = {"-o": ".png", "--page": ".html"}


def regions(
    photo: Annotated[
        Path, typer.Argument(metavar="PHOTO", help="A picture with the avatar's face.", show_default=False)
    ],
    out: Annotated[
        Path | None, option(OUTPUT, "-o", "--out", metavar="FILE", help="Draw the regions on the photo here (.png).")
    ] = None,
    page: Annotated[
        Path | None, option(OUTPUT, "--page", metavar="FILE", help="A page to make interactions on by clicks (.html).")
    ] = None,
    face: Annotated[
        int | None, option(INPUT, "--face", metavar="N", min=1, help="Which face, from 1, left to right (the largest).")
    ] = None,
    overwrite: options.Overwrite = False,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """List the regions of a photo that interactions can name, and where each is touched; draw them."""
    written = {"-o": out, "--page": page}
    _check(written, photo, overwrite)
    from avtr_cli.perception.portrait import find_portrait
    from avtr_cli.perception.regions import region_map

    portrait = find_portrait(photo, face)
    found = region_map(portrait)
    if out is not None:
        import cv2

        from avtr_cli.report.region_picture import region_picture

        _write(out, cv2.imencode(".png", region_picture(portrait.photo, found)[..., ::-1])[1].tobytes())
    if page is not None:
        from avtr_cli.report.region_page import region_page

        _write(page, region_page(photo.name, portrait.photo, found).encode("utf-8", "replace"))
    _tell(found, [path for path in written.values() if path is not None], as_json, quiet)


def _check(written: dict[str, Path | None], photo: Path, overwrite: bool) -> None:
    """Before the work: outputs that can be written, are no input, not each other, and not there already."""
    from avtr_cli.core.errors import ConfigError, OutputError
    from avtr_cli.core.files import same_file
    from avtr_cli.jobs.checking import check_writable
    from avtr_cli.jobs.placement import refuse_taken

    named = {name: path for name, path in written.items() if path is not None}
    for name, path in named.items():
        if path.suffix.lower() != SUFFIXES[name]:
            raise ConfigError(f"{name} {path}: name it {SUFFIXES[name]}")
        if same_file(path, photo):
            raise OutputError(f"{path}: is the photo itself; choose another {name}")
        check_writable(path, name)
    for one, other in itertools.combinations(named.values(), 2):
        if same_file(one, other):
            raise OutputError(f"{one}: cannot be both; give two names")
    if not overwrite:
        refuse_taken(named.values())


def _write(path: Path, data: bytes) -> None:
    from avtr_cli.core.errors import OutputError
    from avtr_cli.core.files import reason, replacing

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as partial:
            partial.write_bytes(data)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({reason(error)})") from error


def _tell(found: RegionMap, written: list[Path], as_json: bool, quiet: bool) -> None:
    from avtr_cli.core.textfile import json_text

    if as_json:
        typer.echo(json_text([{"region": name, "x": x, "y": y} for name, (x, y) in found.centres.items()], 2))
        return
    if not quiet:
        for name, (x, y) in found.centres.items():
            typer.echo(f"{name:<15}{x:.4f},{y:.4f}")
    for path in written:
        typer.echo(str(path))
