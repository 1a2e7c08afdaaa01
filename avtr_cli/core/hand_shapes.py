"""The shapes of hands as angles of their finger joints: relaxed, and the four that the channels of a body name.

Radians by which root, middle and end joint of thumb, index, middle, ring and little finger bend to the palm.
"""

from __future__ import annotations

import numpy as np

from avtr_cli.core.arrays import Doubles

THUMB, FINGERS, JOINTS = 0, 5, 3
RELAXED = ((0.10, 0.15, 0.15), (0.20, 0.32, 0.20), (0.28, 0.38, 0.24), (0.34, 0.42, 0.26), (0.38, 0.45, 0.28))
OPEN = ((-0.15, 0.0, 0.0), (-0.08, 0.02, 0.0), (-0.06, 0.03, 0.0), (-0.05, 0.04, 0.0), (-0.04, 0.06, 0.0))
FIST = ((0.45, 0.5, 0.6), *((1.25, 1.5, 0.9),) * 4)
POINTING = ((0.40, 0.45, 0.5), (0.05, 0.05, 0.02), (1.15, 1.4, 0.8), (1.25, 1.5, 0.9), (1.3, 1.5, 0.9))
PINCH = ((0.35, 0.35, 0.3), (0.75, 0.75, 0.35), (0.45, 0.5, 0.3), (0.42, 0.45, 0.3), (0.42, 0.45, 0.3))
SHAPES = (OPEN, POINTING, FIST, PINCH)  # in the order of the channels
SPREAD = np.array([0.0, 0.16, 0.04, -0.08, -0.2])  # radians of each finger's root, to the index finger's side, at 1
THUMB_OUT = 0.25  # radians at 1
THUMB_ACROSS = 0.6  # how much of a thumb's bend is the other fingers', the rest being towards the palm's middle


def flat(shape: tuple[tuple[float, ...], ...]) -> Doubles:
    """(15,): thumb to little finger, from the root."""
    return np.array(shape).reshape(-1)


def given(shapes: Doubles) -> Doubles:
    """Weights (..., 4) of the channels as shares, together 1 at most; the rest is a relaxed hand, or the photo's."""
    shares: Doubles = shapes.clip(0, 1)
    shares = shares / np.maximum(1.0, shares.sum(-1, keepdims=True))
    return shares


def aside(spread: Doubles, thumb: Doubles) -> Doubles:
    """(..., 5) radians that roots turn to the index finger's side, of the channels (...) `spread` and `thumb`."""
    turned: Doubles = spread[..., None] * SPREAD
    turned[..., THUMB] = THUMB_OUT * thumb
    return turned
