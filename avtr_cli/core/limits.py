"""What a setting may be: a number between two ends, one of some words, or a word of a certain form.

It is written at the field itself, as its metadata: the check, the error, the documents and the tests read it there.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from dataclasses import Field, dataclass, field, fields
from typing import Any, TypeVar

from avtr_cli.core.errors import ConfigError
from avtr_cli.core.textfile import quoted

Number = TypeVar("Number", int, float)

ORBIT = re.compile(r"orbit:([-+]?\d{1,3}(?:\.\d{1,6})?)(?:,([-+]?\d{1,3}(?:\.\d{1,6})?))?")
"""A camera's degrees to the right of the picture, and upwards."""
FURTHEST_DEG = (180.0, 60.0)  # either way
VIEWS_SUFFIXES = (".yaml", ".yml")

_LIMIT = "limit"


@dataclass(frozen=True)
class Within:
    """A number from `low` to `high`, both included, or exactly `off`."""

    low: float
    high: float
    off: float | None = None

    def __str__(self) -> str:
        also = f", or be {self.off:g}" if self.off is not None else ""
        return f"must lie between {self.low:g} and {self.high:g}{also}"

    def holds(self, value: float) -> bool:
        """Whether `value` lies within, or is the one that switches the setting off; NaN and infinity never do."""
        return self.low <= value <= self.high or value == self.off  # NaN and infinity never are


@dataclass(frozen=True)
class OneOf:
    """One of these words."""

    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"must be one of {', '.join(self.words)}"

    def holds(self, value: str) -> bool:
        """Whether `value` is one of the words."""
        return value in self.words


@dataclass(frozen=True)
class Like:
    """A word of a form that `said` names; `fits` tells whether one has it."""

    said: str
    fits: Callable[[str], bool]

    def __str__(self) -> str:
        return f"must be {self.said}"

    def holds(self, value: str) -> bool:
        """Whether `value` fits the pattern's test."""
        return self.fits(value)


Limit = Within | OneOf | Like


def within(low: float, high: float, default: Number, off: float | None = None) -> Number:
    """A field for a number from `low` to `high`; `off` is allowed besides."""
    made: Number = field(default=default, metadata={_LIMIT: Within(low, high, off)})
    return made


def one_of(*words: str, default: str) -> str:
    """A field for one of `words`."""
    made: str = field(default=default, metadata={_LIMIT: OneOf(words)})
    return made


def like(said: str, fits: Callable[[str], bool], default: str) -> str:
    """A field for a word that `fits`."""
    made: str = field(default=default, metadata={_LIMIT: Like(said, fits)})
    return made


def limit_of(setting: Field[Any]) -> Limit | None:
    """What a field may be; None for one that is only true or false."""
    limit: Limit | None = setting.metadata.get(_LIMIT)
    return limit


def check_value(setting: Field[Any], value: Any, called: str) -> None:
    """Raises ConfigError, beginning with `called`, for a value of the field's kind that is beyond its limit."""
    limit = limit_of(setting)
    if limit is not None and not limit.holds(value):
        raise ConfigError(f"{called} is {quoted(value)}, but {limit}")


def check_all(config: Any, group: str) -> None:
    """Check every field of a dataclass, called `group.field`."""
    for setting in fields(config):
        check_value(setting, getattr(config, setting.name), f"{group}.{setting.name}")


def turned(config: Any, names: Iterable[str]) -> tuple[str, ...]:
    """Those of the fields `names` of a dataclass that are not at their default."""
    default = type(config)()
    return tuple(name for name in names if getattr(config, name) != getattr(default, name))


def is_device(text: str) -> bool:
    """Whether `text` names a device as torch does, or is auto; that it exists is not asked."""
    return re.fullmatch(r"auto|cpu|cuda(:[0-9]{1,3})?", text) is not None


def is_background(text: str) -> bool:
    """A word, a colour, or what can be the name of a file; whether that is there, its reader tells."""
    if text.startswith("#"):
        return re.fullmatch(r"#[0-9A-Fa-f]{6}", text) is not None
    return can_name_a_file(text)


def is_style(text: str) -> bool:
    """None, or what can be the name of a file of FLAME motion; whether that is there, its reader tells."""
    return text == "none" or (can_name_a_file(text) and text.lower().endswith(".npz"))


def is_viewpoint(text: str) -> bool:
    """Whether `text` names a camera, as core/viewpoint.py reads it; whether a file of views holds any, that tells."""
    if found := ORBIT.fullmatch(text):
        return all(-most <= float(said) <= most for most, said in zip(FURTHEST_DEG, found.groups("0"), strict=True))
    return text == "front" or (text.lower().endswith(VIEWS_SUFFIXES) and can_name_a_file(text))


def can_name_a_file(text: str) -> bool:
    """Whether a path of this name could exist at all."""
    if not text or "\0" in text or "\n" in text or "\r" in text:
        return False
    try:
        data = os.fsencode(text)
    except UnicodeEncodeError:  # half a surrogate pair
        return False
    return len(data) < 4096 and all(len(part) < 256 for part in data.split(b"/"))
