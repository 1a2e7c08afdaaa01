"""Whole jobs on the example dialogue, timed: what each stage took, what each core did, how far that is from a floor.

The floor is what these very computations would take if no core were ever idle: the busiest thread alone, or all CPU
time shared by the cores, whichever is more. Whether a machine holds a live call is told by its slowest chunks.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2

from avtr_cli.audio.files import DialogueFiles
from avtr_cli.core.config import Preset
from avtr_cli.core.shipped import shipped_folder
from avtr_cli.core.timing import CHUNK_FRAMES
from avtr_cli.jobs.job import Job
from avtr_cli.jobs.production import render_file
from avtr_cli.perception.photo import load_photo
from avtr_cli.report.report import Report
from avtr_cli.streaming.engine import Engine

STAGES = ("motion", "render", "composite", "encode")
WIDE = {"720p": (1280, 720), "1080p": (1920, 1080)}  # px of a whole camera picture
WITH_EASE = 0.5  # of the time that a chunk has: below that, another program may take the half of a core


@dataclass(frozen=True)
class Run:
    """One job: its report, and the seconds that it took by the wall, in this process and in the encoder's."""

    report: Report
    wall_s: float
    own_cpu_s: float
    encoder_cpu_s: float

    def entry(self) -> dict[str, Any]:
        """The report with these seconds, as JSON."""
        spent = {"wall_s": self.wall_s, "own_cpu_s": self.own_cpu_s, "encoder_cpu_s": self.encoder_cpu_s}
        return {**self.report, "spent": {name: round(seconds, 3) for name, seconds in spent.items()}}

    def stage_cpu_s(self, *names: str) -> float:
        """CPU seconds that the threads at work spent in these stages, all chunks together."""
        stages = self.report["timing"]["cpu_ms"]
        return sum(float(stages[name]["mean"] * stages[name]["count"]) for name in names) / 1e3

    @property
    def floor_s(self) -> float:
        """Seconds that the job would take if no core were ever idle."""
        cores: int = self.report["device"]["cores"]
        threads = self.stage_cpu_s("render", "composite"), self.stage_cpu_s("motion"), self.stage_cpu_s("encode")
        return max(*threads, (self.own_cpu_s + self.encoder_cpu_s) / cores)


def bench_job(preset: Preset, seconds: float, runs: int, wide: tuple[int, int] | None = None) -> list[Run]:
    """Render `seconds` of the example dialogue `runs` times with one engine, in order.

    `wide`: the (width, height) of a whole camera picture, instead of the view that `preset` names.
    """
    if wide is not None:
        preset = preset.with_settings(**{"render.view": "photo", "render.size": max(wide)})
    examples = shipped_folder("examples")
    engine = Engine(preset)
    sound = DialogueFiles(dialogue=examples / "dialogue.wav", duration_s=seconds)
    done = []
    with tempfile.TemporaryDirectory(prefix="avtr-bench-") as folder:
        photo = examples / shown_in_example(preset)
        if wide is not None:
            photo = _camera_picture(photo, wide, Path(folder))
        for number in range(runs):
            job = Job(photo=photo, sound=sound, out=Path(folder) / f"{number}.mp4", preset=preset)
            before, began = os.times(), time.perf_counter()
            report = render_file(job, engine)
            wall, after = time.perf_counter() - began, os.times()
            own = after.user + after.system - before.user - before.system
            encoder = after.children_user + after.children_system - before.children_user - before.children_system
            done.append(Run(report, wall, own, encoder))
    return done


def shown_in_example(preset: Preset) -> str:
    """The shipped picture that fits: a man from head to foot where bodies are drawn."""
    return "figure_drawn.png" if preset.render.renderer == "body" else "portrait_drawn.png"


def _camera_picture(portrait: Path, size: tuple[int, int], folder: Path) -> Path:
    """A picture of (width, height): the portrait, as high as that, with its wall mirrored to both sides."""
    width, height = size
    drawn = cv2.cvtColor(load_photo(portrait), cv2.COLOR_RGB2BGR)
    drawn = cv2.resize(drawn, (height, height), interpolation=cv2.INTER_CUBIC)
    left = (width - height) // 2
    picture = cv2.copyMakeBorder(drawn, 0, 0, left, width - height - left, cv2.BORDER_REFLECT)
    path = folder / "camera.png"
    cv2.imwrite(str(path), picture)
    return path


