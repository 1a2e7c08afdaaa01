"""A lip found again in another frame by its pixels: how far it moved, and whether it was stretched.

Face Mesh cannot tell that. Its line between shut lips strays from the visible one, on paintings and under moustaches by
a third of a lip, and lips once parted it outlines better: so to it they grow thinner or thicker while their pixels keep
their distances, and under a moustache its gap jumps to and fro while the drawn one grows. Here a strip of the frame at
rest, from the skin beyond a lip's border to its inner edge, is matched by normalised correlation.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from avtr_cli.core.arrays import Grey, Image
from avtr_cli.evaluation.mesh.studio import Studio
from avtr_cli.perception.topology import LIP_CENTRES, OUTER_LOWER_LIP, OUTER_UPPER_LIP


class LipBand:
    """A strip of picture from beyond a lip's outer border to its inner edge, to be found again in other frames."""

    WIDE, MARGIN, FINE = 0.16, 0.035, 4  # EO across; EO of skin beyond the border; times enlarged for sub-pixels
    REACH, ASIDE = 0.45, 0.05  # EO up and down, left and right, in which it is looked for

    def __init__(self, studio: Studio, upper: bool):
        outer, inner = (OUTER_UPPER_LIP[5], LIP_CENTRES[0]) if upper else (OUTER_LOWER_LIP[5], LIP_CENTRES[1])
        unit, sign = studio.unit, 1 if upper else -1
        x = float(studio.points[[outer, inner], 0].mean())
        ends = studio.points[outer, 1] - sign * self.MARGIN * unit, studio.points[inner, 1] - sign * 0.012 * unit
        self.top, self.bottom = min(ends), max(ends)
        self.left, self.right = x - self.WIDE / 2 * unit, x + self.WIDE / 2 * unit
        self.around = self.ASIDE * unit, self.REACH * unit
        self.rest = self._enlarged(studio.frame(), (0.0, 0.0))

    def _enlarged(self, frame: Image, more: tuple[float, float]) -> Grey:
        """The strip, larger by `more` (x, y) px on each side, FINE times as large."""
        width, height = self.right - self.left + 2 * more[0], self.bottom - self.top + 2 * more[1]
        to_frame = np.array([[1 / self.FINE, 0, self.left - more[0]], [0, 1 / self.FINE, self.top - more[1]]])
        size = (round(width * self.FINE), round(height * self.FINE))
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        return cv2.warpAffine(frame, to_frame, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)

    def found(self, frame: Image, stretches: Sequence[float] = (1.0,)) -> tuple[float, float]:
        """(px that its middle has moved down, how many times taller it has become) in `frame`."""
        field = self._enlarged(frame, self.around)
        best = (-2.0, 0.0, 1.0)
        for stretch in stretches:
            band = cv2.resize(self.rest, (self.rest.shape[1], round(self.rest.shape[0] * stretch)))
            scores = cv2.matchTemplate(field, band, cv2.TM_CCOEFF_NORMED).max(axis=1)
            at = int(scores.argmax())
            down = (at + band.shape[0] / 2 - field.shape[0] / 2) / self.FINE
            best = max(best, (float(scores[at]), down, band.shape[0] / self.rest.shape[0]))
        return best[1:]
