"""Where a body's frame goes: bones and skin, the face, the splats, and the rest; CPU milliseconds of this thread.

The drawn man talks, nods and blinks. The least of the frames is kept beside the median, as in render_timing.py.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np
import torch

from avtr_cli.core import runtime
from avtr_cli.core.camera import MovingCamera
from avtr_cli.core.config import Preset
from avtr_cli.core.motion_space import CONTROLS
from avtr_cli.core.shipped import shipped_folder
from avtr_cli.core.types import Motion
from avtr_cli.diagnostics.render_timing import clocked_stages, median_and_least, talking
from avtr_cli.render.gaussian import renderer as drawing
from avtr_cli.render.gaussian.expression import Expressions
from avtr_cli.render.gaussian.renderer import BodyRenderer
from avtr_cli.render.gaussian.splatting import Splatter
from avtr_cli.streaming.engine import Engine

FRAMES = 40
STAGES: dict[str, tuple[ModuleType | type, str]] = {
    "face": (Expressions, "lay_on"),
    "bones": (drawing, "read_moves"),
    "skin": (drawing, "pose"),
    "splat": (Splatter, "splat"),
}


def time_body(preset: Preset) -> dict[str, Any]:
    """Of the shipped figure: how many Gaussians, the frame's size, and milliseconds as (median, least) by stage."""
    engine = Engine(preset)
    photo = shipped_folder("examples") / "figure_drawn.png"
    renderer, (_, identity) = engine.renderer, engine.avatar(photo)
    assert isinstance(renderer, BodyRenderer)
    camera = engine.camera(photo, identity)
    rows = np.zeros((FRAMES, len(renderer.space)), np.float32)
    rows[:, : len(CONTROLS)] = talking(FRAMES)
    motions = [Motion(renderer.space, torch.from_numpy(row[None]), k) for k, row in enumerate(rows)]

    def draw_all() -> list[float]:
        spent = []
        for motion in motions:
            began = time.thread_time()
            renderer.draw(identity, motion, camera.at(motion.first) if isinstance(camera, MovingCamera) else camera)
            spent.append(1e3 * (time.thread_time() - began))
        return spent

    draw_all()
    with clocked_stages(time.thread_time, tuple(STAGES.values())) as times:
        whole = draw_all()
    stages = {name: times[function] for name, (_, function) in STAGES.items() if times[function]}
    rest = np.array(whole) - np.sum(list(stages.values()), axis=0)
    return {
        "size": list(camera.size or identity.size),
        "gaussians": len(identity.kept.avatar),
        "frame_ms": median_and_least(whole),
        "stages_ms": {name: median_and_least(one) for name, one in (stages | {"rest": list(rest)}).items()},
        "peak_memory_mb": round(runtime.peak_rss_mb(), 1),
    }


def body_lines(timing: dict[str, Any]) -> Iterator[str]:
    """The timing of `time_body` as lines of a table."""
    (width, height), (median, least) = timing["size"], timing["frame_ms"]
    yield f"a frame of {timing['gaussians']:,} Gaussians at {width}x{height}, CPU ms: {median:.1f}, {least:.1f} at best"
    yield "  " + "   ".join(f"{name} {median:.1f}" for name, (median, _) in timing["stages_ms"].items())
    yield f"memory at most {timing['peak_memory_mb']:,.0f} MB"
