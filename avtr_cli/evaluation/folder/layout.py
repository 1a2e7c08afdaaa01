"""FOLDER into what is to be judged: clips with their sound and their true person, and the systems that made each.

    audio/ID.wav (1 self, 2 partner), or audio/ID_self.wav and audio/ID_partner.wav
    truth/ID.mp4, systems/NAME/ID.mp4    or .safetensors (motion), or .npz
    manifest.yaml                        optional: conversations, partners, photos, cuts, what a system was given,
                                         and who the true person is where nobody was recorded

Without a manifest every clip is a conversation of its own: names like c01_a and c01_b are not guessed to be one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from avtr_cli.core.errors import ConfigError
from avtr_cli.core.plain_yaml import load_file
from avtr_cli.core.suffixes import SOUNDS, VIDEOS
from avtr_cli.core.textfile import quoted

MANIFEST = "manifest.yaml"
FORMAT = 1
RECORDED = "recorded person"  # whom truth/ shows unless the manifest says otherwise
SHOWN = (*VIDEOS, ".safetensors", ".npz")
CONDITIONS = ("none", "photo", "other_clip", "same_clip")
CLIP_KEYS = ("id", "group", "partner", "photo", "start", "end")
SYSTEM_KEYS = ("name", "folder", "conditioned_on_truth", "hears_partner")
_SIDES = ("_self", "_partner")


@dataclass(frozen=True)
class Clip:
    """One side of a conversation. `partner` is the ID of the clip whose person is talked to; times in seconds."""

    id: str
    group: str
    sounds: tuple[Path, ...] = ()  # one of two channels, or (self, partner); none: there is no sound
    truth: Path | None = None
    photo: Path | None = None
    partner: str | None = None
    start_s: float = 0.0
    end_s: float | None = None


@dataclass(frozen=True)
class System:
    """A system's folder. `conditioned` says what of the truth it was given; same_clip leaks the answer."""

    name: str
    folder: Path
    conditioned: str = "none"
    hears_partner: bool = False  # said in the manifest; for the eyes alone

    def shows(self, clip: Clip, suffixes: tuple[str, ...] = ()) -> Path | None:
        """Its file of a clip: one of `suffixes`, or of the kind of the truth, where it has such."""
        wanted = suffixes or ((clip.truth.suffix.lower(),) if clip.truth is not None else ())
        return _shown(self.folder, clip.id, wanted)


@dataclass(frozen=True)
class Layout:
    """All of a folder, clips and systems by name; `warnings` are sentences for the user."""

    folder: Path
    clips: tuple[Clip, ...]
    systems: tuple[System, ...]
    warnings: tuple[str, ...] = field(default=())
    truth: str = RECORDED

    def preferring(self, suffix: str) -> Layout:
        """The same with truth of the kind `suffix`, wherever there is such."""
        place = self.folder / "truth"
        clips = (replace(clip, truth=_shown(place, clip.id, (suffix,)) or clip.truth) for clip in self.clips)
        return replace(self, clips=tuple(clips))


def read_layout(folder: Path) -> Layout:
    """What lies in `folder`. Raises ConfigError where it is none, holds nothing to judge, or its manifest is wrong."""
    if not folder.is_dir():
        raise ConfigError(f"{folder}: there is no such folder")
    path = folder / MANIFEST
    said = _manifest(path) if path.is_file() else {}
    clips = _clips_of(path, folder, said["clips"]) if "clips" in said else _clips_in(folder)
    systems = _systems_of(path, folder, said["systems"]) if "systems" in said else _systems_in(folder)
    if not clips:
        raise ConfigError(f"{folder}: holds no clip; put recordings into truth/ and their sound into audio/")
    if not systems:
        raise ConfigError(f"{folder}: holds no system; put each system's files into systems/NAME/")
    warnings = []
    if "clips" not in said:
        warnings.append(
            f"without {MANIFEST} every clip counts as a conversation of its own; name the two sides of one there"
        )
    truth = said.get("truth", RECORDED)
    if truth != RECORDED:
        warnings.append(f"the truth here is no {RECORDED} but {truth}: numbers tell how near systems come to that")
    return Layout(folder, tuple(sorted(clips, key=_id)), tuple(sorted(systems, key=_name)), tuple(warnings), truth)


def _id(clip: Clip) -> str:
    return clip.id


def _name(system: System) -> str:
    return system.name


def _clips_in(folder: Path) -> list[Clip]:
    """A clip for every true person, and for every sound that has none: that it lacks one is said later."""
    names = {path.stem for path in _files(folder / "truth", SHOWN)}
    for path in _files(folder / "audio", SOUNDS):
        names.add(next((path.stem.removesuffix(side) for side in _SIDES if path.stem.endswith(side)), path.stem))
    return [_clip(folder, name, {}) for name in sorted(names)]


def _clip(folder: Path, name: str, said: Mapping[str, Any]) -> Clip:
    photo = folder / said["photo"] if said.get("photo") else _photo(folder, name)
    return Clip(
        id=name,
        group=str(said.get("group", name)),
        sounds=_sounds(folder / "audio", name),
        truth=_shown(folder / "truth", name),
        photo=photo,
        partner=said.get("partner"),
        start_s=float(said.get("start") or 0.0),
        end_s=None if said.get("end") is None else float(said["end"]),
    )


