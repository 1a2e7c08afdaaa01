"""Listening and independence against faces that are known to listen, or not to."""

from __future__ import annotations

import numpy as np
import pytest

from avtr_cli.core.motion_space import CONTROLS
from avtr_cli.evaluation.motion import independence, listening
from avtr_cli.evaluation.motion.follower import follow_loudness
from avtr_cli.evaluation.motion.takes import other_partner, shifted_partner, take
from avtr_cli.evaluation.stats import auc, auc_interval, lagged_correlation, paired_p
from tests.evaluation_signals import HEAD, attentive, call, fidgety, phrase_ends, telling_partner

CALLS = [call(40, own=[(36, 39)], partner=telling_partner(35, seed), name=f"call{seed}") for seed in range(6)]


def measured(perform, heard=lambda dialogue: dialogue):
    takes = [take(dialogue, perform, k, heard=heard(dialogue)) for k, dialogue in enumerate(CALLS)]
    return listening.measure(takes, np.random.default_rng(0))


def test_nods_planted_after_phrases_give_a_high_ratio_and_a_small_p():
    found = measured(attentive)
    assert found["nod.ratio"].value > 3
    assert found["nod.ratio_p"].value < 0.01
    assert found["nod.hit_above_chance"].value > 0.7
    assert found["nod.ratio"].count == sum(len(phrase_ends(dialogue.sound)) for dialogue in CALLS)


def test_as_many_nods_at_any_time_give_a_ratio_of_about_one():
    found = measured(fidgety)
    assert 0.7 < found["nod.ratio"].value < 1.3
    assert found["nod.ratio_p"].value > 0.05
    assert abs(found["nod.hit_above_chance"].value) < 0.25


def test_nods_are_counted():
    found = measured(attentive)
    phrases = sum(len(phrase_ends(dialogue.sound)) for dialogue in CALLS)
    minutes = sum(listening.listening_frames(take(d, attentive, 0)).sum() for d in CALLS) / 25 / 60
    assert found["nod.per_minute"].value == pytest.approx(phrases / minutes, rel=0.15)


def test_a_head_that_answers_a_shifted_partner_does_not_answer_the_real_one():
    found = measured(attentive, heard=lambda dialogue: shifted_partner(dialogue, 0.37))
    assert found["nod.ratio"].value < 1.3
    assert found["brow.rise"].value < 0.03


@pytest.mark.slow
def test_brows_and_smiles_rise_after_phrases_only_where_they_were_put():
    found, other = measured(attentive), measured(fidgety)
    for name in ("brow.rise", "smile.rise"):
        assert found[name].value > 0.05
        assert found[name + "_p"].value < 0.01
        assert abs(other[name].value) < 0.03


def test_nods_during_the_own_speech_are_not_listening():
    talking = call(40, own=[(0, 40)], partner=telling_partner(35))
    found = listening.measure([take(talking, attentive, 0)], np.random.default_rng(0))
    assert np.isnan(found["nod.ratio"].value)
    assert found["nod.hit"].count == 0


def test_the_right_partner_scores_higher_than_anothers():
    answered = take(CALLS[0], attentive, 0)
    other = take(CALLS[1], attentive, 0)
    assert listening.score(answered, answered.partner) > listening.score(answered, other.partner) + 1


def rounds(perform, heard):
    return [[take(d, perform, seed, heard=heard(k, d)) for k, d in enumerate(CALLS)] for seed in (0, 1)]


def own_partner(k, dialogue):
    return dialogue


def anothers(k, dialogue):
    return other_partner(dialogue, CALLS[(k + 1) % len(CALLS)])


@pytest.mark.slow
def test_a_listener_is_told_from_one_who_heard_another_call():
    apart = independence.told_apart(
        rounds(attentive, own_partner), rounds(attentive, anothers), np.random.default_rng(0)
    )
    assert apart["auc"] > 0.95
    assert apart["interval_95"][0] > 0.8
    assert apart["p"] < 0.05
    assert apart["dialogues"] == len(CALLS)
    assert not apart["enough_dialogues"]


@pytest.mark.slow
def test_one_who_does_not_listen_cannot_be_told_apart():
    apart = independence.told_apart(rounds(fidgety, own_partner), rounds(fidgety, anothers), np.random.default_rng(0))
    assert apart["auc"] == 0.5  # the same motion both times
    assert apart["p"] > 0.5


def test_replacing_the_partner_leaves_a_loudness_follower_as_it_was():
    now, then = rounds(follow_loudness, own_partner)[0], rounds(follow_loudness, anothers)[0]
    found = independence.replaced(now, then)
    assert found["independence.mouth_change"].value == 0
    assert found["independence.head_change"].value == 0


def test_change_is_told_in_standard_deviations():
    def offset(sound, seed):
        values = attentive(sound, seed)
        values[:, [CONTROLS.index(name) for name in HEAD]] *= 1.5
        return values

    now = [take(CALLS[0], attentive, 0)]
    then = [take(CALLS[0], offset, 0)]
    assert independence.replaced(now, then)["independence.head_change"].value == pytest.approx(0.5, rel=0.15)


def test_unrelated_motions_differ_by_the_square_root_of_two():
    now = [take(d, fidgety, 1) for d in CALLS]
    then = [take(d, fidgety, 2) for d in CALLS]
    assert independence.replaced(now, then)["independence.head_change"].value == pytest.approx(np.sqrt(2), rel=0.15)


def test_auc_of_equal_and_of_separate_scores():
    assert auc(np.array([1.0, 2.0]), np.array([1.0, 2.0])) == 0.5
    assert auc(np.array([3.0, 4.0]), np.array([1.0, 2.0])) == 1.0


@pytest.mark.slow
def test_the_interval_of_an_auc_covers_it_and_narrows_with_more_dialogues():
    rng = np.random.default_rng(0)
    few, many = (auc_interval(rng.normal(1, 1, (n, 2)), rng.normal(0, 1, (n, 2)), rng) for n in (8, 80))
    assert few[0] < 0.76 < few[1]
    assert many[1] - many[0] < few[1] - few[0]


def test_the_sign_flip_test_keeps_its_level():
    rng = np.random.default_rng(0)
    small = [paired_p(rng.standard_normal(20), rng) < 0.05 for _ in range(100)]
    assert 0 <= np.mean(small) <= 0.12
    assert paired_p(np.full(20, 1.0), rng) < 0.001


def test_a_lag_is_positive_when_the_follower_is_late():
    x = np.random.default_rng(0).standard_normal(200)
    assert lagged_correlation(x, np.roll(x, 6), reach=12) == (pytest.approx(1), 6)
