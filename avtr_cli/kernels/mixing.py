"""What is to be seen, undone into what overlapping splats must be: neighbours mix, and that is taken back.

How much of each other's colour pixels show is known (`Mixing`); the colours are found by Jacobi's iteration.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from avtr_cli.kernels.compiling import Counts, Floats, Integers, kernel

F: Any = np.float32
STEP = F(0.9)  # of an error that is taken back in a round


@kernel("void(f4[:,::1], i8[::1], i4[::1], f4[::1], i8, i8, i8, f4, f4[:,::1], f4[:,::1])")
def unmix(
    wanted: Floats, starts: Integers, others: Counts, shares: Floats, first: int, end: int, rounds: int, most: float,
    found: Floats, shown: Floats,
) -> None:  # fmt: skip
    """Into `found` what pixels must be for `wanted` to be seen, both (3, n); `shown` is memory of that shape.

    Pixel i shows `shares` of the colours of the pixels `others`, both (m,), from place starts[i] to starts[i + 1]; only
    pixels from `first` to before `end` are made anew, by `most` each at most.
    """
    found[:] = wanted
    for _ in range(rounds):
        for i in range(first, end):
            red, green, blue = F(0), F(0), F(0)
            for place in range(starts[i], starts[i + 1]):
                share, other = shares[place], others[place]
                red += share * found[0, other]
                green += share * found[1, other]
                blue += share * found[2, other]
            shown[0, i], shown[1, i], shown[2, i] = red, green, blue
        for k in range(3):
            for i in range(first, end):
                better = found[k, i] + STEP * (wanted[k, i] - shown[k, i])
                found[k, i] = min(max(better, wanted[k, i] - most), wanted[k, i] + most)
