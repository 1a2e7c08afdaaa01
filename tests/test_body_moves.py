"""Rows of motion into turns of a body's bones: a chunk's rows together, each as alone; no picture is drawn."""

from __future__ import annotations

import numpy as np
import pytest

from avtr_cli.core.arms import cross
from avtr_cli.core.motion_space import FULL
from avtr_cli.core.rotation import turn_matrix
from avtr_cli.render.gaussian.body_model import BodyModel, shipped_body
from avtr_cli.render.gaussian.driving import ARMS, BODY, UNITS, Moves, Rest, head_turns, posed, read_moves, rest_of
from avtr_cli.render.gaussian.fingers import fingers_of
from avtr_cli.render.gaussian.limbs import PER_SIDE, SIDES, limb_of

LEFT = slice(ARMS, ARMS + PER_SIDE)


@pytest.fixture(scope="module")
def model() -> BodyModel:
    return shipped_body()


@pytest.fixture(scope="module")
def rest(model: BodyModel) -> Rest:
    """The mean adult, standing a little bent, the right arm one that does not gesture."""
    joints, rng = model.joints.astype(np.float64), np.random.default_rng(0)
    turns, shift = turn_matrix(rng.normal(0, 0.15, (len(model.bones), 3))), np.array([0.1, 0.2, 3.0])
    turned, _ = posed(model, joints[0], turns, shift)
    limbs = [
        limb_of(model, turned, side, np.linalg.qr(rng.normal(size=(3, 3)))[0][[0, 1, 2, 1, 2]], side == "L",
                fingers_of(model, joints, turns, side))
        for side in SIDES
    ]  # fmt: skip
    return rest_of(model, joints[0], turns, shift, limbs, standing=True)


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    """Everything moves, or only a part of it does, or nothing."""
    some = np.random.default_rng(1).normal(0, 0.4, (10, len(FULL)))
    some[0] = 0
    some[1, ARMS:] = 0
    some[2, LEFT] = 0
    some[3, LEFT.stop - 6 : LEFT.stop] = 0
    some[4, UNITS + 3 : ARMS] = 0
    return some


def same(one: Moves, other: Moves) -> bool:
    shares = (one.moved, one.uncovers) == (other.moved, other.uncovers)
    return shares and np.array_equal(one.turns, other.turns) and np.array_equal(one.shift, other.shift)


@pytest.mark.parametrize("breathing", [0.0, 1.0])
def test_a_row_moves_a_body_the_same_bits_alone_and_among_others(model, rest, rows, breathing):
    together = read_moves(model, rest, rows, breathing)
    assert not same(together[5], together[6])
    for row, found in zip(rows, together, strict=True):
        assert same(found, *read_moves(model, rest, row[None], breathing))
    assert np.array_equal(head_turns(rows)[7:8], head_turns(rows[7:8]))


def test_a_row_of_zeros_is_the_photo(model, rest, rows):
    still = read_moves(model, rest, rows, 1.0)[0]
    assert same(still, Moves(rest.turns, rest.shift))


def test_arms_turn_the_bones_of_their_own_side_alone(model, rest):
    row = np.zeros((1, len(FULL)))
    row[0, LEFT] = 0.3
    [moves] = read_moves(model, rest, row, 0.0)
    turned = np.flatnonzero(np.abs(moves.turns - rest.turns).max((1, 2)) > 1e-6)
    own = (*rest.limbs[0].bones, *rest.limbs[0].fingers.bones)
    assert len(turned) > 15
    assert set(turned) <= set(own)
    assert moves.moved == (1.0, 0.0)


def test_feet_stay_where_they_stand_in_every_row(model, rest, rows):
    down = np.zeros_like(rows)
    down[:, BODY], down[:, UNITS + 4] = 0.01 * rows[:, BODY], 0.5 + np.abs(rows[:, UNITS + 4])
    ankles = [model.bone(f"foot.{side}") for side in SIDES]
    _, placed = posed(model, rest.heads, rest.turns, rest.shift)
    for moves in read_moves(model, rest, down[5:], 0.0):
        _, there = posed(model, rest.heads, moves.turns, moves.shift)
        assert np.abs(there[0] - placed[0]).max() > 1e-3
        assert np.abs(there[ankles] - placed[ankles]).max() < 1e-9


def test_products_of_vectors_are_those_of_numpy():
    one, other = np.random.default_rng(2).normal(size=(2, 7, 5, 3))
    assert np.array_equal(cross(one, other), np.cross(one, other))
    assert np.array_equal(cross(one[0, 0], other), np.cross(one[0, 0], other))
