"""What is made up behind a head: things go on, walls stay plain, and it never fails."""

from __future__ import annotations

import logging

import cv2
import numpy as np
import pytest

from avtr_cli.core.arrays import Image, Mask
from avtr_cli.render import completion
from avtr_cli.render.behind import behind

UNIT = 60.0
SIDE = 241


@pytest.fixture
def hidden() -> Mask:
    mask = np.zeros((SIDE, SIDE), np.uint8)
    cv2.ellipse(mask, (SIDE // 2, SIDE // 2 + 30), (70, 95), 0, 0, 360, (1,), -1)
    return mask > 0


def bars() -> Image:
    """A fence: upright bars, soft at their edges, in front of a wall that is lighter above."""
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    wood = 0.5 + 0.5 * np.tanh(3 * np.sin(2 * np.pi * x / 24))
    picture = (1 - wood[..., None]) * (170, 180, 200) + wood[..., None] * (90, 60, 40)
    return np.rint(picture + 20 * (1 - y[..., None] / SIDE)).astype(np.uint8)


def wall(rng: np.random.Generator) -> Image:
    y, _ = np.mgrid[:SIDE, :SIDE]
    return np.rint(150 + 0.2 * y[..., None] + rng.normal(0, 4, (SIDE, SIDE, 3))).clip(0, 255).astype(np.uint8)


def seen_by_a_turn(hidden: Mask) -> Mask:
    """What a head uncovers that moves by .35 EO."""
    return hidden & (cv2.distanceTransform(hidden.astype(np.uint8), cv2.DIST_L2, 5) < 0.35 * UNIT)


def test_a_fence_goes_on_behind_the_head(hidden: Mask):
    picture, rim = bars(), seen_by_a_turn(hidden)
    photo = np.where(hidden[..., None], 30, picture).astype(np.uint8)
    filled = behind(photo, hidden, UNIT)
    assert filled.dtype == np.float32
    assert np.array_equal(filled[~hidden], photo[~hidden])
    missed = np.abs(filled - picture)[rim].mean()
    flat = np.abs(picture - picture[~hidden].mean(axis=0))[rim].mean()
    assert missed < 0.35 * flat
    assert np.array_equal(behind(photo, hidden, UNIT), filled)


def test_what_the_person_looks_like_is_not_asked(hidden: Mask):
    picture = bars()
    dark, light = (np.where(hidden[..., None], value, picture).astype(np.uint8) for value in (0, 255))
    assert np.array_equal(behind(dark, hidden, UNIT), behind(light, hidden, UNIT))


def test_a_wall_with_grain_stays_plain_and_costs_no_search(hidden: Mask, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(completion, "complete", pytest.fail)
    photo = wall(np.random.default_rng(1))
    filled = behind(photo, hidden, UNIT)
    inside = seen_by_a_turn(hidden)
    smooth = (cv2.GaussianBlur(of.astype(np.float32), (0, 0), 6) for of in (filled, photo))
    assert np.abs(np.subtract(*smooth))[inside].mean() < 5
    assert filled[inside].std() > 2.5  # of its grain


def test_where_numba_does_not_work_things_are_mirrored_and_a_line_says_so(
    hidden: Mask, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    def broken() -> None:
        raise RuntimeError("no such CPU")

    monkeypatch.setattr(completion, "ready", broken)
    with caplog.at_level(logging.WARNING):
        filled = behind(bars(), hidden, UNIT)
    assert np.isfinite(filled).all()
    assert "no such CPU" in caplog.text


@pytest.mark.parametrize("share", ["all", "none", "one pixel", "all but a rim"])
def test_any_part_may_be_hidden(share: str):
    hidden = np.zeros((SIDE, SIDE), bool)
    if share == "all":
        hidden[:] = True
    elif share == "one pixel":
        hidden[100, 120] = True
    elif share == "all but a rim":
        hidden[2:-2, 2:-2] = True
    filled = behind(bars(), hidden, UNIT)
    assert filled.shape == (SIDE, SIDE, 3)
    assert np.isfinite(filled).all()
    assert np.array_equal(filled[~hidden], bars()[~hidden])


@pytest.mark.parametrize("shape", [(40, 57), (9, 300), (3, 3)])
def test_small_and_narrow_pictures_are_filled_too(shape: tuple[int, int]):
    rng = np.random.default_rng(2)
    photo = rng.integers(0, 256, (*shape, 3), np.uint8)
    hidden = np.zeros(shape, bool)
    hidden[shape[0] // 3 : shape[0] // 2 + 1, shape[1] // 3 : 2 * shape[1] // 3] = True
    assert np.isfinite(behind(photo, hidden, 20.0)).all()
