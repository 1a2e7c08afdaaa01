"""The pieces that pages are built of: every text that comes from outside is escaped here, and once."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import Any, NamedTuple
from urllib.parse import quote

from avtr_cli import __version__
from avtr_cli.core.shipped import asset

TEMPLATE = asset("report.html")  # style and script of every page
PLAYABLE = (".mp4", ".webm")  # by browsers; ProRes and pictures are not


class Tile(NamedTuple):
    """A number in large letters and what it is; `css` is good, warn, bad or nothing."""

    value: str
    text: str
    css: str = ""


def page(title: str, body: Iterable[str]) -> str:
    """A whole page, which takes nothing from anywhere; `body` is HTML."""
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        title=escape(title),
        generator=f"avtr {__version__}",
        body="\n".join(body),
        footer=f"made by avtr {__version__}; this page holds all it shows but the videos, and asks no network",
    )


def tiles(chosen: Iterable[Tile]) -> str:
    """Large values with a word on each, side by side."""
    cells = "".join(
        f'<div class="tile"><b class="{tile.css}">{escape(tile.value)}</b>{escape(tile.text)}</div>' for tile in chosen
    )
    return f'<div class="tiles">{cells}</div>'


def section(title: str, inner: str, css: str = "") -> str:
    """A card with a heading; `inner` is HTML."""
    return f'<section><h2 class="{css}">{escape(title)}</h2>{inner}</section>'


def folded(title: str, inner: str) -> str:
    """A card that opens on a click; `inner` is HTML."""
    return f"<section><details><summary>{escape(title)}</summary>{inner}</details></section>"


def facts(values: Mapping[str, Any]) -> str:
    """A table of names and values."""
    rows = (f"<tr><th>{escape(key)}</th><td>{escape(str(value))}</td></tr>" for key, value in values.items())
    return f'<table class="facts">{"".join(rows)}</table>'


def bullets(lines: Sequence[str]) -> str:
    """A list, a line each."""
    return f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>"


def command(text: str) -> str:
    """A command line with a button that copies it."""
    return f'<div class="command"><pre><code>{escape(text)}</code></pre><button type="button">Copy</button></div>'


def player(where: Path, video: Path, poster: bytes | None, size: tuple[int, int]) -> str:
    """The video beside the page that lies at `where`, to be played there; its poster alone where no browser plays it.

    Nothing is read before somebody clicks. `size` is (width, height) in pixels.
    """
    picture = _data(poster) if poster is not None else ""
    if video.suffix.lower() not in PLAYABLE:
        shown = f'<img src="{picture}" alt="">' if picture else ""
        return f'<a class="player" href="{link(where, video)}">{shown}</a>'
    shown = f' poster="{picture}"' if picture else ""
    width, height = size
    return (
        f'<video class="player" controls playsinline preload="none" width="{width}" height="{height}" '
        f'src="{link(where, video)}"{shown}></video>'
    )


def still(jpeg: bytes, alt: str) -> str:
    """A picture (JPEG) that is part of the page."""
    return f'<img src="{_data(jpeg)}" alt="{escape(alt)}" loading="lazy">'


def anchor(where: Path, target: Path, text: str = "") -> str:
    """A link from the page that lies at `where`."""
    return f'<a href="{link(where, target)}">{escape(text or target.name)}</a>'


def link(where: Path, target: Path) -> str:
    """`target` as seen from the folder of the page that lies at `where`."""
    return escape(quote(os.fsencode(os.path.relpath(target.resolve(), where.resolve().parent))))


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested tables as one with dotted keys."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        found |= flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return found


def clock(seconds: float) -> str:
    """`0:03.2`, `2:05` or `1:02:05`."""
    seconds = round(seconds, 1)
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    if hours:
        return f"{hours}:{minutes:02d}:{int(rest):02d}"
    return f"{minutes}:{rest:04.1f}" if seconds < 60 else f"{minutes}:{int(rest):02d}"


def size_text(count: float) -> str:
    """Bytes as people say them: `731 kB`, `4.2 MB`, `1.3 GB`."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6)):
        if count >= scale:
            return f"{count / scale:.1f} {unit}"
    return f"{count / 1e3:.0f} kB"


def counted(count: int, thing: str) -> str:
    """`1 video`, `2 videos`."""
    return f"{count} {thing}{'' if count == 1 else 's'}"


def _data(jpeg: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"
