"""A comparison as a page: both videos side by side and played as one, curves laid over each other, the numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from avtr_cli.core.arrays import Doubles
from avtr_cli.core.timing import FPS
from avtr_cli.evaluation.alike.table import COLUMNS, bounds, counted_bounds, number
from avtr_cli.evaluation.alike.tracks import Tracks
from avtr_cli.report import charts, elements
from avtr_cli.report.elements import Tile, anchor, clock, section

REFERENCE_CSS, OURS_CSS = "p", "y"  # styles of the curves; their keys are ka and kb
KEPT = 0.005  # of a curve's values, at either end, may lie beyond its chart
TOLD = {
    "alike.aperture_r": "aperture r",
    "alike.width_r": "width r",
    "closures.kept": "closures kept",
    "closures.kept_chance": "by chance",
    "mouth.level_r": "r with the level",
    "brow.sd": "brows",
    "head.speed": "head speed",
}
"""What the page of many clips tells of each, and what it calls it."""


PRINTED = {">=": "≥", "<=": "≤", " .. ": " – ", " x": " ×", "-": "−", " ": "\N{NO-BREAK SPACE}"}


@dataclass(frozen=True)
class Shown:
    """All that the page of one comparison shows; a side without a video has its curves alone."""

    name: str
    rows: Mapping[str, Mapping[str, Any]]
    reference: Tracks
    ours: Tracks
    reference_video: Path | None = None
    our_video: Path | None = None
    command: str = ""


def comparison_page(path: Path, shown: Shown) -> str:
    """The page of one comparison, to lie at `path`; videos are linked from there."""
    return elements.page(shown.name, _body(path, shown))


def alive_page(path: Path, told: Mapping[str, Any], pages: Mapping[str, Path]) -> str:
    """The page of many clips, to lie at `path`: `told` as in alive.json, and the page of each clip by its name."""
    return elements.page("Beside others' videos", _overview(path, told, pages))


def _body(path: Path, shown: Shown) -> Iterator[str]:
    yield f"<h1>{escape(shown.name)}</h1>"
    both = min(len(shown.reference.at_25_fps()), len(shown.ours.at_25_fps()))
    yield f'<p class="soft">{clock(both / FPS)} that both show; {counted_bounds(shown.rows)}</p>'
    yield elements.tiles(_tiles(shown.rows))
    if shown.reference_video is not None or shown.our_video is not None:
        yield section("Side by side", _players(path, shown))
    yield section("Laid over each other", _curves(shown, both))
    yield section("Numbers", _table(shown.rows))
    if shown.command:
        yield section("Made with", elements.command(shown.command))


def _overview(path: Path, told: Mapping[str, Any], pages: Mapping[str, Path]) -> Iterator[str]:
    yield "<h1>Beside others' videos</h1>"
    clips, failures = told["clips"], told["failures"]
    said = f"medians over {elements.counted(len(clips), 'clip')}; {counted_bounds(told['measures'])}"
    yield f'<p class="soft">{escape(said)}; preset {escape(str(told["preset"]))}, seed {told["seed"]}</p>'
    yield elements.tiles(_tiles(told["measures"]))
    if failures:
        yield section("Failed", elements.bullets([f"{name}: {why}" for name, why in failures.items()]), "bad")
    heads = "".join(f'<th class="n">{escape(name)}</th>' for name in TOLD.values())
    rows = "".join(_clip_row(path, name, one["measures"], pages.get(name)) for name, one in clips.items())
    note = '<p class="small soft">× : ours over the reference\'s.</p>'
    yield section("Clips", f"<table><thead><tr><th>clip</th>{heads}</tr></thead><tbody>{rows}</tbody></table>{note}")
    yield section("Medians", _table(told["measures"]))
    yield section("Made with", elements.command(told["command"]))


def _clip_row(path: Path, name: str, rows: Mapping[str, Mapping[str, Any]], page: Path | None) -> str:
    cells = "".join(f'<td class="n {_colour(rows[told])}">{_value(rows[told])}</td>' for told in TOLD)
    return f"<tr><td>{anchor(path, page, name) if page is not None else escape(name)}</td>{cells}</tr>"


def _tiles(rows: Mapping[str, Mapping[str, Any]]) -> Iterator[Tile]:
    words = {
        "alike.aperture_r": "r of the lips' aperture",
        "alike.width_r": "r of the mouth's width",
        "closures.kept": "of its closures kept",
        "head.speed": "of its head's speed",
    }
    for name, text in words.items():
        row = rows[name]
        yield Tile(_value(row), f"{text}; needed {_bounds(row)}", _colour(row))


def _value(row: Mapping[str, Any]) -> str:
    """What its bounds are about: ours, or how many times the reference's it is."""
    return f"{number(row['ratio'])} ×" if row["relative"] else _signed(row["ours"])


