"""Rows into jobs: what a job says counts before the command line, and that before the manifest's defaults.

A row that cannot become a job (a preset nobody knows, a seed that is no number, no photo) becomes an entry with
its problem, so that it is reported like a failed job and the others are rendered.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from avtr_cli.audio.source import DialogueFiles
from avtr_cli.batch.manifest import Row, Source
from avtr_cli.config import Preset, load_preset, parse_settings
from avtr_cli.cues import load_cues, parse_cues
from avtr_cli.errors import AvtrError, ConfigError, InputError
from avtr_cli.job import Job

RESERVED = ("batch", "index")  # DIR/batch.json and DIR/index.html are about all jobs
_FILES = ("photo", "dialogue", "partner", "from_motion")
_KINDS: dict[str, tuple[type, ...]] = {
    "solo": (bool,),
    "self_channel": (int,),
    "seed": (int,),
    "face": (int,),
    "start": (int, float),
    "duration": (int, float),
}


@dataclass(frozen=True)
class Entry:
    """One line of the batch: a job, or why there is none."""

    name: str
    out: Path
    job: Job | None
    problem: AvtrError | None = None


def entries_of(source: Source, common: Row, folder: Path, pages: bool = False, **fields: Any) -> list[Entry]:
    """An entry for every row, to be rendered into `folder`; with `pages`, each with a report page.

    `common` holds what the command line says of jobs that do not say otherwise, `fields` what it says of every Job.
    Raises ConfigError where the rows together cannot be: two of one name, an output outside of `folder`.
    """
    presets: dict[str, Preset] = {}

    def preset(name: str) -> Preset:
        if name not in presets:
            presets[name] = load_preset(name)
        return presets[name]

    shared = _understood(source.defaults), _understood(common)
    entries: list[Entry] = []
    places: dict[str, str] = {}  # name or output -> who has it
    for row in source.rows:
        name, out = _output(row, {**source.defaults.values, **common.values, **row.values}, folder)
        for taken in (f"name {name}", f"out {out.with_suffix('')}"):  # the report is named as the video
            if taken in places:
                raise ConfigError(f"{row.where} and {places[taken]} are both called '{name}'; give them other names")
            places[taken] = row.where
        try:
            job = _job(row, _merged(*shared, _understood(row)), out, preset)
            page = out.with_suffix(".html") if pages else None
            entries.append(Entry(name, out, dataclasses.replace(job, page=page, **fields)))
        except AvtrError as problem:
            entries.append(Entry(name, out, None, problem))
    return entries


def _output(row: Row, values: dict[str, Any], folder: Path) -> tuple[str, Path]:
    """(name, path of the video). The name is `name`, else `out`, else the dialogue's, without its suffix."""
    said = row.values.get("name") or row.values.get("out") or Path(str(row.values.get("dialogue", ""))).name
    if not said:
        raise ConfigError(f"{row.where}: says neither 'dialogue' nor 'name'")
    suffix = "." + str(values.get("format", "mp4")).lstrip(".")
    name = str(said) if "name" in row.values else str(Path(str(said)).with_suffix(""))
    out = PurePosixPath(str(row.values.get("out", name + suffix)))
    if not out.suffix:
        out = out.with_name(out.name + suffix)
    if out.suffix.lower() == ".png":
        raise ConfigError(f"{row.where}: a batch writes videos; avtr render writes pictures one by one")
    if out.is_absolute() or ".." in out.parts:
        raise ConfigError(f"{row.where}: '{out}' lies outside of {folder}; outputs are names within it")
    if out.stem in RESERVED and len(out.parts) == 1:
        raise ConfigError(f"{row.where}: '{out.stem}' is the name of the batch's own files; choose another")
    return name, folder / out


def _understood(row: Row) -> dict[str, Any]:
    """A row's values as the kinds they stand for, paths joined to its folder, all settings under `set`."""
    read: dict[str, Any] = {}
    settings = _settings(row)
    for key, value in row.values.items():
        if key == "set" or "." in key:
            continue
        if key in _KINDS and (not isinstance(value, _KINDS[key]) or (isinstance(value, bool) and key != "solo")):
            meant = {bool: "true or false", int: "a whole number", float: "a number"}[_KINDS[key][-1]]
            raise ConfigError(f"{row.where}: {key} must be {meant}, not {value!r}")
        if key in _FILES or (key == "cues" and isinstance(value, str)):
            value = row.base / str(value)
        elif key == "preset" and str(value).endswith((".yaml", ".yml")):
            value = str(row.base / str(value))
        read[key] = value
    return read | {"set": settings}


def _settings(row: Row) -> dict[str, Any]:
    """`set`, a table or `key=value` strings, with what is said by dotted names on top."""
    said = row.values.get("set", {})
    said = [said] if isinstance(said, str) else said
    if not isinstance(said, dict | list):
        raise ConfigError(f"{row.where}: 'set' is a table or list of settings, as in {{render.size: 256}}")
    dotted = {key: value for key, value in row.values.items() if "." in key}
    texts = [f"{key}={value}" for key, value in dotted.items() if isinstance(value, str)]
    try:
        settings = parse_settings([str(pair) for pair in said]) if isinstance(said, list) else dict(said)
        settings |= dotted | parse_settings(texts)
    except ConfigError as error:
        raise ConfigError(f"{row.where}: {error}") from None
    background = settings.get("render.background")
    if isinstance(background, str) and (row.base / background).is_file():
        settings["render.background"] = str(row.base / background)
    return settings


def _merged(*said: dict[str, Any]) -> dict[str, Any]:
    """Later ones count more; settings one by one."""
    merged: dict[str, Any] = {}
    for values in said:
        merged |= values | {"set": merged.get("set", {}) | values["set"]}
    return merged


def _job(row: Row, said: dict[str, Any], out: Path, preset: Callable[[str], Preset]) -> Job:
    if "dialogue" not in said:
        raise InputError(f"{row.where}: names no dialogue; add 'dialogue', the sound file")
    if "photo" not in said:
        raise InputError(f"{row.where}: has no photo; put a picture of the same name beside it, or give --photo")
    try:
        chosen = preset(str(said.get("preset", "default"))).with_settings(**said["set"])
    except ConfigError as error:
        raise ConfigError(f"{row.where}: {error}") from None
    cues = said.get("cues", [])
    return Job(
        photo=said["photo"],
        sound=DialogueFiles(
            dialogue=said["dialogue"],
            partner=said.get("partner"),
            solo=said.get("solo", False),
            self_channel=said.get("self_channel", 1),
            start_s=float(said.get("start", 0.0)),
            duration_s=None if "duration" not in said else float(said["duration"]),
        ),
        out=out,
        preset=chosen,
        seed=said.get("seed", 0),
        face=said.get("face"),
        cues=load_cues(cues) if isinstance(cues, Path) else parse_cues(cues, row.where),
        from_motion=said.get("from_motion"),
    )
