"""Holes in a picture filled with patches of what is seen elsewhere in it.

From coarse to fine, as Wexler et al. 2007 and Newson et al. 2014 do: at each size every patch over the hole looks for
the one outside that is most like it, and every pixel takes what the patches over it say. So edges and grain go on, of
which smooth colours know nothing.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import cv2
import numpy as np

from avtr_cli.core.arrays import Floats, Mask, Picture
from avtr_cli.core.folders import cache_folder
from avtr_cli.core.logs import NOTICE
from avtr_cli.kernels import compiling, patches
from avtr_cli.kernels.compiling import Counts
from avtr_cli.render.filling import fill_hole

SMALLEST, THIN = 40, 4  # px: a side of the smallest picture; half the width of a hole that is thin enough to begin with
FINEST_RADIUS = 2  # px: at the picture's own size only neighbours are asked
LIGHTER = 0.04  # of 1: by which a patch may be made lighter or darker to suit
SOFT, SOFT_LAST = 0.3, 0.1  # see `patches.vote`
DOUBTED = 0.85  # per 96th of the picture: how much less a guess is believed, the deeper it is in the hole
LEAST_TRUST = 0.02
LAYERED = 6  # times as far, aside, as up and down that smooth colours go on
logger = logging.getLogger(__name__)
FEW = 60  # patches outside below which a size has nothing to copy


@dataclass(frozen=True)
class Effort:
    """How long to search: rounds of searching and voting, and sweeps in each, at the smallest size, then the next...

    The last is for all larger ones; `finest` for the picture's own size.
    """

    rounds: tuple[int, ...] = (8, 5, 3, 2)
    sweeps: tuple[int, ...] = (4, 3, 2, 2)
    finest: tuple[int, int] = (1, 2)


THOROUGH, QUICK = Effort(), Effort((6, 4, 2, 1), (3, 2, 2, 1), (1, 1))
"""Quick takes half as long; wide holes are a little rougher in their middle."""


def ready() -> None:
    """Have the loops at hand; needed once before `complete`. Anything may be raised where Numba does not work."""
    compiling.load(cache_folder() / "kernels", lambda said: logger.log(NOTICE, said), {patches.__name__})


def complete(
    picture: Picture, hole: Mask, source: Mask, far: tuple[float, float], effort: Effort = THOROUGH
) -> Picture:
    """`picture` float32 (H, W, 3), 0 .. 1, with the pixels of `hole` (H, W) made up of patches of `source` alone.

    What is in neither is not asked. `far` is what a patch costs, as a square of a colour, that is as far up or down,
    and aside, as the picture is long: nearer ones are preferred. Where there are no patches to copy, smooth colours go
    on.
    """
    if not hole.any():
        return picture
    sizes = _sizes(picture, hole, source)
    if _good(sizes[0].source).sum() < FEW:
        return np.where(hole[..., None], _layered(picture, source), picture)
    level: _Level | None = None
    for number, size in enumerate(sizes):
        level = _Level(size, far) if level is None else level.finer(size)
        finest = number == len(sizes) - 1 and number > 0
        at = min(number, len(effort.rounds) - 1)
        if finest:
            level.work(*effort.finest, FINEST_RADIUS)
        else:
            level.work(effort.rounds[at], effort.sweeps[at], max(size.hole.shape))
    assert level is not None
    level.vote(SOFT_LAST)
    return level.filled.clip(0, 1)


@dataclass(frozen=True)
class _Size:
    picture: Floats
    hole: Mask
    source: Mask


def _sizes(picture: Floats, hole: Mask, source: Mask) -> list[_Size]:
    """From the smallest size to the picture's own: halves, whose source is of whole pixels of it alone."""
    found = [_Size(picture, hole, source)]
    while True:
        last = found[-1]
        wide = cv2.distanceTransform(np.pad(last.hole, 1).astype(np.uint8), cv2.DIST_L2, 5).max()
        if wide <= THIN or min(hole.shape) >> len(found) < SMALLEST:
            return found[::-1]
        height, width = (side // 2 * 2 for side in last.hole.shape)
        shape = (height // 2, 2, width // 2, 2)
        known = last.source[:height, :width].astype(np.float32)
        share = known.reshape(shape).mean((1, 3))
        colours = (last.picture[:height, :width] * known[..., None]).reshape(*shape, 3).mean((1, 3))
        half = last.hole[:height, :width].reshape(shape).any((1, 3))
        size = _Size((colours / np.maximum(share, 1e-6)[..., None]).astype(np.float32), half, (share == 1) & ~half)
        if _good(size.source).sum() < FEW:
            return found[::-1]
        found.append(size)


def _layered(picture: Floats, source: Mask) -> Picture:
    """Smooth colours everywhere, which know `source` beside them better than that above and below."""
    height, width = source.shape
    narrow = (max(2, width // LAYERED), height)
    seen = source.astype(np.float32)
    share = cv2.resize(seen, narrow, interpolation=cv2.INTER_AREA)
    colours = cv2.resize(picture * seen[..., None], narrow, interpolation=cv2.INTER_AREA)
    filled = fill_hole(colours / np.maximum(share, 1e-6)[..., None], share < 1e-3)
    return cv2.resize(filled, (width, height), interpolation=cv2.INTER_LINEAR)


def _good(source: Mask) -> Mask:
    """Middles of patches that lie within the picture and the source."""
    inside = np.zeros_like(source)
    inside[patches.REACH : -patches.REACH, patches.REACH : -patches.REACH] = True
    return np.asarray(inside & ~_touching(~source))


def _touching(hole: Mask) -> Mask:
    """Middles of patches that `hole` reaches into."""
    return np.asarray(cv2.dilate(hole.astype(np.uint8), np.ones((patches.SIDE, patches.SIDE), np.uint8)) > 0)


class _Level:
    """One size of the picture: what fills its hole so far, and where each patch comes from."""

    def __init__(self, size: _Size, far: tuple[float, float], filled: Floats | None = None, near: Counts | None = None):
        hole, longest = size.hole, max(size.hole.shape)
        self.hole, self.wanted, self.good = (m.astype(np.uint8) for m in (hole, _touching(hole), _good(size.source)))
        filled = _layered(size.picture, size.source) if filled is None else filled
        self.filled = np.ascontiguousarray(np.where(hole[..., None], filled, size.picture), np.float32)
        self.means = self.filled
        deep = cv2.distanceTransform(self.hole, cv2.DIST_L2, 5)
        believed = (DOUBTED ** (deep * 96 / longest)).clip(LEAST_TRUST, 1)
        self.asked = (hole | size.source).astype(np.float32)
        self.trust = (believed * self.asked).astype(np.float32)
        self.told_far, self.far = far, (np.array(far) / longest).astype(np.float32)
        self.near = np.full((*hole.shape, 2), -1, np.int32) if near is None else near
        self.off = np.zeros(hole.shape, np.float32)
        self.number = 0

    def work(self, rounds: int, sweeps: int, radius: int) -> None:
        """Search and vote."""
        for _ in range(rounds):
            self._search(sweeps, radius)
            self.vote(SOFT)

    def _search(self, sweeps: int, radius: int) -> None:
        square = (patches.SIDE, patches.SIDE)
        share = np.maximum(cv2.blur(self.asked, square), 1e-6)
        self.means = cv2.blur(self.filled * self.asked[..., None], square) / share[..., None]
        arrays = self.filled, self.means, self.trust, self.wanted, self.good, self.near, self.off
        patches.measure(*arrays, self.number, LIGHTER, self.far)
        for _ in range(sweeps):
            patches.match(*arrays, self.number, radius, LIGHTER, self.far)
            self.number += 1

    def vote(self, soft: float) -> None:
        """What the patches say into `filled`."""
        made = self.filled.copy()
        patches.vote(self.filled, self.means, self.hole, self.near, self.off, LIGHTER, soft, made)
        self.filled = made

    def finer(self, size: _Size) -> _Level:
        """The same at the next size: patches come from twice as far."""
        height, width = size.hole.shape
        y, x = np.mgrid[:height, :width]
        from_y, from_x = np.minimum(y // 2, self.hole.shape[0] - 1), np.minimum(x // 2, self.hole.shape[1] - 1)
        near = 2 * self.near[from_y, from_x] + np.stack([y - 2 * from_y, x - 2 * from_x], -1)
        near[self.near[from_y, from_x, 0] < 0] = -1
        larger = cv2.resize(self.filled, (width, height), interpolation=cv2.INTER_LINEAR)
        return _Level(size, self.told_far, larger, np.ascontiguousarray(near, np.int32))
