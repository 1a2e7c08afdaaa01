"""Several sessions in step on the example dialogue and portrait, and what the published models' authors measured."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from avtr_cli.audio.files import DialogueFiles
from avtr_cli.audio.source import DialogueSource
from avtr_cli.core import runtime
from avtr_cli.core.arrays import Sound
from avtr_cli.core.clocks import ChunkClock
from avtr_cli.core.clocks import statistics as statistics_of
from avtr_cli.core.config import Preset
from avtr_cli.core.shipped import shipped_folder
from avtr_cli.core.timing import FIRST_CHUNK_SAMPLES, FPS
from avtr_cli.diagnostics.whole_jobs import shown_in_example
from avtr_cli.streaming.engine import Engine
from avtr_cli.streaming.session import SessionWindow, StreamingSession, in_step

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


def bench_sessions(preset: Preset, seconds: float, count: int) -> dict[str, Any]:
    """`count` avatars, each with a portrait and a seed of its own, hear `seconds` of the example dialogue in step.

    From sound to finished frames, encoding left out. A chunk's time is that of all sessions: each waits for it.
    """
    examples = shipped_folder("examples")
    engine = Engine(preset)
    portrait, _ = engine.avatar(examples / shown_in_example(preset))
    began = time.perf_counter()
    identities = [engine.renderer.prepare(portrait) for _ in range(count)]
    prepared = time.perf_counter()
    with DialogueSource(DialogueFiles(dialogue=examples / "dialogue.wav", duration_s=seconds)) as source:
        sound = np.concatenate(list(source.blocks()), axis=1)

    def sessions() -> list[StreamingSession]:
        cuda = engine.device.type == "cuda"
        return [
            StreamingSession(identity, engine.generator, engine.renderer, seed, ChunkClock(cuda))
            for seed, identity in enumerate(identities)
        ]

    list(in_step(next(_heard(sessions(), np.zeros((2, FIRST_CHUNK_SAMPLES), np.float32)))))
    warm = time.perf_counter()
    running, chunk_ms, frames = sessions(), [], 0
    for heard in _heard(running, sound):
        started = time.perf_counter()
        frames += sum(len(chunk.frames) for _, chunk in in_step(heard))
        chunk_ms.append((time.perf_counter() - started) * 1e3)
    running[0].clock.finish()
    return {
        "device": runtime.describe_device(engine.device, engine.precision, engine.threads),
        "sessions": count,
        "together": running[0].joint and engine.device.type != "cpu",
        "size": identities[0].size,
        "frames": frames,
        "frames_per_second": round(frames / sum(chunk_ms) * 1e3, 3),
        "chunk_ms": statistics_of(chunk_ms),
        "stages_ms": {name: statistics_of(running[0].clock.stages_ms[name]) for name in STAGES if name != "encode"},
        "startup_s": {"load": engine.load_s, "portraits": prepared - began, "warmup": warm - prepared},
    }


def _heard(sessions: list[StreamingSession], sound: Sound) -> Iterator[list[SessionWindow]]:
    for ears in ([one.hear(sound) for one in sessions], [one.end() for one in sessions]):
        for windows in zip(*ears, strict=True):
            yield list(zip(sessions, windows, strict=True))


def sessions_lines(entry: dict[str, Any]) -> list[str]:
    """What a person wants to see of `bench_sessions`."""
    device, (width, height), chunk = entry["device"], entry["size"], entry["chunk_ms"]
    together = "all in one forward" if entry["together"] else "one after the other: together, a CPU gains nothing"
    return [
        f"{device['name']}, {device['cores']} cores, {device['threads']} rendering threads, {device['precision']}, "
        f"torch {device['torch']}",
        f"{entry['sessions']} sessions in step, {entry['frames']} frames at {width}x{height} in all, not encoded; "
        f"the models take them {together}",
        f"{entry['frames_per_second']:.2f} frames a second of all sessions ({FPS * entry['sessions']} are real time)",
        f"chunk of all sessions p50 {chunk['p50']:.1f} ms   p99 {chunk['p99']:.1f} ms   (a live call allows 200)",
        *(f"{name:10} {numbers['p50']:7.1f} ms a chunk" for name, numbers in entry["stages_ms"].items()),
    ]


def published_lines() -> list[str]:
    """What the published models' authors measured, to stand beside our numbers."""
    chunks = ", ".join(f"{name} {ms}" for name, ms in PUBLISHED_CHUNK_MS.items())
    frames = ", ".join(f"{name} {ms}" for name, ms in PUBLISHED_FRAME_MS.items())
    return [f"published, AVTR-1, ms a chunk: {chunks}", f"published, LivePortrait on RTX 4090, ms a frame: {frames}"]
