"""UniLS's measures of a face against the true one: how far lips and vertices lie apart, how much face and head move.

Protocol `unils` is what the released evaluation computes. Protocol `avtr` avoids its traps: jumps between turns that
are glued together count as motion there, opposite motions cancel, and a listener is judged in silence too.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from avtr_cli.core.arrays import Doubles, Mask, Reals
from avtr_cli.evaluation.frechet import frechet, gaussian
from avtr_cli.evaluation.motion.voice import runs

PROTOCOLS = ("avtr", "unils")
WINDOW_FRAMES = 25  # of F-FID and P-FID in windows
SCALE = 100.0  # of FDD, PDD and JDD

Values = dict[str, float | None]


def measure(
    pred: Reals | None,
    true: Reals | None,
    head_pred: Reals | None,
    head_true: Reals | None,
    jaw_pred: Reals | None,
    jaw_true: Reals | None,
    own: Mask,
    partner: Mask,
    lips: Sequence[int] | None,
    upper: Sequence[int] | None,
    protocol: str,
) -> Values:
    """All measures of one clip; None for what was not given, or has too few frames.

    `pred` and `true` are vertices (T, V, 3) in mm without head rotation, heads (T, 3) in radians, jaws (T, 1); `own`
    and `partner` say who speaks, bool (T,). `lips` and `upper` index vertices, repeats count.
    """
    vertices, heads, jaws = _both(pred, true), _both(head_pred, head_true), _both(jaw_pred, jaw_true)
    states = {"S": own, "L": ~own} if protocol == "unils" else {"S": own, "L": partner & ~own, "rest": ~partner & ~own}
    moves = _glued if protocol == "unils" else _turnwise
    found: dict[str, float] = {}
    for state, where in states.items():
        if state == "S":
            found |= {f"S_{name}": value for name, value in _lips(vertices, where, lips, protocol).items()}
        found[f"{state}_FDD"] = _upper_face(vertices, where, upper, protocol)
        found[f"{state}_PDD"] = _mean_difference(heads, where, moves)
        found[f"{state}_JDD"] = _mean_difference(jaws, where, moves)
    return {name: value if math.isfinite(value) else None for name, value in found.items()}


def motion_frechet(preds: Sequence[Reals], truths: Sequence[Reals], windows: bool = False) -> float:
    """The Fréchet distance of all clips' frames (T, C), or of mean and spread in their whole windows of a second."""
    prepare = windowed if windows else np.asarray
    pooled = [[prepare(clip) for clip in side] for side in (preds, truths)]
    if not all(sum(map(len, side)) >= 2 for side in pooled):
        return math.nan
    return frechet(*gaussian(np.concatenate(pooled[0])), *gaussian(np.concatenate(pooled[1])))


Both = tuple[Doubles, Doubles] | None


def _both(one: Reals | None, other: Reals | None) -> Both:
    if one is None or other is None:
        return None
    return np.asarray(one, np.float64), np.asarray(other, np.float64)


def _lips(vertices: Both, where: Mask, lips: Sequence[int] | None, protocol: str) -> Mapping[str, float]:
    """LVE and MHD of the frames with the own voice."""
    names = ("LVE", "MHD") if protocol == "unils" else ("LVE", "LVE_classic", "LVE_max", "MHD")
    if vertices is None or where.sum() < 2:
        return dict.fromkeys(names, math.nan)
    squared = ((vertices[0][where] - vertices[1][where]) ** 2).sum(2)
    found = {"MHD": math.sqrt(squared.mean())}
    largest = squared[:, list(lips)].max(1) if lips else np.array([math.nan])
    found |= {
        "LVE": math.sqrt(largest.mean()),
        "LVE_classic": float(largest.mean()),
        "LVE_max": float(np.sqrt(largest).mean()),
    }
    return {name: found[name] for name in names}


def _upper_face(vertices: Both, where: Mask, upper: Sequence[int] | None, protocol: str) -> float:
    """FDD: how much the upper face's vertices move, against the true ones."""
    if vertices is None or not upper:
        return math.nan
    parts = [side[:, list(upper)] for side in vertices]
    if protocol == "unils":
        spreads = [_glued(part.sum(2), where) for part in parts]
    else:
        each = [_turnwise(part.reshape(len(part), -1), where) for part in parts]
        spreads = [np.sqrt((spread.reshape(-1, 3) ** 2).sum(1)) for spread in each]
    return SCALE * float(np.abs(spreads[0] - spreads[1]).mean())


def _mean_difference(tracks: Both, where: Mask, moves: object) -> float:
    if tracks is None:
        return math.nan
    assert callable(moves)
    return SCALE * float(np.abs(moves(tracks[0], where) - moves(tracks[1], where)).mean())


def _glued(columns: Doubles, where: Mask) -> Doubles:
    """Spread (n - 1) over the frames `where`, as if they were one stretch."""
    if where.sum() < 2:
        return np.full(columns.shape[1], np.nan)
    spread: Doubles = columns[where].std(0, ddof=1)
    return spread


def _turnwise(columns: Doubles, where: Mask) -> Doubles:
    """Spread about each stretch's own mean."""
    squares, freedom = np.zeros(columns.shape[1]), 0
    for first, end in runs(where):
        if end - first > 1:
            part = columns[first:end]
            squares += ((part - part.mean(0)) ** 2).sum(0)
            freedom += end - first - 1
    spread: Doubles = np.sqrt(squares / freedom) if freedom else np.full(columns.shape[1], np.nan)
    return spread


def windowed(clip: Reals) -> Doubles:
    """Mean and spread of every column in whole windows from the start, (windows, 2 C)."""
    table = np.asarray(clip, np.float64)
    count = len(table) // WINDOW_FRAMES
    cut = table[: count * WINDOW_FRAMES].reshape(count, WINDOW_FRAMES, table.shape[1])
    return np.concatenate([cut.mean(1), cut.std(1, ddof=1)], axis=1)
