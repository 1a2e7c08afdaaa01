"""Interactions as people write them, into `Touch`es, and these, once a photo is known, into `Interaction`s.

In a YAML list: `{at: 3.2, x: 0.48, y: 0.41, do: poke}` or `{at: 3.2, region: left_cheek, do: kiss}`; as an option:
`3.2:0.48,0.41:poke` or `3.2:left_cheek:kiss`, with `:strength` behind it. `at` counts seconds from the first frame of
the video; x and y are shares of the photo, or with `view: shown` of the picture that the video shows at rest.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from avtr_cli.core.errors import ConfigError
from avtr_cli.core.interaction import (
    BACKGROUND,
    Interaction,
    check_place,
    check_strength,
    check_tone,
    word_called,
)
from avtr_cli.core.plain_yaml import load_file
from avtr_cli.core.regions import REGIONS, RegionMap
from avtr_cli.core.textfile import quoted
from avtr_cli.core.timing import FPS
from avtr_cli.prompts.reading import LATEST_S

VIEWS = ("photo", "shown")
PEOPLE = ("a", "b")
KEYS = ("at", "do", "x", "y", "region", "strength", "tone", "view", "person")

_EXAMPLE = "{at: 3.2, region: left_cheek, do: kiss} or {at: 3.2, x: 0.48, y: 0.41, do: poke}"
_OPTION_EXAMPLE = "3.2:left_cheek:kiss or 3.2:0.48,0.41:poke, with :strength behind it if wanted"

Place = tuple[float, float]


@dataclass(frozen=True)
class Touch:
    """An interaction as it was asked for, before it is known what lies where: a region's name or a place.

    place   (x, y) in shares of the photo, or where `shown` of the picture at rest; None where `region` says it
    person  whom it is done to, of two: a or b
    where   names it in messages
    """

    frame: int
    do: str
    region: str = ""
    place: Place | None = None
    strength: float = 1.0
    tone: str = ""
    shown: bool = False
    person: str = "a"
    where: str = field(default="", compare=False)

    @property
    def facts(self) -> tuple[object, ...]:
        """All that shapes frames."""
        return (self.frame, self.do, self.region, self.place, self.strength, self.tone, self.shown, self.person)


def load_interactions(path: Path) -> tuple[Touch, ...]:
    """The interactions of a YAML file. Raises ConfigError."""
    return parse_interactions(load_file(path), str(path))


def parse_interactions(entries: object, where: str) -> tuple[Touch, ...]:
    """Interactions from what a YAML or JSON list holds; `where` names it in the ConfigError for a wrong entry.

    Those of one frame keep their order.
    """
    if not isinstance(entries, list):
        raise ConfigError(f"{where}: interactions are a list, as in - {_EXAMPLE}")
    touches = [_touch(entry, f"{where}: interaction {number}") for number, entry in enumerate(entries, 1)]
    return tuple(sorted(touches, key=lambda touch: touch.frame))


def parse_option(text: str) -> Touch:
    """What `--interact` says. Raises ConfigError."""
    where = f"--interact {text[:60]}"
    parts = text.split(":")
    if len(parts) not in (3, 4):
        raise ConfigError(f"{where}: write {_OPTION_EXAMPLE}")
    at, place, do, *strength = (part.strip() for part in parts)
    entry: dict[str, Any] = {"at": _spelled(at), "do": do}
    if "," in place:
        entry["x"], _, entry["y"] = (_spelled(part) for part in place.partition(","))
    else:
        entry["region"] = place
    return _touch(entry | ({"strength": _spelled(strength[0])} if strength else {}), where)


def _spelled(text: str) -> float | str:
    """The number that a word spells; the word where it spells none."""
    try:
        return float(text)
    except ValueError:
        return text


def _touch(entry: Any, where: str) -> Touch:
    if not isinstance(entry, dict) or not {"at", "do"} <= entry.keys() <= set(KEYS):
        said = f"has {', '.join(map(quoted, entry))}" if isinstance(entry, dict) else f"is {quoted(entry)}"
        raise ConfigError(f"{where} {said}; write {_EXAMPLE}")
    region, place = entry.get("region"), [entry.get(axis) for axis in "xy"]
    given = [value for value in place if value is not None]
    if (region is None) == (not given) or len(given) == 1:
        said = "both a region and a point" if region is not None and given else "neither a region nor a whole point"
        raise ConfigError(f"{where} has {said}; write either region, or x and y")
    shown, person = entry.get("view", "photo"), entry.get("person", "a")
    for key, value, among in (("view", shown, VIEWS), ("person", person, PEOPLE)):
        if value not in among:
            raise ConfigError(f"{where}: {key} is {quoted(value)}, but must be {' or '.join(among)}")
    try:
        at = _seconds(entry["at"])
        do, strength = word_called(entry["do"]), entry.get("strength", 1.0)
        check_strength(strength)
        if (tone := entry.get("tone", "")) != "":
            check_tone(tone)
        if region is not None:
            _check_region(region)
        else:
            check_place(*place)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from None
    x_y = None if region is not None else (float(place[0]), float(place[1]))  # type: ignore[arg-type]
    return Touch(round(at * FPS), do, region or "", x_y, float(strength), tone, shown == "shown", person, where)


def _seconds(at: object) -> float:
    if isinstance(at, bool) or not isinstance(at, (int, float)) or not 0 <= at <= LATEST_S:
        raise ConfigError(
            f"at is {quoted(at)}, but must be the seconds from the video's beginning, from 0 to {LATEST_S:g}"
        )
    return float(at)


def _check_region(region: object) -> None:
    if region in REGIONS:
        return
    near = difflib.get_close_matches(region, REGIONS, 2) if isinstance(region, str) else []
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(REGIONS)}"
    raise ConfigError(f"no region is called {quoted(region)}; {hint}")


def resolved(
    touches: Iterable[Touch], regions: RegionMap, from_shown: Callable[[float, float], Place]
) -> tuple[Interaction, ...]:
    """What is done to the person of one photo; `from_shown` leads from the picture at rest to places of the photo.

    Raises ConfigError for a region that the photo does not show, naming those it has.
    """
    found = []
    for touch in touches:
        try:
            place = touch.place if touch.place is not None else regions.centre(touch.region)
            place = from_shown(*place) if touch.shown and touch.place is not None else place
            found.append(regions.touched(touch.frame, touch.do, *place, touch.tone, touch.strength))
        except ConfigError as error:
            raise ConfigError(f"{touch.where}: {error}") from None
    return tuple(found)


def check_interactions(
    interactions: Sequence[Interaction], frames: int, at_rest: Callable[[Place], Place] | None, where: str
) -> list[str]:
    """Sentences about what will not come, or not be seen; `where` names the interactions in them.

    `frames` is the video's length; `at_rest` leads from places of the photo to those of its picture at rest, and is
    None where contacts are not drawn at all.
    """
    said = []
    for one in interactions:
        called = f"{where}: '{one.do}' at {one.frame / FPS:g} s"
        if one.frame >= frames:
            said.append(f"{called} never comes: the video ends at {frames / FPS:g} s")
        elif not one.regions:
            said.append(f"{called} touches the {BACKGROUND}: it is answered by a glance")
        elif at_rest is not None and not is_inside(at_rest((one.x, one.y))):
            part = one.region.replace("_", " ")
            said.append(f"{called} touches the {part} outside the crop, so only the answer is seen; see --view photo")
    if interactions and at_rest is None:
        said.append(f"{where}: this renderer draws no touched skin, only how the person answers")
    return said


def is_inside(place: Place) -> bool:
    """Whether a place in shares of a picture lies in it."""
    return 0 <= place[0] <= 1 and 0 <= place[1] <= 1


def as_yaml(interactions: Iterable[Interaction]) -> str:
    """A YAML list of what was done in a live call: rendered with the same sound from a file, it gives the same frames.

    Numbers are written in full.
    """
    lines = []
    for one in interactions:
        entry = f"at: {one.frame / FPS!r}, x: {one.x!r}, y: {one.y!r}, do: {one.do}, strength: {one.strength!r}"
        lines.append(f"- {{{entry}, tone: {one.tone}}}  # {one.region}\n")
    return "".join(lines)
