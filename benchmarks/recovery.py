"""How well `avtr train import` finds known controls again: `python benchmarks/recovery.py FOLDER [--minutes 20]`.

The portraits in FOLDER act made-up calls of 30 s in turn (`rehearsal.part`: the ground truth rules, every gesture of
theirs), Face Mesh watches the pictures, and the solver is told nothing else: not even which frames are at rest. Printed
are Pearson's r of every channel that moves and of every group, its channels counted by how much they move
(`learning.recovered`), as means over the takes. Give other portraits than those that the solver learned from
(`learning`), and another seed than 1.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch

from avtr_cli.core.motion_space import CONTROLS
from avtr_cli.core.timing import FPS
from avtr_cli.core.types import Portrait
from avtr_cli.perception.portrait import find_portrait
from avtr_cli.training.people import rehearsal, solver
from avtr_cli.training.people.learning import GROUPS, recovered

SECONDS = 30.0
PICTURES = (".png", ".jpg", ".jpeg", ".webp")


def acted(portrait: Portrait, seed: int, number: int, size: int, folder: Path | None) -> rehearsal.Take:
    """Take `number`, rendered unless `folder` holds it."""
    kept = None if folder is None else folder / f"{seed}-{number:03d}-{size}-{portrait.sha256[:8]}.npz"
    if kept is not None and kept.exists():
        with np.load(kept) as held:
            return rehearsal.Take(held["controls"], held["points"].astype(np.float64))
    take = rehearsal.act(portrait, rehearsal.part(SECONDS, np.random.default_rng([seed, number])), size)
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(kept, controls=take.controls, points=take.points.astype(np.float32))
    return take


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("portraits", type=Path)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--seed", type=int, default=1000)
    parser.add_argument("--takes", type=Path, help="keep what was seen here, and do not render again what is kept")
    parser.add_argument("--report", type=Path, help="write all numbers here (JSON)")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    photos = sorted(path for path in chosen.portraits.iterdir() if path.suffix.lower() in PICTURES)
    portraits = [(photo.stem, find_portrait(photo)) for photo in photos]
    takes: list[tuple[str, dict[str, float]]] = []
    for number in range(max(round(chosen.minutes * 60 / SECONDS), 1)):
        name, portrait = portraits[number % len(portraits)]
        take = acted(portrait, chosen.seed, number, chosen.size, chosen.takes)
        takes.append((name, recovered(solver.shipped().of(take.points), take.controls)))
        print(f"{name:12}", *(f"{group} {takes[-1][1][group]:.3f}" for group in GROUPS), flush=True)
    mean = {key: float(np.nanmean([told[key] for _, told in takes])) for key in (*GROUPS, *CONTROLS.channels)
            if not all(np.isnan(told[key]) for _, told in takes)}  # fmt: skip
    minutes = len(takes) * SECONDS / 60
    print(f"{minutes:g} minutes, {len(portraits)} portraits, {round(minutes * 60 * FPS)} frames at {chosen.size} px")
    for key, value in mean.items():
        print(f"{key:20} {value:.3f}")
    if chosen.report is not None:
        chosen.report.write_text(json.dumps({"minutes": minutes, "mean": mean, "takes": takes}, indent=1))


if __name__ == "__main__":
    main()
