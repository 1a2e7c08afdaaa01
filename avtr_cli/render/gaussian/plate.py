"""What stands behind the person: the photo without them, the hole filled with patches of what is seen beside it.

From coarse to fine, as Wexler et al. 2007 and Newson et al. 2014 do: at each size every patch over the hole looks for
the one outside that is most like it, and every pixel takes what the patches over it say. What an arm uncovers goes on
so as it goes on beside the arm: a rail, a shore, leaves. Nearer patches are preferred, and such of the same height,
since what stands behind people lies in layers.
"""

from __future__ import annotations

import cv2
import numpy as np

from avtr_cli.core.arrays import Floats, Image, Mask, Matte, Picture
from avtr_cli.kernels import patches
from avtr_cli.render.split import fill_hole

HIDES = 0.1  # of the matte: what lies behind such pixels is made up
MARGIN, FADES = 7, (2, 5)  # px around them likewise; px from the matte at which the photo comes back, and over which
SMALLEST, THIN = 24, 4  # px: a side of the smallest picture; half the width of a hole that is thin enough to begin with
ROUNDS = (8, 5, 3, 2)  # of searching and voting, from the smallest size on; the last for all larger ones
SWEEPS = (4, 3, 2, 2)
FINEST_ROUNDS, FINEST_SWEEPS, FINEST_RADIUS = 1, 2, 2  # at the photo's own size, where only neighbours are asked
LIGHTER = 0.04  # of 1: by which a patch may be made lighter or darker to suit
SOFT, SOFT_LAST = 0.3, 0.1  # see `patches.vote`
DOUBTED = 0.85  # per px of the whole picture / 96: how much less a guess is believed, the further it is in the hole
LAYERED = 6  # times as far, aside, as up and down that smooth colours go on
FAR = (0.15, 0.025)  # cost of a patch as far up or down, or aside, as the picture is long, as squares of a colour
FEW = 60  # patches outside, at the smallest size, below which nothing can be copied


def behind_person(picture: Image, matte: Matte) -> Image:
    """`picture` uint8 (H, W, 3) without the person of `matte` (H, W); the photo to the bit from 7 px beside on."""
    hides, shows = (matte > HIDES).astype(np.uint8), (matte <= HIDES).astype(np.uint8)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * MARGIN + 1, 2 * MARGIN + 1))
    filled = complete(picture, cv2.dilate(hides, disc) > 0)
    away = cv2.distanceTransform(shows, cv2.DIST_L2, 5)
    own = np.clip((away - FADES[0]) / FADES[1], 0, 1)[..., None]
    plate: Image = np.rint(filled + (picture - filled) * own).clip(0, 255).astype(np.uint8)
    return plate


def complete(picture: Image, hole: Mask) -> Picture:
    """`picture` as float32 of 255 with the pixels of `hole` (H, W) made up of patches from outside of it.

    Where there are none to copy, as where the person fills the picture, smooth colours go on.
    """
    if not hole.any():
        return picture.astype(np.float32)
    sizes = _sizes(picture, hole)
    if _good(sizes[0][1]).sum() < FEW:
        return 255 * _layered(picture / np.float32(255), hole)
    coarsest, its_hole = sizes[0]
    level = _Level(coarsest, its_hole, _layered(coarsest, its_hole), None)
    for number, (known, whole) in enumerate(sizes):
        if number:
            level = level.finer(known, whole)
        finest = number == len(sizes) - 1 and number > 0
        at = min(number, len(ROUNDS) - 1)
        radius = FINEST_RADIUS if finest else max(known.shape)
        level.work(FINEST_ROUNDS if finest else ROUNDS[at], FINEST_SWEEPS if finest else SWEEPS[at], radius)
        if finest or number == len(sizes) - 1:
            level.vote(SOFT_LAST)
    return (255 * level.filled).clip(0, 255)


