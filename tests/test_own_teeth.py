"""The photo's own teeth, found between parted lips and laid on drawn rows."""

from __future__ import annotations

import numpy as np
import pytest

from avtr_cli.core.arrays import Matte, Picture
from avtr_cli.render.mesh import own_teeth, teeth
from avtr_cli.render.mesh.own_teeth import Rows

CANVAS, PER_EO, DOWN = teeth.CANVAS, 333.0, 0.036
SKIN = np.array([180.0, 120.0, 90.0])
LIP, DARK, TOOTH = (170, 70, 75), (60, 20, 20), (220, 215, 205)
ACROSS = slice(60, 196)
DRAWN = Rows(*(teeth.drawn_row(upper, SKIN, PER_EO, 1.0, 1.0) for upper in (True, False)))


def mouth(first: int, last: int, **strips: tuple[slice, tuple[int, ...]]) -> tuple[Picture, Matte]:
    """Lips that part between the rows `first` and `last` of the canvas, dark within but for `strips` of colour."""
    photo = np.full((CANVAS, CANVAS, 3), LIP, np.float32)
    hole = np.zeros((CANVAS, CANVAS), np.float32)
    hole[first:last, ACROSS] = 1
    photo[first:last, ACROSS] = DARK
    for rows, colour in strips.values():
        photo[rows, ACROSS] = colour
    return photo, hole


def found(photo: Picture, hole: Matte, pixel: float = 2.0) -> Rows:
    return own_teeth.with_own(photo, hole, SKIN, pixel, DRAWN, PER_EO, DOWN)


def laid(rows: Picture, place: slice, across: slice = slice(100, 150)) -> Picture:
    assert (rows[place, across, 3] > 200).all()
    return rows[place, across, :3]


def test_one_row_fills_the_gap_and_goes_on_behind_the_lower_lip():
    rows = found(*mouth(100, 140, teeth=(slice(100, 140), TOOTH)))
    assert (rows.own_upper, rows.own_lower) == (True, False)
    np.testing.assert_allclose(laid(rows.upper, slice(108, 132)).mean(axis=(0, 1)), TOOTH, atol=8)
    assert rows.upper_bite > 136


def test_the_rim_of_the_lower_lip_is_no_tooth():
    photo, hole = mouth(100, 140, teeth=(slice(100, 140), TOOTH), rim=(slice(136, 140), (190, 60, 60)))
    shown = found(photo, hole, pixel=3.0).upper
    red = shown[..., 0] - shown[..., 1]
    assert red[108:140, 100:150].max() < 40


def test_beside_the_photos_teeth_drawn_ones_go_on_in_their_light_and_no_red_columns_of_lip():
    photo, hole = mouth(100, 140, teeth=(slice(100, 125), (235, 232, 225)))
    photo[100:125, 60:85] = photo[100:125, 170:196] = LIP  # the corners of the mouth
    upper = found(photo, hole).upper
    beside = upper[104:116, 74:82]
    assert (beside[..., 3] > 200).mean() > 0.8
    assert np.median(beside[..., 0] - beside[..., 1]) < 25
    assert float(np.median(beside[..., 1])) > 1.15 * float(np.median(DRAWN.upper[110:120, 74:82, 1]))


@pytest.mark.parametrize("end", [116, 120, 131])
def test_drawn_teeth_bite_where_the_photos_do(end: int):
    rows = found(*mouth(100, 160, teeth=(slice(100, end), TOOTH)))
    assert rows.upper_bite == pytest.approx(end, abs=1.5)
    assert (rows.upper[end + 5 :, 70:190, 3] < 60).all()
    assert (rows.upper[end - 10, 70:190, 3] > 150).mean() > 0.9


def test_without_teeth_in_the_gap_a_photo_lends_none():
    assert found(*mouth(100, 140), pixel=3.0) is DRAWN


@pytest.mark.parametrize("high", [0, 1])
def test_shut_lips_lend_none(high: int):
    assert found(*mouth(100, 100 + high)) is DRAWN


def test_a_highlight_on_wet_lips_is_no_row_of_teeth():
    photo, hole = mouth(100, 140)
    photo[110:122, 120:136] = TOOTH
    assert found(photo, hole) is DRAWN


def test_the_lower_teeth_of_an_open_mouth_go_with_the_jaw():
    rows = found(*mouth(90, 170, upper=(slice(90, 120), TOOTH), lower=(slice(140, 170), TOOTH)))
    assert (rows.own_upper, rows.own_lower) == (True, True)
    laid(rows.upper, slice(97, 112))
    assert (rows.upper[128:, 100:150, 3] < 50).all()
    laid(rows.lower, slice(148, 165))
    assert (rows.lower[:132, 100:150, 3] < 50).all()
    assert rows.lower_bite - rows.upper_bite == pytest.approx(20, abs=2)


def test_a_tongue_below_the_upper_teeth_is_no_row():
    rows = found(*mouth(90, 170, upper=(slice(90, 112), TOOTH), tongue=(slice(130, 170), (235, 185, 190))))
    assert (rows.own_upper, rows.own_lower) == (True, False)


@pytest.mark.parametrize(("line", "shade"), [(118, 0.5), (124, 0.7), (131, 0.35)])
def test_rows_that_bite_part_at_the_dark_line_between_them(line: int, shade: float):
    photo, hole = mouth(100, 148, teeth=(slice(100, 148), TOOTH))
    photo[line - 1 : line + 3, ACROSS] *= shade
    rows = found(photo, hole)
    laid(rows.upper, slice(104, line - 5))
    assert (rows.upper[line + 6 :, 100:150, 3] < 50).all()
    laid(rows.lower, slice(line + 8, 144))
    assert (rows.lower[: line - 5, 100:150, 3] < 50).all()


def test_one_row_with_a_faint_shade_on_it_stays_one_row():
    photo, hole = mouth(100, 148, teeth=(slice(100, 148), TOOTH))
    photo[122:126, ACROSS] *= 0.88
    assert not found(photo, hole).own_lower


def test_teeth_seen_dimly_through_a_slit_are_lifted_but_never_brighter_than_drawn_ones():
    dim = found(*mouth(100, 120, teeth=(slice(100, 120), (110, 106, 100))))
    assert 1.1 * 106 < float(np.median(laid(dim.upper, slice(104, 114))[..., 1])) < 1.35 * 106
