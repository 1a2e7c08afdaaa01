"""`avtr eval alike`: one video held against another of the same photo and the same sound."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from avtr_cli.cli import options
from avtr_cli.cli.measured import tell_numbers, watched

if TYPE_CHECKING:
    from avtr_cli.core.arrays import Sound


def alike(
    reference: Annotated[
        Path, typer.Argument(metavar="REF", help="The video to be held against, or its tracks (.npz).")
    ],
    ours: Annotated[Path, typer.Argument(metavar="OURS", help="Ours of the same sound, or its tracks (.npz).")],
    sound: Annotated[
        Path | None,
        typer.Option("--voice", metavar="SOUND", help="What both say; the sound of OURS, or of REF, where not given."),
    ] = None,
    tracks: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the tracks of OURS here (.npz): measured at once again.")
    ] = None,
    page: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a page here: both videos, curves laid over each other.")
    ] = None,
    report: options.NumbersFile = None,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Hold a video against another of the same sound: do lips, brows and head do alike, and as much?"""
    from avtr_cli.core.files import write_text
    from avtr_cli.core.timing import SAMPLE_RATE
    from avtr_cli.evaluation.alike.compare import compare, rows_of
    from avtr_cli.evaluation.alike.following import tracks_from
    from avtr_cli.evaluation.alike.page import Shown, comparison_page
    from avtr_cli.evaluation.alike.table import comparison_lines
    from avtr_cli.evaluation.alike.tracks import write_tracks

    written = {"--tracks": tracks, "--page": page, "--report": report}
    options.check_written(written, (reference, ours, sound))
    _check_there(reference, ours, sound)
    voice = _voice(sound, ours, reference)
    with watched(reference.name, quiet) as watch:
        theirs = tracks_from(reference, watch)
    with watched(ours.name, quiet) as watch:
        own = tracks_from(ours, watch)
    if voice is not None:
        theirs, own = (seen.beside(len(voice) / SAMPLE_RATE) for seen in (theirs, own))
    compared = compare(theirs, own, voice, str(ours))
    if tracks is not None:
        write_tracks(tracks, own)
    rows = rows_of([compared])
    told: dict[str, Any] = {
        "command": options.typed(),
        "reference": str(reference),
        "ours": str(ours),
        "frames": compared.frames,
        "closures": compared.closures,
        "measures": rows,
    }
    if page is not None:
        shown = Shown(ours.name, rows, theirs, own, _video(reference), _video(ours), options.typed())
        write_text(page, comparison_page(page, shown))
    tell_numbers(comparison_lines(rows), told, report, as_json)


def _check_there(*paths: Path | None) -> None:
    """Before one video is followed: the others are there too. Raises InputError."""
    from avtr_cli.core.errors import InputError
    from avtr_cli.core.textfile import why_no_file

    for path in paths:
        if path is not None and (why := why_no_file(path)):
            raise InputError(f"{path}: {why}")


def _voice(sound: Path | None, ours: Path, reference: Path) -> Sound | None:
    """What was named, or the sound of the first of both videos that has one."""
    from avtr_cli.core.errors import AudioError
    from avtr_cli.evaluation.alike.sounds import voice_in

    if sound is not None:
        return voice_in(sound)
    for path in filter(None, map(_video, (ours, reference))):
        try:
            return voice_in(path)
        except AudioError:
            continue
    return None


def _video(path: Path) -> Path | None:
    from avtr_cli.evaluation.alike.tracks import SUFFIX

    return None if path.suffix.lower() == SUFFIX else path
