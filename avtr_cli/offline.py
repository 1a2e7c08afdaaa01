"""One job: photos and a dialogue become a video and a report, by feeding `StreamingSession`s from a file.

Video is written in closed segments of a minute with the session's state at every border, and the file
appears under its name when it is whole: a job that was killed goes on from its last border, bit for bit.
Several jobs on one device go in step, a chunk of each at a time (`advance`); one alone is the case of one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch

from avtr_cli.account import origin_of, report_of
from avtr_cli.audio.health import examine
from avtr_cli.audio.source import DialogueSource
from avtr_cli.engine import Engine
from avtr_cli.feed import Take
from avtr_cli.interruption import allowed, awaited, check, held
from avtr_cli.job import Job
from avtr_cli.motion.file import load_motion, save_motion, write_live_link_csv
from avtr_cli.output import provenance, workfolder
from avtr_cli.output.formats import Format, format_of
from avtr_cli.output.html import write_page
from avtr_cli.output.label import check_label
from avtr_cli.output.report import Report
from avtr_cli.output.signing import Signer
from avtr_cli.output.timeline import collect
from avtr_cli.output.video import SegmentWriter, SoundWriter, join
from avtr_cli.output.workfolder import Segment, WorkFolder
from avtr_cli.preparation import Stage, check_writable, prepare
from avtr_cli.session import Heard, StreamingSession, in_step
from avtr_cli.timing import CHUNK_FRAMES, FPS
from avtr_cli.types import Chunk

SEGMENT_FRAMES = 60 * FPS // CHUNK_FRAMES * CHUNK_FRAMES  # a minute, in whole chunks

Watch = Callable[[int, int], None]
"""Called after every chunk with the frames done and the frames in all."""


def render_file(job: Job, engine: Engine | None = None, watch: Watch | None = None) -> Report:
    """Render `job`; returns its report (docs/report.md).

    `engine` must be of the job's preset; one is made where none is given. Raises AvtrError; then no file of the
    job exists under its name, and closed segments, if any, wait beside it for the same job to be run again. The same
    holds for KeyboardInterrupt, which comes where nothing is half made.
    """
    with held(), Production(job, engine, watch) as production:
        while production.under_way:
            advance([production])
        return production.finish()


def advance(productions: Sequence[Production]) -> None:
    """Every job one chunk further, all in one forward where the models can.

    What goes wrong with one job alone stops that one, and its `finish` raises it; what goes wrong with the forward
    of all is raised here, as is an interruption.
    """
    check()
    owners: dict[StreamingSession, Production] = {}
    heard: list[Heard] = []
    for production in productions:
        with production.blamed():
            for session, window in production.heard():
                owners[session] = production
                heard.append((session, window))
    for session, chunk in awaited(in_step(heard)):
        with owners[session].blamed():
            owners[session].receive(chunk)


class Production:
    """One job under way, from a stage made ready to the report; `advance` takes it on by a chunk.

    A context: whatever ends it early, half a segment is thrown away and closed ones remain. Raises AvtrError.
    """

    def __init__(self, job: Job, engine: Engine | None = None, watch: Watch | None = None):
        self._began = time.perf_counter()
        self._job, self._watch = job, watch
        self._form = format_of(job.out, job.preset.output)
        check_writable(job.out)
        if job.page is not None:
            check_writable(job.page)
        if job.label:
            check_label(job.label)
        self._signer = provenance.choose_signer(job.certificate, job.private_key) if job.provenance else None
        self._failure: Exception | None = None
        with ExitStack() as undo:
            source = undo.enter_context(DialogueSource(job.sound))
            with allowed():
                health = examine(source, job.sound)
                engine = engine or Engine(job.preset)
                self._stage = prepare(job, engine, source, health)
                key = job.key(engine.weights_files(), engine.sha256)
            undo.callback(workfolder.remove_if_useless, job.out)
            self._folder = WorkFolder(job.out, key, job.resume)
            self._resumed = self._done = self._folder.frames
            self._rendering = time.perf_counter()
            if self._folder.closed:
                self._stage.feed.restore(self._folder, len(self._folder.closed) - 1)
            self._heard = self._stage.feed.heard()
            self._segment: _Segment | None = None
            self._undo = undo.pop_all()

    @property
    def under_way(self) -> bool:
        """Whether frames are still owed and nothing has gone wrong."""
        return self._failure is None and self._done < self._stage.total

    def heard(self) -> list[Heard]:
        """What its sessions hear next."""
        return next(self._heard)

    def receive(self, chunk: Chunk) -> None:
        """Write what a session gave; after a minute, close the segment."""
        take = self._stage.feed.receive(chunk)
        if take is None:
            return
        self._segment = self._segment or _Segment(self._folder, self._form, self._stage)
        self._segment.write(take)
        self._done += take.count
        if self._watch is not None:
            self._watch(self._done, self._stage.total)
        if self._segment.count >= SEGMENT_FRAMES or self._done == self._stage.total:
            self._segment.close()
            self._segment = None

    @contextmanager
    def blamed(self) -> Iterator[None]:
        """What goes wrong inside is this job's failure, and nobody else's."""
        try:
            yield
        except Exception as error:
            self._failure = error

    def finish(self) -> Report:
        """Join, mark and report what was rendered; raises what went wrong on the way."""
        if self._failure is not None:
            raise self._failure
        job, stage, folder = self._job, self._stage, self._folder
        marks = _joined(stage, folder, self._form, self._signer)
        ended = time.perf_counter()
        with allowed():
            report = report_of(stage, folder, marks, self._resumed, ended - self._began, ended - self._rendering)
        if job.page is not None:
            neutrals = [one.identity.neutral.cpu().numpy() for one in stage.casts]
            with allowed():
                timeline = collect(stage.source, folder, neutrals)
            write_page(job.page, report, timeline)
        folder.remove()
        return report

    def close(self) -> None:
        """Let go of its files; what is not whole is thrown away."""
        if self._segment is not None:
            self._segment.abandon()
            self._segment = None
        self._undo.close()

    def __enter__(self) -> Production:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Segment:
    """A closed stretch of video in the making: its frames, its motion, and the sessions' state after it."""

    def __init__(self, folder: WorkFolder, form: Format, stage: Stage):
        self._folder, self._form, self._stage = folder, form, stage
        self._index = len(folder.closed)
        self._writer: SegmentWriter | None = None
        self._motions: list[tuple[torch.Tensor, ...]] = []
        self.count = 0  # frames

    def write(self, take: Take) -> None:
        for pixels in take.pictures:
            if self._writer is None:
                path = self._folder.video(self._index)
                self._writer = SegmentWriter(path, pixels.shape, self._form, self._stage.label)
            self._writer.write(pixels)
        self._motions.append(take.motions)
        self.count += take.count

    def close(self) -> None:
        """From now on it counts."""
        writer, feed, stage, folder = self._writer, self._stage.feed, self._stage, self._folder
        assert writer is not None, "the audio owes frames"
        writer.close()
        for at in range(0, self.count, CHUNK_FRAMES):
            feed.sessions[0].clock.add("encode", sum(writer.encode_ms[at : at + CHUNK_FRAMES]))
        feed.save(folder, self._index)
        for avatar, values in enumerate(zip(*self._motions, strict=True)):
            path = folder.motion(self._index, avatar)
            save_motion(path, stage.engine.renderer.space, torch.cat(values), stage.job.seed)
        folder.close_segment(Segment(self.count, bytes(writer.digests)))

    def abandon(self) -> None:
        """Throw it away, unless it counts already."""
        if self._writer is not None and self._index == len(self._folder.closed):
            self._writer.abandon()