def _layered(picture: Floats, hole: Mask) -> Picture:
    """Smooth colours over the hole, which know those beside it better than those above and below."""
    height, width = hole.shape
    narrow = (max(2, width // LAYERED), height)
    seen = (~hole).astype(np.float32)
    share = cv2.resize(seen, narrow, interpolation=cv2.INTER_AREA)
    colours = cv2.resize(picture * seen[..., None], narrow, interpolation=cv2.INTER_AREA)
    filled = fill_hole(colours / np.maximum(share, 1e-6)[..., None], share < 1e-3)
    wide = cv2.resize(filled, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.where(hole[..., None], wide, picture).astype(np.float32)


def _sizes(picture: Image, hole: Mask) -> list[tuple[Floats, Mask]]:
    """The picture, 0 .. 1, and its hole, from the smallest size to its own: halves, of whole pixels outside alone."""
    found = [((picture / np.float32(255)).astype(np.float32), hole)]
    while True:
        known, whole = found[-1]
        wide = cv2.distanceTransform(np.pad(whole, 1).astype(np.uint8), cv2.DIST_L2, 5).max()
        if wide <= THIN or min(whole.shape) < 2 * SMALLEST:
            return found[::-1]
        height, width = (side // 2 * 2 for side in whole.shape)
        seen = (~whole[:height, :width]).astype(np.float32)
        shape = (height // 2, 2, width // 2, 2)
        share = seen.reshape(shape).mean((1, 3))
        colours = (known[:height, :width] * seen[..., None]).reshape(*shape, 3).mean((1, 3))
        found.append(((colours / np.maximum(share, 1e-6)[..., None]).astype(np.float32), share < 1))


def _good(hole: Mask) -> Mask:
    """Middles of patches that lie within the picture and outside the hole."""
    inside = np.zeros_like(hole)
    inside[patches.REACH : -patches.REACH, patches.REACH : -patches.REACH] = True
    return np.asarray(inside & ~_touching(hole))


def _touching(hole: Mask) -> Mask:
    """Middles of patches that the hole reaches into."""
    return np.asarray(cv2.dilate(hole.astype(np.uint8), np.ones((patches.SIDE, patches.SIDE), np.uint8)) > 0)


class _Level:
    """One size of the picture: what fills its hole so far, and where each patch comes from."""

    def __init__(self, known: Floats, hole: Mask, filled: Floats, near: Floats | None):
        self.hole, self.wanted, self.good = (m.astype(np.uint8) for m in (hole, _touching(hole), _good(hole)))
        self.filled = np.ascontiguousarray(np.where(hole[..., None], filled, known), np.float32)
        longest = max(hole.shape)
        deep = cv2.distanceTransform(self.hole, cv2.DIST_L2, 5)
        self.trust = (DOUBTED ** (deep * 96 / longest)).astype(np.float32).clip(0.02, 1)
        self.far = (np.array(FAR) / longest).astype(np.float32)
        self.near = np.full((*hole.shape, 2), -1, np.int32) if near is None else near
        self.off = np.zeros(hole.shape, np.float32)
        self.number = 0

    def work(self, rounds: int, sweeps: int, radius: int) -> None:
        """Search and vote."""
        for _ in range(rounds):
            self._search(sweeps, radius)
            self.vote(SOFT)

    def _search(self, sweeps: int, radius: int) -> None:
        self.means = cv2.blur(self.filled, (patches.SIDE, patches.SIDE))
        for number in range(sweeps + 1):
            loop = patches.match if number else patches.measure
            loop(self.filled, self.means, self.trust, self.wanted, self.good, self.near, self.off, self.number, radius,
                 LIGHTER, self.far)  # fmt: skip
            self.number += 1

    def vote(self, soft: float) -> None:
        """What the patches say into `filled`."""
        made = self.filled.copy()
        patches.vote(self.filled, self.means, self.hole, self.wanted, self.near, self.off, LIGHTER, soft, made)
        self.filled = made

    def finer(self, known: Floats, hole: Mask) -> _Level:
        """The same at the next size: patches come from twice as far."""
        height, width = hole.shape
        y, x = np.mgrid[:height, :width]
        from_y, from_x = np.minimum(y // 2, self.hole.shape[0] - 1), np.minimum(x // 2, self.hole.shape[1] - 1)
        near = 2 * self.near[from_y, from_x] + np.stack([y - 2 * from_y, x - 2 * from_x], -1)
        near[self.near[from_y, from_x, 0] < 0] = -1
        larger = cv2.resize(self.filled, (width, height), interpolation=cv2.INTER_LINEAR)
        return _Level(known, hole, larger, np.ascontiguousarray(near, np.int32))
