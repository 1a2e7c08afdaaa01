"""How the own voice lets the face move: lips over pauses, head and brows by and by."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from avtr_cli.motion.lmfm import voicing
from avtr_cli.motion.lmfm.articulation import FACE


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
    assert np.abs(np.diff(presence, 2)).max() < 0.08


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


def turned(degrees, activity):
    """What is shown of a face that talk turns by `degrees` (T,), (T, 26), and the presence of its voice (T,)."""
    face = torch.zeros(len(degrees), len(FACE))
    face[:, FACE.index("talkYaw")] = torch.tensor(degrees, dtype=torch.float32)
    face[:, FACE.index("talkSmile")] = 0.3
    face[:, FACE.index("yaw")] = 1.0
    _, presence, shown = voicing.of_whole(torch.tensor(activity, dtype=torch.float32), face)
    return shown.numpy(), presence.numpy()


def test_a_head_follows_its_talk_and_stays_where_talk_left_it_while_a_smile_goes():
    shown, presence = turned([8.0] * 120 + [-8.0] * 80, [1.0] * 100 + [0.0] * 100)
    yaw, smile = shown[:, FACE.index("talkYaw")], shown[:, FACE.index("talkSmile")]
    assert yaw[95] > 7.5
    assert yaw[110:].max() < yaw[95]
    quiet = presence < 0.1
    assert np.abs(np.diff(yaw[100:][quiet[100:]])).max() * 25 < 1.5  # degrees a second
    assert 0 < yaw[199] < 0.6 * yaw[95]
    assert smile[95] > 0.28
    assert smile[150] < 0.01
    assert (shown[:, FACE.index("yaw")] == 1.0).all()


@pytest.mark.parametrize("seed", range(4))
def test_a_face_let_through_in_parts_is_the_same_as_at_once(seed):
    rng = np.random.default_rng(seed)
    face = torch.from_numpy(rng.normal(0, 3, (60, len(FACE))).astype(np.float32))
    presence = torch.from_numpy(rng.random(60).astype(np.float32))
    whole, left = voicing.let_through(face, presence, voicing.unmoved())
    at = int(rng.integers(1, 59))
    first, held = voicing.let_through(face[:at], presence[:at], voicing.unmoved())
    second, held = voicing.let_through(face[at:], presence[at:], held)
    assert torch.equal(torch.cat([first, second]), whole)
    assert torch.equal(held, left)
    assert np.abs(whole.numpy()).max() <= np.abs(face.numpy()).max()
