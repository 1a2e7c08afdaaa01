"""Fingers of a fitted hand bend as hinges do: what no finger does costs, what all do is free."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from avtr_cli.core.hand_shapes import FIST, OPEN, RELAXED, flat
from avtr_cli.render.gaussian.body_model import shipped_body
from avtr_cli.render.gaussian.finger_limits import FingerLimits
from avtr_cli.render.gaussian.fingers import Fingers, fingers_of

NAMES = [f"finger {f}-{k}.{side}" for side in "LR" for f in range(1, 6) for k in (1, 2, 3)]


def hand(side: str) -> Fingers:
    model = shipped_body()
    still = np.tile(np.eye(3), (len(model.bones), 1, 1))
    return fingers_of(model, model.joints.astype(np.float64), still, side)


def cost(side: str, turned: np.ndarray) -> float:
    """Of rotation vectors (15, 3) of one hand, the other one being at rest."""
    both = np.zeros((30, 3), np.float32)
    both[15 * "LR".index(side) :][:15] = turned
    return float(FingerLimits(shipped_body(), NAMES, side).loss(torch.from_numpy(both)))


@pytest.mark.parametrize("side", "LR")
@pytest.mark.parametrize("shape", [RELAXED, OPEN, FIST])
def test_hands_that_people_make_are_free(side, shape):
    assert cost(side, flat(shape)[:, None] * hand(side).curling) == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize("side", "LR")
def test_a_middle_joint_bends_neither_backwards_nor_aside(side):
    for axes in (-hand(side).curling, hand(side).spreading, -hand(side).spreading):
        broken = np.zeros((15, 3))
        broken[7] = 0.8 * axes[7]  # the middle finger's
        assert cost(side, broken) > 0.3


def test_a_thumbs_root_turns_as_it_likes():
    turned = np.zeros((15, 3))
    turned[0] = 1.2, -0.8, 0.9
    assert cost("L", turned) == 0
    turned[3] = turned[0]  # the index finger's does not
    assert cost("L", turned) > 0.3
