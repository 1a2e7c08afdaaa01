"""Gestures on trial: what the numbers say of takes made by hand, and of the shipped model in short calls."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from avtr_cli.core.arms import MEAN_ARM, place_of, posed
from avtr_cli.core.config import MotionConfig
from avtr_cli.evaluation.motion.gesture_takes import GestureTake, wrists
from avtr_cli.evaluation.motion.gesture_trials import THIGHS, TRIALS, apart, in_thigh, of_long, trial_rows
from avtr_cli.evaluation.motion.takes import Dialogue
from avtr_cli.motion.body.events import EVENTS, LEAD
from avtr_cli.motion.body.generator import WithBody
from avtr_cli.motion.body.task import HOME, rest_of
from avtr_cli.motion.body.to_body import to_body
from avtr_cli.motion.lmfm.generator import LmfmGenerator
from avtr_cli.training.gesture_truth import place_gestures, rates_of
from tests.test_body_motion import dialogue
from tests.test_gestures_taught_and_judged import ACCENTS, SECONDS, voice

FRAMES = 500
SEATED = posed(replace(MEAN_ARM, rest=np.array(THIGHS), sits=True, pinned=True))


def take(up: np.ndarray, own: np.ndarray, home: np.ndarray = HOME, beats: tuple[int, ...] = ()) -> GestureTake:
    """Both hands at `home` where `up` (T,), else at rest."""
    arms = np.stack([rest_of(MEAN_ARM)] * 2)[None].repeat(len(up), 0)
    arms[up] = home
    values = np.zeros((len(up), 94))
    values[:, 58:] = to_body(arms, np.zeros((len(up), 9)), (MEAN_ARM, MEAN_ARM))
    nobody = np.zeros(len(up), bool)
    return GestureTake(
        values, np.array(beats, np.intp), up, own, nobody, np.zeros(0), np.zeros(4 * len(up), bool),
        (MEAN_ARM, MEAN_ARM),
    )  # fmt: skip


def spans(*parts: tuple[int, int]) -> np.ndarray:
    mask = np.zeros(FRAMES, bool)
    for first, end in parts:
        mask[first:end] = True
    return mask


def test_a_hand_that_hangs_in_the_air_and_one_that_never_comes_down_are_seen():
    own = spans((50, 150))
    fine, hung = of_long(take(spans((45, 180)), own)), of_long(take(spans((45, 290)), own))
    stuck = of_long(take(spans((45, FRAMES)), own))
    assert fine["hung_s"] == pytest.approx(30 / 25)
    assert hung["hung_s"] == pytest.approx(140 / 25)
    assert fine["end_m"] < 1e-6
    assert stuck["end_m"] > 0.2
    assert TRIALS["long.hung_s"].met(fine["hung_s"])
    assert not TRIALS["long.hung_s"].met(hung["hung_s"])


def test_a_home_that_drifts_is_seen():
    up = spans((10, 60), (420, 470))
    assert of_long(take(up, up))["home_drift_m"] < 1e-9
    drifting = take(up, up)
    later = take(up, up, HOME + np.array([0, 0.2, 0, 0, 0, 0, 0, 0, 0, 0]))
    values = np.where(np.arange(FRAMES)[:, None] > 300, later.values, drifting.values)
    assert of_long(replace(drifting, values=values))["home_drift_m"] == pytest.approx(0.2 * MEAN_ARM.length, rel=0.02)


def test_beats_that_another_partner_moves_are_counted_only_where_both_could_beat():
    up = spans((10, 400))
    one, same = take(up, up, beats=(50, 100, 150)), take(up, up, beats=(50, 100, 150))
    assert apart(one, same) == (0, 6)
    assert apart(one, take(up, up, beats=(50, 103, 150))) == (1, 5)  # after a beat none may follow at once
    assert apart(one, take(spans((120, 400)), up, beats=(150,))) == (0, 2)


def test_a_hand_lies_on_its_thigh_and_is_in_it_where_it_is_lower():
    rest = np.stack([rest_of(SEATED)] * 2)[None]
    lower = rest.copy()
    lower[0, :, 1] -= 0.12
    for arms, deep in ((rest, 0.0), (lower, 0.03)):
        values = np.zeros((1, 94))
        values[:, 58:] = to_body(arms, np.zeros((1, 9)), (SEATED, SEATED))
        seated = replace(take(np.zeros(1, bool), np.zeros(1, bool)), values=values, arms=(SEATED, SEATED))
        for side in (0, 1):
            assert in_thigh(seated, side)[0] >= deep - 1e-9
        assert np.allclose(wrists(seated)[0, 0], place_of(arms[0, 0, :3]) * SEATED.length, atol=1e-6)


def test_the_shipped_model_beats_to_nobody_else_s_words_and_keeps_hands_on_thighs():
    generator = WithBody(LmfmGenerator(MotionConfig()))
    found = trial_rows(generator, [Dialogue("part", dialogue(9.0))], [1], minutes=0.4)
    assert found.keys() == TRIALS.keys()
    for name in ("partner.beats_of_words", "seat.in_thighs", "long.end_m"):
        assert TRIALS[name].met(found[name].value), name


def test_rates_of_the_truth_are_counted_by_the_minute_of_own_speech():
    own, partner = voice(2.0, 12.0, ACCENTS), voice(14.0, 26.0, np.zeros(0))
    truths = [
        place_gestures(own, partner, SECONDS * 25, np.zeros(3), np.random.default_rng(seed)) for seed in range(12)
    ]
    rates, minutes = rates_of(truths), 12 * 10 / 60
    raises = sum(int(truth.starts[:, EVENTS.index("raise")].sum()) for truth in truths)
    assert rates["raise"] == pytest.approx(raises / minutes, rel=0.01)
    assert 0.3 < rates["up"] < 1
    assert abs(rates["apex_ms"]) < 1000 * LEAD / 25
    assert rates["apex_sd_ms"] < 60
