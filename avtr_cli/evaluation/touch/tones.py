"""Whether the tone of a touch can be told from the face that answers it: linear discriminants, one group left out.

Fisher's discriminant with one shrunken covariance for all tones (Friedman 1989), so that some hundred numbers can be
learned from as many clips. It learns our own scripts: that it tells tones apart on a photo that it has not seen says
that the render carries them, not that people would name them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from avtr_cli.core.arrays import Doubles, Indices
from avtr_cli.core.interaction import TONES
from avtr_cli.evaluation.touch.clips import LOOKED_AT, Clip
from avtr_cli.evaluation.touch.reading import UNITS

TOLD_AT = (4, 8, 14, 22, 34, 55)  # frames after the touch
TOLD_BY_FEW, SHIFT = (4, 14, 34), 75  # the same with few frames, to be told 3 s late as a control
SHRINKAGE = 0.3  # of the covariance towards a multiple of the identity
MOST_UNITS = 12.0  # of a change: more is clipped, as a lost landmark tells nothing


def features(clips: Sequence[Clip], frames: Sequence[int] = TOLD_AT) -> Doubles:
    """(clips, 17 * frames) changes in visible units at `frames` after the touch; what was not seen did not change."""
    rows = [LOOKED_AT.index(after) for after in frames]
    changes = np.stack([clip.change[rows] / UNITS for clip in clips])
    kept: Doubles = np.clip(np.nan_to_num(changes), -MOST_UNITS, MOST_UNITS)
    return kept.reshape(len(clips), -1)


def confusion(clips: Sequence[Clip], groups: Sequence[str], shuffle: np.random.Generator | None = None) -> Indices:
    """(tones, tones) counts, rows the true ones: each group told by what was learned from all others.

    `shuffle` mixes the tones of what is learned from, as a control.
    """
    seen, tones = features(clips), np.array([TONES.index(clip.tone) for clip in clips])
    names, counts = np.array(groups), np.zeros((len(TONES), len(TONES)), np.intp)
    for name in dict.fromkeys(groups):
        left_out = names == name
        learned = tones[~left_out] if shuffle is None else shuffle.permutation(tones[~left_out])
        found = told(seen[~left_out], learned, seen[left_out])
        np.add.at(counts, (tones[left_out], found), 1)
    return counts


def told_late(clips: Sequence[Clip]) -> float:
    """Share of tones told right from what is seen 3 s later than it is taken for: a control."""
    tones = np.array([TONES.index(clip.tone) for clip in clips])
    late = features(clips, [after + SHIFT for after in TOLD_BY_FEW])
    return float((told(features(clips, TOLD_BY_FEW), tones, late) == tones).mean())


def accuracy(counts: Indices) -> float:
    """Share of those told right."""
    return float(np.trace(counts) / counts.sum())


def told(seen: Doubles, tones: Indices, asked: Doubles) -> Indices:
    """The tone of each of `asked` (m, d), learned from `seen` (n, d) with their `tones` (n,)."""
    known = np.unique(tones)
    means = np.stack([seen[tones == tone].mean(axis=0) for tone in known])
    within = seen - means[np.searchsorted(known, tones)]
    covariance = within.T @ within / len(seen)
    mean_variance = np.trace(covariance) / len(covariance)
    shrunken = (1 - SHRINKAGE) * covariance + (SHRINKAGE * mean_variance + 1e-9) * np.eye(len(covariance))
    weights = np.linalg.solve(shrunken, means.T)
    scores = asked @ weights - 0.5 * np.einsum("td,dt->t", means, weights)
    best: Indices = known[scores.argmax(axis=1)]
    return best
