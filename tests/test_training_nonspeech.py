"""Breaths and laughter in the pauses of a batch: heard, but not spoken."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from avtr_cli.motion.lmfm.articulation import FACE, MOUTH
from avtr_cli.motion.lmfm.log_mel import FEATURES, SILENCE
from avtr_cli.training import nonspeech
from avtr_cli.training.behaviour import FLAGS
from avtr_cli.training.dataset import UNKNOWN_VISEME

FRAMES, WINDOWS = 125, 8
VOICE = FLAGS.index("voice")


def batch(speech=slice(50, 80)):
    """Silent windows in which both sides speak at once in the frames `speech`."""
    flags = torch.zeros(WINDOWS, 2, FRAMES, len(FLAGS))
    flags[:, :, speech, VOICE] = 1
    return {
        "features": torch.full((WINDOWS, 2, FRAMES + 5, FEATURES), SILENCE), "flags": flags,
        "mouth": torch.full((WINDOWS, FRAMES, len(MOUTH)), 0.1), "face": torch.zeros(WINDOWS, FRAMES, len(FACE)),
        "activity": flags[:, 0, :, VOICE].clone(), "visemes": torch.zeros(WINDOWS, FRAMES, 4, dtype=torch.int64),
        "closures": torch.zeros(WINDOWS, FRAMES, 2),
    }  # fmt: skip


@pytest.fixture(scope="module")
def bank():
    return nonspeech.Bank.made(40, seed=3)


def only(bank, *kinds):
    """The sounds of some kinds."""
    kept = [k for k, kind in enumerate(bank.kinds) if kind in kinds]
    return nonspeech.Bank(tuple(bank.features[k] for k in kept), tuple(bank.kinds[k] for k in kept))


@pytest.mark.parametrize("kind", nonspeech.KINDS)
def test_a_sound_is_finite_and_seconds_long_whatever_is_drawn(kind):
    for seed in range(20):
        samples = nonspeech.sound(kind, np.random.default_rng(seed))
        assert np.isfinite(samples).all()
        assert 0 < len(samples) < 16_000 * 4
        assert np.abs(samples).max() > 0


def test_sounds_are_in_the_pauses_alone_and_the_batch_given_stays(bank):
    given = batch()
    mixed = nonspeech.mix(given, bank, np.random.default_rng(0))
    louder = (mixed["features"] - given["features"]).amax(-1)
    assert (given["features"] == SILENCE).all()
    assert (louder > 0.3).any(dim=-1).sum() >= 3  # of 16 sides
    assert float(louder[:, :, 47:83].max()) < 1e-5
    assert float(louder.min()) >= -1e-5


def test_what_is_no_laugh_leaves_the_truth_as_it_is(bank):
    given = batch()
    mixed = nonspeech.mix(given, only(bank, "breath", "sniff", "sigh", "cough", "click"), np.random.default_rng(1))
    for name in set(given) - {"features"}:
        assert torch.equal(mixed[name], given[name]), name


def test_who_laughs_opens_the_mouth_in_one_shape_without_visemes_and_smiles(bank):
    given = batch()
    mixed = nonspeech.mix(given, only(bank, "laugh"), np.random.default_rng(2))
    laughs = (mixed["visemes"] == UNKNOWN_VISEME).all(-1)
    assert laughs.any()
    assert float(mixed["mouth"][laughs].std(0).max()) == 0.0
    assert float(mixed["mouth"][laughs][0, MOUTH.index("jaw")]) > 0.15
    assert (mixed["activity"][laughs] == 1).all()
    assert torch.equal(mixed["mouth"][~laughs], given["mouth"][~laughs])
    smile, pitch = (mixed["face"][..., FACE.index(name)] for name in ("smile", "pitch"))
    assert float(smile[laughs].mean()) > 0.2
    assert float(pitch[laughs].mean()) < -1.0
    assert torch.equal(mixed["closures"], given["closures"])


def test_a_partner_who_laughs_is_lively_and_the_avatar_stays_as_it_is(bank):
    given = batch()
    given["flags"][:, 0, :, VOICE] = 1  # no pause of the avatar's
    mixed = nonspeech.mix(given, only(bank, "laugh"), np.random.default_rng(3))
    assert mixed["flags"][:, 1, :, FLAGS.index("lively")].any()
    for name in ("mouth", "face", "activity", "visemes"):
        assert torch.equal(mixed[name], given[name]), name


def test_windows_without_a_pause_stay_without_a_sound(bank):
    given = batch(slice(0, FRAMES))
    mixed = nonspeech.mix(given, bank, np.random.default_rng(4))
    assert torch.equal(mixed["features"], given["features"])


def test_the_same_seed_mixes_the_same(bank):
    first, second = (nonspeech.mix(batch(), bank, np.random.default_rng(5)) for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)
    again = nonspeech.Bank.made(40, seed=3)
    assert all(torch.equal(one, other) for one, other in zip(bank.features, again.features, strict=True))
