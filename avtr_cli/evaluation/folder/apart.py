"""How far all pictures of a system lie from the true ones: FID and FVD, from moments of clips.

Each is one number of all clips together. Leaving conversations out would take minutes for each of them, so these rows
have no interval; and of few frames they are mostly bias, so they are not told unasked.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from avtr_cli.evaluation.folder.eyes import Eyes, Gaze
from avtr_cli.evaluation.folder.judges import Judge
from avtr_cli.evaluation.folder.rows import Count, row
from avtr_cli.evaluation.frechet import Pool, frechet
from avtr_cli.evaluation.networks import i3d, inception
from avtr_cli.evaluation.replicates import Replicates

FEWEST_FRAMES = 2048
NAMES = ("FID", "FVD")
_FRAMES = {"FID": 1, "FVD": i3d.CLIP_FRAMES}  # that one vector is made of


class Apart:
    """One system's side, and truth's on the same clips."""

    def __init__(self) -> None:
        self._sides = {
            "FID": (Pool(inception.FEATURES), Pool(inception.FEATURES)),
            "FVD": (Pool(i3d.FEATURES), Pool(i3d.FEATURES)),
        }
        self._found: dict[str, Replicates] = {}

    def add(self, made: Gaze, truth: Gaze) -> None:
        """A clip more."""
        for side, gaze in enumerate((made, truth)):
            self._sides["FID"][side].merge(gaze.pictures)
            self._sides["FVD"][side].merge(gaze.clips)

    def value(self, name: str, few: bool) -> Replicates:
        """FID or FVD, once all clips are there; NaN of too few frames, unless `few` are enough."""
        if name not in self._found:
            made, truth = self._sides[name]
            vectors = min(made.count, truth.count)
            told = vectors >= 2 and (few or self.frames(name) >= FEWEST_FRAMES)
            distance = frechet(*made.gaussian(), *truth.gaussian()) if told else math.nan
            self._found[name] = Replicates(distance, np.zeros(0))
        return self._found[name]

    def frames(self, name: str) -> int:
        """How many of the system's frames were seen."""
        return self._sides[name][0].count * _FRAMES[name]

    def rows(self, eyes: Eyes, clips: int, groups: int, few: bool, **marks: Any) -> dict[str, dict[str, Any]]:
        """As a report has them."""
        seen_by: dict[str, Judge[Any]] = {"FID": eyes.still, "FVD": eyes.moving}
        rows = {}
        for name, one in seen_by.items():
            frames = self.frames(name)
            reason = one.reason or (None if clips else "no clip counts")
            if reason is None and frames < FEWEST_FRAMES:
                reason = f"{frames} frames: below {FEWEST_FRAMES} it is mostly bias (--few prints it all the same)"
            comparable = one.network is not None and not one.made_up
            count = Count(clips, groups, frames)
            rows[name] = row(self.value(name, few), count, False, comparable=comparable, reason=reason, **marks)
        return rows
