"""How far groups of face points reach in a frame: what bounds the regions that are drawn anew."""

from __future__ import annotations

import numpy as np

from avtr_cli.kernels.compiling import Doubles, Floats, Integers, kernel


@kernel("void(i8[::1], f4[::1], f8[:,::1], f4[:,:,::1], i8[::1], f8[:,::1], f8[::1], f8[:,::1])")
def bounds(
    which: Integers, weights: Floats, rest: Doubles, deltas: Floats, ends: Integers, lead: Doubles, start: Doubles,
    found: Doubles,
) -> None:  # fmt: skip
    """Least x and y, largest x and y of each group, px, into `found` (groups, 4).

    Points `rest` (n, 3) are moved by the shapes `which` of `deltas` (shapes, n, 3), both EO, and led into the picture
    by `lead` (2, 3) and `start` (2,). A group ends before the point `ends`[group].
    """
    first = 0
    for group in range(ends.shape[0]):
        low_x, low_y, high_x, high_y = np.inf, np.inf, -np.inf, -np.inf
        for n in range(first, ends[group]):
            a, b, c = rest[n, 0], rest[n, 1], rest[n, 2]
            for k in range(which.shape[0]):
                delta = deltas[which[k], n]
                a += weights[k] * delta[0]
                b += weights[k] * delta[1]
                c += weights[k] * delta[2]
            x = lead[0, 0] * a + lead[0, 1] * b + lead[0, 2] * c + start[0]
            y = lead[1, 0] * a + lead[1, 1] * b + lead[1, 2] * c + start[1]
            low_x, high_x = min(low_x, x), max(high_x, x)
            low_y, high_y = min(low_y, y), max(high_y, y)
        found[group, 0], found[group, 1], found[group, 2], found[group, 3] = low_x, low_y, high_x, high_y
        first = ends[group]
