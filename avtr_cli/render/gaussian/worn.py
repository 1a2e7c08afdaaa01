"""What is worn on a bare wrist, a bracelet or a watch, so that a painted arm has it too.

The photo is laid straight along the forearm. Where a band crosses all of the skin, with skin above and below, and what
lies beside it goes on above or below, it is worn: a hem that covers the wrist goes on beside it. The photo tells where
its skin ends to both sides, and a fitted arm, which lies some pixels off, has the band from edge to edge.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from avtr_cli.core.arrays import Colour, Doubles, Floats, Mask, Picture, Points, Reals
from avtr_cli.render.gaussian.body_model import BodyModel
from avtr_cli.render.gaussian.sleeves import LIGHT, SHADES, Sleeves, like_colour

ELBOW, WRIST, NEAR = 1.2, 1.85, 0.1  # of `Sleeves.along`: the line of a forearm goes through the middles there
LOOKED_AT = (0.2, 1.45)  # of the line from the one to the other, from ELBOW
REACH, COLUMNS = 3.0, 2  # half widths to either side; columns a px
BARE = 0.2  # of what is looked at, the first: where the forearm's own skin is seen
HANDS_SHADES, HANDS_LIGHT = 0.15, (0.3, 2.0)  # by which that may differ from the hand's, as `like_colour` has them
LEAST_WIDE, MIDDLE = 0.6, 0.7  # of the usual width, that is skin in a row of skin; half widths where a row begins
MOSTLY, SMOOTH = 0.5, 5  # share of skin in a row, below which it is no skin; rows
LOW, HIGH, AROUND = 2, 1.3, 4  # rows of a band at least; of the width at most; rows of skin above and below
BESIDE, WITHIN = (1.6, 2.3), (0.4, 0.9)  # half widths: where it is looked whether a band goes on, and at itself
OUTER = 0.55  # half widths: from here outwards is what goes round to the other side: a watch has one face
EDGE = 0.92  # half widths: what is further out is soft
SOFT = 0.7  # px
THICK, FINE = 0.0015, 0.75  # m that it lies on the skin; px of the photo between Gaussians of it


@dataclass(frozen=True)
class Worn:
    """A band on one arm, of T rows across it and U columns, in a picture that is laid straight.

    begin, along  float64 (2,) px of the photo: where the first row crosses the arm's line, and that line's direction
    colours, share  float32 (T, U, 3) and (T, U): what is there, and whether that is the band
    skin, mesh    float64 (T, 2): px from the line at which the arm begins and ends, as seen and as fitted
    """

    begin: Points
    along: Points
    colours: Floats
    share: Floats
    skin: Doubles
    mesh: Doubles

    def on(self, places: Reals, behind: Mask) -> tuple[Floats, Floats]:
        """Colours (n, 3) and shares (n,) of the band at `places` (n, 2) px of the fitted arm; `behind` of its back."""
        rows, off = _told(places - self.begin, self.along)
        at = rows.clip(0, len(self.mesh) - 1)
        low, high, begin, end = (_between(of[:, k], at) for of in (self.mesh, self.skin) for k in (0, 1))
        wide = (2 * (off - low) / np.maximum(high - low, 1e-3) - 1).clip(-EDGE, EDGE)
        outer = np.where(wide < 0, -1, 1) * (OUTER + (1 - OUTER) * np.abs(wide))
        columns = begin + (np.where(behind, outer, wide) + 1) / 2 * (end - begin)
        x = (COLUMNS * columns + (self.share.shape[1] - 1) / 2).astype(np.float32)
        both = np.dstack([self.colours, self.share])
        found = cv2.remap(both, x[:, None], rows.astype(np.float32)[:, None], cv2.INTER_LINEAR, borderValue=(0,) * 4)
        return found[:, 0, :3], found[:, 0, 3]

    def crosses(self, places: Reals) -> Mask:
        """Which `places` (..., 2) px of the fitted arm are about as far along it as the band."""
        rows = np.flatnonzero(self.share.max(1) > 0)
        at = (places - self.begin) @ self.along
        return np.asarray((at > rows[0] - AROUND) & (at < rows[-1] + AROUND))


def worn_on(model: BodyModel, sleeves: Sleeves, places: Floats, limb: int, photo: Picture, hand: Colour) -> Worn | None:
    """Of the arm `limb`, whose vertices lie at `places` (V, 2) px and whose hand has the colour `hand`."""
    ours = model.vertex_limb == limb
    elbow, wrist = (
        places[ours & (np.abs(sleeves.along - where) < NEAR)].mean(0).astype(np.float64) for where in (ELBOW, WRIST)
    )
    long = float(np.linalg.norm(wrist - elbow))
    along = (wrist - elbow) / max(long, 1e-6)
    rows, off = _told(places[ours] - elbow, along)
    near = np.abs(sleeves.along[ours] - WRIST) < NEAR
    half = float(np.ptp(off[near])) / 2
    first, last = (int(long * share) for share in LOOKED_AT)
    if half < 1 or last - first < 4 * AROUND:
        return None
    begin = elbow + first * along
    colours = _straight(photo, begin, along, last - first, REACH * half)
    found = _band(colours, half, hand)
    if found is None:
        return None
    share, skin = found
    mesh = _extents(rows - first, off, len(colours))
    return Worn(begin, along, colours, cv2.GaussianBlur(share, (0, 0), SOFT), skin, mesh)


def _told(places: Reals, along: Points) -> tuple[Doubles, Doubles]:
    """How far `places` (n, 2) are along a line, and how far to its side."""
    return places @ along, places @ np.array([-along[1], along[0]])


def _between(values: Doubles, at: Doubles) -> Doubles:
    return np.interp(at, np.arange(len(values)), values)


def _straight(photo: Picture, begin: Points, along: Points, rows: int, reach: float) -> Floats:
    columns = (np.arange(2 * int(COLUMNS * reach) + 1) - int(COLUMNS * reach)) / COLUMNS
    across = np.array([-along[1], along[0]])
    grid = begin + np.arange(rows)[:, None, None] * along + columns[None, :, None] * across
    x, y = (np.ascontiguousarray(grid[..., k], dtype=np.float32) for k in (0, 1))
    return np.asarray(cv2.remap(photo, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))


def _band(colours: Floats, half: float, hand: Colour) -> tuple[Floats, Doubles] | None:
    """Where the band is (T, U), and where the skin ends (T, 2), in a straight picture (T, U, 3)."""
    count, middle = len(colours), colours.shape[1] // 2
    core = slice(middle - int(COLUMNS * half / 2), middle + int(COLUMNS * half / 2) + 1)
    own = np.median(colours[: max(int(BARE * count), 1), core].reshape(-1, 3), axis=0)
    if not like_colour(own[None], hand, HANDS_SHADES, HANDS_LIGHT)[0]:
        return None
    skin = like_colour(colours, own, SHADES, LIGHT)
    edges = _edges(skin, middle, int(COLUMNS * MIDDLE * half))
    wide = edges[:, 1] - edges[:, 0]
    usual = np.median(wide[np.isfinite(wide)]) if np.isfinite(wide).any() else 0.0
    of_skin = np.nan_to_num(wide) > LEAST_WIDE * usual
    if of_skin.sum() < 2 * AROUND:
        return None
    known = np.flatnonzero(of_skin)
    ends = np.stack([np.interp(np.arange(count), known, edges[known, k]) for k in (0, 1)], axis=1)
    column = np.arange(colours.shape[1])
    within = (column >= ends[:, :1]) & (column <= ends[:, 1:])
    bare = (skin & within).sum(1) >= MOSTLY * within.sum(1)
    rows = _run(bare, HIGH * usual / COLUMNS)
    if rows is None or _goes_on(colours, ends, rows):
        return None
    return _whole(~skin & within, rows), (ends - middle) / COLUMNS


def _whole(other: Mask, rows: slice) -> Floats:
    """(T, U) of 0 and 1: what is no skin in those rows, and what hangs together with it a little above and below."""
    first, last = rows.start - AROUND, rows.stop + AROUND
    count, pieces = cv2.connectedComponents(other[first:last].astype(np.uint8))
    of_band = np.bincount(pieces[AROUND:-AROUND].ravel(), minlength=count) > 0
    of_band[0] = False
    share = np.zeros(other.shape, np.float32)
    share[first:last] = of_band[pieces]
    return share


def _edges(skin: Mask, middle: int, reach: int) -> Doubles:
    """(T, 2): the first and the last column of skin around the middle in each row; NaN where there is none."""
    edges = np.full((len(skin), 2), np.nan)
    for number, row in enumerate(skin):
        there = middle - reach + np.flatnonzero(row[middle - reach : middle + reach + 1])
        if len(there):
            start = int(there[np.abs(there - middle).argmin()])
            off = np.flatnonzero(~row)
            left, right = off[off < start], off[off > start]
            edges[number] = left[-1] + 1 if len(left) else 0, right[0] - 1 if len(right) else len(row) - 1
    return edges


def _run(bare: Mask, most: float) -> slice | None:
    """The longest run of rows that are not `bare`, with bare ones above and below; None where it is none."""
    changes = np.flatnonzero(np.diff(np.concatenate([[True], bare, [True]]).astype(int)))
    runs = [
        slice(int(begin), int(end))
        for begin, end in zip(changes[::2], changes[1::2], strict=True)
        if LOW <= end - begin <= most
        and begin >= AROUND
        and end + AROUND <= len(bare)
        and bare[begin - AROUND : begin].all()
        and bare[end : end + AROUND].all()
    ]
    return max(runs, key=lambda run: run.stop - run.start, default=None)


def _goes_on(colours: Floats, ends: Doubles, rows: slice) -> bool:
    """Whether what lies in those rows lies beside the arm too, as a hem does that covers it."""
    middle, half = float(ends[rows].mean()), float(np.diff(ends[rows].mean(0))[0]) / 2
    around = (slice(rows.start - AROUND, rows.start), slice(rows.stop, rows.stop + AROUND))
    for side in (-1, 1):
        outside, inside = (
            slice(*sorted(max(int(middle + side * share * half), 0) for share in shares)) for shares in (BESIDE, WITHIN)
        )
        if outside.start >= colours.shape[1] - COLUMNS or outside.stop <= COLUMNS:
            return True
        here, band, above, below = (
            np.median(colours[which].reshape(-1, 3), axis=0)
            for which in ((rows, outside), (rows, inside), (around[0], outside), (around[1], outside))
        )
        if min(np.abs(above - here).sum(), np.abs(below - here).sum()) >= np.abs(band - here).sum():
            return True
    return False


def _extents(rows: Doubles, off: Doubles, count: int) -> Doubles:
    """(T, 2): from where to where points, `rows` along and `off` the line, reach; smoothed."""
    ends = np.full((count, 2), np.nan)
    for number in range(count):
        here = off[np.abs(rows - number) < SMOOTH]
        if len(here):
            ends[number] = here.min(), here.max()
    known = np.flatnonzero(np.isfinite(ends[:, 0]))
    return np.stack([np.interp(np.arange(count), known, ends[known, k]) for k in (0, 1)], axis=1)
