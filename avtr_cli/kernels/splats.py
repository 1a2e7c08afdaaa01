"""3D Gaussians into a picture: projected, put in order of depth, listed by tiles, blended front to back.

The splatting of Kerbl et al. 2023 (arXiv:2308.04079) after EWA (Zwicker et al. 2001), with the constants of gsplat 1.5.
A splat ends where its opacity falls below 1/255, so tiles are a matter of speed alone: any size, and any number of
threads, gives the same bits. Colours are premultiplied; equal depths are drawn in the order of the input.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avtr_cli.kernels.compiling import Bytes, Counts, Doubles, Floats, Number, Words, helper, kernel, passage
from avtr_cli.kernels.splat_measures import BEYOND, LARGEST, LEAST_ALPHA, LEAST_LIGHT, MOST_ALPHA, NEAR, REACH

Shorts = NDArray[np.int16]

TILE_WIDTH, TILE_HEIGHT = 8, 16  # px: a row of a tile is one vector of most CPUs
BATCH = 16  # splats whose records are fetched together
RECORD = 16  # floats of a projected splat, one cache line
MARGIN = 0.05  # px around a splat, for what rounding moves
PLANES = 4 * TILE_WIDTH  # of a tile's row: what is still let through, red, green, blue

F: Any = np.float32
_BITS, _DIGITS = 11, 3  # of a depth's 32 bits, sorted by 11 at a time
_DIGIT = np.uint32((1 << _BITS) - 1)
# exp(-s) is a polynomial of s / 8, squared three times: 3e-6 off where alpha counts, which is up to s = 5.6.
_E0, _E1, _E2, _E3, _E4, _E5 = (
    F(c) for c in (0.9999999, -0.9999913, 0.49986768, -0.16591144, 0.03966546, -0.0057826466)
)


@passage
def _project(
    means: Floats, axes: Floats, opacities: Floats, colours: Floats, view: Doubles, lens: Doubles, width: int,
    height: int, low_pass: float, records: Floats, depths: Floats, spans: Shorts,
) -> int:  # fmt: skip
    """What a camera sees of Gaussians, packed to the front of the last three arrays; returns how many these are.

    `means` (n, 3) metres, `axes` (n, 3, 3) whose product with its transpose is the covariance, `opacities` (n,),
    `colours` (n, 3). `view` (3, 4) leads the world to the camera (x right, y down, z away), `lens` is the focal length
    along x and y and the centre, px; `low_pass` px^2 is added to what is seen. Into `records` (n, RECORD): x, y, the
    exponent's factors of dx dx, dx dy and dy dy, opacity, its exponent at LEAST_ALPHA, red, green, blue, half the
    height; into `depths` (n,) metres; into `spans` (n, 4) tiles: first and last column, first and last row.
    What lies outside the picture or is not finite is left out.
    """
    r00, r01, r02, t0 = F(view[0, 0]), F(view[0, 1]), F(view[0, 2]), F(view[0, 3])
    r10, r11, r12, t1 = F(view[1, 0]), F(view[1, 1]), F(view[1, 2]), F(view[1, 3])
    r20, r21, r22, t2 = F(view[2, 0]), F(view[2, 1]), F(view[2, 2]), F(view[2, 3])
    focal_x, focal_y, centre_x, centre_y = F(lens[0]), F(lens[1]), F(lens[2]), F(lens[3])
    wide, high, blur = F(width), F(height), F(low_pass)
    beyond_x, beyond_y = F(BEYOND) * F(0.5) * wide / focal_x, F(BEYOND) * F(0.5) * high / focal_y
    least_x, most_x = -(centre_x / focal_x + beyond_x), (wide - centre_x) / focal_x + beyond_x
    least_y, most_y = -(centre_y / focal_y + beyond_y), (high - centre_y) / focal_y + beyond_y
    columns, rows = (width + TILE_WIDTH - 1) // TILE_WIDTH, (height + TILE_HEIGHT - 1) // TILE_HEIGHT
    seen = 0
    known, tau, reach = F(-1), F(0), F(0)
    for i in range(means.shape[0]):
        opacity = opacities[i]
        if not (opacity >= F(LEAST_ALPHA) and opacity < F(np.inf)):
            continue
        a, b, c = means[i, 0], means[i, 1], means[i, 2]
        z = r20 * a + r21 * b + r22 * c + t2
        if not (z >= F(NEAR) and z < F(np.inf)):
            continue
        x, y = r00 * a + r01 * b + r02 * c + t0, r10 * a + r11 * b + r12 * c + t1
        per_z = F(1) / z
        x, y = x * per_z, y * per_z
        u, v = focal_x * x + centre_x, focal_y * y + centre_y
        # Rows of the projection's slope at the mean, in world axes.
        x, y = min(max(x, least_x), most_x), min(max(y, least_y), most_y)
        scale = focal_x * per_z
        j0, j1, j2 = scale * (r00 - x * r20), scale * (r01 - x * r21), scale * (r02 - x * r22)
        scale = focal_y * per_z
        k0, k1, k2 = scale * (r10 - y * r20), scale * (r11 - y * r21), scale * (r12 - y * r22)
        m = axes[i]
        p0 = j0 * m[0, 0] + j1 * m[1, 0] + j2 * m[2, 0]
        p1 = j0 * m[0, 1] + j1 * m[1, 1] + j2 * m[2, 1]
        p2 = j0 * m[0, 2] + j1 * m[1, 2] + j2 * m[2, 2]
        q0 = k0 * m[0, 0] + k1 * m[1, 0] + k2 * m[2, 0]
        q1 = k0 * m[0, 1] + k1 * m[1, 1] + k2 * m[2, 1]
        q2 = k0 * m[0, 2] + k1 * m[1, 2] + k2 * m[2, 2]
        xx, xy, yy = p0 * p0 + p1 * p1 + p2 * p2, p0 * q0 + p1 * q1 + p2 * q2, q0 * q0 + q1 * q1 + q2 * q2
        # The determinant as a sum of squares (Cauchy-Binet), so that long thin splats lose no digits.
        d0, d1, d2 = p0 * q1 - p1 * q0, p0 * q2 - p2 * q0, p1 * q2 - p2 * q1
        area = d0 * d0 + d1 * d1 + d2 * d2 + blur * (xx + yy) + blur * blur
        xx, yy = xx + blur, yy + blur
        if opacity != known:  # most have that of their neighbour
            known, tau = opacity, F(math.log(F(255) * opacity))
            reach = min(F(REACH), F(math.sqrt(F(2) * max(tau, F(0)))))
        half_x, half_y = reach * F(math.sqrt(xx)) + F(MARGIN), reach * F(math.sqrt(yy)) + F(MARGIN)
        if not (half_x < F(LARGEST) and half_y < F(LARGEST) and area > F(0)):
            continue
        if not (u + half_x > F(0) and u - half_x < wide and v + half_y > F(0) and v - half_y < high):
            continue
        red, green, blue = colours[i, 0], colours[i, 1], colours[i, 2]
        if not abs(red) + abs(green) + abs(blue) < F(np.inf):
            continue
        per_area = F(1) / area
        into, span = records[seen], spans[seen]
        into[0], into[1] = u, v
        into[2], into[3], into[4] = F(0.5) * yy * per_area, -xy * per_area, F(0.5) * xx * per_area
        into[5], into[6] = opacity, tau
        into[7], into[8], into[9], into[10] = red, green, blue, half_y
        span[0] = int(max(u - half_x, F(0))) // TILE_WIDTH
        span[1] = min(int(np.ceil(min(u + half_x, wide) * F(1 / TILE_WIDTH))), columns)
        span[2] = int(max(v - half_y, F(0))) // TILE_HEIGHT
        span[3] = min(int(np.ceil(min(v + half_y, high) * F(1 / TILE_HEIGHT))), rows)
        depths[seen] = z
        seen += 1
    return seen


@passage
def _sort(depths: Words, seen: int, order: Counts, other: Counts, counts: Counts) -> None:
    """Into `order` (n,): the first `seen` splats from near to far, equal ones as they came.

    `depths` are the bits of positive float32, which rise as these do. Scratch: `other` (n,), `counts` (2048,).
    """
    for i in range(seen):
        other[i] = i
    for digit in range(_DIGITS):
        shift = np.uint32(_BITS * digit)
        source, into = (other, order) if digit % 2 == 0 else (order, other)
        counts[:] = 0
        for i in range(seen):
            counts[(depths[i] >> shift) & _DIGIT] += 1
        before = 0
        for k in range(counts.shape[0]):
            count = counts[k]
            counts[k] = before
            before += count
        for i in range(seen):
            one = source[i]
            k = (depths[one] >> shift) & _DIGIT
            into[counts[k]] = one
            counts[k] += 1


@passage
def _count_tiles(spans: Shorts, seen: int, columns: int, starts: NDArray[np.int64]) -> int:
    """Into `starts` (tiles + 1,): where each tile's list begins, of `columns` tiles a row; returns their length."""
    starts[:] = 0
    for i in range(seen):
        for row in range(spans[i, 2], spans[i, 3]):
            for column in range(spans[i, 0], spans[i, 1]):
                starts[row * columns + column + 1] += 1
    for tile in range(starts.shape[0] - 1):
        starts[tile + 1] += starts[tile]
    entries: int = starts[-1]
    return entries


