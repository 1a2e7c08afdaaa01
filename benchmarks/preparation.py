"""Seconds from a photo to an avatar ready to be drawn: `python benchmarks/preparation.py PHOTO... [--runs 5]`.

Imports happen once a process and are told apart. Wall time is what a user waits, CPU time what the work costs on all
threads together; on a shared machine the least of the runs is the fairer.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from avtr_cli.core import runtime

runtime.set_library_environment()

PORTRAIT = Path(__file__).parent.parent / "examples" / "portrait_drawn.png"
Result = TypeVar("Result")


def timed(work: Callable[[], Result]) -> tuple[Result, float, float]:
    """What `work` returns, its wall seconds and its CPU seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = work()
    return result, time.perf_counter() - wall, time.process_time() - cpu


def import_rooms() -> None:
    import onnxruntime  # noqa: F401

    import avtr_cli.perception.portrait
    import avtr_cli.render.mesh.renderer  # noqa: F401


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", nargs="*", type=Path, default=[PORTRAIT])
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--view", default="crop", choices=("crop", "photo"))
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    _, wall, cpu = timed(import_rooms)
    print(f"imports (torch, OpenCV, onnxruntime): {wall:.2f} s wall, {cpu:.2f} s CPU")

    from avtr_cli.core.config import RenderConfig
    from avtr_cli.perception.portrait import find_portrait
    from avtr_cli.render.mesh.renderer import MeshRenderer

    runtime.use_threads(options.threads)
    renderer = MeshRenderer(RenderConfig(size=options.size, view=options.view), runtime.choose_device("cpu"))
    print(f"{'':14}{'face found':>20}{'avatar prepared':>20}{'together':>20}   (wall s, CPU s)")
    for number, photo in enumerate(options.photos):
        runs = []
        for _ in range(options.runs):
            portrait, find_wall, find_cpu = timed(lambda photo=photo: find_portrait(photo))
            _, prepare_wall, prepare_cpu = timed(lambda portrait=portrait: renderer.prepare(portrait))
            runs.append((find_wall, find_cpu, prepare_wall, prepare_cpu))
        if number == 0:
            print(_line("first ever", runs[0]))
        print(_line(photo.stem, [min(column) for column in zip(*runs, strict=True)]))


def _line(name: str, run: list[float] | tuple[float, ...]) -> str:
    find_wall, find_cpu, prepare_wall, prepare_cpu = run
    pairs = ((find_wall, find_cpu), (prepare_wall, prepare_cpu), (find_wall + prepare_wall, find_cpu + prepare_cpu))
    return f"{name[:13]:14}" + "".join(f"{wall:13.2f}{cpu:7.2f}" for wall, cpu in pairs)


if __name__ == "__main__":
    main()
