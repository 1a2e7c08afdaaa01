"""Where the embedded renderer's time goes: `python benchmarks/render.py [PHOTO] [--size 512] [--view crop]`.

Draws a talking, nodding, blinking face a hundred times and shows the milliseconds of a whole frame and of each stage,
and the seconds of preparing the avatar. The least of many runs is shown beside the median: on a shared
machine it is the better estimate of what the work costs.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from pathlib import Path

from avtr_cli import runtime

runtime.settle()

import numpy as np  # noqa: E402
import torch  # noqa: E402

from avtr_cli.config import RenderConfig  # noqa: E402
from avtr_cli.perception.portrait import find_portrait  # noqa: E402
from avtr_cli.render.mesh import field, renderer  # noqa: E402
from avtr_cli.render.mesh.controls import read_controls  # noqa: E402
from avtr_cli.types import CONTROLS, Motion  # noqa: E402

PORTRAIT = Path(__file__).parent.parent / "examples" / "portrait_drawn.png"
STAGES = (
    (renderer, "displacement"), (renderer, "invert"), (renderer, "gain"), (renderer, "merge_layers"),
    (renderer.MeshRenderer, "_enlarged"), (renderer, "open_eye"), (renderer, "paint_eye"), (renderer, "draw_mouth"),
    (renderer.MeshRenderer, "_finish"),
)  # fmt: skip


def talking(frames: int) -> np.ndarray:
    """Controls (frames, 58) that keep every part of the renderer busy."""
    rows = np.zeros((frames, len(CONTROLS)), np.float32)
    t = np.arange(frames) / 25
    for name, values in {
        "jawOpen": 0.2 + 0.15 * np.sin(9 * t), "mouthFunnel": 0.2 + 0.2 * np.sin(5 * t), "mouthSmileLeft": 0.1,
        "mouthSmileRight": 0.1, "browInnerUp": 0.2, "eyeBlinkLeft": np.maximum(0, np.sin(3 * t)),
        "eyeBlinkRight": np.maximum(0, np.sin(3 * t)), "eyeLookDownLeft": 0.1, "eyeLookDownRight": 0.1,
        "headPitch": 0.05 * np.sin(2 * t), "headYaw": 0.1 * np.sin(1.3 * t), "headX": 0.03 * np.sin(t),
    }.items():  # fmt: skip
        rows[:, CONTROLS.index(name)] = values
    return rows


def timed(owner: object, name: str, spent: dict[str, float], device: torch.device) -> None:
    """Replaces a function by one that adds its time to `spent`."""
    original: Callable = getattr(owner, name)

    def clocked(*args, **kwargs):
        started = now(device)
        try:
            return original(*args, **kwargs)
        finally:
            spent[name] = spent.get(name, 0.0) + 1000 * (now(device) - started)

    setattr(owner, name, clocked)


def now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photo", nargs="?", type=Path, default=PORTRAIT)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--view", default="crop", choices=("crop", "photo"))
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--frames", type=int, default=100)
    options = parser.parse_args()
    device = runtime.choose_device(options.device)
    runtime.use_threads(options.threads)
    drawer = renderer.MeshRenderer(RenderConfig(size=options.size, view=options.view), device)
    find_portrait(options.photo)  # loads MediaPipe
    started = now(device)
    portrait = find_portrait(options.photo)
    found = now(device)
    identity = drawer.prepare(portrait)
    print(f"find the face {found - started:.2f} s, prepare {now(device) - found:.2f} s, frames {identity.size}")

    rows = torch.from_numpy(talking(options.frames))
    motions = [Motion(CONTROLS, row[None], number) for number, row in enumerate(rows)]
    for one in motions[:10]:
        drawer.draw(identity, one)
    frame_ms = []
    for one in motions:
        started = now(device)
        drawer.draw(identity, one)
        frame_ms.append(1000 * (now(device) - started))
    print(f"frame {np.median(frame_ms):6.2f} ms median, {min(frame_ms):6.2f} least, {options.threads} thread(s)")

    spent: dict[str, float] = {}
    for owner, name in STAGES:
        timed(owner, name, spent, device)
    per_frame = []
    for one in motions:
        spent.clear()
        drawer.draw(identity, one)
        per_frame.append(dict(spent))
    for _, name in STAGES:
        values = [times.get(name, 0.0) for times in per_frame]
        print(f"  {name.strip('_'):14} {np.median(values):6.2f} ms median, {min(values):6.2f} least")
    controls = read_controls(talking(50)[30].astype(float), 30)
    moved = field.displacement(identity.kept.field, controls)
    missed = field.residual(identity.kept.field, moved, field.invert(identity.kept.field, moved))
    print(f"inverse field off by {float(missed.max()):.3f} px at most, {math.prod(identity.kept.field.grid)} nodes")


if __name__ == "__main__":
    main()
