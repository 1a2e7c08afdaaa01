"""Benchmark of whole jobs: the example dialogue on the drawn portrait, several runs, medians."""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path

from avtr_cli.audio.source import DialogueFiles
from avtr_cli.config import Preset
from avtr_cli.demos import examples_folder
from avtr_cli.engine import Engine
from avtr_cli.job import Job
from avtr_cli.offline import render_file
from avtr_cli.output.report import Report

STAGES = ("motion", "render", "composite", "encode")
PUBLISHED_CHUNK_MS = {  # AVTR-1's page: their TensorRT fp16 engines, one 5-frame chunk, end to end
    "L40": 84,
    "A100": 91,
    "RTX 4060 Ti": 166,
    "RTX 3070": 181,
    "L4": 202,
    "RTX 3060 Ti": 206,
    "RTX 4060": 232,
}
PUBLISHED_FRAME_MS = {"warp": 5.21, "SPADE": 7.59}  # LivePortrait's page: RTX 4090, torch.compile, half precision


def bench_job(preset: Preset, seconds: float, runs: int) -> list[Report]:
    """Render `seconds` of the example dialogue `runs` times with one engine; the reports, in order."""
    examples = examples_folder()
    engine = Engine(preset)
    sound = DialogueFiles(dialogue=examples / "dialogue.wav", duration_s=seconds)
    reports = []
    with tempfile.TemporaryDirectory(prefix="avtr-bench-") as folder:
        for run in range(runs):
            out = Path(folder) / f"{run}.mp4"
            job = Job(photo=examples / "portrait_drawn.png", sound=sound, out=out, preset=preset)
            reports.append(render_file(job, engine))
    return reports


def median_lines(reports: list[Report]) -> list[str]:
    """What a person wants to see: medians over the runs."""
    first = reports[0]
    device, output, startup = first["device"], first["output"], first["timing"]["startup_s"]

    def median(*keys: str) -> float:
        values = []
        for report in reports:
            entry = report["timing"]
            for key in keys:
                entry = entry[key]
            values.append(float(entry))
        return statistics.median(values)

    size = f"{output['width']}x{output['height']}"
    lines = [
        f"{device['name']}, {device['cores']} cores, {device['threads']} rendering threads, torch {device['torch']}",
        f"{len(reports)} runs of {output['frames']} frames at {size}; medians",
        f"realtime factor {median('realtime_factor'):.2f}   chunk p50 {median('chunk_ms', 'p50'):.1f} ms   "
        f"p99 {median('chunk_ms', 'p99'):.1f} ms   (a live call allows 200)",
        f"start-up: load {startup['load']:.2f} s, portrait {startup['portrait']:.2f} s",
    ]
    for name in STAGES:
        per_chunk = median("stages_ms", name, "p50")
        lines.append(f"{name:10} {per_chunk:7.1f} ms a chunk {per_chunk / 5:6.1f} ms a frame")
    return lines


def published_lines() -> list[str]:
    """What the published models' authors measured, to stand beside our numbers."""
    chunks = ", ".join(f"{name} {ms}" for name, ms in PUBLISHED_CHUNK_MS.items())
    frames = ", ".join(f"{name} {ms}" for name, ms in PUBLISHED_FRAME_MS.items())
    return [f"published, AVTR-1, ms a chunk: {chunks}", f"published, LivePortrait on RTX 4090, ms a frame: {frames}"]
