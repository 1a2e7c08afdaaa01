"""How the own voice lets the face move: lips over pauses, head and brows by and by."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from avtr_cli.motion.lmfm import voicing


def followed(activity):
    return [part.numpy() for part in voicing.follow(torch.tensor(activity, dtype=torch.float32), voicing.at_rest())]


def test_silence_from_the_beginning_moves_nothing():
    mouth, presence, _ = followed([0.0] * 50)
    assert not mouth.any()
    assert not presence.any()


def test_lips_stay_parted_over_a_short_pause_and_rest_in_a_long_one():
    mouth, _, _ = followed([1.0] * 20 + [0.0] * 6 + [1.0] * 20 + [0.0] * 40)
    assert mouth[5:46].min() > 0.9
    assert not mouth[66:].any()


def test_the_head_joins_without_a_jerk_and_leaves_without_one():
    _, presence, _ = followed([0.0] * 10 + [1.0] * 75 + [0.0] * 75)
    assert presence[84] > 0.95
    assert presence[-1] < 0.05
    assert np.abs(np.diff(presence, 2)).max() < 0.03


@pytest.mark.parametrize("seed", range(4))
def test_cut_anywhere_it_is_the_same_and_within_its_bounds(seed):
    rng = np.random.default_rng(seed)
    activity = torch.from_numpy(rng.random(60).astype(np.float32).round(1))
    whole = voicing.follow(activity, voicing.at_rest())
    at = int(rng.integers(1, 59))
    first = voicing.follow(activity[:at], voicing.at_rest())
    second = voicing.follow(activity[at:], first[2])
    for k in (0, 1):
        assert torch.equal(torch.cat([first[k], second[k]]), whole[k])
        assert 0 <= float(whole[k].min()) <= float(whole[k].max()) <= 1
    assert torch.equal(second[2], whole[2])
