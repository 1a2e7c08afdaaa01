"""What each face weight of the controls does to the 478 face points of the average head, eyes included.

Nobody draws by this: the renderer's lids are curves and its lips two layers. Bridges to other face models are fitted
to it.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from avtr_cli.core.arrays import Doubles, Points
from avtr_cli.core.motion_space import FACE_WEIGHTS
from avtr_cli.perception.template import template
from avtr_cli.perception.topology import EYES, POINTS
from avtr_cli.render.mesh.shapes import LOWER, SHAPES, UPPER, agree_where_shared, layer_points, shape_deltas

LID_SHARES = {"eyeBlink": (0.9, -0.1), "eyeWide": (-0.3, 0.0), "eyeSquint": (0.12, -0.30)}
"""Shares of the gap between the lids by which the upper and the lower one go down at 1, as `eyes` draws them."""


@lru_cache(maxsize=1)
def face_displacements() -> Doubles:
    """float64 (43, 478, 3) in EO, x right, y down, z away: rows in the order of FACE_WEIGHTS."""
    head, _ = template()
    layers = agree_where_shared(shape_deltas(head), head)
    upper, lower, below = layer_points(head)
    own = np.where(below, LOWER, UPPER)
    own[np.setdiff1d(upper, lower)], own[np.setdiff1d(lower, upper)] = UPPER, LOWER
    moved = np.zeros((len(FACE_WEIGHTS), POINTS, 3))
    for row, name in enumerate(FACE_WEIGHTS):
        if name.startswith("eye"):
            moved[row] = _lids(head, name)
        else:
            shape = SHAPES.index("sealJaw" if name == "mouthClose" else name)
            moved[row] = layers[own, shape, np.arange(POINTS)]
    return moved


def _lids(head: Points, name: str) -> Doubles:
    """The lids of one eye move by shares of the gap in their column; the corners stay."""
    shares = next(shares for weight, shares in LID_SHARES.items() if name.startswith(weight))
    moved = np.zeros((POINTS, 3))
    for eye in EYES:
        if not name.endswith(eye.side):
            continue
        curves = [head[np.array(lid)[np.argsort(head[list(lid), 0])]] for lid in (eye.upper, eye.lower)]
        for lid, share in ((eye.upper, shares[0]), (eye.lower, shares[1])):
            at = list(lid[1:-1])
            heights = [np.interp(head[at, 0], curve[:, 0], curve[:, 1]) for curve in curves]
            moved[at, 1] = share * (heights[1] - heights[0]).clip(0)
    return moved
