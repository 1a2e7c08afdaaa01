"""A job's files on a machine that may not see them: used by path where they lie there, else from shipped bytes.

A file counts as seen when its size and SHA-256 are those on the sender's side, so another file that happens to
have the same path is never taken.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avtr_cli.audio.files import DialogueFiles
from avtr_cli.batch.messages import Answer, Checked, Failure, Rendered
from avtr_cli.core.errors import InputError
from avtr_cli.core.files import file_sha256
from avtr_cli.jobs.job import Job
from avtr_cli.jobs.two_sided import TwoSidedJob


@dataclass(frozen=True)
class Parcel:
    """One input file of a job, as the sender knows it."""

    path: Path
    size: int
    sha256: str


@dataclass(frozen=True)
class Needs:
    """Instead of an answer: these files (SHA-256) are not seen here; send them along."""

    sha256: tuple[str, ...]


def parcels_of(job: Job, sha256: Callable[[Path], str] = file_sha256) -> list[Parcel]:
    """Every file that rendering `job` reads, except weights. Raises InputError where one cannot be read."""
    try:
        return [Parcel(path, path.stat().st_size, sha256(path)) for path in _read_by(job)]
    except OSError as error:
        raise InputError(f"{error.filename}: cannot be read ({error.strerror})") from error


def read_parcel(parcel: Parcel) -> bytes:
    """The parcel's bytes, to be sent. Raises InputError."""
    try:
        return parcel.path.read_bytes()
    except OSError as error:
        raise InputError(f"{parcel.path}: cannot be read ({error.strerror})") from error


def with_absolute_paths(job: Job) -> Job:
    """The job with absolute paths, which mean the same in whatever folder a worker runs."""
    places = {path: path.absolute() for path in _read_by(job)}
    certificate, private_key = (path and path.absolute() for path in (job.certificate, job.private_key))
    moved = _moved(job, places, {field: path.absolute() for field, path in outputs_of(job).items()})
    return dataclasses.replace(moved, certificate=certificate, private_key=private_key)


@contextmanager
def unpacked(
    job: Job, parcels: list[Parcel], fetch: Callable[[str], bytes | None], keep_out: bool
) -> Iterator[tuple[Job, dict[str, str]] | Needs]:
    """The job with paths that hold here, and what to call them by (local path -> the sender's).

    `fetch` gives the bytes of a SHA-256, or None where they were not sent; then what is missing is told. The outputs
    go to the job's own places if `keep_out`, else to a temporary folder that is gone afterwards.
    """
    with tempfile.TemporaryDirectory(prefix="avtr-job-") as name:
        folder = Path(name)
        places: dict[Path, Path] = {}
        missing = []
        for number, parcel in enumerate(parcels):
            if _seen(parcel):
                places[parcel.path] = parcel.path
            elif (data := fetch(parcel.sha256)) is None:
                missing.append(parcel.sha256)
            else:
                if hashlib.sha256(data).hexdigest() != parcel.sha256:
                    raise InputError(f"{parcel.path}: changed while the batch was running; run it again")
                places[parcel.path] = folder / f"{number}-{parcel.path.name}"
                places[parcel.path].write_bytes(data)
        if missing:
            yield Needs(tuple(missing))
            return
        called = {str(here): str(there) for there, here in places.items() if here != there}
        outputs = outputs_of(job)
        if not keep_out:
            elsewhere = _under(folder / "out", outputs)
            called |= {str(elsewhere[field]): str(path) for field, path in outputs.items()}
            outputs = elsewhere
        yield _moved(job, places, outputs), called


def with_senders_paths(answer: Answer, called: dict[str, str]) -> Answer:
    """The answer with the sender's paths in its sentences."""

    def say(text: str) -> str:
        for here, there in called.items():
            text = text.replace(here, there)
        return text

    if isinstance(answer, Failure):
        return dataclasses.replace(answer, reason=say(answer.reason), trace=say(answer.trace))
    if isinstance(answer, Checked | Rendered):
        return dataclasses.replace(answer, warnings=tuple(map(say, answer.warnings)))
    return answer


def outputs_of(job: Job) -> dict[str, Path]:
    """Every file that the job writes, by the field that names it."""
    named = {field: getattr(job, field) for field in ("out", "report", "page", "motion_out")}
    return {field: path for field, path in named.items() if path is not None}


def _under(folder: Path, outputs: dict[str, Path]) -> dict[str, Path]:
    """Places below `folder` that lie to each other as these do: a page names its video by the way to it."""
    common = os.path.commonpath([path.absolute().parent for path in outputs.values()])
    return {field: folder / path.absolute().relative_to(common) for field, path in outputs.items()}


def _read_by(job: Job) -> list[Path]:
    named = [path for path in (job.background, job.style) if path is not None and path.is_file()]
    return [*job.photos, *job.sound.paths, *([job.from_motion] if job.from_motion else []), *named]


def _seen(parcel: Parcel) -> bool:
    try:
        return parcel.path.stat().st_size == parcel.size and file_sha256(parcel.path) == parcel.sha256
    except (OSError, InputError):
        return False


def _moved(job: Job, places: dict[Path, Path], outputs: dict[str, Path]) -> Job:
    def place(path: Path) -> Path:
        return places.get(path, path)

    sound: DialogueFiles = dataclasses.replace(
        job.sound,
        dialogue=place(job.sound.dialogue),
        partner=place(job.sound.partner) if job.sound.partner else None,
    )
    settings = {"render.background": job.background, "motion.style": job.style}
    moved_files = {key: str(places[path]) for key, path in settings.items() if path in places}
    moved: dict[str, Any] = {
        "photo": place(job.photo),
        "sound": sound,
        "preset": job.preset.with_settings(**moved_files) if moved_files else job.preset,
        "from_motion": place(job.from_motion) if job.from_motion else None,
        **outputs,
    }
    if isinstance(job, TwoSidedJob):
        moved["photo_b"] = place(job.photo_b)
    return dataclasses.replace(job, **moved)
