"""Which vertices of FLAME's head are lips and upper face, as the user's landmark embedding places them.

UniLS's measures were published on lists of its own, which stand in its authors' code; who has them writes them into
the files to be judged, as `lips` and `upper`. These are for all others, and give numbers of their own.
"""

from __future__ import annotations

from avtr_cli.motion.flame.landmarks import Landmarks
from avtr_cli.motion.flame.model import FlameModel
from avtr_cli.perception.topology import (
    EYES,
    INNER_LOWER_LIP,
    INNER_UPPER_LIP,
    OUTER_LOWER_LIP,
    OUTER_UPPER_LIP,
)

LIPS = frozenset((*INNER_UPPER_LIP, *INNER_LOWER_LIP, *OUTER_UPPER_LIP, *OUTER_LOWER_LIP))
UPPER = frozenset(point for eye in EYES for point in (*eye.upper, *eye.lower, *eye.brow))


def lips_and_upper(model: FlameModel, landmarks: Landmarks) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Vertices of the triangles in which the points of the lips, and of lids and brows, lie; each once."""
    lists = []
    for wanted in (LIPS, UPPER):
        chosen = [face for point, face in zip(landmarks.points, landmarks.faces, strict=True) if int(point) in wanted]
        lists.append(tuple(sorted({int(vertex) for vertex in model.faces[chosen].ravel()})))
    return lists[0], lists[1]
