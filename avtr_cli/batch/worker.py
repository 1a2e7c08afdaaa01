"""What a worker does with a call, whoever carries it there: models are loaded once and serve all its jobs."""

from __future__ import annotations

import dataclasses
import tempfile
import traceback
from collections import OrderedDict
from pathlib import Path
from typing import Any

import torch

from avtr_cli.audio.health import examine
from avtr_cli.audio.source import DialogueSource
from avtr_cli.batch.calls import Answer, Call, Checked, Failure, Measured, Rendered
from avtr_cli.config import Preset, RuntimeConfig
from avtr_cli.engine import Engine
from avtr_cli.errors import AvtrError, WeightsError
from avtr_cli.job import Job
from avtr_cli.offline import Watch, render_file
from avtr_cli.output.formats import format_of
from avtr_cli.preparation import cast, space_needed

ENGINES_KEPT = 2  # presets whose models stay loaded
MEASURED_S = 1.0  # of video, in the micro-run


class Worker:
    """Answers calls with `threads` rendering threads (0: the preset's own choice)."""

    def __init__(self, threads: int = 0):
        self._threads = threads
        self._engines: OrderedDict[tuple[Any, ...], Engine] = OrderedDict()

    def answer(self, call: Call, watch: Watch | None = None) -> Answer:
        """Do what is asked. Every exception but an interruption becomes a Failure: one job never stops the rest."""
        job = self._own(call.job)
        try:
            if call.kind == "check":
                return self._check(job)
            if call.kind == "measure":
                return self._measure(job)
            return self._render(job, call, watch)
        except AvtrError as error:
            return Failure(error.exit_code, str(error))
        except (MemoryError, torch.OutOfMemoryError):
            return Failure(1, f"{call.job.out}: not enough memory; use fewer --jobs or a smaller render.size")
        except Exception as error:
            said = f"{type(error).__name__}: {error}".splitlines()[0]
            return Failure(1, f"a bug in avtr, please report it: {said}", traceback.format_exc())

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
        engine = self.engine(job.preset)
        seconds = min(job.sound.duration_s or MEASURED_S, MEASURED_S)
        with tempfile.TemporaryDirectory(prefix="avtr-measure-") as folder:
            short = dataclasses.replace(
                job,
                sound=dataclasses.replace(job.sound, duration_s=seconds),
                out=Path(folder) / job.out.name,
                from_motion=None,
                motion_out=None,
            )
            timing = render_file(short, engine)["timing"]
        rendering_s = seconds / timing["realtime_factor"]
        return Measured(max(0.0, timing["wall_s"] - rendering_s), timing["realtime_factor"])

    def _render(self, job: Job, call: Call, watch: Watch | None) -> Rendered:
        engine = self.engine(job.preset)
        weights = tuple(sorted(engine.sha256(path) for path in engine.weights_files()))
        if call.weights is not None and call.weights != weights:
            raise WeightsError(
                f"{job.out}: this worker has other weights than the one that checked the job; "
                "install the same avtr and pull the same weights everywhere"
            )
        report = render_file(job, engine, watch)
        report["batch"] = call.about or {}
        report.write(job.out.with_suffix(".json"))
        output = report["output"]
        return Rendered(
            frames=output["frames"],
            frames_sha256=output["frames_sha256"],
            sha256=output["sha256"],
            size_bytes=job.out.stat().st_size,
            wall_s=report["timing"]["wall_s"],
            resumed_from_frame=output["resumed_from_frame"],
            warnings=tuple(report["warnings"]),
        )
