"""Rows into jobs: what a job says counts before the command line, and that before the manifest's defaults.

A row that cannot become a job (a preset nobody knows, a seed that is no number, no photo) becomes an entry with
its problem, so that it is reported like a failed job and the others are rendered.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from avtr_cli.audio.files import DialogueFiles
from avtr_cli.batch.claims import Claims, Twins
from avtr_cli.batch.places import OUTPUTS, format_said, output_of, place_of
from avtr_cli.batch.reading import understood
from avtr_cli.batch.rows import Row, Source
from avtr_cli.core.config import NAME_FILES, Preset, load_preset
from avtr_cli.core.errors import AvtrError, ConfigError, InputError
from avtr_cli.jobs.job import Job
from avtr_cli.jobs.two_sided import TwoSidedJob
from avtr_cli.prompts.interactions import Touch, load_interactions, parse_interactions
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
    given = [value for value in fields.values() if isinstance(value, Path)]  # a certificate and its key
    claims = Claims((*source.files, *given))
    for row in source.rows:
        name, out = row.where, None
        try:
            name, out = place_of(row, {**source.defaults.values, **common.values, **row.values}, folder)
            claims.name(row.where, name, out)
            said = _merged(*shared, understood(row))
            claims.read(_read_by(said))
            if row.problem:
                raise InputError(f"{row.where}: {row.problem}")
            outputs = _outputs(row, said, out, folder, pages)
            job = dataclasses.replace(_job(row, said, out, presets), **outputs, **fields)
            claims.write(row.where, job.outputs.values(), folder)
            entries.append(Entry(name, out, job))
        except Twins:
            raise
        except AvtrError as problem:
            entries.append(Entry(name, out, None, problem))
    for path in (folder / own for own in OWN_FILES):
        if (read := claims.reader_of(path)) is not None:
            raise ConfigError(f"{read}: is read and would be written over; choose another -o")
    return [_not_over(claims, entry) for entry in entries]


def _not_over(claims: Claims, entry: Entry) -> Entry:
    """The entry, or its problem where it would write over what the batch reads."""
    for path in entry.job.outputs.values() if entry.job is not None else ():
        if (read := claims.reader_of(path)) is not None:
            sentence = f"{path}: is read by this batch and would be written over ({read}); choose another -o or name"
            return Entry(entry.name, entry.out, None, ConfigError(sentence))
    return entry


def _outputs(row: Row, said: dict[str, Any], out: Path, folder: Path, pages: bool) -> dict[str, Any]:
    """What the job writes besides the video: a report always, named as the video where the row does not say."""
    outputs = {"report": out.with_suffix(".json")} | ({"page": out.with_suffix(".html")} if pages else {})
    return outputs | {key: output_of(row, key, said[key], out, folder) for key in OUTPUTS if key in said}


def _read_by(said: dict[str, Any]) -> Iterator[Path]:
    for key in ("photo", "photo_b", "dialogue", "partner", "from_motion", "cues", "interactions", "preset"):
        if isinstance(said.get(key), str | Path):
            yield Path(said[key])
    for key in NAME_FILES:
        if isinstance(named := said["set"].get(key), str):
            yield Path(named)


def _merged(*said: dict[str, Any]) -> dict[str, Any]:
    """Later ones count more; settings one by one.

    Who answers is one question: a later partner ends an earlier solo, as does a second person; a later solo ends both.
    """
    merged: dict[str, Any] = {}
    for values in said:
        over = {"solo"} if "photo_b" in values else set()
        over |= {"partner", "solo"} if "partner" in values else set()
        over |= {"partner", "solo", "photo_b"} if values.get("solo") else set()
        merged = {key: value for key, value in merged.items() if key not in over}
        merged |= values | {"set": merged.get("set", {}) | values["set"]}
    return merged


def _job(row: Row, said: dict[str, Any], out: Path, preset: Callable[[str], Preset]) -> Job:
    if "dialogue" not in said:
        raise InputError(f"{row.where}: names no dialogue; add 'dialogue', the sound file")
    if "photo" not in said:
        raise InputError(f"{row.where}: has no photo; put a picture of the same name beside it, or give --photo")
    _refuse_contradictions(row, said)
    try:
        chosen = preset(said.get("preset", "default"))
    except ConfigError as error:
        raise ConfigError(f"{row.where}: {error}") from None
    shared: dict[str, Any] = {
        "photo": said["photo"],
        "sound": _sound(said),
        "out": out,
        "preset": chosen.changed(said["set"], origin=row.where),
        "seed": said.get("seed", 0),
        "face": said.get("face"),
        "label": said.get("label", ""),
        "interactions": _interactions(said.get("interactions", []), row.where),
    }
    if "photo_b" in said:
        second = {key: said[key] for key in ("photo_b", "face_b", "layout") if key in said}
        return TwoSidedJob(**shared, **second)
    cues = said.get("cues", [])
    return Job(
        **shared,
        cues=load_cues(cues) if isinstance(cues, Path) else parse_cues(cues, row.where),
        from_motion=said.get("from_motion"),
    )


def _interactions(said: Any, where: str) -> tuple[Touch, ...]:
    return load_interactions(said) if isinstance(said, Path) else parse_interactions(said, where)


def _refuse_contradictions(row: Row, said: dict[str, Any]) -> None:
    """Raises ConfigError for what goes with one person alone, or with two alone.

    Defaults may speak of a second person; a job that has none passes over it.
    """
    if "photo_b" not in said:
        if alone := [key for key in ("face_b", "layout") if key in row.values]:
            raise ConfigError(f"{row.where}: {alone[0]} goes with a second person; add photo_b, or leave it out")
        return
    if given := [key for key in ("cues", "from_motion", "motion_out") if said.get(key)]:
        raise ConfigError(
            f"{row.where}: {given[0]} is of one person, and photo_b makes two; leave one of them out, or make two jobs"
        )
    if said.get("solo"):
        raise ConfigError(f"{row.where}: solo is one voice, and photo_b needs two; leave one of them out")


def _sound(said: dict[str, Any]) -> DialogueFiles:
    return DialogueFiles(
        dialogue=said["dialogue"],
        partner=said.get("partner"),
        solo=said.get("solo", False),
        avatar_channel=said.get("avatar_channel", 1),
        start_s=said.get("start", 0.0),
        duration_s=said.get("duration"),
    )
