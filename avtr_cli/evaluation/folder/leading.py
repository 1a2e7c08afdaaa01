"""Entries into proactivity: does a face lead or follow its partner's more than truth does? TLCC over whole clips.

Beside it stands the same with another conversation's face, since lagged correlation rewards smoothness.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from avtr_cli.core.arrays import Doubles
from avtr_cli.evaluation import joint
from avtr_cli.evaluation.folder.entries import Entry, Model
from avtr_cli.evaluation.folder.rows import Count, row
from avtr_cli.evaluation.pairs import derangement
from avtr_cli.evaluation.proactivity import tlcc
from avtr_cli.evaluation.replicates import Replicates, mean_over

PROACTIVITY = ("tlcc_proactivity", "tlcc_shuffled", "tlcc_over_shuffled")


def proactivity_rows(entries: Sequence[Entry], model: Model, seed: int) -> dict[str, dict[str, Any]]:
    """As a report has them."""
    found, values, groups = proactivity(entries, model, seed)
    frames = {entry.id: len(entry.truth) for entry in entries}
    known = [name for name, value in values["tlcc_proactivity"].items() if math.isfinite(value)]
    count = Count(len(known), groups, sum(frames[name] for name in known))
    reason = None if known else "no clip says whose face the partner's is ('partner' in manifest.yaml)"
    return {
        name: row(
            found[name],
            count,
            None,
            reason=None if math.isfinite(found[name].value) else reason,
            values=values[name],
        )
        for name in PROACTIVITY
    }


def proactivity(
    entries: Sequence[Entry], model: Model, seed: int
) -> tuple[dict[str, Replicates], dict[str, dict[str, float]], int]:
    """Rows, values of the clips, and the number of conversations; each less truth's own."""
    by_id = {entry.id: at for at, entry in enumerate(entries)}
    there = [
        (at, shown, by_id[entry.partner])
        for at, entry in enumerate(entries)
        if entry.partner in by_id and (shown := model(at)) is not None
    ]
    groups = [entries[at].group for at, _, _ in there]
    order = derangement(groups, seed, 0) if there else None
    real, shuffled = [], []
    for place, (at, shown, speaker) in enumerate(there):
        real.append(_over_truth(entries, at, shown, speaker))
        shuffled.append(_over_truth(entries, at, shown, there[order[place]][2]) if order else math.nan)
    columns = {
        "tlcc_proactivity": np.array(real, np.float64),
        "tlcc_shuffled": np.array(shuffled, np.float64),
        "tlcc_over_shuffled": np.array(real, np.float64) - np.array(shuffled, np.float64),
    }
    owner = joint.numbered(groups)
    count = len(set(groups))
    rows = {name: mean_over(values, owner, count) for name, values in columns.items()}
    ids = [entries[at].id for at, _, _ in there]
    told = {name: dict(zip(ids, values.tolist(), strict=True)) for name, values in columns.items()}
    return rows, told, count


def _over_truth(entries: Sequence[Entry], at: int, shown: Doubles, speaker: int) -> float:
    face = entries[speaker].truth
    one, other = tlcc(face, shown), tlcc(face, entries[at].truth)
    return math.nan if one is None or other is None else one - other
