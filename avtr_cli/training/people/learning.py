"""Portraits into the solver's table, and into how well it finds again what it was not shown.

The shipped table was made by `avtr train solver` of the eight portraits that `examples/portraits.py` draws, in the
order of their names, with its defaults: 29 minutes of acting.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from avtr_cli.core.arrays import Floats
from avtr_cli.core.motion_space import CONTROLS, HEAD_CHANNELS
from avtr_cli.perception.portrait import find_portrait
from avtr_cli.training.people import rehearsal
from avtr_cli.training.people.lessons import MOUTH, fit
from avtr_cli.training.people.solver import Solver

GROUPS = {
    "mouth": MOUTH,
    "head": HEAD_CHANNELS,
    "brows": ("browInnerUp", "browOuterUp", "browDown"),
    "lids": ("eyeBlink",),
    "smile": ("mouthSmile",),
    "gaze": ("eyeLook",),
}
"""What is told together, by how its channels begin."""

_SHOWN_BY = {"headPitch": 1.0, "headYaw": 1.0, "headRoll": 0.7, "headZ": 0.07}
"""EO that the nose, or a cheek, goes a radian, or an EO towards the camera; sideways an EO is one."""

OnTakes = Callable[[int, int], None]


def learn(
    photos: Sequence[Path], seconds: float, lessons: int, seed: int, size: int, told: OnTakes | None = None
) -> Solver:
    """The solver of `lessons` lessons of `seconds` by the portrait in each photo; `told` hears (takes done, of all).

    Raises PhotoError where a photo shows no face that can be used.
    """
    portraits = [find_portrait(photo) for photo in photos]
    takes = []
    for number in range(lessons):
        for which, portrait in enumerate(portraits):
            controls = rehearsal.lesson(seconds, np.random.default_rng([seed, number, which]))
            takes.append(rehearsal.act(portrait, controls, size))
            if told is not None:
                told(len(takes), lessons * len(portraits))
    return fit(takes)


def recovered(solved: Floats, true: Floats) -> dict[str, float]:
    """Pearson's r of every channel (NaN where it never moves), and the mean over those of every group of `GROUPS`.

    A group's channels count by how much they move: their true standard deviation, of the head's times what it shows.
    """
    seen = np.isfinite(solved[:, 0])
    a, b = solved[seen] - solved[seen].mean(axis=0), true[seen] - true[seen].mean(axis=0)
    spread = np.sqrt((a**2).mean(axis=0) * (b**2).mean(axis=0))
    moves = true[seen].std(axis=0)
    r = np.where(moves > 1e-4, (a * b).mean(axis=0) / np.maximum(spread, 1e-12), np.nan)
    told = dict(zip(CONTROLS.channels, map(float, r), strict=True))
    weight = moves * np.array([_SHOWN_BY.get(name, 1.0) for name in CONTROLS.channels])
    for group, begins in GROUPS.items():
        columns = [k for k, name in enumerate(CONTROLS.channels) if name.startswith(begins) and np.isfinite(r[k])]
        told[group] = float(np.average(r[columns], weights=weight[columns])) if columns else float("nan")
    return told