def _joined(stage: Stage, folder: WorkFolder, form: Format, signer: Signer | None) -> dict[str, Any]:
    """Join segments and sound into the marked output; write the motion where it was asked for.

    Returns the report's `provenance` entry.
    """
    job = stage.job
    sound = None
    if job.preset.output.sound != "none":
        sound = folder.path / "sound.w64"
        write_sound(stage.source, job.preset.output.sound, stage.total, sound)
    segments = [folder.video(index) for index in range(len(folder.closed))]
    if job.motion_out is not None:
        values = torch.cat([load_motion(folder.motion(index))[1] for index in range(len(segments))])
        if job.motion_out.suffix.lower() == ".csv":
            write_live_link_csv(job.motion_out, values)
        else:
            save_motion(job.motion_out, stage.engine.renderer.space, values, job.seed)
    marks = provenance.unmarked(job.label)
    origin = origin_of(stage)

    def mark(path: Path) -> None:
        marks.update(provenance.mark(path, origin, signer))

    metadata = provenance.metadata(origin) if job.provenance else {}
    join(segments, sound, job.out, form, job.preset.output.audio_kbps, metadata, mark if job.provenance else None)
    return marks


def write_sound(source: DialogueSource, kind: str, frames: int, path: Path) -> None:
    """Write the PCM that goes with `frames` frames, exactly as long: `self` or `mix` mono, or `stereo`."""
    rate = 44_100 if source.facts.file_rate in (11_025, 22_050, 44_100) else 48_000
    writer = SoundWriter(path, rate, 2 if kind == "stereo" else 1)
    for block in awaited(source.blocks(rate)):
        if kind == "stereo":
            writer.write(block.T)
        else:
            writer.write((block[0] if kind == "self" else block.sum(0).clip(-1, 1))[:, None])
    writer.close(frames)
