"""Whether a face wears glasses with a visible frame: a thin line across the bridge of the nose and one under an eye,
or, where shade hides the bridge, a strong one under each eye.

Frames do not bend. On such a face brows move less, and lids are painted inside the lenses only.
"""

from __future__ import annotations

import cv2
import numpy as np

from avtr_cli.core.arrays import Image, Points, Vector
from avtr_cli.perception.topology import CHEEKS, EYES
from avtr_cli.render.split import LUMA

# By what share a line must be darker than the darker of its two sides. Bare faces show 0.03 at most.
LINE, STRONG_LINE = 0.10, 0.30
BLACK = 0.25  # of the cheeks' luminance: in darker shade than this shares mean nothing
THICKEST = 0.09  # EO


def wears_glasses(image: Image, points: Points, unit: float) -> bool:
    """`image` uint8 (H, W, 3) with face `points` (478, 3) px, `unit` px per EO."""
    soft = cv2.GaussianBlur(image, (0, 0), max(0.6, 0.006 * unit)).astype(np.float32) @ LUMA.astype(np.float32)
    corners = [points[[eye.upper[0], eye.upper[-1]], :2] for eye in EYES]
    across = corners[1].mean(axis=0) - corners[0].mean(axis=0)
    across = across / np.linalg.norm(across)
    down = np.array([-across[1], across[0]])
    x, y = points[list(CHEEKS), :2].astype(int).T
    skin = float(np.median(soft[y.clip(0, soft.shape[0] - 1), x.clip(0, soft.shape[1] - 1)]))

    def line_at(middle: Vector, half: float, top: float, bottom: float) -> float:
        """How dark a line crosses the strip `half` EO to both sides of `middle`, from `top` to `bottom` EO below it."""
        steps = np.arange(top, bottom, 0.01)
        aside = np.linspace(-half, half, 9)
        places = middle + unit * (steps[:, None, None] * down + aside[None, :, None] * across)
        seen = cv2.remap(
            soft, places[..., 0].astype(np.float32), places[..., 1].astype(np.float32), cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )  # fmt: skip
        reach = round(THICKEST / 0.01)
        above, here, below = seen[: -2 * reach], seen[reach:-reach], seen[2 * reach :]
        sides = np.minimum(above, below)
        darker = (sides - here) / np.maximum(sides, BLACK * skin)
        # A frame crosses the whole strip, at a height that may change a little from column to column.
        spread = cv2.dilate(darker, np.ones((7, 1), np.uint8))
        return float(np.quantile(spread, 0.2, axis=1).max())

    inner = (corners[0][1] + corners[1][1]) / 2
    bridge = line_at(inner, 0.06, -0.22, 0.24)
    under = [line_at(ends.mean(axis=0), 0.08, 0.10, 0.42) for ends in corners]
    return min(bridge, max(under)) > LINE or min(under) > STRONG_LINE
