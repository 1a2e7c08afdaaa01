"""One person's calm face out of all that a video shows: what every control is counted from.

Nobody holds still for it, so each part of the face has its own calm frames: the mouth those in which the lips are
nearest to shut, silent ones where the voice tells, the brows those in which they hang low, the eyes those in which they
are as open as mostly. Of each, the median: a few odd frames change nothing.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from avtr_cli.core.arrays import Doubles, Mask, Points
from avtr_cli.perception.template import template
from avtr_cli.perception.topology import EYES, INNER_LOWER_LIP, INNER_UPPER_LIP, POINTS
from avtr_cli.training.people.heads import Heads

_LIPS_SHUT = 0.15  # share of the frames, those with the narrowest gap
_BROWS_LOW = (0.1, 0.5)  # quantiles of their height: the lowest few are frowns
_EYES_OPEN = (0.4, 0.8)  # quantiles of the opening: below are blinks, above is surprise
_FEW = 12  # frames: with less silence than this the voice is not asked
_UPPER_BROWS = (105, 334)


def calm_face(heads: Heads, quiet: Mask | None = None) -> Points:
    """The calm face (478, 3) in EO; `quiet` bool (T,) are the frames in which the person says nothing."""
    found = heads.found
    shapes = heads.shapes[found]
    calm: Points = np.median(shapes, axis=0)
    mouth, brows, eyes = _regions()
    for part, frames in (
        (mouth, _lips_shut(shapes, None if quiet is None else quiet[found])),
        (brows, _between(_brow_height(shapes), *_BROWS_LOW)),
        (eyes, _between(_eye_opening(shapes), *_EYES_OPEN)),
    ):
        calm[part] = np.median(shapes[frames][:, part], axis=0)
    return calm


def lip_gap(shapes: Points) -> Doubles:
    """How far the lips' inner edges are apart in the middle half of the mouth, (T,) in the unit of `shapes`."""
    apart = shapes[:, list(INNER_LOWER_LIP), 1] - shapes[:, list(INNER_UPPER_LIP), 1]
    gap: Doubles = apart[:, 3:8].mean(axis=1)
    return gap


def _lips_shut(shapes: Points, quiet: Mask | None) -> Mask:
    gap = lip_gap(shapes)
    if quiet is not None and quiet.sum() >= _FEW:
        return np.asarray(quiet & (gap <= np.quantile(gap[quiet], 2 * _LIPS_SHUT)))
    return np.asarray(gap <= np.quantile(gap, _LIPS_SHUT))


def _brow_height(shapes: Points) -> Doubles:
    height: Doubles = -shapes[:, list(_UPPER_BROWS), 1].mean(axis=1)
    return height


def _eye_opening(shapes: Points) -> Doubles:
    opening: Doubles = np.mean([shapes[:, eye.lower[4], 1] - shapes[:, eye.upper[4], 1] for eye in EYES], axis=0)
    return opening


def _between(values: Doubles, low: float, high: float) -> Mask:
    lowest, highest = np.quantile(values, [low, high])
    return np.asarray((values >= lowest) & (values <= highest))


@lru_cache(maxsize=1)
def _regions() -> tuple[Mask, Mask, Mask]:
    """(478,) of mouth and chin, of brows and forehead, of the eyes; the rest is the whole video's median."""
    points = template().points
    eyes = np.zeros(POINTS, bool)
    eyes[[point for eye in EYES for point in (*eye.upper, *eye.lower, *eye.ring, *eye.iris)]] = True
    return (points[:, 1] > 0.35) & ~eyes, (points[:, 1] < -0.08) & ~eyes, eyes
