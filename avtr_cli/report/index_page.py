"""The page of a batch: how it went, what failed and how to try again, every video to be played or sorted by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from avtr_cli.report import elements, timing
from avtr_cli.report.elements import Tile, anchor, clock, section, size_text
from avtr_cli.report.origin import moment
from avtr_cli.report.stills import stills

COLUMNS = (  # of the table: heading, style
    ("video", ""),
    ("length", "n"),
    ("× real time", "n wide"),
    ("size", "n wide"),
    ("preset", ""),
    ("seed", "n"),
    ("warnings", "n wide"),
)
CARD_WIDTH = 320  # px of a still
MOST_STILLS = 200  # each takes 10 to 20 kB and some 50 ms


@dataclass(frozen=True)
class Made:
    """A video that is there: its report, whose output's path is as seen from here, and its own page if it has one.

    title  what it is called; the file's name where nothing is said
    """

    report: Mapping[str, Any]
    page: Path | None = None
    title: str = ""

    @property
    def name(self) -> str:
        """What the page calls it."""
        return self.title or Path(self.report["output"]["path"]).name


@dataclass(frozen=True)
class Failed:
    """A job that is not done: why, with the exit code it would have ended `avtr render` with, and from which files.

    exit_code  None where nothing is wrong with the job itself
    """

    name: str
    reason: str
    exit_code: int | None = None
    inputs: tuple[Path, ...] = ()
    command: str = ""  # that looks at this job alone
    attempts: int = 0


@dataclass(frozen=True)
class About:
    """The batch itself; what is not known is left out of the page."""

    name: str = ""
    source: str = ""
    command: str = ""  # as typed: the same again tries what failed
    finished: str = ""  # ISO time
    wall_s: float = 0.0
    exit_code: int | None = None
    workers: str = ""


def can_be_shown(report: Any) -> bool:
    """Whether a report that was read back from a file has all that the page tells of it."""
    try:
        output = report["output"]
        numbers = (output["width"], output["height"], report["timing"]["wall_s"], output.get("poster_s", 0))
        _table_row(Made(report), 0)
        timing.stage_table([report])
        return isinstance(report["warnings"], list) and all(isinstance(number, (int, float)) for number in numbers)
    except (KeyError, TypeError, ValueError, AttributeError):
        return False


def index_page(path: Path, made: Sequence[Made], failed: Sequence[Failed] = (), about: About | None = None) -> str:
    """The page of a batch, to lie at `path`."""
    about = about or About()
    title = about.name or elements.counted(len(made), "video")
    return elements.page(title, _body(path, title, made, failed, about))


def _body(path: Path, title: str, made: Sequence[Made], failed: Sequence[Failed], about: About) -> Iterator[str]:
    yield f"<h1>{escape(title)}</h1>"
    yield f'<p class="soft">{escape(_subtitle(about))}</p>'
    yield elements.tiles(_tiles(made, failed, about))
    if failed:
        again = "<p>Mend what is wrong, then give the same command again; what is done is skipped:</p>"
        again = again + elements.command(about.command) if about.command else ""
        yield section("Failed", again + "".join(_failure(path, one) for one in failed), "bad")
    if made:
        yield section("Videos", _table(made))
        cards = (_card(path, one, at, at < MOST_STILLS) for at, one in enumerate(made))
        yield f'<div class="cards">{"".join(cards)}</div>'
        yield elements.folded("Machine", timing.stage_table([one.report for one in made]))
    if about.command and not failed:
        yield section("Made with", elements.command(about.command))


def _subtitle(about: About) -> str:
    said = [f"from {about.source}"] if about.source else []
    said += [moment(about.finished)] if about.finished else []
    said += [f"took {clock(about.wall_s)}"] if about.wall_s else []
    said += [about.workers] if about.workers else []
    said += [f"exit code {about.exit_code}"] if about.exit_code is not None else []
    return ", ".join(said)


def _tiles(made: Sequence[Made], failed: Sequence[Failed], about: About) -> Iterator[Tile]:
    reports = [one.report for one in made]
    seconds = sum(report["output"]["duration_s"] for report in reports)
    size = sum(report["output"].get("bytes", 0) for report in reports)
    wall = sum(report["timing"]["wall_s"] for report in reports)
    doubts = sum(bool(report["warnings"]) for report in reports)
    yield Tile(str(len(made)), "done", "good" if made else "")
    yield Tile(str(len(failed)) if failed else "none", "failed", "bad" if failed else "")
    yield Tile(clock(seconds), f"of video, {size_text(size)}" if size else "of video")
    yield Tile(f"{seconds / wall:.2f}×" if wall else "–", "real time a worker, start-up included")
    yield Tile(str(doubts) if doubts else "none", "with warnings", "warn" if doubts else "")


def _failure(path: Path, one: Failed) -> str:
    code = f"exit code {one.exit_code}" if one.exit_code is not None else "report"
    tried = f", tried {one.attempts} times" if one.attempts > 1 else ""
    files = ", ".join(anchor(path, file, str(file)) for file in one.inputs)
    made_of = f'<p class="small">Inputs: {files}</p>' if files else ""
    alone = f'<p class="small">To look at it alone:</p>{elements.command(one.command)}' if one.command else ""
    return (
        f'<article class="failed"><h3>{escape(one.name)} <span class="badge">{code}{tried}</span>'
        f"</h3><p>{escape(one.reason)}</p>{made_of}{alone}</article>"
    )


def _table(made: Sequence[Made]) -> str:
    """A row a video; a click on a heading sorts rows and cards by it."""
    heads = "".join(
        f'<th class="{css}" aria-sort="none"><button type="button">{name}</button></th>' for name, css in COLUMNS
    )
    rows = "".join(_table_row(one, at) for at, one in enumerate(made))
    return f'<table class="sortable"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>'


def _table_row(one: Made, at: int) -> str:
    output, clocked, avtr = one.report["output"], one.report["timing"], one.report["avtr"]
    name, doubts = one.name, len(one.report["warnings"])
    size = output.get("bytes")
    cells = (  # what is shown, what is sorted by, and the column's style
        (f'<a href="#v{at}">{escape(name)}</a>', name, ""),
        (clock(output["duration_s"]), output["duration_s"], "n"),
        (f"{clocked['realtime_factor']:.2f}", clocked["realtime_factor"], "n wide"),
        (size_text(size) if size else "–", size or 0, "n wide"),
        (escape(str(avtr["preset"])), avtr["preset"], ""),
        (escape(str(avtr["seed"])), avtr["seed"], "n"),
        (str(doubts or "–"), doubts, "n wide"),
    )
    drawn = "".join(f'<td class="{css}" data-key="{escape(str(key))}">{shown}</td>' for shown, key, css in cells)
    return f'<tr data-at="{at}">{drawn}</tr>'


def _card(path: Path, one: Made, at: int, with_still: bool) -> str:
    report, output = one.report, one.report["output"]
    video, size = Path(output["path"]), (output["width"], output["height"])
    moment_s = output.get("poster_s", output["duration_s"] * 0.4)  # older reports know no moment of open eyes
    pictures = stills(video, [moment_s], CARD_WIDTH) if with_still else []
    own = f" · {anchor(path, one.page, 'report')}" if one.page is not None else ""
    doubts = f'<div class="warn small">{elements.bullets(report["warnings"])}</div>' if report["warnings"] else ""
    weight = f" · {size_text(output['bytes'])}" if "bytes" in output else ""
    return (
        f'<article class="card" id="v{at}">{elements.player(path, video, pictures[0] if pictures else None, size)}'
        f"<div><h3>{escape(one.name)}</h3>"
        f'<p class="soft small">{clock(output["duration_s"])} · {size[0]}×{size[1]}{weight} · '
        f"{report['timing']['realtime_factor']:.2f}× real time<br>preset {escape(str(report['avtr']['preset']))}, "
        f"seed {escape(str(report['avtr']['seed']))}</p>"
        f'<p class="small">{anchor(path, video, "video")}{own}</p>{doubts}</div></article>'
    )
