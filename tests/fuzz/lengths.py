"""Sounds of every length: one sample to some seconds, at every usual rate.

    python -m tests.fuzz.lengths --count 10000 --seed 1

Each is opened, examined and heard twice; what must hold is `check`.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from avtr_cli.audio.health import examine
from avtr_cli.audio.source import DialogueFiles, DialogueSource
from avtr_cli.audio.turns import voiced
from avtr_cli.core.errors import AudioError
from avtr_cli.core.timing import FPS, SAMPLE_RATE, frames_of

RATES = (8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000)
_NOISE = np.random.default_rng(0).integers(-3_000, 3_000, (400_000, 2), np.int16)


@dataclass(frozen=True)
class Case:
    samples: int
    rate: int

    @property
    def heard(self) -> int:
        """Samples at 16 kHz."""
        return -(-self.samples * SAMPLE_RATE // self.rate)


def cases(seed: int, count: int) -> Iterator[Case]:
    """Half of them about the borders of seconds and frames, a quarter about the first frame, the rest anywhere."""
    random = np.random.default_rng(seed)
    for _ in range(count):
        rate = int(random.choice(RATES))
        kind = random.integers(4)
        if kind == 0:
            samples = int(random.integers(1, 2 * rate // FPS))
        elif kind == 3:
            samples = int(random.integers(1, 4 * rate))
        else:
            border = int(random.integers(1, 4)) * rate if kind == 1 else int(random.integers(1, 60)) * rate // FPS
            samples = border + int(random.integers(-rate // FPS, rate // FPS + 1))
        yield Case(min(max(samples, 1), len(_NOISE)), rate)


def check(case: Case, path: Path) -> str:
    """Write `case` to `path` and hear it: "read" or "refused". An AssertionError tells what does not hold."""
    soundfile.write(path, _NOISE[: case.samples], case.rate, subtype="PCM_16")
    files = DialogueFiles(dialogue=path)
    refused = ""
    try:
        with DialogueSource(files) as source:
            health = examine(source, files)
            once = np.concatenate(list(source.blocks()), axis=1)
            again = np.concatenate(list(source.blocks()), axis=1)
            speaking = voiced(source)
    except AudioError as error:
        refused = str(error)
    assert bool(refused) == (case.samples * FPS < case.rate), f"{case}: {refused}"
    if refused:
        assert f"{path}: only {case.samples} samples" in refused
        return "refused"
    assert once.shape == (2, case.heard), f"{case}: {once.shape}"
    assert source.facts.samples == case.heard
    assert np.array_equal(once, again), f"{case}: not the same twice"
    assert speaking.shape == (2, frames_of(case.heard))
    assert 0 < max(health.peak) <= 1
    assert np.isfinite(health.correlation)
    return "read"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    found, failed, began = Counter[str](), [], time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        for case in cases(options.seed, options.count):
            try:
                found[check(case, Path(folder) / "a.wav")] += 1
            except Exception as error:
                failed.append(f"{case}: {type(error).__name__}: {error}")
    print(f"{options.count} lengths, seed {options.seed}, {time.monotonic() - began:.0f} s")
    print(f"read {found['read']}, refused {found['refused']}, failed {len(failed)}", *failed[:20], sep="\n")
    raise SystemExit(bool(failed))


if __name__ == "__main__":
    main()
