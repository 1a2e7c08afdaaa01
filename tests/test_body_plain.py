"""Four pixels as one Gaussian: only where nothing fine is seen, away from edges, and just where the four are."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avtr_cli.kernels import tinting
from avtr_cli.render.gaussian.body_model import HEAD, LEFT_ARM, TRUNK
from avtr_cli.render.gaussian.fitting import Lens
from avtr_cli.render.gaussian.lifting import samples
from avtr_cli.render.gaussian.plain import FROM_EDGE, Fours, plain_fours
from avtr_cli.render.gaussian.surface import Surface

pytestmark = pytest.mark.usefixtures("compiled_loops")

FAR = 2.0  # m to a wall of two triangles


def wall(height: int, width: int, limb: int = TRUNK) -> tuple[Any, np.ndarray, Lens]:
    """A body that is a square wall, larger than a picture of `height` x `width` px, and the lens that sees it so."""
    lens = Lens(500.0, (width - 1) / 2, (height - 1) / 2)
    posed = np.array([(-1, -1, FAR), (1, -1, FAR), (1, 1, FAR), (-1, 1, FAR)], np.float32)
    triangles = np.array([(0, 2, 1), (0, 3, 2)], np.int32)
    limbs, none = np.full(4, limb, np.uint8), np.zeros(4, bool)
    return SimpleNamespace(mean=posed, triangles=triangles, vertex_limb=limbs, on_hand=none), posed, lens


def fours(
    height: int, width: int, colours: np.ndarray | None = None, matte: np.ndarray | None = None, **other
) -> Fours:
    model, posed, lens = wall(height, width, **other)
    surface = Surface(model)
    view = surface.seen(posed, lens, width, height)
    colours = np.full((height, width, 3), 0.5, np.float32) if colours is None else colours
    matte = np.ones((height, width), np.float32) if matte is None else matte
    return plain_fours(model, surface, posed, matte, colours, lens, view, view.shown & (matte > 0.05))


@pytest.mark.parametrize("size", [(24, 24), (25, 31), (30, 26), (3, 3), (1, 1)])
def test_a_plain_person_of_any_size_is_fours_but_for_the_edge(size):
    found, (height, width) = fours(*size), size
    assert len(found.y) == found.covered.sum() / 4
    assert found.covered[:FROM_EDGE].sum() + found.covered[:, :FROM_EDGE].sum() == 0
    inner = found.covered[2 * FROM_EDGE : height - 2 * FROM_EDGE, 2 * FROM_EDGE : width - 2 * FROM_EDGE]
    assert inner.all()
    assert (found.sixteen.sum() > 0) == (min(size) > 12)
    y, x = np.nonzero(found.sixteen)
    assert all(found.covered[y + i, x + j].all() for i in range(4) for j in range(4))


def test_the_middle_of_each_lies_between_its_pixels():
    found = fours(24, 30)
    model, posed, lens = wall(24, 30)
    places = (posed[model.triangles[found.on]] * found.corners[..., None]).sum(1)
    np.testing.assert_allclose(lens.project(places), np.column_stack([found.x, found.y]) + 0.5, atol=2e-3)
    np.testing.assert_allclose(found.above, 0, atol=1e-5)


def test_what_is_fine_keeps_its_pixels():
    colours = np.full((40, 40, 3), 0.5, np.float32)
    colours[20, 20] += 0.1
    assert not fours(40, 40, colours).covered[20:22, 20:22].any()
    slope = np.broadcast_to(np.linspace(0, 1, 40, dtype=np.float32)[:, None, None], (40, 40, 3))
    assert fours(40, 40, np.ascontiguousarray(slope)).covered.any()  # shades are not fine
    noisy = 0.5 + 0.1 * np.random.default_rng(0).standard_normal((40, 40, 3)).astype(np.float32)
    assert not fours(40, 40, noisy).covered.any()


def test_faces_and_the_edges_of_the_matte_keep_their_pixels():
    assert not fours(40, 40, limb=HEAD).covered.any()
    assert fours(40, 40, limb=LEFT_ARM).covered.any()
    matte = np.ones((40, 40), np.float32)
    matte[:, 20:] = 0.5
    assert not fours(40, 40, matte=matte).covered[:, 20 - FROM_EDGE :].any()


def test_what_an_expression_changes_becomes_colour_where_it_is_and_nothing_else():
    random = np.random.default_rng(0)
    still = random.integers(0, 256, (9, 8, 3)).astype(np.uint8)
    drawn, changed = still.copy(), np.empty((3, 4, 5), np.float32)
    assert tinting.differ(drawn, still, 2, 3, changed) == (0, 0)
    assert not changed.any()
    drawn[0], drawn[4, 3], drawn[5, 6, 1] = 0, 255, 0  # the first outside the box
    assert tinting.differ(drawn, still, 2, 3, changed) == (1, 3)
    assert np.array_equal(changed, np.moveaxis(drawn[3:7, 2:7].astype(np.float32) - still[3:7, 2:7], 2, 0))
    own = random.random((6, 3)).astype(np.float32)
    which, at, colours = np.array([4, 1]), np.array([6, 0]), own.copy()
    own[which] = still[[4, 3], [3, 2]] / np.float32(255)
    tinting.tint(which, at, changed.reshape(3, -1), drawn, 2, 3, 5, np.float32(0), own, colours)
    assert np.array_equal(colours[[0, 2, 3, 5]], own[[0, 2, 3, 5]])
    np.testing.assert_allclose(colours[which], drawn[[4, 3], [3, 2]] / 255, atol=1e-6)


@given(own=st.floats(-0.2, 1.2), seen=st.integers(0, 255), change=st.floats(-300, 300), beyond=st.floats(0, 0.1))
def test_no_expression_takes_a_colour_beyond_the_photos_and_what_is_seen(own, seen, change, beyond):
    colours, drawn = np.zeros((1, 3), np.float32), np.full((1, 1, 3), seen, np.uint8)
    owns, changed = np.full((1, 3), own, np.float32), np.full((3, 1), change, np.float32)
    one = np.zeros(1, np.intp)
    tinting.tint(one, one, changed, drawn, 0, 0, 1, np.float32(beyond), owns, colours)
    assert (colours >= min(own, seen / 255) - beyond - 1e-5).all()
    assert (colours <= max(own, seen / 255) + beyond + 1e-5).all()


def test_samples_of_a_triangle_are_spread_evenly_and_are_its_own():
    wanted, last = np.array([400.0, 0.0, 30.5, 7.0]), np.array([2, 0, 1, 0], np.uint8)
    on, corners, grain = samples(wanted, last, np.random.default_rng(0))
    assert np.bincount(on, minlength=4).tolist()[:2] == [400, 0]
    assert 30 <= (on == 2).sum() <= 31
    assert (on[-400:] == 0).all()
    assert (on[:7] == 3).all()
    np.testing.assert_allclose(corners.sum(1), 1, atol=1e-6)
    assert (corners > -1e-6).all()
    first = corners[on == 0]
    np.testing.assert_allclose(first.mean(0), 1 / 3, atol=0.02)
    assert [(first[:, k] > 0.5).mean() for k in range(3)] == pytest.approx([0.25] * 3, abs=0.02)
    assert abs(grain.mean()) < 0.1
    assert grain.std() == pytest.approx(1, abs=0.1)
    wanted[0] = 3  # others keep theirs
    fewer_on, fewer, _ = samples(wanted, last, np.random.default_rng(0))
    np.testing.assert_array_equal(fewer[fewer_on == 2], corners[on == 2])
