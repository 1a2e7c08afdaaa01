"""A body's skin moved by its bones, and Gaussians carried by the skin: the work of every frame, in one pass each.

`BodyModel.posed` and `skinned` are the plain form of the first and the third. A Gaussian's axes are a matrix whose
product with its transpose is the covariance; on a triangle they are kept in the frame of two edges and the normal, so
that it stretches with the skin.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from avtr_cli.kernels.compiling import Counts, Doubles, Floats, Integers, kernel

F: Any = np.float32
TINY = F(1e-20)


@kernel("void(i8[::1], f8[:,::1], f8[:,:,::1], f8[::1], f8[:,:,::1], f8[:,::1], f4[:,:,::1])")
def chain(
    parents: Integers, heads: Doubles, turns: Doubles, shift: Doubles, turned: Doubles, placed: Doubles, maps: Floats
) -> None:
    """Bones one after the other, parents first: `turned` (J, 3, 3), `placed` (J, 3), and `maps` (J, 3, 4) of points.

    `heads` (J, 3) at rest, `turns` (J, 3, 3) of each bone against its parent, `shift` (3,) of the root.
    """
    for j in range(parents.shape[0]):
        parent = parents[j]
        for row in range(3):
            if parent < 0:
                placed[j, row] = heads[j, row] + shift[row]
            else:
                place = placed[parent, row]
                for k in range(3):
                    place += turned[parent, row, k] * (heads[j, k] - heads[parent, k])
                placed[j, row] = place
            for column in range(3):
                if parent < 0:
                    turned[j, row, column] = turns[j, row, column]
                else:
                    total = 0.0
                    for k in range(3):
                        total += turned[parent, row, k] * turns[j, k, column]
                    turned[j, row, column] = total
        for row in range(3):
            aside = placed[j, row]
            for k in range(3):
                aside -= turned[j, row, k] * heads[j, k]
                maps[j, row, k] = turned[j, row, k]
            maps[j, row, 3] = aside


@kernel("void(f4[:,::1], i4[:,::1], f4[:,::1], f4[:,:,::1], f4[:,::1])")
def skin(vertices: Floats, carried_by: Counts, shares: Floats, maps: Floats, posed: Floats) -> None:
    """Linear blend skinning of `vertices` (V, 3) into `posed`: bones (V, k) with `shares`, the largest first."""
    for n in range(vertices.shape[0]):
        x, y, z = vertices[n, 0], vertices[n, 1], vertices[n, 2]
        for row in range(3):
            total = F(0)
            for k in range(carried_by.shape[1]):
                share = shares[n, k]
                if share == 0:
                    break
                one = maps[carried_by[n, k], row]
                total += share * (one[0] * x + one[1] * y + one[2] * z + one[3])
            posed[n, row] = total


@kernel("void(f4[:,::1], i4[:,::1], i4[::1], f4[:,::1], f4[::1], f4[:,:,::1], f4[::1], f4[:,::1], f4[:,:,::1])")
def carry(
    vertices: Floats, triangles: Counts, on: Counts, corners: Floats, above: Floats, form: Floats, longest: Floats,
    means: Floats, axes: Floats,
) -> None:  # fmt: skip
    """Gaussians on triangles of a posed mesh: `means` (n, 3), and `axes` (n, 3, 3) as columns.

    Gaussian g lies on the triangle `on`[g], at the weights `corners`[g] of its corners, `above`[g] m outside; `form`
    (n, 3, 3) has its axes as columns in the frame of the triangle's two edges and its unit normal. None of its axes
    becomes longer than `longest`[g] m: a sliver of skin that opens would make a thread of it.
    """
    for g in range(on.shape[0]):
        t = on[g]
        a, b, c = vertices[triangles[t, 0]], vertices[triangles[t, 1]], vertices[triangles[t, 2]]
        e0, e1, e2 = b[0] - a[0], b[1] - a[1], b[2] - a[2]
        f0, f1, f2 = c[0] - a[0], c[1] - a[1], c[2] - a[2]
        n0, n1, n2 = e1 * f2 - e2 * f1, e2 * f0 - e0 * f2, e0 * f1 - e1 * f0
        per_length = F(1) / F(math.sqrt(n0 * n0 + n1 * n1 + n2 * n2 + TINY))
        n0, n1, n2 = n0 * per_length, n1 * per_length, n2 * per_length
        of_a, of_b, of_c, high = corners[g, 0], corners[g, 1], corners[g, 2], above[g]
        means[g, 0] = of_a * a[0] + of_b * b[0] + of_c * c[0] + high * n0
        means[g, 1] = of_a * a[1] + of_b * b[1] + of_c * c[1] + high * n1
        means[g, 2] = of_a * a[2] + of_b * b[2] + of_c * c[2] + high * n2
        for k in range(3):
            p, q, r = form[g, 0, k], form[g, 1, k], form[g, 2, k]
            x, y, z = e0 * p + f0 * q + n0 * r, e1 * p + f1 * q + n1 * r, e2 * p + f2 * q + n2 * r
            square, most = x * x + y * y + z * z, longest[g]
            share = F(1) if square <= most * most else most / F(math.sqrt(square))
            axes[g, 0, k], axes[g, 1, k], axes[g, 2, k] = share * x, share * y, share * z


@kernel("void(f4[:,::1], f4[:,:,::1], i4[:,::1], f4[:,::1], f4[:,:,::1], f4[:,::1], f4[:,:,::1])")
def carry_loose(
    rest: Floats, form: Floats, carried_by: Counts, shares: Floats, maps: Floats, means: Floats, axes: Floats
) -> None:
    """Gaussians that no triangle carries: `rest` (n, 3) and their axes `form` (n, 3, 3) at rest, by bones (n, k)."""
    m = np.empty((3, 4), np.float32)
    for g in range(rest.shape[0]):
        for row in range(3):
            for column in range(4):
                total = F(0)
                for k in range(carried_by.shape[1]):
                    total += shares[g, k] * maps[carried_by[g, k], row, column]
                m[row, column] = total
            means[g, row] = m[row, 0] * rest[g, 0] + m[row, 1] * rest[g, 1] + m[row, 2] * rest[g, 2] + m[row, 3]
        for row in range(3):
            for k in range(3):
                axes[g, row, k] = m[row, 0] * form[g, 0, k] + m[row, 1] * form[g, 1, k] + m[row, 2] * form[g, 2, k]