def _signed(value: float | None) -> str:
    return number(value).replace("-", "−")


def _bounds(row: Mapping[str, Any]) -> str:
    """As on a terminal, in the signs of print, on one line."""
    text = bounds(row)
    for typed, printed in PRINTED.items():
        text = text.replace(typed, printed)
    return text


def _colour(row: Mapping[str, Any]) -> str:
    return {True: "good", False: "bad", None: ""}[row["met"]]


def _players(path: Path, shown: Shown) -> str:
    """Both videos under one button: the first leads, and ours is the one that is heard."""
    sides = [("ours", shown.our_video), ("reference", shown.reference_video)]
    there = [(who, video) for who, video in sides if video is not None and video.suffix.lower() in elements.PLAYABLE]
    linked = "".join(f'<p class="small">{who}: {anchor(path, video)}</p>' for who, video in sides if video is not None)
    figures = [
        f'<figure><video class="player" playsinline preload="auto"{" muted" if place else ""} '
        f'src="{elements.link(path, video)}"></video><figcaption class="soft small">{who}</figcaption></figure>'
        for place, (who, video) in enumerate(there)
    ]
    transport = (
        '<div class="transport"><button type="button">Play</button>'
        '<input type="range" min="0" max="1" step="0.04" value="0" aria-label="time"><output>0.00 s</output></div>'
    )
    missing = (
        ""
        if shown.reference_video is not None
        else '<p class="small soft">Of the reference there are tracks alone.</p>'
    )
    return f'<div class="together">{"".join(figures)}</div>{transport if figures else ""}{linked}{missing}'


def _curves(shown: Shown, both: int) -> str:
    reference, ours = shown.reference.at_25_fps(), shown.ours.at_25_fps()

    def drawn(name: str, unit: str, one: Doubles, other: Doubles, scale: float = 1.0) -> str:
        return _track(name, unit, scale * _filled(one[:both]), scale * _filled(other[:both]))

    tracks = [
        drawn("Aperture", "%", reference["aperture"], ours["aperture"], 100),
        drawn("Mouth width", "%", reference["width"], ours["width"], 100),
        drawn("Brows", "%", reference.brow, ours.brow, 100),
        drawn("Yaw", "°", reference["yaw"], ours["yaw"]),
        drawn("Pitch", "°", reference["pitch"], ours["pitch"]),
        drawn("Roll", "°", reference["roll"], ours["roll"]),
        drawn("Eyes open", "", reference.ear, ours.ear),
    ]
    seconds = both / FPS
    marks = "".join(f"<span>{clock(seconds * share)}</span>" for share in (0, 0.25, 0.5, 0.75, 1))
    key = '<span class="key ka">reference</span> <span class="key kb">ours</span>'
    return (
        f'<p class="small">{key}</p><div class="tracks" data-seconds="{seconds:g}">{"".join(tracks)}'
        f'<div class="track axis"><h3></h3><div class="plot">{marks}</div></div><div class="playhead"></div></div>'
        '<p class="small soft">Lengths are in % of the face\'s height. Click to play from there.</p>'
    )


def _track(name: str, unit: str, reference: Doubles, ours: Doubles) -> str:
    """Both curves on one scale that holds all but their rarest values."""
    values = np.concatenate([reference, ours])
    low, high = (float(value) for value in np.quantile(values, [KEPT, 1 - KEPT]))
    low, high = (low, high) if high - low > 1e-6 else (low - 1, high + 1)
    chart = charts.overlaid([(reference, REFERENCE_CSS), (ours, OURS_CSS)], name, low, high)
    digits = 1 if high - low > 1 else 2
    units = "".join(
        f"<span>{value:.{digits}f}{unit}</span>".replace("-", "−") for value in (high, (low + high) / 2, low)
    )
    plot = f'<div class="plot tall">{chart}</div><div class="units">{units}</div>'
    return f'<div class="track"><h3>{escape(name)}</h3>{plot}</div>'


def _filled(curve: Doubles) -> Doubles:
    """Straight lines over frames without a face."""
    there = np.flatnonzero(np.isfinite(curve))
    return np.interp(np.arange(len(curve)), there, curve[there]) if len(there) else np.zeros(len(curve))


def _table(rows: Mapping[str, Mapping[str, Any]]) -> str:
    heads = "".join(f'<th class="n">{name}</th>' for name in COLUMNS)
    lines: Iterable[str] = (
        f'<tr><td>{escape(name)}<div class="small soft">{escape(row["what"])}</div></td>'
        + "".join(f'<td class="n">{_signed(row[column])}</td>' for column in COLUMNS)
        + f'<td class="{_colour(row)}">{_bounds(row)}</td></tr>'
        for name, row in rows.items()
    )
    return (
        f"<table><thead><tr><th>measure</th>{heads}<th>needed</th></tr></thead><tbody>{''.join(lines)}</tbody></table>"
    )
