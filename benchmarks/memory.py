"""Peak memory of a long job beside a short one: `python benchmarks/memory.py [--minutes 10] [--set key=value]`.

Each length is rendered by `avtr render` in a process of its own, from the example dialogue repeated; the numbers are
the reports' `memory.peak_rss_mb` and the ratio of long to short.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile

EXAMPLES = Path(__file__).parent.parent / "examples"


def repeated(seconds: float, path: Path) -> Path:
    samples, rate = soundfile.read(EXAMPLES / "dialogue.wav")
    times = int(np.ceil(seconds * rate / len(samples)))
    soundfile.write(path, np.tile(samples, (times, 1))[: round(seconds * rate)], rate)
    return path


def peak_mb(minutes: float, settings: list[str], folder: Path) -> float:
    sound = repeated(60 * minutes, folder / f"{minutes:g}.wav")
    report = folder / f"{minutes:g}.json"
    command = [sys.executable, "-c", "from avtr_cli.cli import main; main()", "render", EXAMPLES / "portrait_drawn.png"]
    command += [sound, "-o", folder / f"{minutes:g}.mp4", "--quiet", "--report", report]
    command += [word for setting in settings for word in ("--set", setting)]
    subprocess.run([str(word) for word in command], check=True)
    return json.loads(report.read_text())["memory"]["peak_rss_mb"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--set", action="append", default=[], dest="settings", metavar="KEY=VALUE")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="avtr-memory-") as folder:
        short = peak_mb(1, chosen.settings, Path(folder))
        long = peak_mb(chosen.minutes, chosen.settings, Path(folder))
    print(f"1 minute: {short:.0f} MiB   {chosen.minutes:g} minutes: {long:.0f} MiB   ratio {long / short:.3f}")


if __name__ == "__main__":
    main()