def _sounds(folder: Path, name: str) -> tuple[Path, ...]:
    sides = [_first(folder, f"{name}{side}", SOUNDS) for side in _SIDES]
    if all(side is not None for side in sides):
        return tuple(side for side in sides if side is not None)
    both = _first(folder, name, SOUNDS)
    return (both,) if both is not None else ()


def _photo(folder: Path, name: str) -> Path | None:
    return _first(folder / "photos", name, (".png", ".jpg", ".jpeg", ".webp"))


def _shown(folder: Path, name: str, first: tuple[str, ...] = ()) -> Path | None:
    return _first(folder, name, sorted(SHOWN, key=lambda suffix: suffix not in first))


def _first(folder: Path, name: str, suffixes: Iterable[str]) -> Path | None:
    there = (folder / f"{name}{suffix}" for suffix in suffixes)
    return next((path for path in there if path.is_file()), None)


def _files(folder: Path, suffixes: Iterable[str]) -> list[Path]:
    if not folder.is_dir():
        return []
    known = tuple(suffixes)
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in known and not path.name.startswith("."))


def _systems_in(folder: Path) -> list[System]:
    place = folder / "systems"
    if not place.is_dir():
        return []
    return [System(path.name, path) for path in place.iterdir() if path.is_dir() and not path.name.startswith(".")]


def _manifest(path: Path) -> dict[str, Any]:
    """Its tables. Raises ConfigError."""
    said = load_file(path)
    if not isinstance(said, dict) or said.get("format") != FORMAT:
        raise ConfigError(f"{path}: must be a table with 'format: {FORMAT}'")
    if unknown := [key for key in said if key not in ("format", "truth", "clips", "systems")]:
        raise ConfigError(
            f"{path}: holds 'format', 'truth', 'clips' and 'systems', not {', '.join(map(quoted, unknown))}"
        )
    if not isinstance(said.get("truth", ""), str):
        raise ConfigError(f"{path}: 'truth' says in words who the true person is, not {quoted(said['truth'])}")
    for name in ("clips", "systems"):
        rows = said.get(name, [])
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise ConfigError(f"{path}: '{name}' must be a list of tables")
    return said


def _clips_of(path: Path, folder: Path, rows: list[dict[str, Any]]) -> list[Clip]:
    """The clips of a manifest. Raises ConfigError."""
    for number, row in enumerate(rows, 1):
        where = f"{path}: clip {number}"
        _check_keys(where, row, CLIP_KEYS, "id")
        for key in ("id", "group", "partner", "photo"):
            if row.get(key) is not None and not isinstance(row[key], (str, int)):
                raise ConfigError(f"{where}: '{key}' must be a word, not {quoted(row[key])}")
        if {"/", "\\", "\0"} & set(str(row["id"])) or not str(row["id"]):
            raise ConfigError(f"{where}: {quoted(row['id'])} names no file; give the name without its folder")
        start, end = row.get("start") or 0.0, row.get("end")
        if not _seconds(start) or not (end is None or (_seconds(end) and end > start)):
            raise ConfigError(f"{where}: 'start' and 'end' must be seconds, the end behind the start")
    clips = [_clip(folder, str(row["id"]), row) for row in rows]
    return _distinct(path, clips, [clip.id for clip in clips])


def _systems_of(path: Path, folder: Path, rows: list[dict[str, Any]]) -> list[System]:
    """The systems of a manifest. Raises ConfigError."""
    found = []
    for number, row in enumerate(rows, 1):
        where = f"{path}: system {number}"
        _check_keys(where, row, SYSTEM_KEYS, "name")
        conditioned = row.get("conditioned_on_truth", "none")
        if conditioned not in CONDITIONS:
            raise ConfigError(f"{where}: 'conditioned_on_truth' is {', '.join(CONDITIONS)}, not {quoted(conditioned)}")
        place = folder / str(row.get("folder") or f"systems/{row['name']}")
        if not place.is_dir():
            raise ConfigError(f"{where}: {place}: there is no such folder")
        hears = row.get("hears_partner", False)
        if not isinstance(hears, bool):
            raise ConfigError(f"{where}: 'hears_partner' is true or false, not {quoted(hears)}")
        found.append(System(str(row["name"]), place, conditioned, hears))
    return _distinct(path, found, [system.name for system in found])


def _check_keys(where: str, row: Mapping[str, Any], known: tuple[str, ...], needed: str) -> None:
    if unknown := [key for key in row if key not in known]:
        raise ConfigError(f"{where}: knows {', '.join(known)}, not {', '.join(map(quoted, unknown))}")
    if row.get(needed) is None:
        raise ConfigError(f"{where}: lacks '{needed}'")


def _distinct(path: Path, found: list[Any], names: list[str]) -> list[Any]:
    twin = next((name for at, name in enumerate(names) if name in names[:at]), None)
    if twin is not None:
        raise ConfigError(f"{path}: {quoted(twin)} stands twice")
    return found


def _seconds(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value) and value >= 0
