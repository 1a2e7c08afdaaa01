"""Where the embedded renderer's time goes: a whole frame, each of its stages, and preparing the avatar.

A talking, nodding, blinking face is drawn frame by frame. The least of many runs is kept beside the median: on a
shared machine it is the better estimate of what the work costs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch

from avtr_cli.core.arrays import Doubles, Floats
from avtr_cli.core.config import RenderConfig
from avtr_cli.core.motion_space import CONTROLS
from avtr_cli.core.types import Motion
from avtr_cli.perception.portrait import find_portrait
from avtr_cli.render.mesh import renderer

STAGES: tuple[tuple[ModuleType | type, str], ...] = (
    (renderer, "displacement"), (renderer, "invert"), (renderer, "merge_layers"), (renderer, "gain"),
    (renderer.MeshRenderer, "_enlarged"), (renderer, "open_eye"), (renderer, "paint_eye"), (renderer, "draw_mouth"),
    (renderer.MeshRenderer, "_finish"),
)  # fmt: skip


def _stages(drawer: renderer.MeshRenderer) -> tuple[tuple[ModuleType | type, str], ...]:
    """What draws its frames, piece by piece."""
    if drawer.kernels == "plain":
        return STAGES
    from avtr_cli.render.mesh.compiled import Loops

    return tuple((Loops, name) for name in ("_find_nodes", "_picture", "_mouth", "_eyes"))


def talking(frames: int) -> Floats:
    """Controls (frames, 58) that keep every part of the renderer busy."""
    rows = np.zeros((frames, len(CONTROLS)), np.float32)
    t = np.arange(frames) / 25
    shut = np.clip(3 * np.sin(2 * t) - 2, 0, 1)
    curves: dict[str, Doubles | float] = {
        "jawOpen": 0.2 + 0.15 * np.sin(9 * t), "mouthFunnel": 0.2 + 0.2 * np.sin(5 * t), "mouthSmileLeft": 0.1,
        "mouthSmileRight": 0.1, "browInnerUp": 0.2, "eyeBlinkLeft": shut, "eyeBlinkRight": shut,
        "eyeLookDownLeft": 0.1, "eyeLookDownRight": 0.1, "headPitch": 0.05 * np.sin(2 * t),
        "headYaw": 0.1 * np.sin(1.3 * t), "headX": 0.03 * np.sin(t),
    }  # fmt: skip
    for name, values in curves.items():
        rows[:, CONTROLS.index(name)] = values
    return rows


def time_renderer(
    photo: Path, config: RenderConfig, device: torch.device, frames: int = 100, kernels: str = "auto"
) -> dict[str, Any]:
    """Seconds to find the face and to prepare, milliseconds of a frame and of its stages as (median, least).

    `kernels` as `runtime.kernels`; the compiled loops have other stages than the plain form.
    """
    find_portrait(photo)  # its networks are loaded once a process; that is start-up, not preparation
    clock = _clock(device)
    started = clock()
    portrait = find_portrait(photo)
    found = clock()
    drawer = renderer.MeshRenderer(config, device, kernels)
    identity = drawer.prepare(portrait)
    prepared = clock()
    rows = torch.from_numpy(talking(frames))
    motions = [Motion(CONTROLS, row[None], number) for number, row in enumerate(rows)]

    def draw_all() -> list[float]:
        times = []
        for motion in motions:
            before = clock()
            drawer.draw(identity, motion)
            times.append(1000 * (clock() - before))
        return times

    draw_all()
    whole = draw_all()
    with clocked_stages(clock, _stages(drawer)) as spent:
        draw_all()
    return {
        "size": list(identity.size),
        "find_s": found - started,
        "prepare_s": prepared - found,
        "frame_ms": median_and_least(whole),
        # Stages that run for both eyes, or for picture and mouth, are added up within a frame.
        "stages_ms": {name.strip("_"): median_and_least(_per_frame(times, frames)) for name, times in spent.items()},
    }


def timing_lines(timing: dict[str, Any]) -> Iterator[str]:
    """The timing of `time_renderer` as lines of a table, times in ms."""
    width, height = timing["size"]
    yield f"{width}x{height}: face found in {timing['find_s']:.2f} s, avatar prepared in {timing['prepare_s']:.2f} s"
    median, least = timing["frame_ms"]
    yield f"{'frame':16}{median:8.2f} ms median {least:8.2f} ms least"
    for name, (median, least) in timing["stages_ms"].items():
        yield f"  {name:14}{median:8.2f}           {least:8.2f}"


@contextmanager
def clocked_stages(
    clock: Callable[[], float], stages: tuple[tuple[ModuleType | type, str], ...]
) -> Iterator[dict[str, list[float]]]:
    """Within it, the functions of `stages` note the milliseconds of every call."""
    originals = [getattr(owner, name) for owner, name in stages]
    spent: dict[str, list[float]] = {name: [] for _, name in stages}

    def clocked(original: Callable[..., Any], times: list[float]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            started = clock()
            result = original(*args, **kwargs)
            times.append(1000 * (clock() - started))
            return result

        return call

    try:
        for (owner, name), original in zip(stages, originals, strict=True):
            setattr(owner, name, clocked(original, spent[name]))
        yield spent
    finally:
        for (owner, name), original in zip(stages, originals, strict=True):
            setattr(owner, name, original)


def _per_frame(times: list[float], frames: int) -> list[float]:
    calls = len(times) // frames
    return [sum(times[k : k + calls]) for k in range(0, calls * frames, calls)] if calls else [0.0]


def median_and_least(times: list[float]) -> tuple[float, float]:
    """Of some milliseconds."""
    return float(np.median(times)), float(min(times))


def _clock(device: torch.device) -> Callable[[], float]:
    if device.type != "cuda":
        return time.perf_counter

    def finished() -> float:
        torch.cuda.synchronize(device)
        return time.perf_counter()

    return finished
