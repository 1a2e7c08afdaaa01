"""Peak memory of long jobs, and one killed: `python benchmarks/memory.py [--minutes 10] [--set key=value] [--kill]`.

Each length is rendered by `avtr render` in a process of its own, from the example dialogue repeated; the numbers are
the reports' `memory.peak_rss_mb` and the ratio of long to short. `--kill` renders the long job once more, ends it with
`kill -9` at a random moment, runs the same command again and compares the hash of all frames.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

EXAMPLES = Path(__file__).parent.parent / "examples"


def repeated(seconds: float, path: Path) -> Path:
    samples, rate = soundfile.read(EXAMPLES / "dialogue.wav")
    times = int(np.ceil(seconds * rate / len(samples)))
    soundfile.write(path, np.tile(samples, (times, 1))[: round(seconds * rate)], rate)
    return path


def command(minutes: float, settings: list[str], folder: Path, name: str) -> list[str]:
    sound = repeated(60 * minutes, folder / f"{minutes:g}.wav")
    words = [sys.executable, "-c", "from avtr_cli.cli import main; main()", "render", EXAMPLES / "portrait_drawn.png"]
    words += [sound, "-o", folder / f"{name}.mp4", "--quiet", "--report", folder / f"{name}.json"]
    words += [word for setting in settings for word in ("--set", setting)]
    return [str(word) for word in words]


def rendered(minutes: float, settings: list[str], folder: Path, name: str) -> dict[str, Any]:
    subprocess.run(command(minutes, settings, folder, name), check=True, stdout=subprocess.DEVNULL)
    return json.loads((folder / f"{name}.json").read_text())


def killed_and_resumed(minutes: float, settings: list[str], folder: Path, wall_s: float) -> dict[str, Any]:
    process = subprocess.Popen(command(minutes, settings, folder, "killed"), stdout=subprocess.DEVNULL)
    time.sleep(wall_s * random.uniform(0.2, 0.9))
    process.kill()
    process.wait()
    return rendered(minutes, settings, folder, "killed")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--set", action="append", default=[], dest="settings", metavar="KEY=VALUE")
    parser.add_argument("--kill", action="store_true")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="avtr-memory-") as folder:
        short = rendered(1, chosen.settings, Path(folder), "short")["memory"]["peak_rss_mb"]
        clean = rendered(chosen.minutes, chosen.settings, Path(folder), "long")
        long = clean["memory"]["peak_rss_mb"]
        print(f"1 minute: {short:.0f} MiB   {chosen.minutes:g} minutes: {long:.0f} MiB   ratio {long / short:.3f}")
        if chosen.kill:
            again = killed_and_resumed(chosen.minutes, chosen.settings, Path(folder), clean["timing"]["wall_s"])
            same = again["output"]["frames_sha256"] == clean["output"]["frames_sha256"]
            print(f"killed, resumed from frame {again['output']['resumed_from_frame']}: frames hash equal: {same}")


if __name__ == "__main__":
    main()