@passage
def _list_tiles(spans: Shorts, order: Counts, seen: int, columns: int, ends: NDArray[np.int64], listed: Counts) -> None:
    """Into `listed`: the splats of each tile, near to far; `ends` (tiles,) goes from where lists begin to their end."""
    for i in range(seen):
        one = order[i]
        for row in range(spans[one, 2], spans[one, 3]):
            for column in range(spans[one, 0], spans[one, 1]):
                tile = row * columns + column
                listed[ends[tile]] = one
                ends[tile] += 1


@kernel(
    "i8(f4[:,::1], f4[:,:,::1], f4[::1], f4[:,::1], f8[:,::1], f8[::1], i8, i8, f8, f4[:,::1], f4[::1], u4[::1], "
    "i2[:,::1], i4[::1], i4[::1], i4[::1], i8[::1], i8[::1], i4[::1])"
)
def arrange(
    means: Floats, axes: Floats, opacities: Floats, colours: Floats, view: Doubles, lens: Doubles, width: int,
    height: int, low_pass: float, records: Floats, depths: Floats, bits: Words, spans: Shorts, order: Counts,
    other: Counts, counts: Counts, starts: NDArray[np.int64], ends: NDArray[np.int64], listed: Counts,
) -> int:  # fmt: skip
    """What a camera sees of Gaussians, listed by tiles near to far: all that goes before `blend`, in one call.

    See the four steps; `bits` are those of `depths`. Returns how long the lists are together. Where `listed` is
    shorter, they are not made, and this is to be called again with more memory.
    """
    columns = (width + TILE_WIDTH - 1) // TILE_WIDTH
    seen = _project(means, axes, opacities, colours, view, lens, width, height, low_pass, records, depths, spans)
    entries = _count_tiles(spans, seen, columns, starts)
    if entries <= listed.shape[0]:
        _sort(bits, seen, order, other, counts)
        ends[:] = starts[:-1]
        _list_tiles(spans, order, seen, columns, ends, listed)
    return entries


