"""The page of one job: its video, when the person spoke and listened, what was asked for, what went in and came out.

Nothing is fetched from anywhere, so the page can be mailed; the video itself is linked beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from avtr_cli.core.timing import FPS
from avtr_cli.output.sequence import FIRST, PictureSequence, is_sequence
from avtr_cli.report import elements, timing
from avtr_cli.report.elements import Tile, clock, section
from avtr_cli.report.origin import file_section, inputs_section, moment, origin_section
from avtr_cli.report.settings import settings_section
from avtr_cli.report.stills import still_times, stills
from avtr_cli.report.timeline import Timeline
from avtr_cli.report.tracks import timelines

STILLS = 12
STILL_WIDTH = 200  # px
SEEN_AFTER_S = 0.2  # a touch is best seen
POSTER_WIDTH = 560  # px, before the video plays


def job_page(path: Path, report: Mapping[str, Any], video: Path, timeline: Timeline | None = None) -> str:
    """The page of one job, to lie at `path`; stills are taken from `video`, where the finished video lies meanwhile.

    The timelines are left out where there is no `timeline`.
    """
    return elements.page(Path(report["output"]["path"]).name, _body(path, report, video, timeline))


def _body(path: Path, report: Mapping[str, Any], made: Path, timeline: Timeline | None) -> Iterator[str]:
    yield f"<h1>{escape(Path(report['output']['path']).name)}</h1>"
    yield f'<p class="soft">{escape(_subtitle(report))}</p>'
    yield elements.tiles(_tiles(report))
    if report["warnings"]:
        yield section("Warnings", elements.bullets(report["warnings"]), "warn")
    yield section("Video", _video(path, report, made) + _sheet(report, made, timeline))
    if timeline is not None:
        yield timelines(timeline, report["cues"], report["interactions"])
    yield section("Made with", _asked(report))
    yield settings_section(report)
    yield inputs_section(report, path)
    yield file_section(report)
    yield origin_section(report)
    if timing.in_realtime(report):
        yield section("At the speed of a call", timing.live_words(report) + timing.machine(report))
    else:
        yield elements.folded("Machine", timing.machine(report))


def _subtitle(report: Mapping[str, Any]) -> str:
    avtr, inputs = report["avtr"], report["inputs"]
    photos = " and ".join(Path(inputs[key]["path"]).name for key in ("photo", "photo_b") if key in inputs)
    sound = Path(inputs["audio"]["path"]).name
    how = f"preset {avtr['preset']}, seed {avtr['seed']}, avtr {avtr['version']}"
    return f"{photos} with {sound}, {how}, {moment(avtr['finished'])}"


def _tiles(report: Mapping[str, Any]) -> Iterator[Tile]:
    output, clocked, doubts = report["output"], report["timing"], len(report["warnings"])
    yield Tile(clock(output["duration_s"]), f"{output['frames']} frames, {output['width']}×{output['height']}")
    yield Tile(f"{clocked['realtime_factor']:.2f}×", f"real time; {clock(clocked['wall_s'])} in all")
    yield Tile(elements.size_text(output["bytes"]), f"{output['codec']}, sound {output['sound_codec'] or 'none'}")
    yield Tile(str(doubts) if doubts else "no", "warning" if doubts == 1 else "warnings", "warn" if doubts else "")
    yield from timing.live_tiles(report)


def _video(path: Path, report: Mapping[str, Any], made: Path) -> str:
    output = report["output"]
    video = Path(output["path"])
    large = stills(made, [output["poster_s"]], min(POSTER_WIDTH, output["width"]))
    target = PictureSequence(video).picture(FIRST) if is_sequence(video) else video
    shown = elements.player(path, target, large[0] if large else None, (output["width"], output["height"]))
    return f'{shown}<p class="small">{elements.anchor(path, target, video.name)}</p>'


def _sheet(report: Mapping[str, Any], made: Path, timeline: Timeline | None) -> str:
    """Stills spread over the video, with open eyes where the timeline tells; a click plays from there."""
    output = report["output"]
    times: Sequence[float] = still_times(output["duration_s"], min(STILLS, output["frames"]))
    if timeline is not None and timeline.moments:
        times = timeline.moments
    buttons, rings = [], _rings(report, times)
    for time, picture in zip(times, stills(made, list(times), STILL_WIDTH), strict=False):
        image = elements.still(picture, f"frame at {time:.1f} s")
        buttons.append(
            f'<button type="button" data-time="{time:.2f}" title="play from here">'
            f'<span class="shot">{image}{rings.get(time, "")}</span>'
            f"<b>{clock(time)}</b>{_doing(timeline, time)}</button>"
        )
    return f'<div class="sheet">{"".join(buttons)}</div>'


def _rings(report: Mapping[str, Any], times: Sequence[float]) -> dict[float, str]:
    """By the time of the nearest still, a ring for everything that was done to the one person and is seen."""
    rings: dict[float, str] = {}
    if report["output"]["layout"] != "single" or not times:
        return rings
    for one in report["interactions"]:
        if one["shown_at"] is None or one["frame"] / FPS > report["output"]["duration_s"]:
            continue
        seen = one["frame"] / FPS + SEEN_AFTER_S
        nearest = min(times, key=lambda time: abs(time - seen))
        x, y = (100 * share for share in one["shown_at"])
        said = f"{one['do']} {str(one['region']).replace('_', ' ')} at {one['frame'] / FPS:g} s"
        ring = f'<i class="ring {escape(one["tone"])}" style="left:{x:.1f}%;top:{y:.1f}%" title="{escape(said)}"></i>'
        rings[nearest] = rings.get(nearest, "") + ring
    return rings


def _doing(timeline: Timeline | None, time: float) -> str:
    if timeline is None:
        return ""
    own, other = timeline.speaking(time)
    if len(timeline.curves) > 1:
        words = {(True, False): "A speaks", (False, True): "B speaks", (True, True): "both speak"}
        return " " + words.get((own, other), "silence")
    return " speaking" if own else " listening" if other else " silence"


def _asked(report: Mapping[str, Any]) -> str:
    """The command, the cues, and what was done to the people."""
    typed = report["avtr"]["command"]
    said = elements.command(typed) if typed else "<p>A script called the library; there was no command.</p>"
    rows = [(f"{cue['frame'] / FPS:g} s", str(cue["cue"]), f"{cue['strength']:g}") for cue in report["cues"]]
    if rows:
        said += _table(("at", "cue", "strength"), rows)
    done = [
        (
            f"{one['frame'] / FPS:g} s",
            one["do"],
            str(one["region"]).replace("_", " "),
            one["tone"],
            f"{one['strength']:g}",
        )
        for one in report["interactions"]
    ]
    if done:
        said += _table(("at", "done", "where", "how", "strength"), done)
    return said


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    named = "".join(f"<th>{head}</th>" for head in heads)
    lines = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{named}</tr></thead><tbody>{lines}</tbody></table>"