def machine_line(run: Run) -> str:
    """What it ran on."""
    device = run.report["device"]
    return f"{device['name']}, {device['cores']} cores, {device['threads']} rendering threads, torch {device['torch']}"


def job_lines(runs: Sequence[Run]) -> Iterator[str]:
    """What a person wants to see of `bench_job`: medians over the runs, the floor, and whether a live call holds."""
    first = runs[0].report
    output, startup = first["output"], first["timing"]["startup_s"]
    frames, width, height = output["frames"], output["width"], output["height"]
    yield f"{len(runs)} runs of {frames} frames at {width}x{height}; medians"
    factor = _median(runs, "realtime_factor")
    p50, p99 = (_median(runs, "chunk_ms", name) for name in ("p50", "p99"))
    limit = first["timing"]["deadline_ms"]
    yield f"realtime factor {factor:.2f}   chunk p50 {p50:.1f} ms   p99 {p99:.1f} ms   (a live call allows {limit:.0f})"
    yield f"start-up: load {startup['load']:.2f} s, portrait {startup['portrait']:.2f} s"
    yield f"{'ms':10}{'a chunk, wall':>16}{'CPU':>8}{'a frame, CPU':>16}"
    for name in STAGES:
        wall, cpu = _median(runs, "stages_ms", name, "p50"), _median(runs, "cpu_ms", name, "p50")
        yield f"{name:10}{wall:16.1f}{cpu:8.1f}{cpu / CHUNK_FRAMES:16.2f}"
    encoder = statistics.median(run.encoder_cpu_s for run in runs) * 1e3 / frames
    yield f"{'ffmpeg':10}{'':16}{CHUNK_FRAMES * encoder:8.1f}{encoder:16.2f}   in a process of its own"
    yield from _cores_lines(min(runs, key=lambda run: run.wall_s))
    yield live_line(runs)


def _cores_lines(run: Run) -> Iterator[str]:
    """What the cores did during one run, the quickest, and how fast it could have been."""
    cores = run.report["device"]["cores"]
    drawing, motion, sending = (
        run.stage_cpu_s("render", "composite"),
        run.stage_cpu_s("motion"),
        run.stage_cpu_s("encode"),
    )
    rest = max(0.0, run.own_cpu_s - drawing - motion - sending)
    busy = (run.own_cpu_s + run.encoder_cpu_s) / (cores * run.wall_s)
    yield (
        f"cores: {busy:.0%} of {cores} at work for {run.wall_s:.1f} s: drawing {drawing:.1f} s, motion {motion:.1f}, "
        f"frames to ffmpeg {sending:.1f}, ffmpeg {run.encoder_cpu_s:.1f}, all else {rest:.1f}"
    )
    video = run.report["output"]["duration_s"]
    yield (
        f"floor: {run.floor_s:.1f} s ({video / run.floor_s:.1f} times real time) if no core were ever idle; "
        f"the whole job took {run.wall_s / run.floor_s:.1f} times that"
    )


def live_line(runs: Sequence[Run]) -> str:
    """Whether this machine holds a live call at this size, in words."""
    timings = [run.report["timing"] for run in runs]
    limit, slow = timings[0]["deadline_ms"], _median(runs, "chunk_ms", "p99")
    late, chunks = (sum(t["deadline_misses"] for t in timings), sum(t["chunk_ms"]["count"] for t in timings))
    said = f"live call: 99 of 100 chunks are done within {slow:.0f} ms of {limit:.0f}, {late} of {chunks} came late: "
    if slow >= limit:
        return said + "this machine does not hold one at this size; try a smaller render.size, or less beside it"
    if slow > WITH_EASE * limit:
        return said + "this machine holds one as long as nothing else needs its cores"
    return said + "this machine holds one with ease"


def _median(runs: Sequence[Run], *keys: str) -> float:
    values = []
    for run in runs:
        entry = run.report["timing"]
        for key in keys:
            entry = entry[key]
        values.append(float(entry))
    return statistics.median(values)
