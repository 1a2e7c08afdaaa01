"""Pictures of a video, one after the other, into what its hands do: seen at all, how surely, how much they move.

Papers take the confidence of each of DWPose's points; MediaPipe tells none, so these rows (`_mp`) compare with nobody's
but each other's.
"""

from __future__ import annotations

import math

import numpy as np

from avtr_cli.core.arrays import Image
from avtr_cli.perception import hands

NAMES = ("hands.found", "HKC_mp", "HKV_mp")
MOST = 2
SURE_ENOUGH = 0.5  # score of a palm that is followed from then on


class Hands:
    """The hands of one video, each side by itself."""

    def __init__(self) -> None:
        self._follow = hands.Follower(MOST, SURE_ENOUGH)
        self._frames, self._with_hand = 0, 0
        self._sure: list[float] = []
        self._count = np.zeros(2)
        self._sums, self._squares = np.zeros((2, hands.POINTS, 2)), np.zeros((2, hands.POINTS, 2))

    def push(self, picture: Image) -> None:
        """The next picture (H, W, 3), RGB."""
        found = self._follow(picture)
        self._frames += 1
        self._with_hand += bool(found)
        for hand in found:
            side = int(hand.right >= 0.5)
            places = hand.points[:, :2] / picture.shape[0]
            self._sure.append(max(hand.right, 1 - hand.right))
            self._count[side] += 1
            self._sums[side] += places
            self._squares[side] += places**2

    def values(self) -> dict[str, float]:
        """`hands.found`: the share of frames with one; `HKC_mp`: mean score of its side; `HKV_mp`: spread over time.

        The spread is the sd of every point's x and y, in picture heights, meaned over both and over the sides seen.
        """
        if not self._frames:
            return {}
        spreads = []
        for count, sums, squares in zip(self._count, self._sums, self._squares, strict=True):
            if count:
                variance = squares / count - (sums / count) ** 2
                spreads.append(float(np.sqrt(np.maximum(variance, 0)).mean()))
        return {
            "hands.found": self._with_hand / self._frames,
            "HKC_mp": float(np.mean(self._sure)) if self._sure else math.nan,
            "HKV_mp": float(np.mean(spreads)) if spreads else math.nan,
        }
