"""A timeline as tracks under each other: voices, cues, and for every person face and head, with marks and units.

The tracks of one kind have one scale for both people, and the ground is shaded wherever a person listens.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from typing import Any, NamedTuple

import numpy as np

from avtr_cli.core.timing import FPS
from avtr_cli.report import charts
from avtr_cli.report.elements import clock, section
from avtr_cli.report.timeline import QUIETEST_DB, Curves, Timeline

LEAST_DEGREES = {"head": 5.0, "nod": 1.0, "away": 10.0}  # that a track reaches, however still the head is
CUE_SHARE = 0.13  # of the width that a cue's word needs
CUE_LINES = 4  # of words under each other; of more cues at once only the marks are drawn

_PLURALS = {"look away": "looks away", "blink": "blinks", "nod": "nods", "smile": "smiles", "brow raise": "brow raises"}


def timelines(
    timeline: Timeline, cues: Sequence[Mapping[str, Any]] = (), interactions: Sequence[Mapping[str, Any]] = ()
) -> str:
    """The section of a page that shows `timeline`, when `cues` were asked for and what `interactions` there were.

    Both are as in a report.
    """
    two = len(timeline.curves) > 1
    tracks = [_voices(timeline, two)]
    if cues:
        tracks.append(_marks("Cues asked for", timeline.duration_s, [_of_cue(cue) for cue in cues]))
    if interactions:
        told = [_of_interaction(one, two) for one in interactions]
        tracks.append(_marks("Touched", timeline.duration_s, told))
    reaches = _reaches(timeline.curves)
    for curves, who, css in zip(timeline.curves, ("A", "B"), "ab", strict=False):
        tracks += _person(timeline.duration_s, curves, f"{who}: " if two else "", css, reaches)
    marks = "".join(f"<span>{clock(timeline.duration_s * share)}</span>" for share in (0, 0.25, 0.5, 0.75, 1))
    inner = (
        f'<div class="tracks" data-seconds="{timeline.duration_s:g}">{"".join(tracks)}'
        f'<div class="track axis"><h3></h3><div class="plot">{marks}</div></div><div class="playhead"></div></div>'
        f'<p class="small soft">{_legend(timeline.curves)}</p>{_gestures(timeline, two)}'
    )
    return section("Speaking and listening", inner)


def _track(name: str, css: str, inner: str, scale: Sequence[str] = (), key: str = "") -> str:
    """One track: its name, its chart, and what is written beside it from top to bottom."""
    units = "".join(f"<span>{escape(text)}</span>" for text in scale)
    plot = f'<div class="plot {css}">{inner}</div><div class="units">{units}</div>'
    return f'<div class="track"><h3>{escape(name)}{key}</h3>{plot}</div>'


def _voices(timeline: Timeline, two: bool) -> str:
    first, second = ("A", "B") if two else ("avatar", "partner")
    key = f' <span class="key ka">{first}</span> <span class="key kb">{second}</span>'
    scale = ("0 dBFS", f"−{-QUIETEST_DB:.0f}", "0 dBFS")
    return _track("Voices", "tall", charts.voices(timeline.voices), scale, key)


class Mark(NamedTuple):
    """Something that was asked for at a frame: a word, all of it as a title, and the class of its colour."""

    frame: int
    word: str
    title: str
    css: str = ""


def _of_cue(cue: Mapping[str, Any]) -> Mark:
    name = str(cue["cue"]).replace("_", " ")
    return Mark(cue["frame"], name, f"{name} at {cue['frame'] / FPS:g} s, strength {cue['strength']:g}")


def _of_interaction(one: Mapping[str, Any], two: bool) -> Mark:
    region, who = str(one["region"]).replace("_", " "), f"{str(one['person']).upper()}: " if two else ""
    how = f"{one['tone']}, strength {one['strength']:g}"
    title = f"{who}{one['do']} {region} at {one['frame'] / FPS:g} s, {how}"
    return Mark(one["frame"], f"{who}{one['do']} {region}", title, str(one["tone"]))


def _marks(name: str, duration_s: float, marks: Sequence[Mark]) -> str:
    """A mark where each was asked for, and its word on the first line with room for it."""
    ends = [0.0] * CUE_LINES
    words = []
    for mark in sorted(marks, key=lambda mark: mark.frame):
        share = min(mark.frame / FPS / duration_s, 1.0)
        start = min(share, 1 - CUE_SHARE)
        row = next((row for row, end in enumerate(ends) if end <= start), None)
        css = f' class="{escape(mark.css)}"' if mark.css else ""
        words.append(f'<b{css} style="left:{100 * share:.2f}%" title="{escape(mark.title)}"></b>')
        if row is not None:
            ends[row] = start + CUE_SHARE
            place = f"left:{100 * start:.2f}%;top:{6 + 15 * row}px"
            words.append(f'<span{css} style="{place}" title="{escape(mark.title)}">{escape(mark.word)}</span>')
    lines = max(sum(end > 0 for end in ends), 1)
    return _track(name, "cues", f'<div style="height:{8 + 15 * lines}px">{"".join(words)}</div>')


def _reaches(people: Sequence[Curves]) -> dict[str, float]:
    """The value at the top of each kind of track, the same for all people."""

    def largest(*names: str) -> float:
        found = [getattr(one, name) for one in people for name in names if getattr(one, name) is not None]
        return max((float(np.abs(curve).max()) for curve in found), default=0.0)

    quarters = {name: math.ceil(largest(name) * 4 - 1e-3) / 4 for name in ("mouth", "smile", "brow")}
    degrees = {"head": largest("pitch", "yaw", "roll"), "nod": largest("nod"), "away": largest("away")}
    return {name: min(max(reach, 0.25), 1.0) for name, reach in quarters.items()} | {
        name: max(LEAST_DEGREES[name], math.ceil(reach)) for name, reach in degrees.items()
    }


def _person(duration_s: float, curves: Curves, who: str, css: str, reaches: Mapping[str, float]) -> Iterator[str]:
    listens = [(first / duration_s, end / duration_s) for first, end in curves.listens]
    behind = charts.bands(listens, charts.LOW)

    def marks(name: str) -> str:
        return charts.ticks([one.time_s / duration_s for one in curves.gestures if one.name == name], charts.LOW)

    def rise(name: str, key: str, reach: float, unit: str, gesture: str = "") -> str:
        chart = charts.rise(getattr(curves, key), css, name.lower(), reach, behind, marks(gesture))
        return _track(who + name, "low", chart, [unit])

    def share(reach: float) -> str:
        return "widest" if curves.relative else f"{reach:.0%}"

    nods = charts.swing(curves.nod, css, "nods", reaches["nod"], behind, marks("nod"))
    yield _track(f"{who}Nods", "low", nods, [f"±{reaches['nod']:.0f}°"])
    if curves.smile is not None:
        yield rise("Smile", "smile", reaches["smile"], share(reaches["smile"]), "smile")
    if curves.brow is not None:
        yield rise("Brows up", "brow", reaches["brow"], share(reaches["brow"]), "brow raise")
    if curves.away is not None:
        yield rise("Looks away", "away", reaches["away"], f"{reaches['away']:.0f}°", "look away")
    yield rise("Eyes shut", "blink", 1.0, share(1.0), "blink")
    yield rise("Mouth open", "mouth", reaches["mouth"], share(reaches["mouth"]))
    key = ' <br><span class="key ka">nod</span> <span class="key kb">turn</span> <span class="key kr">tilt</span>'
    head = charts.head(curves.pitch, curves.yaw, curves.roll, reaches["head"], charts.bands(listens, charts.TALL))
    yield _track(f"{who}Head", "tall", head, [f"+{reaches['head']:.0f}°", "0", f"−{reaches['head']:.0f}°"], key)


def _legend(people: Sequence[Curves]) -> str:
    said = ["Click to play from there."]
    if any(one.listens for one in people):
        said.insert(0, "Shaded: listens (says nothing, or a word, while the partner speaks or has just spoken).")
    if any(one.gestures for one in people):
        said.insert(-1, "Marks at the top of a track: a gesture began.")
    if people[0].relative:
        said.insert(-1, "Mouth and eyes are relative to their widest in this video.")
    return escape(" ".join(said))


def _gestures(timeline: Timeline, two: bool) -> str:
    """How many gestures of each kind, while listening and otherwise."""
    names = list(timeline.curves[0].counts(True))
    rows = []
    for curves, who in zip(timeline.curves, ("A ", "B "), strict=False):
        said = who if two else ""
        if curves.listens:
            rows.append((f"{said}listening, {curves.listens_s:.1f} s", curves.counts(True)))
        rest = timeline.duration_s - curves.listens_s
        rows.append((f"{said}{'otherwise' if curves.listens else 'in all'}, {rest:.1f} s", curves.counts(False)))
    if not any(sum(counts.values()) for _, counts in rows):
        return ""
    heads = "".join(f'<th class="n">{_PLURALS[name]}</th>' for name in names)
    lines = (_row(who, (counts[name] for name in names)) for who, counts in rows)
    table = f'<table class="counts"><thead><tr><th></th>{heads}</tr></thead><tbody>{"".join(lines)}</tbody></table>'
    return f"<h3>Gestures that began</h3>{table}"


def _row(name: str, counts: Iterable[int]) -> str:
    cells = "".join(f'<td class="n">{count or "–"}</td>' for count in counts)
    return f"<tr><td>{escape(name)}</td>{cells}</tr>"
