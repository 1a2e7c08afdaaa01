"""A take as a picture of curves over time: both voices, mouth, head, lids, gaze, brows and smile."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from avtr_cli.core.arrays import Doubles
from avtr_cli.core.errors import AvtrError, ConfigError, OutputError
from avtr_cli.core.files import replacing
from avtr_cli.core.timing import FPS
from avtr_cli.evaluation.motion.life import blink_frames
from avtr_cli.evaluation.motion.listening import nod_envelope
from avtr_cli.evaluation.motion.takes import Take
from avtr_cli.evaluation.motion.voice import Voice

if TYPE_CHECKING:
    from matplotlib.axes import Axes

OWN, PARTNER = "#1f6fb4", "#c8641e"  # everything about a voice in its colour
INCHES_PER_SECOND, NARROWEST, WIDEST = 0.22, 9.0, 40.0
DOTS_PER_INCH = 110
_INSTALL = "curves are drawn with matplotlib: pip install 'avtr-cli[train]'"


def check_plot(path: Path) -> None:
    """Raises AvtrError where no curves can be drawn to a file of this name."""
    try:
        from matplotlib.backend_bases import FigureCanvasBase
    except ImportError as error:
        raise AvtrError(_INSTALL) from error
    if _format(path) not in FigureCanvasBase.filetypes:
        raise ConfigError(f"{path}: curves cannot be drawn as '{path.suffix}'; name it .png, .svg or .pdf")


def draw_take(take: Take, path: Path, title: str = "") -> None:
    """Write the curves of `take` to a .png, .svg or .pdf. Raises AvtrError, also where matplotlib is not installed."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise AvtrError(_INSTALL) from error
    seconds = np.arange(len(take.face)) / FPS
    width = float(np.clip(len(take.face) / FPS * INCHES_PER_SECOND + 2, NARROWEST, WIDEST))
    figure = Figure(figsize=(width, 9), layout="constrained")
    FigureCanvasAgg(figure)
    rows = figure.subplots(6, 1, sharex=True, gridspec_kw={"height_ratios": [1.1, 1, 1.3, 0.6, 1, 1]})
    _voices(rows[0], take, seconds)
    _mouth(rows[1], take, seconds)
    _head(rows[2], take, seconds)
    _lids(rows[3], take, seconds)
    _gaze(rows[4], take, seconds)
    _mood(rows[5], take, seconds)
    for row in rows:
        _shade(row, take.own, OWN)
        _shade(row, take.partner, PARTNER)
        for _, end in take.partner.phrases:
            row.axvline(end / FPS, color=PARTNER, linewidth=0.8, linestyle=":")
        row.margins(x=0)
        row.legend(loc="upper right", fontsize=7, ncols=4, framealpha=0.7)
    rows[-1].set_xlabel("seconds; dotted: the partner's phrases end")
    figure.suptitle(title or take.dialogue.name)
    try:
        with replacing(path) as partial:
            figure.savefig(partial, dpi=DOTS_PER_INCH, format=_format(path))
    except (OSError, ValueError) as error:
        raise OutputError(f"{path}: the curves cannot be written ({error})") from error


def _format(path: Path) -> str:
    return path.suffix.lstrip(".").lower() or "png"


def _voices(row: Axes, take: Take, seconds: Doubles) -> None:
    row.plot(seconds, take.own.level(), color=OWN, linewidth=0.9, label="avatar")
    row.plot(seconds, take.partner.level(), color=PARTNER, linewidth=0.9, label="partner")
    row.set_ylabel("level, dBFS")


def _mouth(row: Axes, take: Take, seconds: Doubles) -> None:
    row.plot(seconds, take.face.aperture, color="black", linewidth=0.9, label="aperture")
    row.plot(seconds, take.face.rounding, color="#8a4fb0", linewidth=0.8, label="pucker")
    if take.dialogue.phones:
        middles = [(p.start + p.end) / 2 for p in take.dialogue.phones if p.name in ("p", "b", "m")]
        row.plot(middles, np.zeros(len(middles)), "v", color="#c0202f", markersize=4, label="p b m")
    row.set_ylabel("mouth")


def _head(row: Axes, take: Take, seconds: Doubles) -> None:
    for axis, (name, colour) in enumerate((("pitch", "black"), ("yaw", "#2a9d5c"), ("roll", "#a0a0a0"))):
        row.plot(seconds, take.face.head[:, axis], color=colour, linewidth=0.9, label=name)
    row.plot(seconds, nod_envelope(take), color="#c0202f", linewidth=0.8, label="nod band rms")
    row.set_ylabel("head, degrees")


def _lids(row: Axes, take: Take, seconds: Doubles) -> None:
    row.plot(seconds, take.face.blink, color="black", linewidth=0.8, label="lids")
    starts = blink_frames(take.face.blink)
    row.plot(starts / FPS, np.full(len(starts), 1.08), "|", color="#c0202f", markersize=6, label="blinks")
    row.set_ylim(-0.05, 1.2)
    row.set_ylabel("lids")


def _gaze(row: Axes, take: Take, seconds: Doubles) -> None:
    row.plot(seconds, take.face.gaze[:, 0], color="black", linewidth=0.8, label="to the left")
    row.plot(seconds, take.face.gaze[:, 1], color="#2a9d5c", linewidth=0.8, label="down")
    row.set_ylabel("gaze, degrees")


def _mood(row: Axes, take: Take, seconds: Doubles) -> None:
    row.plot(seconds, take.face.brow, color="black", linewidth=0.9, label="brows")
    row.plot(seconds, take.face.smile, color="#c0202f", linewidth=0.9, label="smile")
    row.set_ylabel("brows, smile")


def _shade(row: Axes, voice: Voice, colour: str) -> None:
    low, high = row.get_ylim()
    frames = np.arange(len(voice)) / FPS
    row.fill_between(frames, low, high, where=voice.active, color=colour, alpha=0.08, linewidth=0, step="post")
    row.set_ylim(low, high)
