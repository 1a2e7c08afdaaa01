"""What a worker does with an order, whoever carries it there: models are loaded once and serve all its jobs."""

from __future__ import annotations

import dataclasses
import traceback
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import torch

from avtr_cli.audio.health import examine
from avtr_cli.batch.messages import Answer, Checked, Failure, Order, Rendered
from avtr_cli.core.config import Preset, RuntimeConfig
from avtr_cli.core.errors import AvtrError, WeightsError
from avtr_cli.core.interruption import interruptible, interruptions_held
from avtr_cli.jobs.checking import check
from avtr_cli.jobs.forecast import measure
from avtr_cli.jobs.job import Job
from avtr_cli.jobs.preparation import find_people, prepare, prepare_avatars, warnings_of
from avtr_cli.jobs.production import OnFrames, Production, render_next_chunks
from avtr_cli.jobs.speed import Speed
from avtr_cli.streaming.engine import Engine

ENGINES_KEPT = 2  # presets whose models stay loaded


class Worker:
    """Answers orders with `threads` rendering threads (0: the preset's own choice).

    Up to `sessions` renders go in step, a chunk of each at a time; checks and measurements are answered at once.
    `cores` are those that it may count on, where others work beside it.
    """

    def __init__(self, threads: int = 0, sessions: int = 1, cores: int | None = None):
        self._threads, self._sessions, self._cores = threads, sessions, cores
        self._engines: OrderedDict[tuple[Any, ...], Engine] = OrderedDict()
        self._under_way: list[tuple[Order, Production]] = []

    @property
    def busy(self) -> bool:
        """Whether any render is under way."""
        return bool(self._under_way)

    def answer(self, order: Order, watch: OnFrames | None = None) -> Answer:
        """Do what is asked, alone. Interrupted, it puts down its work: it may be asked for something else."""
        with interruptions_held():
            try:
                answer = self.take(order, watch)
                while answer is None:
                    answer = next((answer for _, answer in self.render_next_chunks()), None)
                return answer
            finally:
                self.abandon()

    def take(self, order: Order, watch: OnFrames | None = None) -> Answer | None:
        """Do what is asked, or begin a render, whose answer comes from `render_next_chunks`.

        Here and there every exception but an interruption becomes a Failure: one job never stops the rest.
        """
        job = self._own(order.job)
        try:
            if order.kind == "check":
                with interruptible():
                    return self._check(job)
            if order.kind == "measure":
                return self._measure(job)
            self._under_way.append((order, self._begin(job, order, watch)))
        except Exception as error:
            return _failure(order, error)
        return None

    def render_next_chunks(self) -> Iterator[tuple[Order, Answer]]:
        """Every render under way one chunk further; those that have ended, with what became of them.

        A render is under way until nothing is left to put down.
        """
        try:
            render_next_chunks([production for _, production in self._under_way if production.under_way])
        except Exception as error:  # of the models themselves
            failures = [(order, _failure(order, error)) for order, _ in self._under_way]
            self.abandon()
            yield from failures
            return
        for order, production in [entry for entry in self._under_way if not entry[1].under_way]:
            answer = self._end(order, production)
            self._under_way = [entry for entry in self._under_way if entry[1] is not production]
            yield order, answer

    def abandon(self) -> None:
        """Put down what is under way: closed segments remain."""
        while self._under_way:
            self._under_way.pop()[1].close()

    def _own(self, job: Job) -> Job:
        """The job with a report, beside it where it names none, and this worker's threads, which do not shape frames.

        What lies at its outputs is the batch's own, or the plan would have refused it.
        """
        job = dataclasses.replace(job, report=job.report or job.out.with_suffix(".json"), overwrite=True)
        if not self._threads or job.preset.runtime.threads:
            return job
        settled: RuntimeConfig = dataclasses.replace(job.preset.runtime, threads=self._threads)
        return dataclasses.replace(job, preset=dataclasses.replace(job.preset, runtime=settled))

    def engine(self, preset: Preset) -> Engine:
        """The engine of a preset, loaded unless one that moves and draws alike is kept."""
        key = (preset.motion, preset.render, preset.body, preset.runtime)
        if key not in self._engines:
            while len(self._engines) >= ENGINES_KEPT:
                self._engines.popitem(last=False)
            self._engines[key] = Engine(preset)
        self._engines.move_to_end(key)
        return self._engines[key]

    def _check(self, job: Job) -> Checked:
        with check(job) as checked:
            health = examine(checked.source, job.sound)
            engine = self.engine(job.preset)
            people = find_people(job, engine)
            avatars = prepare_avatars(job, engine, checked.source, people, call_heard=False)
        size = job.frame_size([one.size for one in avatars])
        return Checked(
            frames=checked.frames,
            size=size,
            disk_bytes=checked.form.disk_bytes(size, checked.frames),
            warnings=warnings_of(job, avatars, health, checked.frames),
            weights={str(path): engine.sha256(path) for path in engine.weights_files()},
        )

    def _measure(self, job: Job) -> Speed:
        """As many copies in step as jobs will be."""
        with interruptible():
            engine = self.engine(job.preset)
        return measure(job, engine, self._sessions)

    def _begin(self, job: Job, order: Order, watch: OnFrames | None) -> Production:
        with interruptible():
            engine = self.engine(job.preset)
            weights = tuple(sorted(engine.sha256(path) for path in engine.weights_files()))
        if order.weights is not None and order.weights != weights:
            raise WeightsError(
                f"{job.out}: this worker has other weights than the one that checked the job; "
                "install the same avtr and pull the same weights everywhere"
            )
        return Production(prepare(check(job), engine), watch, own_cores=self._cores)

    def _end(self, order: Order, production: Production) -> Answer:
        out = order.job.out
        try:
            with production:
                report = production.finish({"batch": order.about or {}})
            output = report["output"]
            return Rendered(
                frames=output["frames"],
                frames_sha256=output["frames_sha256"],
                sha256=output["sha256"],
                size_bytes=out.stat().st_size,
                wall_s=report["timing"]["wall_s"],
                resumed_from_frame=output["resumed_from_frame"],
                warnings=tuple(report["warnings"]),
            )
        except Exception as error:
            return _failure(order, error)


def _failure(order: Order, error: Exception) -> Failure:
    """What became of an order, as a value; to be made where the exception is handled."""
    if isinstance(error, AvtrError):
        return Failure(error.exit_code, str(error))
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return Failure(
            1, f"{order.job.out}: not enough memory; use fewer --jobs or --sessions, or a smaller render.size"
        )
    said = f"{type(error).__name__}: {error}".splitlines()[0]
    return Failure(1, f"a bug in avtr, please report it: {said}", "".join(traceback.format_exception(error)))
