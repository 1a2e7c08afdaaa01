"""Pictures wider than a strip: drawn to their end, as bilinear interpolation says, in whatever bands of rows."""

from __future__ import annotations

import numpy as np

from avtr_cli.kernels import picture, strips
from avtr_cli.render.mesh.compiled import Loops

CELL, ROWS = 10, 3
COLUMNS = 2 * strips.STRIP // CELL + 3
HEIGHT, WIDTH = CELL * ROWS, CELL * COLUMNS
RANDOM = np.random.default_rng(5)
NODES = (RANDOM.uniform(-2, 2, (3, ROWS, COLUMNS)) * [[[1]], [[1]], [[0.1]]]).astype(np.float32)
ALPHA = RANDOM.integers(0, 256, (2 * HEIGHT - 1, 2 * WIDTH - 1, 1))
PERSON = np.concatenate([ALPHA * RANDOM.uniform(0, 1, (*ALPHA.shape[:2], 3)), ALPHA], axis=2).astype(np.uint8)
PLATE = RANDOM.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
TINT = np.array([1.0, 0.8, 0.6], np.float32)


def read(planes: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Bilinear values of `planes` (H, W, C), edges continued."""
    x, y = x.clip(0, planes.shape[1] - 1)[..., None], y.clip(0, planes.shape[0] - 1)[..., None]
    column, row = np.minimum(x.astype(int), planes.shape[1] - 2), np.minimum(y.astype(int), planes.shape[0] - 2)
    across, down, c, r = x - column, y - row, column[..., 0], row[..., 0]
    above = planes[r, c] * (1 - across) + planes[r, c + 1] * across
    return above * (1 - down) + (planes[r + 1, c] * (1 - across) + planes[r + 1, c + 1] * across) * down


def along(pixels: int, nodes: int) -> np.ndarray:
    return ((np.arange(pixels) + 0.5) / CELL - 0.5).clip(0, nodes - 1)


def drawn(*cuts: int) -> np.ndarray:
    at = along(WIDTH, COLUMNS)
    column_of = np.minimum(at.astype(np.int32), COLUMNS - 2)
    starts = np.searchsorted(column_of, np.arange(COLUMNS)).astype(np.int32)
    shows = np.ones((ROWS - 1, COLUMNS - 1), np.uint8)
    out = np.zeros_like(PLATE)
    for first, last in zip((0, *cuts), (*cuts, HEIGHT), strict=True):
        picture.draw(
            NODES, CELL, 0, 0, starts, (at - column_of).astype(np.float32), column_of, shows,
            PERSON.view(np.uint32)[..., 0], PLATE, TINT, out, first, last, *strips.scratch(),
        )  # fmt: skip
    return out


def test_a_wide_picture_is_what_interpolation_says_in_any_bands():
    Loops()
    x, y = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    nodes = np.meshgrid(along(WIDTH, COLUMNS), along(HEIGHT, ROWS))
    by_x, by_y, gain = np.moveaxis(read(NODES.transpose(1, 2, 0).astype(float), *nodes), 2, 0)
    person = read(PERSON.astype(float), 2 * (x + by_x), 2 * (y + by_y))
    wanted = person[..., :3] * (1 + gain[..., None] * TINT) + (1 - person[..., 3:] / 255) * PLATE
    out = drawn()
    assert np.abs(out - wanted.clip(0, 255)).max() <= 0.55
    assert np.array_equal(drawn(7, 20), out)
