"""Numbers of clips into rows: their mean with an interval over conversations, and paired differences of two systems."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from avtr_cli.evaluation.folder.layout import Clip
from avtr_cli.evaluation.folder.rows import Count, difference
from avtr_cli.evaluation.joint import numbered
from avtr_cli.evaluation.replicates import Replicates, mean_over


@dataclass
class Numbers:
    """Of one system, clip by clip: how many frames count, and the value of every row; NaN where there is none."""

    names: Sequence[str]
    ids: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    frames: list[int] = field(default_factory=list)
    values: list[Mapping[str, float]] = field(default_factory=list)

    def add(self, clip: Clip, frames: int, values: Mapping[str, float]) -> None:
        """One more clip; a row that `values` lacks has no value there."""
        self.ids.append(clip.id)
        self.groups.append(clip.group)
        self.frames.append(frames)
        self.values.append(values)

    def of(self, name: str) -> dict[str, float]:
        """A row's values by the clips' IDs."""
        return {clip: values.get(name, math.nan) for clip, values in zip(self.ids, self.values, strict=True)}

    def mean(self, name: str, among: set[str] | None = None) -> Replicates:
        """Of a row, over all clips or those of some IDs."""
        there = [at for at, clip in enumerate(self.ids) if among is None or clip in among]
        groups = [self.groups[at] for at in there]
        values = np.array([self.values[at].get(name, math.nan) for at in there], np.float64)
        return mean_over(values, numbered(groups), len(set(groups)))

    def count(self, name: str) -> Count:
        """From how many clips, conversations and frames a row's mean comes."""
        known = [at for at, value in enumerate(self.of(name).values()) if not math.isnan(value)]
        return Count(len(known), len({self.groups[at] for at in known}), sum(self.frames[at] for at in known))


def differences(systems: Mapping[str, Numbers]) -> dict[str, dict[str, Any]]:
    """Each two systems on the clips that both have, row by row: `report["differences"]`."""
    told, names = {}, list(systems)
    for at, one in enumerate(names):
        for other in names[at + 1 :]:
            both = (systems[one], systems[other])
            common = set(both[0].ids) & set(both[1].ids)
            rows = {
                name: difference(*(_known_to_both(both, side, name, common) for side in (0, 1)))
                for name in both[0].names
            }
            groups = {group for clip, group in zip(both[0].ids, both[0].groups, strict=True) if clip in common}
            told[f"{one} - {other}"] = {"clips": len(common), "groups": len(groups), "measures": rows}
    return told


def _known_to_both(both: tuple[Numbers, Numbers], side: int, name: str, common: set[str]) -> Replicates:
    """A row's mean on one side, over the clips in which both sides have a value of it."""
    values = [numbers.of(name) for numbers in both]
    known = {clip for clip in common if not any(math.isnan(table[clip]) for table in values)}
    return both[side].mean(name, known)