@helper
def _add(sums: Floats, splat: Floats, left: Number, top: Number, low: Number, high: Number) -> None:
    """One splat over the rows `low` .. `high` of a tile whose first pixel's centre is (`left`, `top`).

    A finished pixel's light is negative.
    """
    x, y, half = splat[0] - left, splat[1] - top, splat[10]
    across, both, down = splat[2], splat[3], splat[4]
    opacity, tau, red, green, blue = splat[5], splat[6], splat[7], splat[8], splat[9]
    first, last = int(np.ceil(max(y - half, F(low)))), int(np.floor(min(y + half, F(high - 1)))) + 1
    for i in range(first, last):
        dy = y - F(i)
        row = sums[i]
        of_row, slope = down * dy * dy, both * dy
        for k in range(TILE_WIDTH):
            dx = x - F(k)
            exponent = of_row + dx * (slope + across * dx)
            s = exponent * F(0.125)
            fall = _E0 + s * (_E1 + s * (_E2 + s * (_E3 + s * (_E4 + s * _E5))))
            fall = fall * fall
            fall = fall * fall
            fall = fall * fall
            alpha = min(opacity * fall, F(MOST_ALPHA))
            alpha = alpha if (exponent <= tau and exponent >= F(0)) else F(0)
            light = row[k]
            share = alpha * light
            left_over = light - share
            goes_on = left_over > F(LEAST_LIGHT)
            share = share if goes_on else F(0)
            row[k] = left_over if goes_on else -abs(light)
            row[TILE_WIDTH + k] += share * red
            row[2 * TILE_WIDTH + k] += share * green
            row[3 * TILE_WIDTH + k] += share * blue


@helper
def _alive(row: Floats) -> bool:
    """Whether any pixel of a tile's row still lets something through."""
    living = 0
    for k in range(TILE_WIDTH):
        living += 1 if row[k] > F(0) else 0
    return living > 0


