"""What rendering a job would give: faces, sound, length, time and disk, found out without rendering it.

The time is that of a micro-run: the job's first second is rendered to a temporary folder and thrown away.
"""

from __future__ import annotations

import contextlib
import dataclasses
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avtr_cli.audio.health import Health, examine
from avtr_cli.core.protocols import WholeCallGenerator
from avtr_cli.core.timing import FPS
from avtr_cli.jobs.checking import CheckedJob, check
from avtr_cli.jobs.job import Job
from avtr_cli.jobs.preparation import (
    PreparedAvatar,
    find_people,
    prepare,
    prepare_avatars,
    warnings_of,
)
from avtr_cli.jobs.production import Production, render_next_chunks
from avtr_cli.jobs.speed import WHOLE_CALL_S, Speed
from avtr_cli.streaming.engine import Engine

MEASURED_S = 1.0  # of video, in the micro-run


@dataclass(frozen=True)
class Forecast:
    """A job that could be rendered, and what that would take."""

    checked: CheckedJob
    avatars: tuple[PreparedAvatar, ...]
    health: Health
    size: tuple[int, int]  # (width, height)
    seconds: float  # of wall time
    load_s: float  # of it, for models

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the user is to be told before rendering."""
        return warnings_of(self.checked.job, self.avatars, self.health, self.checked.frames)

    def lines(self) -> list[str]:
        """What a person wants to know before the work."""
        job, facts, frames = self.checked.job, self.checked.source.facts, self.checked.frames
        width, height = self.size
        lines = [_of_photo(photo, one) for photo, one in zip(job.photos, self.avatars, strict=True)]
        shares = " and ".join(f"{share:.0%}" for share in self.health.voice_share)
        lines += [
            f"{job.sound.dialogue}: {facts.channels} channel{'s' * (facts.channels > 1)}, {facts.file_rate} Hz, "
            f"{facts.duration_s:.2f} s to render; avatar and partner are heard {shares} of the time",
            f"{job.out}: would be {frames} frames, {width}x{height}, {frames / FPS:.2f} s",
            f"about {self.seconds:.0f} s of work here ({self.load_s:.1f} s of it loading models), "
            f"at most {self.checked.form.disk_bytes(self.size, frames) / 2**20:,.0f} MiB of disk meanwhile",
        ]
        return [job.true_names(line) for line in lines]


def forecast(checked: CheckedJob, preview: Path | None = None) -> Forecast:
    """Look at everything the job needs; with `preview`, draw what was found there (PNG).

    Raises AvtrError where the job cannot be rendered.
    """
    from avtr_cli.jobs.preview import check_preview, draw_preview

    job = checked.job
    if preview is not None:
        check_preview(preview, job)
    health = examine(checked.source, job.sound)
    engine = Engine(job.preset)
    avatars = prepare_avatars(job, engine, checked.source, find_people(job, engine), call_heard=False)
    if preview is not None:
        draw_preview(preview, [one.portrait for one in avatars])
    speed = measure(job, engine)
    size = job.frame_size([one.identity.size for one in avatars])
    seconds = engine.load_s + speed.seconds(checked.frames, makes_motion=job.from_motion is None)
    return Forecast(checked, avatars, health, size, seconds, engine.load_s)


def measure(job: Job, engine: Engine, copies: int = 1) -> Speed:
    """Render the first second of `job` to nowhere, as many copies in step as jobs will be. Raises AvtrError.

    Of a model that hears calls whole it is as much as that makes at once.
    """
    whole = isinstance(engine.generator, WholeCallGenerator)
    wanted = WHOLE_CALL_S if whole else MEASURED_S
    seconds = min(job.sound.duration_s or wanted, wanted)
    short = dataclasses.replace(job.sound, duration_s=seconds)
    nothing: dict[str, Any] = {"from_motion": None, "motion_out": None, "report": None, "page": None}
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="avtr-measure-") as folder, contextlib.ExitStack() as stack:
        copied = [
            dataclasses.replace(job, sound=short, out=_name(job, folder, number), **nothing) for number in range(copies)
        ]
        productions = [stack.enter_context(Production(prepare(check(one), engine))) for one in copied]
        while under_way := [one for one in productions if one.under_way]:
            render_next_chunks(under_way)
        # The last was made ready last, so nothing but rendering fell into its time.
        last, *_ = [production.finish() for production in reversed(productions)]
    factor = last["timing"]["realtime_factor"]
    rendering_s = last["output"]["frames"] / FPS / factor
    motion_s = last["timing"]["startup_s"].get("motion", 0.0)
    startup_s = max(0.0, time.perf_counter() - began - rendering_s - copies * motion_s) / copies
    return Speed(startup_s, factor, motion_s)


def _name(job: Job, folder: str, number: int) -> Path:
    return Path(folder) / f"{number}{job.out.suffix}"


def _of_photo(photo: Path, found: PreparedAvatar) -> str:
    from avtr_cli.perception.landmarks import face_height

    height, width = found.portrait.photo.shape[:2]
    return f"{photo}: {width}x{height}, the face is {face_height(found.portrait.landmarks):.0f} px tall"
