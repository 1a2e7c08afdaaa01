"""What drawing Gaussians costs: `python benchmarks/splats.py [--number 100000] [--sigma 1.0] [--size 768 1024]`.

A figure of ellipsoids, covered with small flat Gaussians seen from all sides in turn: ms of CPU of this thread for each
stage, the least and the median of --frames; the plain form beside it with --plain; how far both are apart.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

from avtr_cli.core import runtime

runtime.set_library_environment()

import numpy as np  # noqa: E402
import torch  # noqa: E402

from avtr_cli.core.camera import Pinhole, orbit  # noqa: E402
from avtr_cli.kernels import splats  # noqa: E402
from avtr_cli.render.gaussian.gaussians import Gaussians  # noqa: E402
from avtr_cli.render.gaussian.splatting import Splatter  # noqa: E402
from avtr_cli.render.gaussian.splatting_torch import TorchSplatter  # noqa: E402

STAGES = ("project", "sort", "count_tiles", "list_tiles", "blend", "lay_over")
DISTANCE = 3.0  # metres to the figure
PARTS = np.array([  # centre x y, half axes x y z, metres
    (0, -0.68, 0.09, 0.12, 0.10), (0, -0.3, 0.2, 0.3, 0.12), (0, 0.05, 0.17, 0.14, 0.12),
    (-0.26, -0.25, 0.05, 0.32, 0.05), (0.26, -0.25, 0.05, 0.32, 0.05),
    (-0.1, 0.5, 0.08, 0.42, 0.08), (0.1, 0.5, 0.08, 0.42, 0.08),
])  # fmt: skip


def figure(number: int, sigma: float, opacity: float = 0.95) -> Gaussians:
    """`number` discs on the figure's skin, `sigma` metres wide and a tenth as thick."""
    random = np.random.default_rng(0)
    areas = (PARTS[:, 2:].prod(axis=1) ** (2 / 3)) * (1 + PARTS[:, 3] / PARTS[:, 2])
    part = PARTS[random.choice(len(PARTS), number, p=areas / areas.sum())]
    ball = random.normal(size=(number, 3))
    ball /= np.linalg.norm(ball, axis=1, keepdims=True)
    means = ball * part[:, 2:] + np.column_stack([part[:, :2], np.full(number, DISTANCE)])
    normal = ball / part[:, 2:]
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    aside = np.cross(normal, (0.36, 0.48, 0.8))
    aside /= np.linalg.norm(aside, axis=1, keepdims=True)
    axes = sigma * np.stack([aside, np.cross(normal, aside), 0.1 * normal], axis=2)
    colours = 0.5 + 0.3 * normal + random.uniform(-0.1, 0.1, (number, 3))
    return Gaussians(*(np.ascontiguousarray(a, np.float32) for a in (means, axes, np.full(number, opacity), colours)))


def clocked(spent: dict[str, float]) -> None:
    """From now on the CPU milliseconds of every stage are added to `spent`."""

    def timed(name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            began = time.thread_time()
            result = original(*arguments)
            spent[name] += 1000 * (time.thread_time() - began)
            return result

        return call

    for name in STAGES:
        setattr(splats, name, timed(name, getattr(splats, name)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--number", type=int, default=100_000)
    parser.add_argument("--sigma", type=float, default=1.0, help="px")
    parser.add_argument("--size", type=int, nargs=2, default=(768, 1024), metavar=("WIDTH", "HEIGHT"))
    parser.add_argument("--frames", type=int, default=9)
    parser.add_argument("--plain", action="store_true")
    options = parser.parse_args()
    runtime.use_threads(1)
    width, height = options.size
    focal = 0.9 * height * DISTANCE / 1.8
    photo = Pinhole((focal, focal), (width / 2, height / 2), (width, height))
    gaussians = figure(options.number, options.sigma * DISTANCE / focal)
    plate, out = np.full((height, width, 3), 128, np.uint8), np.empty((height, width, 3), np.uint8)
    splatter, plain = Splatter(height, width), TorchSplatter(height, width, torch.device("cpu"))
    views = [photo.seen_by(orbit(angle, 0, (0, 0, DISTANCE))) for angle in np.linspace(-30, 30, options.frames)]
    splatter.splat(gaussians, views[0])
    spent = dict.fromkeys(STAGES, 0.0)
    clocked(spent)
    frames, plainly, off = [], [], []
    for view in views:
        spent.update(dict.fromkeys(STAGES, 0.0))
        began = time.thread_time()
        splatter.splat(gaussians, view)
        splatter.over(plate, out)
        frames.append(dict(spent, all=1000 * (time.thread_time() - began)))
        if options.plain:
            began = time.thread_time()
            plain.splat(gaussians, view)
            plainly.append(1000 * (time.thread_time() - began))
            off.append(255 * np.abs(plain.drawn - splatter.drawn))
    covered = float((splatter.drawn[..., 3] > 0).mean())
    print(
        f"{options.number} Gaussians of {options.sigma} px, {width}x{height}, {covered:.0%} covered: ms of CPU a frame"
    )
    print(f"{'':12}{'least':>8}{'median':>8}")
    for stage in (*STAGES, "all"):
        times = [frame[stage] for frame in frames]
        print(f"{stage:12}{min(times):8.1f}{np.median(times):8.1f}")
    if plainly:
        print(f"{'plain':12}{min(plainly):8.1f}{np.median(plainly):8.1f}")
        print(f"apart: at most {np.max(off):.3f}/255, mean {np.mean(off):.5f}/255")
    print(f"scratch memory {splatter.scratch_bytes / 1e6:.1f} MB, frame {splatter.drawn.nbytes / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
