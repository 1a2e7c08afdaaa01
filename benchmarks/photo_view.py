"""Real-time factor of the full-photo view: `python benchmarks/photo_view.py [PHOTO] [--size 1280] [--seconds 20]`.

A whole job as `avtr bench` times it (motion, rendering, encoding), but of a wide picture: the drawn portrait before
more of its wall, 1280 x 720, unless a photo is given.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

from avtr_cli.core import runtime

runtime.set_library_environment()

import cv2  # noqa: E402

from avtr_cli.audio.source import DialogueFiles  # noqa: E402
from avtr_cli.core.config import load_preset  # noqa: E402
from avtr_cli.diagnostics.benchmark import median_lines  # noqa: E402
from avtr_cli.jobs.job import Job  # noqa: E402
from avtr_cli.jobs.production import render_file  # noqa: E402
from avtr_cli.streaming.engine import Engine  # noqa: E402

EXAMPLES = Path(__file__).parent.parent / "examples"


def wide_portrait(folder: Path) -> Path:
    """The drawn portrait at 720 px with its wall mirrored to both sides, 1280 px wide."""
    square = cv2.resize(cv2.imread(str(EXAMPLES / "portrait_drawn.png")), (720, 720), interpolation=cv2.INTER_AREA)
    path = folder / "wide.png"
    cv2.imwrite(str(path), cv2.copyMakeBorder(square, 0, 0, 280, 280, cv2.BORDER_REFLECT))
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photo", nargs="?", type=Path)
    parser.add_argument("--size", type=int, default=1280)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    preset = load_preset("default").with_settings(**{"render.view": "photo", "render.size": options.size})
    engine, reports = Engine(preset), []
    with tempfile.TemporaryDirectory(prefix="avtr-bench-") as folder:
        photo = options.photo or wide_portrait(Path(folder))
        sound = DialogueFiles(dialogue=EXAMPLES / "dialogue.wav", duration_s=options.seconds)
        before, began = os.times(), time.perf_counter()
        for run in range(options.runs):
            job = Job(photo=photo, sound=sound, out=Path(folder) / f"{run}.mp4", preset=preset)
            reports.append(render_file(job, engine))
        wall, after = time.perf_counter() - began, os.times()
    for line in median_lines(reports):
        print(line)
    video = sum(report["output"]["duration_s"] for report in reports)
    own, encoders = (sum(after[part]) - sum(before[part]) for part in (slice(0, 2), slice(2, 4)))
    print(
        f"CPU seconds a second of video: {own / video:.2f} here, {encoders / video:.2f} in the encoder; together "
        f"they got {(own + encoders) / wall:.2f} of {runtime.cores()} cores, load {os.getloadavg()[0]:.1f}"
    )


if __name__ == "__main__":
    main()
