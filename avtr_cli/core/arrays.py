"""What an array holds, said in its type: the dtype is checked by mypy, shape and meaning are what the name stands for.

A name promises no shape that a function's docstring does not state; `n` and `T` are any number, `H` x `W` pixels.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
"""A picture (H, W, 3) in RGB, or (H, W, 4) with alpha; see core/types.py for where its pixels lie."""
Frames = NDArray[np.uint8]
"""Pictures of one size, (T, H, W, 3 or 4)."""
Grey = NDArray[np.uint8]
"""One channel of a picture, (H, W): luma, or coverage in 0 .. 255."""
Picture = NDArray[np.float32]
"""A picture being worked on, (H, W) or (H, W, C), in 0 .. 255 unless its function says 0 .. 1."""
Matte = NDArray[np.float32]
"""(H, W) in 0 .. 1: how much of each pixel belongs to what is asked for."""
Mask = NDArray[np.bool_]
"""Which pixels, points or frames: (H, W), (n,) or (T,)."""
Colour = NDArray[np.floating[Any]]
"""Red, green and blue, (3,) or (..., 3), float32 or float64."""

Points = NDArray[np.float64]
"""Places (n, 2) or (n, 3): x, y and depth, in pixels of a picture or in EO of a head."""
Vector = NDArray[np.float64]
"""One place, direction or shift, (2,) or (3,)."""
Rotation = NDArray[np.float64]
"""A rotation, or another linear map of space, (3, 3)."""
Affine = NDArray[np.float64]
"""An affine map of pixel coordinates, (2, 3), or (3, 3) with the last row 0 0 1."""

Sound = NDArray[np.float32]
"""Samples in -1 .. 1: (n,) of one side, (2, n) of both with rows (avatar, partner), or (n, channels) of a file."""
Labels = NDArray[np.uint8]
"""Which of a few classes, (T,) or (T, k)."""
Indices = NDArray[np.intp]
"""Whole numbers that count or point at rows, (n,)."""

Floats = NDArray[np.float32]
"""float32 of any other shape: what networks and kernels read."""
Doubles = NDArray[np.float64]
"""float64 of any other shape: tables, curves over frames and what is computed from them."""
Reals = NDArray[np.floating[Any]]
"""float32 or float64: what is only read and may come from either side."""
AnyArray = NDArray[Any]
"""Of a dtype that the caller chooses or a file decides."""
