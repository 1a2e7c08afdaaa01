"""Rows into jobs: what a job says counts before the command line, and that before the manifest's defaults.

A row that cannot become a job (a preset nobody knows, a seed that is no number, no photo) becomes an entry with
its problem, so that it is reported like a failed job and the others are rendered.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from avtr_cli.audio.files import DialogueFiles
from avtr_cli.batch.places import format_said, place_of
from avtr_cli.batch.reading import understood
from avtr_cli.batch.rows import Row, Source
from avtr_cli.core.config import Preset, load_preset
from avtr_cli.core.errors import AvtrError, ConfigError, InputError
from avtr_cli.jobs.job import Job
from avtr_cli.prompts.reading import load_cues, parse_cues

OWN_FILES = ("batch.jsonl", "batch.json", "index.html", ".batch-hashes.json")  # in DIR, about all jobs


@dataclass(frozen=True)
class Entry:
    """One line of the batch: a job, or why there is none.

    out  None where not even the video's place is known
    """

    name: str
    out: Path | None
    job: Job | None
    problem: AvtrError | None = None


def entries_of(source: Source, common: Row, folder: Path, pages: bool = False, **fields: Any) -> list[Entry]:
    """An entry for every row, to be rendered into `folder`; with `pages`, each with a report page.

    `common` holds what the command line says of jobs that do not say otherwise, `fields` what it says of every Job.
    Raises ConfigError where the rows together cannot be: two of one name, defaults that are wrong for all, an output
    of the whole batch that it reads.
    """
    presets = cache(load_preset)  # of this batch: a preset file may change before the next
    shared = understood(source.defaults), understood(common)
    for row in (source.defaults, common):
        if "format" in row.values:
            format_said(row, row.values["format"])
    entries: list[Entry] = []
    places: dict[str, str] = {}  # name or output -> who has it
    given = [value for value in fields.values() if isinstance(value, Path)]  # a certificate and its key
    reads: dict[str, str] = {_place(path): str(path) for path in (*source.files, *given)}
    for row in source.rows:
        name, out = row.where, None
        try:
            name, out = place_of(row, {**source.defaults.values, **common.values, **row.values}, folder)
            _claim(places, row, name, out)
            said = _merged(*shared, understood(row))
            reads |= {_place(path): str(path) for path in _read_by(said)}
            if row.problem:
                raise InputError(f"{row.where}: {row.problem}")
            job = _job(row, said, out, presets)
            page = out.with_suffix(".html") if pages else None
            entries.append(Entry(name, out, dataclasses.replace(job, page=page, **fields)))
        except _Twins:
            raise
        except AvtrError as problem:
            entries.append(Entry(name, out, None, problem))
    for path in (folder / own for own in OWN_FILES):
        if _place(path) in reads:
            raise ConfigError(f"{reads[_place(path)]}: is read and would be written over; choose another -o")
    return [_not_over(reads, entry) for entry in entries]


class _Twins(ConfigError):
    """Two jobs of one name: nobody can tell which of them is meant."""


def _claim(places: dict[str, str], row: Row, name: str, out: Path) -> None:
    for taken in (f"name {name}", f"out {out.with_suffix('')}"):  # the report is named as the video
        if taken in places:
            raise _Twins(f"{row.where} and {places[taken]} are both called '{name}'; give them other names")
        places[taken] = row.where


def _not_over(reads: dict[str, str], entry: Entry) -> Entry:
    """The entry, or its problem where it would write over what the batch reads."""
    if entry.job is None or entry.out is None:
        return entry
    for path in outputs_of(entry.job):
        if _place(path) in reads:
            read = reads[_place(path)]
            sentence = f"{path}: is read by this batch and would be written over ({read}); choose another -o or name"
            return Entry(entry.name, entry.out, None, ConfigError(sentence))
    return entry


def outputs_of(job: Job) -> list[Path]:
    """What a job of a batch writes: the video, its report, its page."""
    return [job.out, job.out.with_suffix(".json"), *([job.page] if job.page else [])]


def _place(path: Path) -> str:
    """Where a file lies, the same for all ways to say it; a link is itself, as writing replaces it."""
    return os.path.join(os.path.realpath(path.parent), path.name)


def _read_by(said: dict[str, Any]) -> Iterator[Path]:
    for key in ("photo", "dialogue", "partner", "from_motion", "cues", "preset"):
        if isinstance(said.get(key), str | Path):
            yield Path(said[key])
    background = said["set"].get("render.background")
    if isinstance(background, str):
        yield Path(background)


def _merged(*said: dict[str, Any]) -> dict[str, Any]:
    """Later ones count more; settings one by one. Who answers is one question: a later partner ends an earlier solo."""
    merged: dict[str, Any] = {}
    for values in said:
        if "partner" in values or values.get("solo"):
            merged = {key: value for key, value in merged.items() if key not in ("partner", "solo")}
        merged |= values | {"set": merged.get("set", {}) | values["set"]}
    return merged


def _job(row: Row, said: dict[str, Any], out: Path, preset: Callable[[str], Preset]) -> Job:
    if "dialogue" not in said:
        raise InputError(f"{row.where}: names no dialogue; add 'dialogue', the sound file")
    if "photo" not in said:
        raise InputError(f"{row.where}: has no photo; put a picture of the same name beside it, or give --photo")
    try:
        chosen = preset(said.get("preset", "default"))
    except ConfigError as error:
        raise ConfigError(f"{row.where}: {error}") from None
    cues = said.get("cues", [])
    return Job(
        photo=said["photo"],
        sound=DialogueFiles(
            dialogue=said["dialogue"],
            partner=said.get("partner"),
            solo=said.get("solo", False),
            avatar_channel=said.get("avatar_channel", 1),
            start_s=said.get("start", 0.0),
            duration_s=said.get("duration"),
        ),
        out=out,
        preset=chosen.changed(said["set"], origin=row.where),
        seed=said.get("seed", 0),
        face=said.get("face"),
        cues=load_cues(cues) if isinstance(cues, Path) else parse_cues(cues, row.where),
        from_motion=said.get("from_motion"),
    )
