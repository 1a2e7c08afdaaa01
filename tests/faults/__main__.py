"""`python -m tests.faults [--kinds …] [--kills N] [--every N] [--pairs N]`: disturb jobs, print everything wrong."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import skimage.data
import skimage.io
import soundfile

from tests.faults.pairs import race
from tests.faults.trial import KINDS, Server, Trial, build_shim


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--kills", type=int, default=0, help="random kills in all")
    parser.add_argument("--every", type=int, default=0, help="fail every n-th change, with ENOSPC and EIO in turn")
    parser.add_argument("--pairs", type=int, default=0, help="so many times two runs on one output at once")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    chance, wrong, began = random.Random(options.seed), 0, time.monotonic()
    with tempfile.TemporaryDirectory(prefix="avtr-faults-") as name:
        folder = Path(name)
        photo, sound = material(folder)
        shim = build_shim(folder)
        assert shim is not None, "needs Linux and a C compiler"
        if options.pairs:
            with Server(shim, photo) as server:
                for number in range(options.pairs):
                    for what in race(server, photo, sound, folder / "pair", chance):
                        wrong += 1
                        print(f"WRONG pair {number}: {what}", flush=True)
            print(f"{options.pairs} pairs on one output, {wrong} wrong", flush=True)
        if not options.every and not options.kills:
            return 1 if wrong else 0
        with Server(shim, photo) as server:
            trials = [Trial(server, kind, photo, sound, folder) for kind in options.kinds.split(",")]
            orders = [
                (trial, at, ("ENOSPC", "EIO")[number % 2])
                for trial in trials
                for number, at in enumerate(range(1, trial.changes + 1, options.every or trial.changes + 1))
                if options.every
            ]
            for _ in range(options.kills):
                trial = chance.choice(trials)
                orders.append((trial, chance.randint(1, trial.changes), "kill"))
            tally: dict[tuple[str, str, int], int] = {}
            for trial, at, error in orders:
                result = trial.disturb(at, error)
                key = (trial.kind, error, result.code)
                tally[key] = tally.get(key, 0) + 1
                for what in result.wrong:
                    wrong += 1
                    print(f"WRONG {trial.kind} change {at} of {trial.changes} {error}: {what}", flush=True)
        for trial in trials:
            print(f"{trial.kind}: {trial.changes} changes in an undisturbed run")
        for (kind, error, code), count in sorted(tally.items()):
            print(f"{kind:10} {error:7} exit {code:4}: {count}")
        print(f"{len(orders)} disturbed runs, {wrong} wrong, {time.monotonic() - began:.0f} s")
    return 1 if wrong else 0


def material(folder: Path) -> tuple[Path, Path]:
    """A photo and 0.6 s of two voices."""
    photo, sound = folder / "photo.png", folder / "call.wav"
    skimage.io.imsave(photo, skimage.data.astronaut(), check_contrast=False)
    noise = np.random.default_rng(0).standard_normal((9_700, 2)) * (0.2, 0.02)
    soundfile.write(sound, noise.clip(-1, 1), 16_000)
    return photo, sound


if __name__ == "__main__":
    sys.exit(main())
