"""Compiled loops against the plain form: `python benchmarks/kernels.py [PHOTO] [--size 512] [--view crop]`.

Both draw the same avatar, turn by turn in one process, and the CPU time of this thread is told, as others share the
machine: the median of 40 frames of a whole `draw`, and of its parts. A part of the plain form is the sum of the
functions that the loops replace.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from avtr_cli.core import runtime

runtime.set_library_environment()

import numpy as np  # noqa: E402
import torch  # noqa: E402

from avtr_cli.core.config import RenderConfig  # noqa: E402
from avtr_cli.core.motion_space import CONTROLS  # noqa: E402
from avtr_cli.core.types import Motion  # noqa: E402
from avtr_cli.diagnostics.render_timing import talking  # noqa: E402
from avtr_cli.perception.portrait import find_portrait  # noqa: E402
from avtr_cli.render.mesh import compiled, renderer  # noqa: E402

PORTRAIT = Path(__file__).parent.parent / "examples" / "portrait_drawn.png"
PLAIN = renderer.MeshRenderer
Place = tuple[Any, str]
PARTS: dict[str, tuple[Place, ...]] = {
    "draw": ((PLAIN, "draw"),),
    "grid": (
        (renderer, "displacement"), (renderer, "invert"), (renderer, "mend_folds"), (renderer, "lips_in_frame"),
        (renderer, "merge_layers"), (renderer, "gain"), (compiled.Loops, "_find_nodes"),
    ),
    "mouth": ((PLAIN, "_mouth"), (compiled.Loops, "_mouth")),
    "eyes": (
        (renderer, "open_eye"), (renderer, "paint_eye"), (PLAIN, "_eye_box"), (compiled.Loops, "_eyes"),
    ),
}  # fmt: skip


@contextmanager
def clocked() -> Iterator[dict[str, float]]:
    """Within it, the calls of all PARTS are timed: milliseconds of CPU of each part."""
    spent = dict.fromkeys(PARTS, 0.0)
    originals = {place: getattr(*place) for places in PARTS.values() for place in places}

    def timed(part: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            began = time.thread_time()
            try:
                return original(*arguments, **named)
            finally:
                spent[part] += 1000 * (time.thread_time() - began)

        return call

    for part, places in PARTS.items():
        for place in places:
            setattr(*place, timed(part, originals[place]))
    try:
        yield spent
    finally:
        for place, original in originals.items():
            setattr(*place, original)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photo", nargs="?", type=Path, default=PORTRAIT)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--view", default="crop", choices=("crop", "photo"))
    parser.add_argument("--background", default="none")
    parser.add_argument("--frames", type=int, default=40)
    options = parser.parse_args()
    runtime.use_threads(1)
    config = RenderConfig(size=options.size, view=options.view, background=options.background)
    drawer = renderer.MeshRenderer(config, torch.device("cpu"))
    if drawer.kernels != "compiled":
        raise SystemExit("the loops cannot be compiled here: see avtr doctor")
    quick = drawer.prepare(find_portrait(options.photo))
    plain = replace(quick, kept=replace(quick.kept, tables=None))
    motions = [
        Motion(CONTROLS, row[None], number) for number, row in enumerate(torch.from_numpy(talking(options.frames)))
    ]

    def spent(identity: Any, motion: Motion) -> dict[str, float]:
        with clocked() as parts:
            drawer.draw(identity, motion)
        return parts | {"picture and rest": 2 * parts["draw"] - sum(parts.values())}

    for motion in motions[:3]:
        spent(quick, motion), spent(plain, motion)
    both = [(spent(plain, motion), spent(quick, motion)) for motion in motions]
    off = np.stack([np.abs(drawer.draw(quick, m)[0].astype(int) - drawer.draw(plain, m)[0]) for m in motions])
    print(f"{quick.size[0]}x{quick.size[1]}, {options.photo.name}: ms of CPU a frame, median of {options.frames}")
    print(f"{'':18}{'plain':>8}{'compiled':>10}{'ratio':>7}")
    for part in both[0][0]:
        before, after = (float(np.median([times[form][part] for times in both])) for form in (0, 1))
        print(f"{part:18}{before:8.2f}{after:10.2f}{after / max(before, 1e-9):7.2f}")
    print(f"differences of 255: at most {off.max()}, mean {off.mean():.3f}, above 2: {(off > 2).mean():.1e}")


if __name__ == "__main__":
    main()
