"""`avtr compare`: systems side by side in one video, and their numbers on a page beneath it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from avtr_cli.cli import completions, options, voice
from avtr_cli.cli.command import INPUT, OUTPUT, SETTINGS
from avtr_cli.cli.eval_folder import watching
from avtr_cli.cli.measured import tell_numbers
from avtr_cli.cli.options import option
from avtr_cli.core.errors import ConfigError, OutputError
from avtr_cli.core.timing import FPS

SOUNDS = ("mix", "self", "stereo")


def compare(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER", help="audio/, truth/ and systems/NAME/, see docs/evaluation.md.", show_default=False
        ),
    ],
    out: Annotated[Path, option(OUTPUT, "-o", "--out", metavar="FILE", help="The video (.mp4, .mkv).")] = Path(
        "compare.mp4"
    ),
    clip: Annotated[str | None, option(INPUT, "--clip", metavar="ID", help="Which clip; else the first.")] = None,
    systems: Annotated[
        str | None, option(INPUT, "--systems", metavar="A,B,C", help="Which systems, in this order; else all.")
    ] = None,
    sound: Annotated[
        str,
        option(
            SETTINGS,
            "--sound",
            metavar="KIND",
            autocompletion=completions.among(SOUNDS),
            help="The recorded voices: mix, self (the person's alone), or stereo.",
        ),
    ] = "mix",
    columns: Annotated[int, option(SETTINGS, "--columns", min=0, max=16, help="Of the grid; 0: a square.")] = 0,
    size: Annotated[int, option(SETTINGS, "--size", min=64, max=1024, help="Side of a cell (px).")] = 384,
    html: Annotated[
        Path | None, option(OUTPUT, "--html", metavar="FILE", help="Write a page here: the video, and all numbers.")
    ] = None,
    few: Annotated[bool, option(SETTINGS, "--few", help="Show reactivity of fewer than 10 conversations too.")] = False,
    overwrite: options.Overwrite = False,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Set systems side by side in one video, all heard with one sound; with their numbers on a page."""
    from avtr_cli.core.files import write_text
    from avtr_cli.evaluation.compare.film import Asked, make_film, plan
    from avtr_cli.evaluation.compare.panel import Shown, compare_page
    from avtr_cli.evaluation.folder import listening, suite
    from avtr_cli.evaluation.folder.layout import read_layout
    from avtr_cli.report.stills import stills

    if sound not in SOUNDS:
        raise ConfigError(f"--sound is {', '.join(SOUNDS)}, not '{sound}'")
    named = tuple(name.strip() for name in systems.split(",")) if systems else ()
    asked = Asked(clip, named, sound, columns, size - size % 2)
    layout = read_layout(folder)
    _refuse(folder, out, html, overwrite)
    reports: dict[str, Any] = {}
    with watching(quiet) as watch:
        film = plan(layout, asked, watch)
        if html is not None or as_json:
            reports = suite.evaluate_folder(folder, asked=listening.Asked(few=few), watched=watch)
        frames, wide = make_film(film, out, asked, watch(out.name))
    for warning in dict.fromkeys(warning for one in reports.values() for warning in one["warnings"]):
        voice.note(warning)
    if html is not None:
        words = f"clip {film.clip.id}: {', '.join(cell.caption for cell in film.cells)}"
        shown = Shown(out, words, next(iter(stills(out, [frames / FPS / 2], wide[0])), None), wide)
        write_text(html, compare_page(html, shown, reports, options.typed()))
    told = {
        "command": options.typed(),
        "output": str(out),
        "page": None if html is None else str(html),
        "clip": film.clip.id,
        "cells": [cell.caption for cell in film.cells],
        "frames": frames,
        **reports,
    }
    tell_numbers([str(path) for path in (out, html) if path is not None], told, None, as_json)


def _refuse(folder: Path, out: Path, html: Path | None, overwrite: bool) -> None:
    """Before the work: outputs that lie there, cannot be written, or would replace what is compared."""
    from avtr_cli.core.files import lies_there, same_file
    from avtr_cli.jobs.checking import check_writable
    from avtr_cli.output.formats import VIDEOS

    if out.suffix.lower() not in VIDEOS[:2]:
        raise OutputError(f"{out}: name it {' or '.join(VIDEOS[:2])}")
    if html is not None and same_file(html, out):
        raise OutputError(f"{out}: cannot be both the video and the page; give two names")
    inputs = [folder.resolve() / name for name in ("audio", "truth", "systems", "photos")]
    for path in filter(None, (out, html)):
        if any(path.resolve().is_relative_to(place) for place in inputs):
            raise OutputError(f"{path}: lies among what is compared; choose another place")
        if not path.absolute().parent.is_dir():
            raise OutputError(f"{path}: the folder does not exist; make it or choose another name")
        check_writable(path, "--out" if path == out else "--html")
        if lies_there(path) and not overwrite:
            raise OutputError(f"{path}: exists already; give --overwrite to replace it, or choose another name")
