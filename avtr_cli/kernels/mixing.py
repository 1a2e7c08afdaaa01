"""What is to be seen, undone into what overlapping splats must be: neighbours mix, and that is taken back.

How much of each neighbour's colour a pixel shows is known (`mixing`); the colours are found by Jacobi's iteration.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from avtr_cli.kernels.compiling import Floats, kernel

F: Any = np.float32
REACH = 2  # px that a splat is seen away from its own pixel
TAPS = (2 * REACH + 1) ** 2
STEP = F(0.9)  # of an error that is taken back in a round


@kernel("void(f4[:,:,::1], f4[:,:,::1], i8, f4[:,:,::1], f4[:,:,::1])")
def unmix(wanted: Floats, mixing: Floats, rounds: int, found: Floats, shown: Floats) -> None:
    """Into `found` what pixels must be for `wanted` to be seen, both (3, h, w); `shown` is memory of that shape.

    `mixing` (TAPS, h, w): how much each pixel shows of its neighbours, row by row from REACH above and to the left.
    """
    height, width = wanted.shape[1], wanted.shape[2]
    found[:] = wanted
    for _ in range(rounds):
        for k in range(3):
            for i in range(height):
                into = shown[k, i]
                into[:] = F(0)
                for tap in range(TAPS):
                    line, aside = i + tap // (2 * REACH + 1) - REACH, tap % (2 * REACH + 1) - REACH
                    if line < 0 or line >= height:
                        continue
                    share, other = mixing[tap, i], found[k, line]
                    for j in range(max(0, -aside), min(width, width - aside)):
                        into[j] += share[j] * other[j + aside]
        for k in range(3):
            for i in range(height):
                for j in range(width):
                    found[k, i, j] += STEP * (wanted[k, i, j] - shown[k, i, j])
