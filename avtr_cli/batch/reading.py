"""A row's values as the kinds of things they stand for; what one cannot be is a sentence that names the row."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from avtr_cli.batch.places import OUTPUTS
from avtr_cli.batch.rows import Row
from avtr_cli.core.config import NAME_FILES, parse_settings
from avtr_cli.core.errors import ConfigError
from avtr_cli.core.limits import can_name_a_file
from avtr_cli.core.textfile import quoted
from avtr_cli.output.layouts import LAYOUTS

_FILES = ("photo", "photo_b", "dialogue", "partner", "from_motion")
_LISTS = ("cues", "interactions")  # or a file of them
_WHOLE = {"seed": (0, 2**31 - 1), "face": (1, 1000), "face_b": (1, 1000), "avatar_channel": (1, 2)}
_SECONDS = {"start": (0.0, 360_000.0), "duration": (0.04, 360_000.0)}  # 100 hours; a frame at least


def understood(row: Row) -> dict[str, Any]:
    """The values of `row`: paths joined to its folder, numbers within their bounds, all settings under `set`.

    Raises ConfigError.
    """
    read: dict[str, Any] = {"set": _settings(row)}
    for key, value in row.values.items():
        if key in _WHOLE:
            read[key] = _whole(value, f"{row.where}: {key}", *_WHOLE[key])
        elif key in _SECONDS:
            read[key] = _seconds(value, f"{row.where}: {key}", *_SECONDS[key])
        elif key == "solo":
            if not isinstance(value, bool):
                raise ConfigError(f"{row.where}: solo must be true or false, not {quoted(value)}")
            read[key] = value
        elif key in _FILES or (key in _LISTS and isinstance(value, str)):
            read[key] = row.base / _name(value, f"{row.where}: {key}")
        elif key == "preset":
            name = _name(value, f"{row.where}: preset")
            read[key] = str(row.base / name) if name.lower().endswith((".yaml", ".yml")) else name
        elif key == "layout":
            if value not in LAYOUTS:
                raise ConfigError(f"{row.where}: layout is {quoted(value)}, but must be one of {', '.join(LAYOUTS)}")
            read[key] = value
        elif key == "label":
            if not isinstance(value, str):
                raise ConfigError(f"{row.where}: label must be text, not {quoted(value)}; put it in quotes")
            read[key] = value
        elif key in _LISTS or key in OUTPUTS:  # of these, places.py makes a path within the batch's folder
            read[key] = value
    return read


def _whole(value: Any, called: str, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ConfigError(f"{called} must be a whole number, not {quoted(value)}")
    if not low <= value <= high:
        raise ConfigError(f"{called} is {quoted(value)}, but must lie between {low} and {high}")
    return value


def _seconds(value: Any, called: str, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ConfigError(f"{called} must be a number of seconds, as 90 or 1.5, not {quoted(value)}")
    if not low <= value <= high:
        raise ConfigError(f"{called} is {quoted(value)}, but must lie between {low:g} and {high:g} seconds")
    return float(value)


def _name(value: Any, called: str) -> str:
    if isinstance(value, Path):
        value = str(value)
    if not isinstance(value, str):
        raise ConfigError(f"{called} must be the name of a file, not {quoted(value)}; put it in quotes")
    if not can_name_a_file(value):
        raise ConfigError(f"{called} is {quoted(value)}, which cannot be the name of a file")
    return value


def _settings(row: Row) -> dict[str, Any]:
    """`set`, a table or `key=value` strings, with what is said by dotted names on top."""
    said = row.values.get("set", {})
    said = [said] if isinstance(said, str) else said
    if not isinstance(said, dict | list) or not all(isinstance(pair, str) for pair in said):
        raise ConfigError(f"{row.where}: 'set' is a table or a list of settings, as in {{render.size: 256}}")
    dotted = {key: value for key, value in row.values.items() if "." in key}
    texts = [f"{key}={value}" for key, value in dotted.items() if isinstance(value, str)]
    try:
        settings = parse_settings(said) if isinstance(said, list) else dict(said)
        settings |= dotted | parse_settings(texts)
    except ConfigError as error:
        raise ConfigError(f"{row.where}: {error}") from None
    for key in NAME_FILES:
        named = settings.get(key)
        if isinstance(named, str) and can_name_a_file(named) and os.path.isfile(row.base / named):
            settings[key] = str(row.base / named)
    return settings
