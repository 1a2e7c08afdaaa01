"""Curves of a face into the gestures that are clear in them: blinks, looks, and a listener's nods, smiles and brows.

What is found is cut out of the curve it was found in and told as `behaviour.behave` tells a gesture: its own course in
`curves`, its first frame in `starts`. A speaker's head and brows beat all the time, and no rule tells which beat was
meant as a gesture: there they stay talk. Accents and turns are not looked for at all (`SOUGHT`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d, median_filter
from scipy.signal import find_peaks

from avtr_cli.core.arrays import Doubles, Floats, Indices, Mask
from avtr_cli.core.timing import FPS
from avtr_cli.motion.gestures import CURVES, EVENTS, GAZE_CELLS, REFRACTORY

SOUGHT = ("nod", "brow", "smile", "blink", "gaze")
"""The events that are found; where none is found, none was: all others are unknown."""

_LISTENS = 0.3  # of the presence of the own voice, below which a gesture is a listener's
_BLINK_RISE, _BLINK_REACH = 0.3, 8  # weights above the lids around; frames to each side that a blink may last
_LIDS_REST = 25  # frames of the median that lids are compared with
_NOD_DEGREES, _NOD_BAND = 1.6, (0.045, 0.5)  # of a dip; s: sigmas between which a nod is
_BROW_RISE, _BROW_REST = 0.12, 2.0  # weights; s
_SMILE_RISE, _SMILE_REST = 0.12, 4.0
_SACCADE = 0.07  # gaze units that two fixations are apart, at least
_FIXATION = REFRACTORY["gaze"]  # frames
_COLUMN = {name: k for k, name in enumerate(CURVES)}


@dataclass(frozen=True)
class Found:
    """curves float32 (T, 8), starts bool (T, 7) in the order of gestures.EVENTS, gaze_cell int (T,)."""

    curves: Floats
    starts: Mask
    gaze_cell: Indices


def find(curves: dict[str, Doubles], presence: Doubles) -> Found:
    """`curves` (T,) by the names of CURVES; `presence` (T,) of the own voice in head and brows."""
    frames = len(presence)
    found = Found(
        np.zeros((frames, len(CURVES)), np.float32), np.zeros((frames, len(EVENTS)), bool), np.zeros(frames, int)
    )
    listens = presence < _LISTENS
    _take(found, "blink", "blink", *_blinks(curves["blink"]))
    nodded = gaussian_filter1d(curves["pitch"], _NOD_BAND[0] * FPS) - gaussian_filter1d(
        curves["pitch"], _NOD_BAND[1] * FPS
    )
    _take(found, "nod", "pitch", nodded, _humps(nodded, _NOD_DEGREES, 12), listens)
    for event, rise, rest in (("brow", _BROW_RISE, _BROW_REST), ("smile", _SMILE_RISE, _SMILE_REST)):
        above = curves[event] - _low_course(curves[event], rest)
        _take(found, event, event, above, _humps(above, rise, round(1.5 * rest * FPS)), listens)
    _looks(found, np.column_stack([curves["gazeX"], curves["gazeY"]]))
    return found


def _take(
    found: Found, event: str, column: str, course: Doubles, spans: list[tuple[int, int]], where: Mask | None = None
) -> None:
    """Tell `course` within each of `spans` that begins in `where`, unless the last of its kind is too near."""
    row, free = EVENTS.index(event), 0
    for first, last in spans:
        if first < free or (where is not None and not where[first:last].all()):
            continue
        found.curves[first:last, _COLUMN[column]] = course[first:last]
        found.starts[first, row] = True
        free = max(first + REFRACTORY[event], last)


def _blinks(lids: Doubles) -> tuple[Doubles, list[tuple[int, int]]]:
    """How far the lids are shut beyond how they hang around, and each blink's (first, last + 1)."""
    above = np.maximum(lids - median_filter(lids, _LIDS_REST, mode="nearest"), 0)
    return np.minimum(above, 1), _humps(above, _BLINK_RISE, _BLINK_REACH)


def _humps(course: Doubles, rise: float, reach: int) -> list[tuple[int, int]]:
    """(first, last + 1) around every peak of at least `rise`: to where a tenth is left, at most `reach` away."""
    spans: list[tuple[int, int]] = []
    for peak in find_peaks(np.pad(course, 1), height=rise, prominence=0.6 * rise)[0] - 1:
        floor = 0.1 * course[peak]
        before = np.flatnonzero(course[max(peak - reach, 0) : peak] <= floor)
        after = np.flatnonzero(course[peak + 1 : peak + 1 + reach] <= floor)
        first = max(peak - reach, 0) + int(before[-1]) + 1 if len(before) else max(peak - reach, 0)
        last = peak + 1 + int(after[0]) if len(after) else min(peak + 1 + reach, len(course))
        if not spans or first >= spans[-1][1]:
            spans.append((first, last))
        else:
            spans[-1] = (spans[-1][0], max(last, spans[-1][1]))
    return spans


def _low_course(values: Doubles, seconds: float) -> Doubles:
    """Where a curve mostly lies: its median over `seconds`, softened."""
    size = 2 * round(seconds * FPS / 2) + 1
    low: Doubles = gaussian_filter1d(
        median_filter(values, min(size, 2 * (len(values) // 2) + 1), mode="nearest"), 0.2 * FPS
    )
    return low


def _looks(found: Found, gaze: Doubles) -> None:
    """Gaze (T, 2) as fixations: each stretch its median, where a new one begins a start with the nearest cell."""
    still = median_filter(gaze, size=(5, 1), mode="nearest")
    borders = _jumps(still)
    row = EVENTS.index("gaze")
    for first, last in zip([0, *borders], [*borders, len(gaze)], strict=True):
        place = np.median(still[first:last], axis=0)
        found.curves[first:last, -2:] = place
        if first:
            found.starts[first, row] = True
            found.gaze_cell[first] = int(np.argmin(np.linalg.norm(np.array(GAZE_CELLS) - place, axis=1)))


def _jumps(gaze: Doubles) -> list[int]:
    """Frames at which the gaze goes elsewhere: the means of the frames before and after are a saccade apart."""
    reach = _FIXATION // 2
    sums = np.cumsum(np.concatenate([np.zeros((1, 2)), gaze]), axis=0)
    at = np.arange(reach, len(gaze) - reach)
    if not len(at):
        return []
    step = np.zeros(len(gaze))
    step[at] = np.linalg.norm(sums[at + reach] - 2 * sums[at] + sums[at - reach], axis=1) / reach
    return [int(frame) for frame in find_peaks(step, height=_SACCADE, distance=_FIXATION)[0]]