@kernel("void(f4[:,::1], i4[::1], i8[::1], i8, i8, f4[:,::1], f4[:,::1], f4[:,:,::1])")
def blend(
    records: Floats, listed: Counts, starts: NDArray[np.int64], first: int, last: int, sums: Floats, near: Floats,
    out: Floats,
) -> None:  # fmt: skip
    """The tiles `first` .. `last` of `out` (h, w, 4): premultiplied colour, and how much of a pixel is covered.

    Scratch of one thread: `sums` (TILE_HEIGHT, PLANES), `near` (BATCH, RECORD).
    """
    height, width = out.shape[0], out.shape[1]
    columns = (width + TILE_WIDTH - 1) // TILE_WIDTH
    for tile in range(first, last):
        top, left = tile // columns * TILE_HEIGHT, tile % columns * TILE_WIDTH
        rows, wide = min(TILE_HEIGHT, height - top), min(TILE_WIDTH, width - left)
        at, end = starts[tile], starts[tile + 1]
        if at == end:
            for i in range(top, top + rows):
                for j in range(left, left + wide):
                    for k in range(4):
                        out[i, j, k] = F(0)
            continue
        for i in range(TILE_HEIGHT):
            row = sums[i]
            for k in range(TILE_WIDTH):
                row[k] = F(1) if i < rows and k < wide else F(-1)
            for k in range(TILE_WIDTH, PLANES):
                row[k] = F(0)
        low, high = 0, rows
        while at < end:
            # Records are copied first: these loads overlap, while the blending would wait for each in turn.
            count = min(BATCH, end - at)
            for n in range(count):
                source, into = records[listed[at + n]], near[n]
                for k in range(11):
                    into[k] = source[k]
            for n in range(count):
                _add(sums, near[n], F(left) + F(0.5), F(top) + F(0.5), low, high)
            at += count
            while low < high and not _alive(sums[low]):
                low += 1
            while low < high and not _alive(sums[high - 1]):
                high -= 1
            if low == high:
                break
        for i in range(rows):
            row = sums[i]
            for k in range(wide):
                pixel = out[top + i, left + k]
                pixel[0], pixel[1], pixel[2] = row[TILE_WIDTH + k], row[2 * TILE_WIDTH + k], row[3 * TILE_WIDTH + k]
                pixel[3] = F(1) - abs(row[k])


@kernel("void(f4[:,:,::1], i8[::1], u1[:,:,::1], u1[:,:,::1])")
def lay_over(drawn: Floats, starts: NDArray[np.int64], plate: Bytes, out: Bytes) -> None:
    """`drawn` (h, w, 4), 0 .. 1, over `plate` into `out`, both (h, w, 3); the plate exactly where nothing is.

    Tiles whose list is empty by `starts` are copied unread.
    """
    height, width = out.shape[0], out.shape[1]
    columns = (width + TILE_WIDTH - 1) // TILE_WIDTH
    for i in range(height):
        for column in range(columns):
            tile, first = i // TILE_HEIGHT * columns + column, column * TILE_WIDTH
            last = min(first + TILE_WIDTH, width)
            if starts[tile] == starts[tile + 1]:
                for j in range(first, last):
                    for k in range(3):
                        out[i, j, k] = plate[i, j, k]
                continue
            for j in range(first, last):
                pixel, behind, into = drawn[i, j], plate[i, j], out[i, j]
                through = F(1) - pixel[3]
                for k in range(3):
                    value = F(255) * pixel[k] + through * F(behind[k]) + F(0.5)
                    into[k] = np.uint8(np.int32(min(max(value, F(0)), F(255))))


@kernel("void(f4[:,:,::1], u1[:,:,::1])")
def cut_out(drawn: Floats, out: Bytes) -> None:
    """`drawn` (h, w, 4) of 0 .. 1 as a picture with straight alpha, `out` (h, w, 4); black where nothing is."""
    height, width = out.shape[0], out.shape[1]
    for i in range(height):
        for j in range(width):
            pixel, into = drawn[i, j], out[i, j]
            alpha = np.int32(F(255) * pixel[3] + F(0.5))
            into[3] = np.uint8(alpha)
            scale = F(255) / pixel[3] if alpha > 0 else F(0)
            for k in range(3):
                into[k] = np.uint8(np.int32(min(max(scale * pixel[k] + F(0.5), F(0)), F(255))))
