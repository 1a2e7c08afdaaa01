"""One job: photos and a dialogue become a video and a report, by feeding `StreamingSession`s from a file.

Video is written in closed segments of a minute with the session's state at every border, and the file
appears under its name when it is whole: a job that was killed goes on from its last border, bit for bit.
Several jobs on one device go in step, a chunk of each at a time (`render_next_chunks`); one alone is the case of one.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from avtr_cli.core import runtime
from avtr_cli.core.errors import OutputError
from avtr_cli.core.files import is_stream, reason
from avtr_cli.core.interruption import each_interruptible, interruptible, interruptions_held, raise_if_interrupted
from avtr_cli.core.timing import CHUNK_FRAMES, FPS
from avtr_cli.core.types import Chunk, Motion
from avtr_cli.jobs import finishing
from avtr_cli.jobs.account import report_of
from avtr_cli.jobs.checking import CheckedJob, check
from avtr_cli.jobs.feed import FedChunk
from avtr_cli.jobs.job import Job
from avtr_cli.jobs.placement import place_outputs, write_stream
from avtr_cli.jobs.preparation import PreparedJob, prepare
from avtr_cli.jobs.steps import OnStep, Step, unwatched
from avtr_cli.jobs.workfolder import Segment, WorkFolder
from avtr_cli.motion.file import contact_rows, save_motion
from avtr_cli.motion.replay import Replay
from avtr_cli.output.video import SegmentWriter
from avtr_cli.report.report import Report
from avtr_cli.streaming.ahead import can_go_ahead, motion_ahead
from avtr_cli.streaming.engine import Engine
from avtr_cli.streaming.session import SessionWindow, StreamingSession, in_step

logger = logging.getLogger(__name__)

SEGMENT_FRAMES = 60 * FPS // CHUNK_FRAMES * CHUNK_FRAMES  # a minute, in whole chunks

OnFrames = Callable[[int, int], None]
"""Called after every chunk with the frames done and the frames in all."""


def render_file(
    job: Job,
    engine: Engine | None = None,
    watch: OnFrames | None = None,
    checked: CheckedJob | None = None,
    on_step: OnStep = unwatched,
) -> Report:
    """Render `job`; returns its report (docs/report.md).

    `engine` must be of the job's preset; one is made where none is given. `checked` is what `check` said of the job,
    where it was asked before. Raises AvtrError; then no file of the job exists under its name, and closed segments, if
    any, wait beside it for the same job to be run again. The same holds for KeyboardInterrupt, which comes where
    nothing is half made.
    """
    with interruptions_held():
        return produce(prepare(checked or check(job), engine, on_step), watch, on_step)


def produce(prepared: PreparedJob, watch: OnFrames | None = None, on_step: OnStep = unwatched) -> Report:
    """Render what is left of a job that is ready, finish its outputs, let go of it. Raises AvtrError."""
    with Production(prepared, watch, on_step) as production:
        while production.under_way:
            render_next_chunks([production])
        return production.finish()


def render_next_chunks(productions: Sequence[Production]) -> None:
    """Every job one chunk further, all in one forward where the models can.

    What goes wrong with one job alone stops that one, and its `finish` raises it; what goes wrong with the forward
    of all is raised here, as is an interruption.
    """
    raise_if_interrupted()
    helper = productions[0].helper if len(productions) == 1 else None  # several take their turns on one core
    owners: dict[StreamingSession, Production] = {}
    heard: list[SessionWindow] = []
    for production in productions:
        with production.failures_kept():
            for session, window in production.heard():
                owners[session] = production
                heard.append((session, window))
    for session, chunk in each_interruptible(in_step(heard, helper)):
        with owners[session].failures_kept():
            owners[session].receive(chunk)


class Production:
    """A prepared job under way, which it takes over; `render_next_chunks` takes it on by a chunk.

    A context: whatever ends it early, half a segment is thrown away and closed ones remain. Raises AvtrError.
    `own_cores` are the cores it may count on, this process's where none is given.
    """

    def __init__(
        self,
        prepared: PreparedJob,
        watch: OnFrames | None = None,
        on_step: OnStep = unwatched,
        own_cores: int | None = None,
    ):
        self._prepared, self._watch, self._on_step = prepared, watch, on_step
        self._job, self._folder = prepared.job, prepared.folder
        self._failure: Exception | None = None
        self._resumed = self._done = self._folder.frames
        on_step(Step.RENDER)
        self._began = time.perf_counter()
        self._heard = prepared.feed.heard()
        cores = own_cores or runtime.cores()
        if _goes_ahead(prepared, cores):
            self._heard = motion_ahead(self._heard)
        self.helper: Executor | None = None  # draws one of two people
        if _draws_two_at_once(prepared, cores):
            self.helper = prepared.undo.enter_context(ThreadPoolExecutor(1, "second"))
            prepared.feed.at_once = True
        self._segment: _Segment | None = None

    @property
    def under_way(self) -> bool:
        """Whether frames are still owed and nothing has gone wrong."""
        return self._failure is None and self._done < self._prepared.total

    def heard(self) -> list[SessionWindow]:
        """What its sessions hear next."""
        return next(self._heard)

    def receive(self, chunk: Chunk) -> None:
        """Write what a session gave; after a minute, close the segment."""
        fed = self._prepared.feed.receive(chunk)
        if fed is None:
            return
        with _writing(self._job.out):
            self._segment = self._segment or _Segment(self._folder, self._prepared)
            self._segment.write(fed)
        self._done += fed.count
        if self._watch is not None:
            self._watch(self._done, self._prepared.total)
        if self._segment.count >= SEGMENT_FRAMES or self._done == self._prepared.total:
            with _writing(self._job.out):
                self._segment.close()
            self._segment = None
            logger.debug("%s: %d of %d frames are closed", self._job.out, self._done, self._prepared.total)

    @contextmanager
    def failures_kept(self) -> Iterator[None]:
        """What goes wrong inside is this job's failure, and nobody else's."""
        try:
            yield
        except Exception as error:
            self._failure = error

    def finish(self, about: Mapping[str, Any] | None = None) -> Report:
        """Join, mark and report what was rendered; raises what went wrong on the way.

        `about` are further entries of the report. All outputs get their names at the end, or none does.
        """
        if self._failure is not None:
            raise self._failure
        job, prepared, folder = self._job, self._prepared, self._folder
        with _writing(job.out):
            with interruptible():
                prepared.source.check_unchanged()
            self._on_step(Step.JOIN)
            rendered = time.perf_counter()
            video, marks = finishing.video(prepared, folder, self._on_step)
            ended = time.perf_counter()
            with interruptible():
                walls = ended - prepared.checked.began, ended - self._began
                report = report_of(prepared, folder, [one.made for one in video], marks, self._resumed, *walls)
            report |= about or {}
            others = [*finishing.motion(prepared, folder)]
            others += finishing.account(prepared, folder, report, video, self._on_step)
            streams = [(made.read_bytes(), target) for made, target in others if is_stream(target)]
            files = [*(one for one in others if not is_stream(one.target)), *video]
            place_outputs(folder, files, job.overwrite, finishing.outdated(job.out, prepared.total))
        folder.remove()
        for text, stream in streams:
            write_stream(text, stream)
        spent = (rendered - self._began, ended - rendered, time.perf_counter() - ended)
        logger.info("%s: rendered in %.1f s, joined and marked in %.1f s, told in %.1f s", job.out, *spent)
        return report

    def close(self) -> None:
        """Let go of its files; what is not whole is thrown away."""
        if self._segment is not None:
            self._segment.abandon()
            self._segment = None
        self._heard.close()
        self._prepared.undo.close()

    def __enter__(self) -> Production:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _goes_ahead(prepared: PreparedJob, cores: int) -> bool:
    """Whether motion is made one chunk ahead: where a second core can, and nobody waits for the sound to be spoken.

    It changes no frame, so it may depend on the machine.
    """
    generators = [one.generator for one in prepared.avatars]
    made = all(can_go_ahead(one) and not isinstance(one, Replay) for one in generators)
    return made and cores > 1 and prepared.engine.device.type == "cpu" and prepared.feed.pace is None


def _draws_two_at_once(prepared: PreparedJob, cores: int) -> bool:
    """Whether two people are drawn each by a core; nor does that change a frame."""
    sessions = prepared.feed.sessions
    return len(sessions) == 2 and cores > 1 and prepared.engine.device.type == "cpu" and not sessions[0].joint


class _Segment:
    """A closed stretch of video in the making: its frames, its motion, and the sessions' state after it."""

    def __init__(self, folder: WorkFolder, prepared: PreparedJob):
        self._folder, self._prepared = folder, prepared
        self._index = len(folder.closed)
        self._writer: SegmentWriter | None = None
        self._motions: list[tuple[Motion, ...]] = []
        self.count = 0  # frames

    def write(self, fed: FedChunk) -> None:
        for pixels in fed.pictures:
            if self._writer is None:
                path, job = self._folder.video(self._index), self._prepared
                kernels = job.job.preset.runtime.kernels
                self._writer = SegmentWriter(path, pixels.shape, job.checked.form, job.label, kernels)
            self._writer.write(pixels)
        self._motions.append(fed.motions)
        self.count += fed.count

    def close(self) -> None:
        """From now on it counts."""
        writer, feed, prepared, folder = self._writer, self._prepared.feed, self._prepared, self._folder
        assert writer is not None, "the audio owes frames"
        writer.close()
        for at in range(0, self.count, CHUNK_FRAMES):
            took, did = (sum(times[at : at + CHUNK_FRAMES]) for times in (writer.encode_ms, writer.encode_cpu_ms))
            feed.sessions[0].clock.add("encode", took, did)
        feed.save(folder, self._index)
        for avatar, motions in enumerate(zip(*self._motions, strict=True)):
            path, values = folder.motion(self._index, avatar), torch.cat([one.values for one in motions])
            contacts = torch.cat([contact_rows(one) for one in motions])
            save_motion(path, prepared.engine.renderer.space, values, prepared.job.seed, contacts)
        folder.close_segment(Segment(self.count, bytes(writer.digests)))

    def abandon(self) -> None:
        """Throw it away, unless it counts already."""
        if self._writer is not None and self._index == len(self._folder.closed):
            self._writer.abandon()


@contextmanager
def _writing(out: Path) -> Iterator[None]:
    """What the disk refuses inside, to whichever library, is one sentence about `out`."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        said = reason(error) if isinstance(error, OSError) else str(error)
        raise OutputError(f"{out}: cannot be written ({said}); mend that and run it again") from error
