"""UniLS's five measures of FLAME motion against true motion, as its evaluation has them: the head still, in mm."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from avtr_cli.core.arrays import Doubles, Reals
from avtr_cli.motion.flame.codes import HEAD, JAW
from avtr_cli.motion.flame.model import FlameModel, vertices

MILLIMETRES = 1000.0  # per metre
SCALE = 100.0  # of FDD, PDD and JDD


def metrics(model: FlameModel, made: Reals, true: Reals, lips: Sequence[int], upper: Sequence[int]) -> Doubles:
    """(LVE, MHD, FDD, PDD, JDD) of motion (T, 108) against the true one; `lips` and `upper` index vertices.

    An index that stands there twice counts twice. LVE and MHD are mm.
    """
    ours, theirs = (vertices(model, codes, head=False).astype(np.float64) * MILLIMETRES for codes in (made, true))
    squared = ((ours - theirs) ** 2).sum(2)
    spreads = [part[:, list(upper)].sum(2).std(0, ddof=1) for part in (ours, theirs)]
    made, true = np.asarray(made, np.float64), np.asarray(true, np.float64)

    def difference(part: slice) -> float:
        return SCALE * float(np.abs(made[:, part].std(0, ddof=1) - true[:, part].std(0, ddof=1)).mean())

    return np.array([
        np.sqrt(squared[:, list(lips)].max(1).mean()),
        np.sqrt(squared.mean()),
        SCALE * np.abs(spreads[0] - spreads[1]).mean(),
        difference(HEAD),
        difference(slice(JAW, JAW + 1)),
    ])  # fmt: skip
