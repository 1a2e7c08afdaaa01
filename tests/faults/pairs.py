"""Two runs on one output at once: whoever ends well vouches for what lies there, and the other says why not."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
from pathlib import Path

from tests.faults.trial import SETTINGS, Server, _decodes

ARGUMENTS = ["render", "photo.png", "call.wav", "-o", "a.mp4", "--report", "a.json"]
REASONS = ("another avtr", "exists already")  # what a loser may say


def race(server: Server, photo: Path, sound: Path, folder: Path, chance: random.Random) -> list[str]:
    """Start two runs within a second of one another; everything that is wrong afterwards, in words."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    shutil.copy(photo, folder / "photo.png")
    shutil.copy(sound, folder / "call.wav")
    delays = (0.0, chance.uniform(0, 1.0))
    seeds = chance.choice([(0, 0), (0, 1)])
    logs = [folder.with_name(f"{folder.name}-{number}.log") for number in (0, 1)]

    words = [[*ARGUMENTS, "--set", *" --set ".join(SETTINGS).split(), "--seed", str(seed)] for seed in seeds]
    results = server.run_at_once(list(zip(words, delays, logs, strict=True)), folder)
    wrong = []
    codes = [code for code, _ in results]
    if codes.count(0) != 1:
        wrong.append(f"exit codes {codes}: {results}")
    for code, said in results:
        if code not in (0, 5) or "Traceback" in said or "a bug" in said:
            wrong.append(f"exit {code}: {said[-300:]}")
        if code == 5 and not any(reason in said for reason in REASONS):
            wrong.append(f"an odd reason: {said[-300:]}")
    if 0 in codes:
        output = json.loads((folder / "a.json").read_text())["output"]
        if hashlib.sha256((folder / "a.mp4").read_bytes()).hexdigest() != output["sha256"]:
            wrong.append("the report vouches for another file")
        if not _decodes(folder / "a.mp4"):
            wrong.append("the video is broken")
    left = {path.name for path in folder.iterdir()} - {"photo.png", "call.wav", "a.mp4", "a.json"}
    return wrong + ([f"left behind: {left}"] if left else [])
