"""What is worn on a bare wrist is found, and goes with the painted arm; a hem that covers it is not."""

from __future__ import annotations

from functools import cache

import numpy as np

from avtr_cli.render.gaussian.body_model import LEFT_ARM, shipped_body
from avtr_cli.render.gaussian.fitting import lens_of
from avtr_cli.render.gaussian.sleeves import Sleeves, along_arms
from avtr_cli.render.gaussian.surface import Surface, View
from avtr_cli.render.gaussian.worn import Worn, worn_on
from avtr_cli.render.gaussian.wrapping import Wrapped

SKIN, WALL, BAND, FACE = (
    np.array([0.8, 0.6, 0.5]),
    np.full(3, 0.9),
    np.array([0.1, 0.1, 0.15]),
    np.array([0.2, 0.7, 0.9]),
)
SIDE, AWAY = 700, 2.2  # px of the picture; m to the body, which stands as it does at rest
WRIST = (1.6, 1.7)  # of `Sleeves.along`, where the band is


@cache
def standing() -> tuple[Sleeves, np.ndarray, View]:
    """What is told along the arms of a body at rest, the pixels of its vertices, and what is seen of it."""
    model = shipped_body()
    posed = (model.mean + np.array([0, 0.3, AWAY])).astype(np.float32)
    none = np.zeros(len(posed), np.float32)
    along = along_arms(model, Wrapped(model.joints[0].astype(np.float64), model.mean, posed, none, none))
    sleeves = Sleeves(
        along, np.zeros_like(posed), np.zeros((2, 1, 1), bool), np.zeros((1, 1), np.float32), np.zeros((1, 1), bool)
    )
    lens = lens_of(SIDE, SIDE)
    return sleeves, lens.project(posed), Surface(model).seen(posed, lens, SIDE, SIDE)


def told() -> np.ndarray:
    """(SIDE, SIDE): `Sleeves.along` of the left arm's pixels, -1 elsewhere."""
    model, (sleeves, _, view) = shipped_body(), standing()
    corners = model.triangles[view.which.clip(0)]
    along = (sleeves.along[corners] * view.weights).sum(-1)
    return np.where(view.shown & (model.vertex_limb[corners[..., 0]] == LEFT_ARM), along, -1)


def photo(band: bool = True, sleeve: bool = False) -> np.ndarray:
    along = told()
    made = np.where((along > 0)[..., None], SKIN, WALL)
    if band:
        made[(along > WRIST[0]) & (along < WRIST[1])] = BAND
    if sleeve:
        made[(along > 0) & (along < WRIST[1])] = BAND
    return made.astype(np.float32)


def found(picture: np.ndarray) -> Worn | None:
    sleeves, places, _ = standing()
    return worn_on(shipped_body(), sleeves, places, LEFT_ARM, picture, SKIN)


def pixels(low: float, high: float) -> np.ndarray:
    """(n, 2): columns and rows of the arm from `low` to `high` along it."""
    rows, columns = np.nonzero((told() > low) & (told() < high))
    return np.column_stack([columns, rows]).astype(np.float64)


def on(worn: Worn, low: float, high: float, behind: bool) -> tuple[np.ndarray, np.ndarray]:
    """The band's colours and shares there, on the side that is seen or the other."""
    places = pixels(low, high)
    return worn.on(places, np.full(len(places), behind))


def test_a_bracelet_goes_round_the_painted_wrist_and_no_further():
    worn = found(photo())
    assert worn is not None
    for behind in (False, True):
        colours, shares = on(worn, 1.63, 1.67, behind)
        assert np.quantile(shares, 0.1) > 0.7
        np.testing.assert_allclose(np.median(colours, axis=0), BAND, atol=0.02)
        assert on(worn, 1.2, 1.5, behind)[1].max() < 0.05
        assert on(worn, 1.85, 2.6, behind)[1].max() < 0.05


def test_a_watch_has_its_face_on_the_side_that_is_seen():
    picture, (x, y) = photo(), pixels(*WRIST).mean(0)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    picture[(np.hypot(columns - x, rows - y) < 3) & (told() > 0)] = FACE
    worn = found(picture)
    assert worn is not None
    middle = np.array([[x, y]])
    front, back = (worn.on(middle, np.array([behind]))[0][0] for behind in (False, True))
    assert np.abs(front - FACE).sum() < np.abs(front - BAND).sum()
    assert np.abs(back - BAND).sum() < 0.3


def test_a_bare_wrist_and_a_sleeve_have_nothing_on():
    assert found(photo(band=False)) is None
    assert found(photo(sleeve=True)) is None


def test_a_hem_that_covers_the_wrist_is_not_worn_on_it():
    picture, along = photo(), told()
    rows = np.flatnonzero(((along > WRIST[0]) & (along < WRIST[1])).any(1))
    picture[rows[0] : rows[-1] + 1] = BAND
    assert found(picture) is None


def test_a_band_is_found_where_the_fitted_arm_lies_some_pixels_off():
    worn = found(np.roll(photo(), 3, axis=1))
    assert worn is not None
    assert np.quantile(on(worn, 1.63, 1.67, False)[1], 0.1) > 0.7
