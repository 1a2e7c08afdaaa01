"""Reports of a folder as a page: the video on top, then every row with its intervals, and controls behind them.

A value is bold only where its paired difference to the next best excludes 0: numbers that differ are no finding yet.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from avtr_cli.evaluation.folder.table import listed, number
from avtr_cli.report import elements
from avtr_cli.report.elements import section

TARGETS = {"coupling": 1.0, "pattern": 1.0}  # rows that are best there, not where they are highest
PUBLISHED = (
    "quality", "specificity", "marginal_fit", "fmd_gain", "cjfd_real", "cjfd_shuffled", "cjfd_shuffled_truth",
    "fmd_real", "tlcc_proactivity",
)  # fmt: skip
"""Rows as on the AVTR-1 page, which come first."""
TITLES = {"listening": "Listening", "unils": "Faces and heads (UniLS's measures)"}
NOTES = (
    "specificity, fit and quality are drawn to 0 by few dialogues, which no interval covers; coupling is not",
    "another draw of the same person gains little FMD: a perfect listener cannot reach quality 1",
)
PLOT, LANE = 1000, 16  # units of a row's plot: its width, and the height of a system in it
COLOURS = ("var(--a)", "var(--b)", "var(--good)", "var(--warn)", "var(--bad)", "var(--ink)")


@dataclass(frozen=True)
class Shown:
    """The video that the page shows: what is in it in words, a still of it (JPEG), its (width, height)."""

    video: Path
    words: str
    poster: bytes | None
    size: tuple[int, int]


def compare_page(path: Path, shown: Shown, reports: Mapping[str, Mapping[str, Any]], command: str) -> str:
    """The page, to lie at `path`; the video is linked from there."""
    return elements.page("Side by side", _body(path, shown, reports, command))


def best(name: str, report: Mapping[str, Any]) -> str | None:
    """The system whose value of a row is better than all others' for sure; None where nobody's is."""
    rows = {system: one["measures"].get(name) for system, one in report["systems"].items()}
    known = {system: row for system, row in rows.items() if row and row["value"] is not None and not row.get("leaks")}
    if len(known) < 2:
        return None
    ranked = sorted(known, key=lambda system: (_rank(name, known[system]), system))
    first, second = ranked[:2]
    if known[first]["higher_is_better"] is None and name not in TARGETS:
        return None
    apart = _difference(report, first, second, name)
    return first if apart is not None and (apart["low"] > 0 or apart["high"] < 0) else None


def _rank(name: str, row: Mapping[str, Any]) -> float:
    """Lower is better."""
    value = float(row["value"])
    if name in TARGETS:
        return abs(value - TARGETS[name])
    higher: bool = row["higher_is_better"]
    return -value if higher else value


def _difference(report: Mapping[str, Any], one: str, other: str, name: str) -> Mapping[str, Any] | None:
    told = report["differences"]
    both = told.get(f"{one} - {other}") or told.get(f"{other} - {one}") or {"measures": {}}
    found: Mapping[str, Any] | None = both["measures"].get(name)
    return found if found is not None and found["low"] is not None else None


def _body(path: Path, shown: Shown, reports: Mapping[str, Mapping[str, Any]], command: str) -> Iterator[str]:
    yield "<h1>Side by side</h1>"
    yield f'<p class="soft">{escape(shown.words)}</p>'
    yield section("Video", elements.player(path, shown.video, shown.poster, shown.size) + _strip_key())
    for title, report in reports.items():
        yield _panel(title, report)
    left_out = [
        f"{system} {one['id']}: {one['reason']}"
        for system, made in next(iter(reports.values()))["systems"].items()
        for one in made["left_out"]
    ]
    if left_out:
        yield elements.folded("Left out", elements.bullets(left_out))
    yield section("Made with", elements.command(command))


def _strip_key() -> str:
    return (
        '<p class="small soft">Above: <span class="key ka">own voice</span> <span class="key kb">partner</span> '
        '<span class="key kr">frames in which the person listens</span>. Grey: the video has ended. '
        "Everybody is heard with the recorded sound.</p>"
    )


def _panel(title: str, report: Mapping[str, Any]) -> str:
    systems, groups = list(report["systems"]), report["groups"]
    measures = {name: one["measures"] for name, one in report["systems"].items()}
    names = _ordered(list(dict.fromkeys(row for rows in measures.values() for row in rows)))
    known = [name for name in names if any(rows[name]["value"] is not None for rows in measures.values())]
    heads = "".join(
        f'<th class="n"><span class="key" style="--key:{_colour(at)}">{escape(system)}</span></th>'
        for at, system in enumerate(systems)
    )
    rows = "".join(_row(name, report, systems) for name in known)
    table = (
        f'<div class="scroll"><table><thead><tr><th>measure</th>{heads}<th>intervals</th><th>comparable?</th></tr>'
        f"</thead><tbody>{rows}</tbody></table></div>"
    )
    heading = f"{TITLES.get(title, title)}: {elements.counted(groups, 'dialogue')}"
    notes = [report["statement"], *(NOTES if title == "listening" else ()), *report["warnings"], *_reasons(measures)]
    leaking = [name for name, one in report["systems"].items() if one["conditioned_on_truth"] == "same_clip"]
    if leaking:
        notes.insert(0, f"given the very truth they are judged by (leaks): {', '.join(leaking)}")
    key = (
        '<p class="small soft">Bars are 95 % intervals over dialogues; thin grey lines are controls, made of truth: '
        f"{', '.join(report['controls'])}. Bold: better than the next, by the interval of their difference.</p>"
    )
    return section(heading, (table + key if known else "") + elements.bullets(notes))


def _ordered(names: Sequence[str]) -> list[str]:
    return [name for name in PUBLISHED if name in names] + [name for name in names if name not in PUBLISHED]


def _row(name: str, report: Mapping[str, Any], systems: Sequence[str]) -> str:
    entries = [report["systems"][system]["measures"][name] for system in systems]
    winner = best(name, report)
    cells = "".join(_cell(entry, system == winner) for system, entry in zip(systems, entries, strict=True))
    controls = [one["measures"].get(name, {}).get("value") for one in report["controls"].values()]
    plot = _plot(name, entries, [value for value in controls if value is not None])
    arrow = {True: " ↑", False: " ↓", None: " → 1" if name in TARGETS else ""}[entries[0]["higher_is_better"]]
    doubted = '<div class="small warn">mostly identity</div>' if any(one.get("confounded") for one in entries) else ""
    comparable = "yes, on the same data" if entries[0]["comparable_with_published"] else "no"
    return (
        f'<tr><td style="overflow-wrap:normal">{escape(name).replace("_", "_<wbr>")}{arrow}{doubted}</td>{cells}'
        f'<td style="min-width:180px;width:40%">{plot}</td>'
        f"<td>{comparable}</td></tr>"
    )


def _cell(entry: Mapping[str, Any], bold: bool) -> str:
    if entry["value"] is None:
        return '<td class="n soft">–</td>'
    half = ""
    if entry["high"] is not None:
        half = f'<span class="soft small"> ±{number((entry["high"] - entry["low"]) / 2)}</span>'
    value = number(entry["value"]).replace("-", "−")
    return f'<td class="n">{f"<b>{value}</b>" if bold else value}{half}</td>'


def _plot(name: str, entries: Sequence[Mapping[str, Any]], controls: Sequence[float]) -> str:
    """Each system's interval in a lane of its own, over thin lines where the controls lie."""
    ends = [value for one in entries for value in (one["low"], one["value"], one["high"]) if value is not None]
    ends += [*controls, 0.0, *([TARGETS[name]] if name in TARGETS else [])]
    low, high = min(ends), max(ends)
    room = 0.04 * (high - low) or 1.0

    def x(value: float) -> float:
        return float(PLOT * (value - low + room) / (high - low + 2 * room))

    height = LANE * len(entries)
    shapes = [_upright(x(0.0), height, "var(--rule)", 1.5)]
    shapes += [_upright(x(value), height, "var(--soft)", 0.7) for value in controls]
    for lane, entry in enumerate(entries):
        if entry["value"] is None:
            continue
        middle, colour = LANE * (lane + 0.5), _colour(lane)
        if entry["high"] is not None:
            bar = f'x1="{x(entry["low"]):.0f}" x2="{x(entry["high"]):.0f}" y1="{middle:g}" y2="{middle:g}"'
            shapes.append(f'<line {bar} stroke="{colour}" stroke-width="3" vector-effect="non-scaling-stroke"/>')
        shapes.append(_upright(x(entry["value"]), LANE - 4, colour, 3, LANE * lane + 2))
    return (
        f'<svg viewBox="0 0 {PLOT} {height}" preserveAspectRatio="none" role="img" aria-label="{escape(name)}" '
        f'style="height:{height}px">{"".join(shapes)}</svg>'
    )


def _upright(x: float, height: float, colour: str, width: float, top: float = 0.0) -> str:
    return (
        f'<line x1="{x:.0f}" x2="{x:.0f}" y1="{top:g}" y2="{top + height:g}" stroke="{colour}" '
        f'stroke-width="{width:g}" vector-effect="non-scaling-stroke"/>'
    )


def _colour(at: int) -> str:
    return COLOURS[at % len(COLOURS)]


def _reasons(measures: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Why rows have no value, each reason once."""
    found: dict[str, list[str]] = {}
    for rows in measures.values():
        for name, entry in rows.items():
            if entry["reason"]:
                found.setdefault(entry["reason"], []).append(name)
    return [f"{listed(list(dict.fromkeys(names)))}: {reason}" for reason, names in found.items()]
