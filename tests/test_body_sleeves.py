"""What a photo hides of an arm: as what it shows of it there, for sleeves go all round."""

from __future__ import annotations

import numpy as np

from avtr_cli.render.gaussian.body_model import LEFT_ARM, RIGHT_ARM, shipped_body
from avtr_cli.render.gaussian.painting import paint_limbs
from avtr_cli.render.gaussian.sleeves import Sleeves

SKIN, SLEEVE, SHADOW = np.array([0.8, 0.6, 0.5]), np.array([0.9, 0.9, 0.95]), np.array([0.1, 0.1, 0.2])


def test_a_short_sleeve_goes_all_round_though_most_of_the_arm_is_bare():
    model = shipped_body()
    arm = (model.vertex_limb == LEFT_ARM) | (model.vertex_limb == RIGHT_ARM)
    upper = np.array([name.startswith("upperarm01") for name in model.bones])[model.main_bone] & arm
    ring = np.where(upper[:, None], SLEEVE, SKIN).astype(np.float32)
    shown = model.mean[:, 2] < np.median(model.mean[arm, 2])
    colours = np.where(shown[:, None], ring, SHADOW).astype(np.float32)
    nowhere = np.zeros((4, 4))
    sleeves = Sleeves(np.zeros(len(ring), np.float32), ring, np.zeros((2, 4, 4), bool), nowhere, nowhere > 0)
    hands = np.tile(SKIN, (2, 1)).astype(np.float32)
    paint_limbs(model, colours, shown, SKIN, hands, sleeves)
    for part, own in ((upper, SLEEVE), (arm & ~upper, SKIN)):
        assert (part & ~shown).any()
        assert (np.abs(colours[part & ~shown] - own) < 0.06).all()
    assert (colours[~arm & shown] == ring[~arm & shown]).all()
