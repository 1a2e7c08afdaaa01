"""What a worker does with a call, whoever carries it there: models are loaded once and serve all its jobs."""

from __future__ import annotations

import dataclasses
import tempfile
import time
import traceback
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch

from avtr_cli.audio.health import examine
from avtr_cli.audio.source import DialogueSource
from avtr_cli.batch.calls import Answer, Call, Checked, Failure, Measured, Rendered
from avtr_cli.config import Preset, RuntimeConfig
from avtr_cli.engine import Engine
from avtr_cli.errors import AvtrError, WeightsError
from avtr_cli.interruption import allowed, held
from avtr_cli.job import Job
from avtr_cli.offline import Production, Watch, advance
from avtr_cli.output.formats import format_of
from avtr_cli.preparation import cast, space_needed

ENGINES_KEPT = 2  # presets whose models stay loaded
MEASURED_S = 1.0  # of video, in the micro-run


class Worker:
    """Answers calls with `threads` rendering threads (0: the preset's own choice).

    Up to `sessions` renders go in step, a chunk of each at a time; checks and measurements are answered at once.
    """

    def __init__(self, threads: int = 0, sessions: int = 1):
        self._threads, self._sessions = threads, sessions
        self._engines: OrderedDict[tuple[Any, ...], Engine] = OrderedDict()
        self._under_way: list[tuple[Call, Production]] = []

    @property
    def busy(self) -> bool:
        """Whether any render is under way."""
        return bool(self._under_way)

    def answer(self, call: Call, watch: Watch | None = None) -> Answer:
        """Do what is asked, alone. Interrupted, it puts down its work: it may be asked for something else."""
        with held():
            try:
                answer = self.take(call, watch)
                while answer is None:
                    answer = next((answer for _, answer in self.advance()), None)
                return answer
            finally:
                self.abandon()

    def take(self, call: Call, watch: Watch | None = None) -> Answer | None:
        """Do what is asked, or begin a render, whose answer comes from `advance`.

        Here and there every exception but an interruption becomes a Failure: one job never stops the rest.
        """
        job = self._own(call.job)
        try:
            if call.kind == "check":
                with allowed():
                    return self._check(job)
            if call.kind == "measure":
                return self._measure(job)
            self._under_way.append((call, self._begin(job, call, watch)))
        except Exception as error:
            return _failure(call, error)
        return None

    def advance(self) -> Iterator[tuple[Call, Answer]]:
        """Every render under way one chunk further; those that have ended, with what became of them.

        A render is under way until nothing is left to put down.
        """
        try:
            advance([production for _, production in self._under_way if production.under_way])
        except Exception as error:  # of the models themselves
            failures = [(call, _failure(call, error)) for call, _ in self._under_way]
            self.abandon()
            yield from failures
            return
        for call, production in [entry for entry in self._under_way if not entry[1].under_way]:
            answer = self._end(call, production)
            self._under_way = [entry for entry in self._under_way if entry[1] is not production]
            yield call, answer

    def abandon(self) -> None:
        """Put down what is under way: closed segments remain."""
        while self._under_way:
            self._under_way.pop()[1].close()

    def _own(self, job: Job) -> Job:
        """The job with this worker's threads, which do not shape frames."""
        if not self._threads or job.preset.runtime.threads:
            return job
        settled: RuntimeConfig = dataclasses.replace(job.preset.runtime, threads=self._threads)
        return dataclasses.replace(job, preset=dataclasses.replace(job.preset, runtime=settled))

    def engine(self, preset: Preset) -> Engine:
        """The engine of a preset, loaded unless one that moves and draws alike is kept."""
        key = (preset.motion, preset.render, preset.runtime)
        if key not in self._engines:
            while len(self._engines) >= ENGINES_KEPT:
                self._engines.popitem(last=False)
            self._engines[key] = Engine(preset)
        self._engines.move_to_end(key)
        return self._engines[key]

    def _check(self, job: Job) -> Checked:
        format_of(job.out, job.preset.output)
        with DialogueSource(job.sound) as source:
            health = examine(source, job.sound)
            engine = self.engine(job.preset)
            chosen = cast(job, engine, source)
        size = chosen.identity.size
        return Checked(
            frames=chosen.frames,
            size=size,
            disk_bytes=space_needed(size, chosen.frames),
            warnings=tuple(dict.fromkeys((*chosen.portrait.warnings, *chosen.identity.warnings, *health.warnings))),
            weights={str(path): engine.sha256(path) for path in engine.weights_files()},
        )

    def _measure(self, job: Job) -> Measured:
        """As many copies in step as jobs will be."""
        with allowed():
            engine = self.engine(job.preset)
        seconds = min(job.sound.duration_s or MEASURED_S, MEASURED_S)
        short = dataclasses.replace(job.sound, duration_s=seconds)
        began = time.perf_counter()
        with tempfile.TemporaryDirectory(prefix="avtr-measure-") as folder, ExitStack() as stack:
            copies = [
                dataclasses.replace(
                    job,
                    sound=short,
                    out=Path(folder) / f"{number}{job.out.suffix}",
                    from_motion=None,
                    motion_out=None,
                    page=None,
                )
                for number in range(self._sessions)
            ]
            productions = [stack.enter_context(Production(copy, engine)) for copy in copies]
            while under_way := [one for one in productions if one.under_way]:
                advance(under_way)
            # The last was made ready last, so nothing but rendering fell into its time.
            last, *_ = [production.finish() for production in reversed(productions)]
        factor = last["timing"]["realtime_factor"]
        rendering_s = seconds / factor
        return Measured(max(0.0, time.perf_counter() - began - rendering_s) / self._sessions, factor)

    def _begin(self, job: Job, call: Call, watch: Watch | None) -> Production:
        with allowed():
            engine = self.engine(job.preset)
            weights = tuple(sorted(engine.sha256(path) for path in engine.weights_files()))
        if call.weights is not None and call.weights != weights:
            raise WeightsError(
                f"{job.out}: this worker has other weights than the one that checked the job; "
                "install the same avtr and pull the same weights everywhere"
            )
        return Production(job, engine, watch)

    def _end(self, call: Call, production: Production) -> Answer:
        out = call.job.out
        try:
            with production:
                report = production.finish()
            report["batch"] = call.about or {}
            report.write(out.with_suffix(".json"))
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
            return _failure(call, error)


def _failure(call: Call, error: Exception) -> Failure:
    """What became of a call, as a value; to be made where the exception is handled."""
    if isinstance(error, AvtrError):
        return Failure(error.exit_code, str(error))
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return Failure(
            1, f"{call.job.out}: not enough memory; use fewer --jobs or --sessions, or a smaller render.size"
        )
    said = f"{type(error).__name__}: {error}".splitlines()[0]
    return Failure(1, f"a bug in avtr, please report it: {said}", "".join(traceback.format_exception(error)))
