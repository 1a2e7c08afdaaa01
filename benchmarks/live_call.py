"""Chunks that come too late for a live call: `python benchmarks/live_call.py [--busy 0 1] [--seconds 20] [--rounds 3]`.

Jobs hear their sound at the speed of a call (`--pace realtime`) while so many other processes do nothing but compute;
the numbers take turns, so that each meets the same weather. A chunk is late where the next one's sound is complete
before it is out. What the machine was doing anyway is told by its load when the benchmark begins.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from avtr_cli.core import runtime

runtime.set_library_environment()

from avtr_cli.audio.source import DialogueFiles  # noqa: E402
from avtr_cli.core.config import load_preset  # noqa: E402
from avtr_cli.jobs.job import Job  # noqa: E402
from avtr_cli.jobs.production import render_file  # noqa: E402
from avtr_cli.streaming.engine import Engine  # noqa: E402

EXAMPLES = Path(__file__).parent.parent / "examples"


@contextlib.contextmanager
def busy(count: int) -> Iterator[None]:
    """So many processes compute without end."""
    others = [subprocess.Popen([sys.executable, "-c", "while True: sum(range(10000))"]) for _ in range(count)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--busy", type=int, nargs="+", default=[0, 1], metavar="N")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--set", action="append", default=[], dest="settings", metavar="KEY=VALUE")
    options = parser.parse_args()
    preset = load_preset("default", options.settings)
    engine = Engine(preset)
    print(f"{runtime.cores()} cores, load {os.getloadavg()[0]:.1f} before it begins")
    found: dict[int, list[dict]] = {count: [] for count in options.busy}
    with tempfile.TemporaryDirectory(prefix="avtr-bench-") as folder:
        sound = DialogueFiles(dialogue=EXAMPLES / "dialogue.wav", duration_s=options.seconds)
        for number in range(options.rounds):
            for count in options.busy:
                out = Path(folder) / f"{number}-{count}.mp4"
                job = Job(photo=EXAMPLES / "portrait_drawn.png", sound=sound, out=out, preset=preset, pace="realtime")
                with busy(count):
                    found[count].append(render_file(job, engine)["timing"])
    for count, timings in found.items():
        delays = [timing["pace"]["chunk_delay_ms"] for timing in timings]
        chunks, late = sum(one["count"] for one in delays), sum(one["pace"]["deadline_misses"] for one in timings)
        p50, p99 = (sorted(one[name] for one in delays)[len(delays) // 2] for name in ("p50", "p99"))
        print(
            f"{count} busy beside: {late} of {chunks} chunks late ({late / chunks:.1%}); they left p50 {p50:.0f} ms, "
            f"p99 {p99:.0f} ms after their sound was complete"
        )


if __name__ == "__main__":
    main()
