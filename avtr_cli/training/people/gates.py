"""What was seen and heard of one side into pieces that can be trained on, or sentences that say why not.

A piece lies between cuts, shows one face all along and has the length that pieces have. Frames in which the face was
lost for a moment, behind a hand or by a blink of the tracker, are filled in between; longer gaps end a piece.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from avtr_cli.core.arrays import Doubles, Mask, Points
from avtr_cli.core.timing import FPS
from avtr_cli.perception.topology import CHIN, FOREHEAD, OUTER_EYE_CORNERS
from avtr_cli.training.people.solver import runs
from avtr_cli.training.people.watching import Seen

SMALLEST_FACE = 72.0  # px from forehead to chin: below, lids and lips are a few pixels
MOST_LOST, MOST_COMPANY = 0.4, 0.1  # shares of the frames without a face, and with more than one
LONGEST_GAP = 4  # frames without a face that are filled in
MOST_LAG = 2  # frames between lips and sound
LEAST_VOICE = 0.03  # share of the time
_PICTURE_JUMP, _PICTURE_TIMES = 25.0, 6.0  # of 255; times what the picture mostly changes by
_FACE_JUMP, _SIZE_JUMP = 0.6, 0.25  # EO between two frames; share of the face's size


@dataclass(frozen=True)
class Checked:
    """One side as the gates saw it: why it cannot be used, what else is to be told, and which frames can be used."""

    refusals: tuple[str, ...]
    usable: Mask
    cuts: tuple[int, ...]
    face_px: float
    lost: float
    company: float
    lag_frames: int | None


def check(seen: Seen, speech: Mask | None, lag: int | None) -> Checked:
    """`speech` is the mask of the voice at 100 Hz, None where none is wanted; `lag` as `together.lag_of` has it."""
    found = np.isfinite(seen.points[:, 0, 0])
    lost, company = float(1 - found.mean()), float((seen.faces > 1).mean())
    tall = _height(seen.points[found])
    reasons = []
    if not found.any():
        reasons.append("shows no face that Face Mesh finds; give a video of one person who faces the camera")
    elif lost > MOST_LOST:
        reasons.append(f"the face is lost in {lost:.0%} of its frames; give one in which it is seen all along")
    if company > MOST_COMPANY:
        reasons.append(f"shows more than one face in {company:.0%} of its frames; cut it to one person")
    if found.any() and tall < SMALLEST_FACE:
        reasons.append(f"the face is only {tall:.0f} px tall; give a video in which it has {SMALLEST_FACE:.0f} px")
    if speech is not None and speech.mean() < LEAST_VOICE:
        reasons.append("no voice is heard in its sound; give the sound of the person who is seen")
    if lag is not None and abs(lag) > MOST_LAG:
        when = "after" if lag > 0 else "before"
        reasons.append(f"the sound comes {abs(lag) * 1000 // FPS} ms {when} the lips; shift it and try again")
    cuts = cuts_in(seen)
    usable = (seen.faces <= 1) & _filled(found)
    return Checked(tuple(reasons), usable, cuts, tall, lost, company, lag)


def cuts_in(seen: Seen) -> tuple[int, ...]:
    """Frames that are not what the frame before led to: the picture changes as a whole, or the face leaps or swells."""
    usual = float(np.median(seen.jumps)) if len(seen) else 0.0
    cut = seen.jumps > max(_PICTURE_JUMP, _PICTURE_TIMES * usual)
    corners = seen.points[:, list(OUTER_EYE_CORNERS), :2]
    unit = np.linalg.norm(corners[:, 1] - corners[:, 0], axis=1)
    middle = corners.mean(axis=1)
    with np.errstate(invalid="ignore"):
        leaps = np.linalg.norm(np.diff(middle, axis=0), axis=1) / unit[1:] > _FACE_JUMP
        swells = np.abs(np.diff(np.log(unit))) > _SIZE_JUMP
    cut[1:] |= leaps | swells
    return tuple(int(frame) for frame in np.flatnonzero(cut))


def stretches(usable: Mask, cuts: tuple[int, ...], least: int) -> list[tuple[int, int]]:
    """(first, last + 1) of every run of usable frames between cuts that is at least `least` frames long."""
    found = []
    for first, last in runs(usable):
        borders = [first, *(cut for cut in cuts if first < cut < last), last]
        found += [(a, b) for a, b in itertools.pairwise(borders) if b - a >= least]
    return found


def pieces_of(first: int, last: int, length: int) -> list[tuple[int, int]]:
    """A stretch as pieces of `length` frames; the last ends where the stretch does, and overlaps if it must."""
    starts = [*range(first, last - length, length), last - length]
    return [(start, start + length) for start in starts]


def without_gaps(points: Points) -> Points:
    """Points (T, 478, 3) of a stretch with its few lost frames on the line between their neighbours."""
    lost = ~np.isfinite(points[:, 0, 0])
    if not lost.any():
        return points
    filled: Points = points.copy()
    at = np.arange(len(points))
    flat = filled.reshape(len(points), -1)
    before = np.maximum.accumulate(np.where(lost, -1, at))
    after = np.minimum.accumulate(np.where(lost, len(points), at)[::-1])[::-1]
    before = np.where(before < 0, after, before)
    after = np.where(after >= len(points), before, after)
    share = (at - before) / np.maximum(after - before, 1)
    flat[lost] = flat[before[lost]] * (1 - share[lost])[:, None] + flat[after[lost]] * share[lost][:, None]
    return filled


def _filled(found: Mask) -> Mask:
    """The frames with a face, and those of gaps that are short enough to be filled in."""
    out: Mask = found.copy()
    for first, last in runs(~found):
        if first > 0 and last < len(found) and last - first <= LONGEST_GAP:
            out[first:last] = True
    return out


def _height(points: Points) -> float:
    """The median height of the face in px; 0 where there is none."""
    if not len(points):
        return 0.0
    heights: Doubles = np.linalg.norm(points[:, FOREHEAD] - points[:, CHIN], axis=1)
    return float(np.median(heights))
