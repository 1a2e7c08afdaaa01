"""Milliseconds of the embedded renderer's stages: `python benchmarks/render.py [PHOTO] [--size 512] [--view crop]`.

The same numbers as `avtr bench render`, on the drawn example portrait unless a photo is given.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from avtr_cli.core import runtime

runtime.set_library_environment()

from avtr_cli.core.config import RenderConfig  # noqa: E402
from avtr_cli.diagnostics.render_timing import time_renderer, timing_lines  # noqa: E402

PORTRAIT = Path(__file__).parent.parent / "examples" / "portrait_drawn.png"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photo", nargs="?", type=Path, default=PORTRAIT)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--view", default="crop", choices=("crop", "photo"))
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--frames", type=int, default=100)
    options = parser.parse_args()
    runtime.use_threads(options.threads)
    config = RenderConfig(size=options.size, view=options.view)
    for line in timing_lines(
        time_renderer(options.photo, config, runtime.choose_device(options.device), options.frames)
    ):
        print(line)


if __name__ == "__main__":
    main()
