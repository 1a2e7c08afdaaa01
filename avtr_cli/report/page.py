"""A report as one page: pictures, timelines, timing, settings. Nothing is fetched from anywhere, so it can be mailed.

The video itself is linked beside the page. Light and dark, wide and narrow; assets/report.html holds the style.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import quote

from avtr_cli import __version__
from avtr_cli.core.files import write_text
from avtr_cli.core.shipped import asset
from avtr_cli.core.timing import FPS
from avtr_cli.report import charts
from avtr_cli.report.stills import still_times, stills
from avtr_cli.report.timeline import Curves, Timeline

STILLS = 12  # on a job's page
TEMPLATE = asset("report.html")
POSTER_WIDTH = 640  # px, before the video plays
CARD_WIDTH = 320  # px of a still on the batch page
MOST_STILLS = 200  # on the batch page; each takes 10 to 20 kB and some 50 ms
STAGE_WORDS = {
    "audio": "hearing",
    "motion": "motion",
    "render": "drawing",
    "composite": "background, layout",
    "encode": "encoding (its own thread)",
}


def job_page(path: Path, report: Mapping[str, Any], video: Path, timeline: Timeline | None = None) -> str:
    """The page of one job, to lie at `path`; stills are taken from `video`, where the finished video lies meanwhile.

    The timelines are left out where there is no `timeline`.
    """
    name = Path(report["output"]["path"]).name
    return _page(name, "\n".join(_job_body(path, report, video, timeline)))


def batch_page(
    reports: Sequence[Mapping[str, Any]],
    path: Path,
    failures: Sequence[tuple[str, str]] = (),
    pages: Mapping[str, Path] | None = None,
) -> None:
    """Write the index of many jobs to `path`: a card for each report, then `failures` as (job, reason).

    `pages` maps an output's path to the job's own page. Raises OutputError.
    """
    body = "\n".join(_batch_body(path, reports, failures, pages or {}))
    write_text(path, _page(f"{len(reports)} videos", body))


def _page(title: str, body: str) -> str:
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        title=escape(title),
        generator=f"avtr {__version__}",
        body=body,
        footer=f"made by avtr {__version__}; this page holds all it shows but the video, and asks no network",
    )


def _job_body(path: Path, report: Mapping[str, Any], made: Path, timeline: Timeline | None) -> Iterator[str]:
    output = report["output"]
    video = Path(output["path"])
    yield f"<h1>{escape(video.name)}</h1>"
    yield f'<p class="soft">{_subtitle(report)}</p>'
    yield _tiles(report)
    if report["warnings"]:
        yield f'<section><h2 class="warn">Warnings</h2>{_list(report["warnings"])}</section>'
    times = still_times(output["duration_s"], min(STILLS, output["frames"]))
    pictures = stills(made, times)
    yield "<section><h2>Video</h2>"
    large = stills(made, [_open_eyed(timeline, times)], min(POSTER_WIDTH, output["width"]))
    poster = f' poster="{_data(large[0])}"' if large else ""
    yield f'<video controls preload="metadata" src="{_link(path, video)}"{poster}></video>'
    yield f'<p class="small"><a href="{_link(path, video)}">{escape(video.name)}</a></p>'
    yield '<div class="sheet">'
    for time, picture in zip(times, pictures, strict=False):
        doing = _doing(timeline, time)
        yield (
            f'<button data-time="{time:.2f}" title="play from here"><img src="{_data(picture)}" '
            f'alt="frame at {time:.1f} s" loading="lazy"><b>{_clock(time)}</b>{doing}</button>'
        )
    yield "</div></section>"
    if timeline is not None:
        yield _tracks(timeline)
    yield _timing(report["timing"])
    yield _origin(report)
    yield _details("Job", _job(report))
    yield _details("Settings", _flat(report["settings"]))
    yield _details("Machine", {**_flat(report["device"]), **_flat(report["memory"])})


def _job(report: Mapping[str, Any]) -> dict[str, Any]:
    """What was asked for and what went in, hashes apart."""
    cues = [f"{cue['cue']} at {cue['frame'] / FPS:g} s, strength {cue['strength']:g}" for cue in report["cues"]]
    given = {key: value for key, value in _flat(report["inputs"]).items() if not key.endswith("sha256")}
    return {"command": report["avtr"]["command"] or "-", "cues": "; ".join(cues) or "none", **given}


def _subtitle(report: Mapping[str, Any]) -> str:
    avtr, inputs = report["avtr"], report["inputs"]
    photos = " and ".join(Path(inputs[key]["path"]).name for key in ("photo", "photo_b") if key in inputs)
    sound = Path(inputs["audio"]["path"]).name
    return escape(f"{photos} with {sound}, preset {avtr['preset']}, seed {avtr['seed']}, avtr {avtr['version']}")


def _tiles(report: Mapping[str, Any]) -> str:
    output, timing = report["output"], report["timing"]
    chunk, misses = timing["chunk_ms"], timing["deadline_misses"]
    speed = timing["realtime_factor"]
    tiles = [
        (_clock(output["duration_s"]), f"{output['frames']} frames, {output['width']}×{output['height']}", ""),
        (f"{speed:.2f}×", "real time, start-up left out", "good" if speed >= 1 else "warn"),
        (f"{chunk['p99']:.0f} ms", "for a chunk of 200 ms (99 of 100)", "good" if chunk["p99"] <= 200 else "warn"),
        (str(misses), f"of {chunk['count']} chunks missed the deadline", "bad" if misses else "good"),
        (f"{report['memory']['peak_rss_mb']:.0f} MiB", "peak memory", ""),
    ]
    if timing.get("pace", {}).get("mode") == "realtime":
        latency = timing["pace"]["frame_latency_ms"]
        tiles.append((f"{latency['p99']:.0f} ms", "from sound to picture at call speed (99 of 100)", ""))
    cells = "".join(f'<div class="tile"><b class="{css}">{value}</b>{escape(text)}</div>' for value, text, css in tiles)
    return f'<div class="tiles">{cells}</div>'


def _open_eyed(timeline: Timeline | None, times: Sequence[float]) -> float:
    """The first of `times` at which no eye of the first avatar is closing."""
    if timeline is None:
        return times[0]
    blink = timeline.curves[0].blink
    return min(times, key=lambda time: round(float(blink[int(time / timeline.duration_s * len(blink))]), 1))


def _doing(timeline: Timeline | None, time: float) -> str:
    if timeline is None:
        return ""
    own, other = timeline.speaking(time)
    if len(timeline.curves) > 1:
        words = {(True, False): "A speaks", (False, True): "B speaks", (True, True): "both speak"}
        return " " + words.get((own, other), "silence")
    return " speaking" if own else " listening" if other else " silence"


def _tracks(timeline: Timeline) -> str:
    two = len(timeline.curves) > 1
    first, second = ("A", "B") if two else ("avatar", "partner")
    parts = [
        f'<h3>Voices <span class="key ka">{first}, up</span> <span class="key kb">{second}, down</span></h3>',
        f'<div class="voices">{charts.voices(timeline.voices)}</div>',
    ]
    for curves, who, css in zip(timeline.curves, ("A", "B"), "ab", strict=False):
        parts += _movement(curves, f" of {who}" if two else "", css)
    marks = "".join(f"<span>{_clock(timeline.duration_s * share)}</span>" for share in (0, 0.25, 0.5, 0.75, 1))
    return (
        f'<section><h2>Timelines</h2><div class="tracks" data-seconds="{timeline.duration_s:g}">'
        f'{"".join(parts)}<div class="axis">{marks}</div><div class="playhead"></div></div></section>'
    )


def _movement(curves: Curves, whose: str, css: str) -> list[str]:
    reach = charts.head_range((curves.pitch, curves.yaw, curves.roll))
    return [
        f"<h3>Mouth{whose}, open</h3>",
        f'<div class="opening">{charts.opening(curves.mouth, css, "mouth opening")}</div>',
        f"<h3>Eyes{whose}, closed</h3>",
        f'<div class="opening">{charts.opening(curves.blink, css, "blinks")}</div>',
        f'<h3>Head{whose}, ±{reach:.0f}° <span class="key ka">nod</span> '
        '<span class="key kb">turn</span> <span class="key kr">tilt</span></h3>',
        f'<div class="head">{charts.head(curves.pitch, curves.yaw, curves.roll)}</div>',
    ]


def _timing(timing: Mapping[str, Any]) -> str:
    rows = [("a whole chunk", timing["chunk_ms"], timing["deadline_ms"])]
    rows += [
        (STAGE_WORDS.get(name, name), stage, None) for name, stage in timing["stages_ms"].items() if stage["max"] > 0
    ]
    limit = max(timing["deadline_ms"] * 1.05, *(stage["p99"] for _, stage, _ in rows))
    lines = []
    for name, stage, deadline in rows:
        keys = ("p50", "p90", "p99", "max")
        numbers = "".join(f'<td class="n" data-name="{key}">{stage[key]:.1f}</td>' for key in keys)
        bar = charts.spread(stage, limit, deadline)
        lines.append(f'<tr><td>{escape(name)}</td><td class="spread">{bar}</td>{numbers}</tr>')
    startup = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in timing["startup_s"].items())
    first = timing["first_frame"]
    pace = timing.get("pace", {"mode": "max"})
    live = ""
    if pace["mode"] == "realtime":
        delay = pace["chunk_delay_ms"]
        live = (
            f"<p>Fed at the speed of a call: frames left {pace['frame_latency_ms']['p50']:.0f} ms (median) after their "
            f"sound began, chunks {delay['p50']:.0f} ms after theirs was complete; {pace['deadline_misses']} of "
            f"{delay['count']} came later than {pace['deadline_ms']:.0f} ms.</p>"
        )
    return (
        '<section><h2>Timing of a chunk (5 frames, 200 ms)</h2><table class="stages"><thead><tr><th>stage</th>'
        '<th>median and p99, mark at the largest</th><th class="n">p50</th><th class="n">p90</th><th class="n">p99</th>'
        f'<th class="n">max ms</th></tr></thead><tbody>{"".join(lines)}</tbody></table>'
        f'<p class="small soft">The dashed line is the deadline of a live call, {timing["deadline_ms"]:.0f} ms. '
        f"The first frame waits {first['algorithmic_ms']:.0f} ms for sound and {first['compute_ms']:.0f} ms for the "
        f"machine. Start-up: {startup}; {timing['wall_s']:.1f} s in all.</p>{live}</section>"
    )


def _origin(report: Mapping[str, Any]) -> str:
    marks, lines = report["provenance"], []
    if not marks["marked"]:
        lines.append('<span class="bad">Not marked as AI-generated</span> (--no-provenance)')
    else:
        where = ["the container's metadata"] + ["XMP"] * bool(marks.get("xmp"))
        lines.append(f"Marked as AI-generated in {' and '.join(where)}")
        signed = marks.get("c2pa")
        if signed:
            lines.append(f"C2PA manifest signed by “{escape(signed['signer'])}”")
        elif marks.get("c2pa_absent"):
            lines.append(f"No C2PA manifest: {escape(marks['c2pa_absent'])}")
    if marks.get("label"):
        lines.append(f"Label on every frame: “{escape(marks['label'])}”")
    hashes = {f"{key} sha256": entry["sha256"] for key, entry in report["inputs"].items()}
    hashes["video sha256"] = report["output"]["sha256"]
    hashes["frames sha256"] = report["output"]["frames_sha256"]
    items = "".join(f"<li>{line}</li>" for line in lines)
    return f"<section><h2>Origin</h2><ul>{items}</ul></section>{_details('Hashes', hashes)}"


def _batch_body(
    path: Path,
    reports: Sequence[Mapping[str, Any]],
    failures: Sequence[tuple[str, str]],
    pages: Mapping[str, Path],
) -> Iterator[str]:
    seconds = sum(report["output"]["duration_s"] for report in reports)
    wall = sum(report["timing"]["wall_s"] for report in reports)
    misses = sum(report["timing"]["deadline_misses"] for report in reports)
    yield f"<h1>{len(reports)} videos</h1>"
    tiles = [
        (str(len(reports)), "done", "good"),
        (str(len(failures)), "failed", "bad" if failures else "good"),
        (_clock(seconds), "of video", ""),
        (f"{seconds / wall:.2f}×" if wall else "–", "real time, start-up included", ""),
        (str(misses), "chunks missed the deadline", "bad" if misses else "good"),
    ]
    cells = "".join(f'<div class="tile"><b class="{css}">{value}</b>{text}</div>' for value, text, css in tiles)
    yield f'<div class="tiles">{cells}</div>'
    if failures:
        rows = "".join(f"<tr><td>{escape(job)}</td><td>{escape(why)}</td></tr>" for job, why in failures)
        yield f'<section><h2 class="bad">Failed</h2><div class="scroll"><table>{rows}</table></div></section>'
    yield '<div class="cards">'
    for number, report in enumerate(reports):
        yield _card(path, report, pages.get(str(report["output"]["path"])), number < MOST_STILLS)
    yield "</div>"
    if reports:
        yield _stage_table(reports)


def _card(path: Path, report: Mapping[str, Any], page: Path | None, with_still: bool) -> str:
    output, timing = report["output"], report["timing"]
    video = Path(output["path"])
    pictures = stills(video, [output["duration_s"] * 0.4], CARD_WIDTH) if with_still else []
    image = f'<img src="{_data(pictures[0])}" alt="" loading="lazy">' if pictures else ""
    own = f' · <a href="{_link(path, page)}">report</a>' if page is not None else ""
    doubts = f'<div class="warn small">{_list(report["warnings"])}</div>' if report["warnings"] else ""
    return (
        f'<article class="card"><a href="{_link(path, video)}">{image}</a><div><h3>{escape(video.name)}</h3>'
        f'<span class="soft small">{_clock(output["duration_s"])} · {output["width"]}×{output["height"]} · '
        f"{timing['realtime_factor']:.2f}× · p99 {timing['chunk_ms']['p99']:.0f} ms</span><br>"
        f'<span class="small"><a href="{_link(path, video)}">video</a>{own}</span>{doubts}</div></article>'
    )


def _stage_table(reports: Sequence[Mapping[str, Any]]) -> str:
    rows = []
    for report in reports:
        timing = report["timing"]
        stages = "".join(f'<td class="n">{timing["stages_ms"][name]["p50"]:.1f}</td>' for name in timing["stages_ms"])
        name = escape(Path(report["output"]["path"]).name)
        rows.append(f'<tr><td>{name}</td><td class="n">{timing["chunk_ms"]["p50"]:.1f}</td>{stages}</tr>')
    heads = "".join(f'<th class="n">{name}</th>' for name in reports[0]["timing"]["stages_ms"])
    return (
        '<section><h2>Median milliseconds a chunk</h2><div class="scroll"><table><thead><tr><th>video</th>'
        f'<th class="n">chunk</th>{heads}</tr></thead><tbody>{"".join(rows)}</tbody></table></div></section>'
    )


def _details(title: str, values: Mapping[str, Any]) -> str:
    rows = "".join(
        f"<tr><td>{escape(key)}</td><td><code>{escape(str(value))}</code></td></tr>" for key, value in values.items()
    )
    return f"<section><details><summary>{escape(title)}</summary><table>{rows}</table></details></section>"


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return flat


def _list(lines: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>"


def _data(jpeg: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"


def _link(page: Path, target: Path) -> str:
    """`target` as seen from the folder of `page`."""
    return escape(quote(os.fsencode(os.path.relpath(target.resolve(), page.resolve().parent))))


def _clock(seconds: float) -> str:
    seconds = round(seconds, 1)
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    if hours:
        return f"{hours}:{minutes:02d}:{int(rest):02d}"
    return f"{minutes}:{rest:04.1f}" if seconds < 60 else f"{minutes}:{int(rest):02d}"
