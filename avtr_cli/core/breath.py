"""How a body that does nothing else breathes."""

from __future__ import annotations

import math

import numpy as np

from avtr_cli.core.arrays import Floats
from avtr_cli.core.motion_space import BODY_CHANNELS
from avtr_cli.core.timing import FPS

BREATHS_HZ = 0.23  # about 14 a minute
CHEST_RISES, SHOULDERS_RISE = 0.010, 0.015  # radians from the mean, for a breath of 1


def still_body(first: int, frames: int) -> Floats:
    """float32 (frames, 36) from frame `first` on: zeros, but for the breath."""
    rows = np.zeros((frames, len(BODY_CHANNELS)), np.float32)
    seconds = (first + np.arange(frames)) / FPS
    rows[:, BODY_CHANNELS.index("chestBreath")] = np.sin(2 * math.pi * BREATHS_HZ * seconds)
    return rows
