"""`avtr eval listening`, `unils`, `pictures`, `sync`, `all`: any systems' videos or motion beside recorded people."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from avtr_cli.cli import completions, options, voice
from avtr_cli.cli.command import OUTPUT, SETTINGS
from avtr_cli.cli.measured import tell_numbers, watched
from avtr_cli.cli.options import option
from avtr_cli.core.errors import ConfigError

if TYPE_CHECKING:
    from avtr_cli.evaluation.folder.judged import Watched
    from avtr_cli.motion.flame.lists import VertexLists

RULES = ("listening", "reactive")
PROTOCOLS = ("avtr", "unils")
CHANNELS = ("luma", "rgb")
CROPS = ("tracked", "wav2lip")

Folder = Annotated[
    Path,
    typer.Argument(
        metavar="FOLDER", help="audio/, truth/ and systems/NAME/, see docs/evaluation.md.", show_default=False
    ),
]
Frames = Annotated[
    str,
    option(
        SETTINGS, "--frames", metavar="RULE", autocompletion=completions.among(RULES),
        help="Which frames count: listening (ours), or reactive (as published).",
    ),
]  # fmt: skip
Protocol = Annotated[
    str,
    option(
        SETTINGS, "--protocol", metavar="NAME", autocompletion=completions.among(PROTOCOLS),
        help="avtr (without the traps), or unils (as released).",
    ),
]  # fmt: skip
Lists = Annotated[
    Path | None,
    option(
        SETTINGS, "--vertex-lists", metavar="FILE|FOLDER",
        help="Of FLAME's lips and upper face: your checkout of UniLS's code, or a .json or .npz with lips and upper.",
    ),
]  # fmt: skip
Seed = Annotated[int, option(SETTINGS, "--seed", min=0, max=2**31 - 1, help="Of all shuffles.")]
Few = Annotated[bool, option(SETTINGS, "--few", help="Print reactivity of fewer than 10 conversations too.")]
Table = Annotated[Path | None, option(OUTPUT, "--csv", metavar="FILE", help="Write all rows here, one a line.")]


def listening(
    folder: Folder,
    frames: Frames = "listening",
    encoder: Annotated[
        str,
        option(
            SETTINGS,
            "--encoder",
            metavar="NAME",
            help="avtr-av-1 (ours), syncnet (of videos), or that of the folder's .npz files.",
        ),
    ] = "avtr-av-1",
    seed: Seed = 0,
    few: Few = False,
    report: options.NumbersFile = None,
    csv: Table = None,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Judge how systems listen: do they react to their partner as the recorded people do, or not at all?"""
    _tell(folder, ("listening",), frames, "avtr", seed, few, report, csv, as_json, quiet, encoder)


