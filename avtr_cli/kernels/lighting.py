"""Light on painted skin, by the way that each of its Gaussians looks: one pass."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from avtr_cli.kernels.compiling import Floats, kernel

F: Any = np.float32
TINY = F(1e-20)
ACROSS, UP, TOWARDS = F(-0.25), F(-0.6), F(-0.76)  # where the light comes from
FLOOR, LIT = F(-0.19), F(0.32)  # of 1: what the light does not reach, and what it adds
EDGE = F(0.20)  # less where skin turns away from the camera: so one finger ends before the next


@kernel("void(f4[:,:,::1], f4[:,::1], f4[::1], f4[:,::1])")
def light(axes: Floats, own: Floats, share: Floats, colours: Floats) -> None:
    """`own` (m, 3) as lit into `colours`, by the third of `axes` (m, 3, 3), the normal; `share` (m,) of the effect."""
    for g in range(axes.shape[0]):
        x, y, z = axes[g, 0, 2], axes[g, 1, 2], axes[g, 2, 2]
        per_length = F(1) / F(math.sqrt(x * x + y * y + z * z + TINY))
        facing = (x * ACROSS + y * UP + z * TOWARDS) * per_length
        aside = F(1) - min(abs(z) * per_length, F(1))
        bright = F(1) + share[g] * (FLOOR + LIT * max(facing, F(0)) - EDGE * aside * aside)
        for k in range(3):
            colours[g, k] = own[g, k] * bright
