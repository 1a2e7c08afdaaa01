"""What an expression changes of a photo, or a turn of its edges, laid on Gaussians as colour: passes over these."""

from __future__ import annotations

from typing import Any

import numpy as np

from avtr_cli.kernels.compiling import Bytes, Doubles, Floats, Integers, Number, kernel

F: Any = np.float32


@kernel("UniTuple(i8, 2)(u1[:,:,::1], u1[:,:,::1], i8, i8, f4[:,:,::1])")
def differ(drawn: Bytes, still: Bytes, left: int, top: int, changed: Floats) -> tuple[int, int]:
    """`drawn` less `still`, both (H, W, 3), into `changed` (3, h, w) of the box at (`left`, `top`), of 255.

    Returns the first row of the box in which anything differs, and the one after the last; twice 0 where nothing does.
    """
    height, width = changed.shape[1], changed.shape[2]
    begins, ends = 0, 0
    for i in range(height):
        new, old = drawn[top + i], still[top + i]
        differs: Number = 0
        for k in range(3):
            line = changed[k, i]
            for j in range(width):
                apart = np.int32(new[left + j, k]) - np.int32(old[left + j, k])
                line[j] = F(apart)
                differs |= apart
        if differs != 0:
            begins, ends = (begins if ends else i), i + 1
    return begins, ends


@kernel("void(i8[::1], i8[::1], f4[:,::1], u1[:,:,::1], i8, i8, i8, f4, f4[:,::1], f4[:,::1])")
def tint(
    which: Integers, at: Integers, changed: Floats, drawn: Bytes, left: int, top: int, width: int, beyond: float,
    own: Floats, colours: Floats,
) -> None:  # fmt: skip
    """`colours` (m, 3) of the Gaussians `which` (n,): their `own`, and what of `changed` (3, h w), of 255, is there.

    They stay between `own` and what `drawn` (H, W, 3) has there (its box begins at `left`, `top` and has `width`), or
    `beyond` (0 .. 1) these at most: own colours are not the photo's where splats overlap, and what comes on top of them
    would glitter where a turned head parts them.
    """
    for n in range(which.shape[0]):
        one, place = which[n], at[n]
        y, x = top + place // width, left + place % width
        for k in range(3):
            rest, seen = own[one, k], F(drawn[y, x, k]) / F(255)
            low, high = min(rest, seen) - beyond, max(rest, seen) + beyond
            colours[one, k] = min(max(rest + changed[k, place] / F(255), low), high)


@kernel("void(i8[::1], f8[:,::1], f8[::1], f8, f8, f4[:,::1], f4[:,::1], f4[:,::1], f4[:,::1])")
def open_edges(
    which: Integers, normals: Doubles, change: Doubles, begins: float, ends: float, closed: Floats, opened: Floats,
    own: Floats, colours: Floats,
) -> None:  # fmt: skip
    """Into `own` and `colours`, both (m, 3): those of the Gaussians `which` (n,), between `closed` and `opened` (n, 3).

    They open as the cosine to the view grows from `begins` to `ends`: `change` (3,) of the way to the head, along their
    `normals` (n, 3).
    """
    for n in range(which.shape[0]):
        grown = normals[n, 0] * change[0] + normals[n, 1] * change[1] + normals[n, 2] * change[2]
        share = min(max((grown - begins) / (ends - begins), 0.0), 1.0)
        by = F(share * share * (3.0 - 2.0 * share))
        for k in range(3):
            colour = closed[n, k] + by * (opened[n, k] - closed[n, k])
            own[which[n], k] = colour
            colours[which[n], k] = colour
