"""What a network sees of a picture: the same bits from OpenCV 4's warpPerspective and from places computed by us."""

from __future__ import annotations

import numpy as np
import pytest

from avtr_cli.perception.cutout import OPENCV_ROUNDS, cut_out, plainly_cut_out
from avtr_cli.perception.rects import Rect, letterbox, whole

BOTH = pytest.mark.parametrize("cut", [cut_out, plainly_cut_out])


def some_picture(random: np.random.Generator) -> np.ndarray:
    return random.integers(0, 256, (*random.integers(60, 500, 2), 3), dtype=np.uint8)


def some_rect(random: np.random.Generator, shape: tuple[int, ...]) -> Rect:
    side, turn = random.uniform(0.2, 1.6) * min(shape[:2]), random.uniform(-3, 3)
    x, y = random.uniform(0.1, 0.9, 2)
    return Rect(x * shape[1], y * shape[0], side, side, turn)


@pytest.mark.skipif(not OPENCV_ROUNDS, reason="only OpenCV 4 rounds places to 32nds; both are the plain form here")
@pytest.mark.parametrize("extended", [True, False])
@pytest.mark.parametrize("side", [128, 192, 256])
def test_the_quick_form_is_the_plain_one_to_the_bit(side, extended):
    random = np.random.default_rng(side)
    for _ in range(8):
        image = some_picture(random)
        for rect in (some_rect(random, image.shape), whole(image.shape), letterbox(image.shape)):
            quick, plain = (cut(image, rect, side, extended) for cut in (cut_out, plainly_cut_out))
            assert np.array_equal(quick, plain), rect


@BOTH
def test_the_whole_of_a_square_of_the_same_side_is_the_picture_itself(cut):
    image = np.random.default_rng(0).integers(0, 256, (192, 192, 3), dtype=np.uint8)
    assert np.array_equal(cut(image, whole(image.shape), 192, extended=True), image)


@BOTH
def test_a_letterbox_is_black_beyond_the_picture_and_an_extended_one_is_not(cut):
    image = np.full((64, 128, 3), 200, np.uint8)
    black, extended = (cut(image, letterbox(image.shape), 128, on) for on in (False, True))
    assert black[:30].max() == black[98:].max() == 0
    assert black[40:88].min() == extended.min() == 200


@BOTH
def test_a_rectangle_that_is_turned_clockwise_shows_its_content_upright(cut):
    """Its upper half is red, before it is turned to the right of the picture."""
    image = np.zeros((128, 128, 3), np.uint8)
    image[:, 64:, 0] = 255
    seen = cut(image, Rect(64, 64, 100, 100, np.pi / 2), 128, extended=True)
    assert seen[:60, :, 0].min() == 255
    assert seen[68:, :, 0].max() == 0


@BOTH
def test_a_rectangle_without_area_is_no_division_by_zero(cut, recwarn):
    image = np.full((64, 64, 3), 9, np.uint8)
    assert cut(image, Rect(32, 32, 0, 0), 128, extended=True).shape == (128, 128, 3)
    assert not recwarn
