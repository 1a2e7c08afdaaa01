"""Small patches of a picture that look like others: the inner loops of filling a hole with what is seen elsewhere.

A patch is SIDE px wide, told by its middle. `near` (H, W, 2) int32 holds, for each pixel whose patch touches the hole,
the row and column of the patch that looks most like it, and `off` (H, W) how unlike it is. PatchMatch: Barnes et al.
2009; what stands here searches in the order of the pixels with numbers that follow from their places, so that a
picture gives the same bits always.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from avtr_cli.kernels.compiling import Bytes, Counts, Floats, Number, helper, kernel

F: Any = np.float32
U: Any = np.uint32
REACH = 3  # px from a patch's middle to its edge
SIDE = 2 * REACH + 1


@helper
def _unlike(
    picture: Floats, means: Floats, trust: Floats, y: Number, x: Number, v: Number, u: Number, least: Number,
    lighter: Number, far: Floats,
) -> Number:  # fmt: skip
    """The mean square difference of the patches at (y, x) and (v, u), or any number from `least` on.

    The other may be made lighter or darker in each colour by `lighter` at most; what is `far` away costs more. A pixel
    counts as it is trusted (H, W), that in the middle at least a little.
    """
    height, width = trust.shape
    away_y, away_x = F(abs(v - y)), F(abs(u - x))
    cost = far[0] * away_y + far[1] * away_x
    b0 = min(max(means[y, x, 0] - means[v, u, 0], -lighter), lighter)
    b1 = min(max(means[y, x, 1] - means[v, u, 1], -lighter), lighter)
    b2 = min(max(means[y, x, 2] - means[v, u, 2], -lighter), lighter)
    cost += b0 * b0 + b1 * b1 + b2 * b2
    total, weight = F(0), F(0)
    for j in range(max(-REACH, -y), min(REACH, height - 1 - y) + 1):
        for i in range(max(-REACH, -x), min(REACH, width - 1 - x) + 1):
            d0 = picture[y + j, x + i, 0] - picture[v + j, u + i, 0] - b0
            d1 = picture[y + j, x + i, 1] - picture[v + j, u + i, 1] - b1
            d2 = picture[y + j, x + i, 2] - picture[v + j, u + i, 2] - b2
            share = trust[y + j, x + i]
            total += share * (d0 * d0 + d1 * d1 + d2 * d2)
            weight += share
    return total / weight + cost


@helper
def _random(state: Number) -> Number:
    """The next of a row of numbers: xorshift, Marsaglia 2003."""
    state ^= state << U(13)
    state ^= state >> U(17)
    state ^= state << U(5)
    return state


@kernel("void(f4[:,:,::1], f4[:,:,::1], f4[:,::1], u1[:,::1], u1[:,::1], i4[:,:,::1], f4[:,::1], i8, f4, f4[::1])")
def measure(
    picture: Floats, means: Floats, trust: Floats, wanted: Bytes, good: Bytes, near: Counts, off: Floats,
    number: int, lighter: float, far: Floats,
) -> None:  # fmt: skip
    """How unlike the patches `near` are, into `off`; where one is none of `good` (H, W), another is drawn."""
    height, width = trust.shape
    for y in range(height):
        for x in range(width):
            if not wanted[y, x]:
                continue
            v, u = near[y, x, 0], near[y, x, 1]
            state = U(2654435761) * U(y * width + x + 1) + U(40503) * U(number)
            tries = 0
            while not (0 <= v < height and 0 <= u < width and good[v, u]):
                state = _random(state)
                v = (state >> U(8)) % U(height)
                state = _random(state)
                u = (state >> U(8)) % U(width)
                tries += 1
            near[y, x, 0], near[y, x, 1] = v, u
            off[y, x] = _unlike(picture, means, trust, y, x, near[y, x, 0], near[y, x, 1], F(np.inf), lighter, far)


@kernel("void(f4[:,:,::1], f4[:,:,::1], f4[:,::1], u1[:,::1], u1[:,::1], i4[:,:,::1], f4[:,::1], i8, i8, f4, f4[::1])")
def match(
    picture: Floats, means: Floats, trust: Floats, wanted: Bytes, good: Bytes, near: Counts, off: Floats,
    number: int, radius: int, lighter: float, far: Floats,
) -> None:  # fmt: skip
    """One sweep over the `wanted` pixels: what suits the neighbours, and tries at random within `radius` px.

    Forwards and backwards in turn, by `number`.
    """
    height, width = trust.shape
    step = 1 if number % 2 == 0 else -1
    for row in range(height):
        y = row if step > 0 else height - 1 - row
        for column in range(width):
            x = column if step > 0 else width - 1 - column
            if not wanted[y, x]:
                continue
            v, u, least = near[y, x, 0], near[y, x, 1], off[y, x]
            for way in range(2):
                from_y, from_x = (y - step, x) if way == 0 else (y, x - step)
                if not (0 <= from_y < height and 0 <= from_x < width and wanted[from_y, from_x]):
                    continue
                to_v, to_u = near[from_y, from_x, 0] + (y - from_y), near[from_y, from_x, 1] + (x - from_x)
                if 0 <= to_v < height and 0 <= to_u < width and good[to_v, to_u] and (to_v != v or to_u != u):
                    unlike = _unlike(picture, means, trust, y, x, to_v, to_u, least, lighter, far)
                    if unlike < least:
                        v, u, least = to_v, to_u, unlike
            state = U(2654435761) * U(y * width + x + 1) + U(40503) * U(number + 1)
            within = radius
            while within >= 1:
                state = _random(state)
                to_v = v + int((state >> U(8)) % U(2 * within + 1)) - within
                state = _random(state)
                to_u = u + int((state >> U(8)) % U(2 * within + 1)) - within
                if 0 <= to_v < height and 0 <= to_u < width and good[to_v, to_u]:
                    unlike = _unlike(picture, means, trust, y, x, to_v, to_u, least, lighter, far)
                    if unlike < least:
                        v, u, least = to_v, to_u, unlike
                within //= 2
            near[y, x, 0], near[y, x, 1], off[y, x] = v, u, least


@kernel("void(f4[:,:,::1], f4[:,:,::1], u1[:,::1], i4[:,:,::1], f4[:,::1], f4, f4, f4[:,:,::1])")
def vote(
    picture: Floats, means: Floats, hole: Bytes, near: Counts, off: Floats, lighter: float, soft: float, filled: Floats,
) -> None:  # fmt: skip
    """Each pixel of the `hole` into `filled`: the mean of what all patches over it say, the alike ones counting most.

    `soft` is how much less alike than the best one a patch may be to count, as a share of the mean; near 0 the best
    alone does.
    """
    height, width = hole.shape
    for y in range(height):
        for x in range(width):
            if not hole[y, x]:
                continue
            least, mean, count = F(np.inf), F(0), F(0)
            for j in range(max(-REACH, -y), min(REACH, height - 1 - y) + 1):
                for i in range(max(-REACH, -x), min(REACH, width - 1 - x) + 1):
                    least = min(least, off[y + j, x + i])
                    mean += off[y + j, x + i]
                    count += F(1)
            scale = F(1) / max(soft * mean / count, F(1e-7))
            s0, s1, s2, weight = F(0), F(0), F(0), F(0)
            for j in range(max(-REACH, -y), min(REACH, height - 1 - y) + 1):
                for i in range(max(-REACH, -x), min(REACH, width - 1 - x) + 1):
                    share = F(math.exp(-(off[y + j, x + i] - least) * scale))
                    v, u = near[y + j, x + i, 0], near[y + j, x + i, 1]
                    b0 = min(max(means[y + j, x + i, 0] - means[v, u, 0], -lighter), lighter)
                    b1 = min(max(means[y + j, x + i, 1] - means[v, u, 1], -lighter), lighter)
                    b2 = min(max(means[y + j, x + i, 2] - means[v, u, 2], -lighter), lighter)
                    s0 += share * (picture[v - j, u - i, 0] + b0)
                    s1 += share * (picture[v - j, u - i, 1] + b1)
                    s2 += share * (picture[v - j, u - i, 2] + b2)
                    weight += share
            filled[y, x, 0], filled[y, x, 1], filled[y, x, 2] = s0 / weight, s1 / weight, s2 / weight
