"""Cues as people write them, into `Cue`s: a list of `{at: seconds, cue: name, strength: number}`.

`at` counts from the first frame of the video, so with --start from there.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from avtr_cli.core.errors import ConfigError
from avtr_cli.core.plain_yaml import load_file
from avtr_cli.core.textfile import quoted
from avtr_cli.core.timing import FPS
from avtr_cli.core.types import CUE_STRENGTH, CUES, Cue

LATEST_S = 360_000.0  # 100 hours

_EXAMPLE = "{at: 3.2, cue: nod, strength: 1}"


def load_cues(path: Path) -> tuple[Cue, ...]:
    """The cues of a YAML file. Raises ConfigError."""
    return parse_cues(load_file(path), str(path))


def parse_cues(entries: object, where: str) -> tuple[Cue, ...]:
    """Cues from what a YAML or JSON list holds; `where` names it in the ConfigError raised for a wrong entry."""
    if not isinstance(entries, list):
        raise ConfigError(f"{where}: cues are a list, as in - {_EXAMPLE}")
    cues = [_cue(entry, f"{where}: cue {number}") for number, entry in enumerate(entries, 1)]
    return tuple(sorted(cues, key=lambda cue: cue.frame))


def check_cues(cues: Sequence[Cue], frames: int, where: str) -> list[str]:
    """A sentence for every cue that a video of `frames` frames ends before; `where` names the cues in it."""
    return [
        f"{where}: the cue '{cue.name}' at {cue.frame / FPS:g} s never comes: the video ends at {frames / FPS:g} s"
        for cue in cues
        if cue.frame >= frames
    ]


def _cue(entry: Any, where: str) -> Cue:
    if not isinstance(entry, dict) or not {"at", "cue"} <= entry.keys() <= {"at", "cue", "strength"}:
        said = f"has {', '.join(map(quoted, entry))}" if isinstance(entry, dict) else f"is {quoted(entry)}"
        raise ConfigError(f"{where} {said}; write {_EXAMPLE}")
    name = entry["cue"]
    if name not in CUES:
        raise ConfigError(f"{where}: no cue is called {quoted(name)}; there are {', '.join(CUES)}")
    at = _number(entry["at"], f"{where}: at", "the seconds from the video's beginning", 0.0, LATEST_S)
    strength = _number(entry.get("strength", 1.0), f"{where}: strength", "a number", *CUE_STRENGTH)
    return Cue(round(at * FPS), name, strength)


def _number(value: Any, called: str, meant: str, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise ConfigError(f"{called} is {quoted(value)}, but must be {meant}, from {low:g} to {high:g}")
    return float(value)
