"""What stands behind a person goes on as it is seen beside them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avtr_cli.render.completion import complete as complete_from
from avtr_cli.render.gaussian.plate import FAR, behind_person

pytestmark = pytest.mark.usefixtures("compiled_loops")


def complete(picture: np.ndarray, hole: np.ndarray) -> np.ndarray:
    return 255 * complete_from(picture.astype(np.float32) / 255, hole, ~hole, FAR)


def landscape(height: int = 180, width: int = 150) -> np.ndarray:
    """Sky, a shore, a lake with ripples, a dark rail, and posts below it; uint8 (H, W, 3)."""
    random = np.random.default_rng(3)
    y, x = np.mgrid[:height, :width]
    picture = np.empty((height, width, 3))
    picture[:] = [90, 150, 230]
    picture[y > 0.35 * height] = [60, 190, 180]
    picture[y > 0.60 * height] = [70, 120, 50]
    picture[(y > 0.60 * height) & (x % 24 < 6)] = [120, 90, 60]
    picture[np.abs(y - 0.60 * height) < 5] = [50, 30, 20]
    picture += 8 * random.standard_normal((height, width, 1))
    return picture.clip(0, 255).astype(np.uint8)


def person(height: int = 180, width: int = 150) -> np.ndarray:
    """bool (H, W): a head and a trunk that reaches down to the edge."""
    hole = np.zeros((height, width), np.uint8)
    cv2.circle(hole, (width // 2, height // 3), width // 9, 1, -1)
    hole[height // 3 :, 2 * width // 5 : 3 * width // 5] = 1
    return hole > 0


def test_layers_go_on_behind_a_person():
    picture, hole = landscape(), person()
    filled = complete(np.where(hole[..., None], np.uint8(200), picture), hole)
    deep = cv2.erode(hole.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    rows = np.arange(180)[:, None] + 0 * hole
    for name, at in {"sky": rows < 55, "lake": (rows > 70) & (rows < 98), "rail": np.abs(rows - 108) < 3}.items():
        made, own = filled[deep & at], picture[~hole & at]
        assert np.abs(made.mean(0) - own.mean(0)).max() < 6, name
        assert 0.4 < made.std(0).mean() / own.std(0).mean() < 1.5, name  # its grain, too


@pytest.mark.parametrize("slope", [-0.4, 0.0, 0.3])
def test_an_edge_that_is_cut_goes_on(slope):
    y, x = np.mgrid[:160, :200]
    grain = 8 * np.random.default_rng(5).standard_normal((160, 200, 1))
    above = y < 80 + slope * (x - 100)
    picture = (np.where(above[..., None], [230, 200, 90], [40, 60, 120]) + grain).clip(0, 255).astype(np.uint8)
    hole = (x > 85) & (x < 115)
    filled = complete(np.where(hole[..., None], np.uint8(128), picture), hole)
    made = filled[..., 0] > filled[..., 2]
    assert (made != above)[hole].mean() < 0.03  # of 160 px, five


def test_a_shade_goes_on_without_a_step():
    y, x = np.mgrid[:120, :160]
    picture = np.repeat((60 + 0.5 * x + 0.4 * y)[..., None], 3, 2).astype(np.uint8)
    hole = np.zeros((120, 160), bool)
    hole[30:, 60:100] = True
    filled = complete(np.where(hole[..., None], np.uint8(0), picture), hole)
    assert np.abs(filled - picture.astype(np.float32)).max() < 14
    assert np.abs(np.diff(filled, axis=1)).max() < 6


def test_the_photo_stays_where_nobody_hides_it():
    picture, hole = landscape(), person()
    plate = behind_person(picture, hole.astype(np.float32))
    away = cv2.distanceTransform((~hole).astype(np.uint8), cv2.DIST_L2, 5) >= 7
    assert (plate[away] == picture[away]).all()


def test_the_person_has_no_say():
    picture, hole = landscape(), person()
    one, other = (complete(np.where(hole[..., None], np.uint8(grey), picture), hole) for grey in (0, 255))
    np.testing.assert_array_equal(one, other)


def test_nobody_hides_nothing_and_somebody_everywhere_hides_all():
    picture = landscape(40, 31)
    np.testing.assert_allclose(complete(picture, np.zeros((40, 31), bool)), picture, atol=1e-3)
    assert np.isfinite(complete(picture, np.ones((40, 31), bool))).all()


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 70), st.integers(1, 70), st.integers(0, 2**31))
def test_any_size_and_any_hole_is_filled_within_the_colours_there_are(height, width, seed):
    random = np.random.default_rng(seed)
    picture = random.integers(0, 256, (height, width, 3)).astype(np.uint8)
    hole = cv2.GaussianBlur(random.standard_normal((height, width)), (0, 0), 3) > random.uniform(-0.3, 0.3)
    filled = complete(picture, hole)
    assert filled.shape == picture.shape
    assert filled.dtype == np.float32
    assert 0 <= filled.min() <= filled.max() <= 255
    np.testing.assert_allclose(filled[~hole], picture[~hole], atol=1e-3)
    np.testing.assert_array_equal(filled, complete(picture, hole))