def unils(
    folder: Folder,
    protocol: Protocol = "avtr",
    lists: Lists = None,
    seed: Seed = 0,
    report: options.NumbersFile = None,
    csv: Table = None,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Judge faces and heads by UniLS's measures: lips against the true ones, and how much they move."""
    _tell(folder, ("unils",), "listening", protocol, seed, False, report, csv, as_json, quiet, lists=lists)


def pictures(
    folder: Folder,
    channels: Annotated[
        str,
        option(
            SETTINGS,
            "--channels",
            metavar="KIND",
            autocompletion=completions.among(CHANNELS),
            help="SSIM of luma, or the mean of rgb.",
        ),
    ] = "luma",
    whole: Annotated[bool, option(SETTINGS, "--whole", help="Whole pictures of one size, not the face alone.")] = False,
    few: Annotated[bool, option(SETTINGS, "--few", help="Print FID and FVD of fewer than 2048 frames too.")] = False,
    scores: Annotated[
        Path | None,
        option(
            SETTINGS,
            "--scores",
            metavar="FILE",
            help="Scores that another program gave, a CSV of system,id,IQA,ASE: rows beside ours.",
        ),
    ] = None,
    report: options.NumbersFile = None,
    csv: Table = None,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Judge videos against the recorded ones, picture by picture: PSNR, SSIM, hands; with weights CSIM, FID, FVD."""
    from avtr_cli.evaluation.folder.layout import read_layout
    from avtr_cli.evaluation.folder.likeness import Asked, pictures_report
    from avtr_cli.evaluation.folder.scores import load_scores, with_scores

    _among("--channels", channels, CHANNELS)
    options.check_written({"--report": report, "--csv": csv}, (scores,))
    layout = read_layout(folder)
    given = load_scores(scores, layout) if scores is not None else None
    with watching(quiet) as watch:
        found = pictures_report(layout, Asked(channels, whole, few), watch)
    found = with_scores(found, layout, given) if given is not None else found
    _refuse_nothing(folder, found)
    _told({"pictures": found}, report, csv, as_json)


def sync(
    folder: Folder,
    protocol: Annotated[
        str,
        option(
            SETTINGS,
            "--protocol",
            metavar="NAME",
            autocompletion=completions.among(CROPS),
            help="tracked (the face), or wav2lip (whole pictures, stretched).",
        ),
    ] = "tracked",
    boxes: Annotated[
        Path | None, option(SETTINGS, "--boxes", metavar="FILE", help="Boxes of faces (JSON), not Face Mesh's.")
    ] = None,
    report: options.NumbersFile = None,
    csv: Table = None,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Judge lips against the recorded voice: Sync-C, Sync-D, the lag; without SyncNet's weights a stand-in alone."""
    from avtr_cli.evaluation.folder.layout import read_layout
    from avtr_cli.evaluation.folder.sync import Asked, sync_report

    _among("--protocol", protocol, CROPS)
    if boxes is not None and protocol != "tracked":
        raise ConfigError("--boxes goes with --protocol tracked: wav2lip takes whole pictures")
    options.check_written({"--report": report, "--csv": csv}, (boxes,))
    with watching(quiet) as watch:
        found = sync_report(read_layout(folder), Asked(protocol, boxes), watch)
    _refuse_nothing(folder, found)
    _told({"sync": found}, report, csv, as_json)


def everything(
    folder: Folder,
    frames: Frames = "listening",
    protocol: Protocol = "avtr",
    lists: Lists = None,
    seed: Seed = 0,
    few: Few = False,
    report: options.NumbersFile = None,
    csv: Table = None,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Judge systems by all of these: whatever the folder's files and the weights that are here allow."""
    _tell(folder, None, frames, protocol, seed, few, report, csv, as_json, quiet, lists=lists)


def _tell(
    folder: Path,
    parts: tuple[str, ...] | None,
    frames: str,
    protocol: str,
    seed: int,
    few: bool,
    report: Path | None,
    csv: Path | None,
    as_json: bool,
    quiet: bool,
    encoder: str = "avtr-av-1",
    lists: Path | None = None,
) -> None:
    """The reports of `parts`, or all that can be made."""
    from avtr_cli.evaluation.folder.listening import Asked
    from avtr_cli.evaluation.folder.suite import evaluate_all, evaluate_folder

    _among("--frames", frames, RULES)
    _among("--protocol", protocol, PROTOCOLS)
    options.check_written({"--report": report, "--csv": csv}, (lists,))
    vertices = _vertex_lists(lists)
    asked = Asked(rule=frames, seed=seed, few=few, encoder=encoder)
    with watching(quiet) as watch:
        if parts is None:
            reports = evaluate_all(folder, asked, protocol, watch, vertices)
        else:
            reports = evaluate_folder(folder, parts, asked, protocol, watch, vertices)
    _told(reports, report, csv, as_json)


def _vertex_lists(path: Path | None) -> VertexLists | None:
    """Raises WeightsError."""
    if path is None:
        return None
    from avtr_cli.motion.flame.lists import load_lists

    lists = load_lists(path)
    if not lists.published:
        voice.note(f"{path}: its lists are not those that UniLS's measures were published on")
    return lists


def _told(reports: Mapping[str, Mapping[str, Any]], report: Path | None, csv: Path | None, as_json: bool) -> None:
    """Warnings, a table or JSON, and the files that were asked for."""
    from avtr_cli.core.files import write_text
    from avtr_cli.evaluation.folder.rows import csv_lines

    for warning in dict.fromkeys(warning for one in reports.values() for warning in one["warnings"]):
        voice.note(warning)
    told: dict[str, Any] = {"command": options.typed()}
    told |= next(iter(reports.values())) if len(reports) == 1 else reports
    tell_numbers(_lines(reports), told, report, as_json)
    if csv is not None:
        rows = [line for at, one in enumerate(reports.values()) for line in list(csv_lines(one))[min(at, 1) :]]
        write_text(csv, "\n".join(rows) + "\n")


def _refuse_nothing(folder: Path, found: Mapping[str, Any]) -> None:
    """Raises InputError where no file of any system could be judged."""
    from avtr_cli.core.errors import InputError

    if not any(row["count"]["pairs"] for one in found["systems"].values() for row in one["measures"].values()):
        reasons = (f"{one['id']}: {one['reason']}" for made in found["systems"].values() for one in made["left_out"])
        raise InputError(f"{folder}: no system can be judged: {next(reasons, 'there is no file of any')}")


@contextmanager
def watching(quiet: bool) -> Iterator[Watched]:
    """A bar for each file that takes its time, one after the other."""
    with ExitStack() as bars:

        def watch(name: str) -> Callable[[int, int], None] | None:
            bars.close()
            return bars.enter_context(watched(name, quiet))

        yield watch


def _among(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ConfigError(f"{name} is {' or '.join(known)}, not '{value}'")


def _lines(reports: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    from avtr_cli.evaluation.folder.table import report_lines

    for at, one in enumerate(reports.values()):
        if at:
            yield ""
        yield from report_lines(one, voice.width(sys.stdout))
