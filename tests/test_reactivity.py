"""Reactivity: the published family to its golden values, ours beside it, and what neither must be fooled by."""

from __future__ import annotations

import math

import numpy as np
import pytest

from avtr_cli.evaluation import reactivity
from avtr_cli.evaluation.coupling import couple
from avtr_cli.evaluation.frechet import frechet, gaussian
from avtr_cli.evaluation.joint import between
from avtr_cli.evaluation.pairs import listening_frames, with_frames
from avtr_cli.evaluation.proactivity import tlcc, tlcc_matrix
from avtr_cli.evaluation.reactivity import replicated
from avtr_cli.evaluation.replicates import Replicates, mean_over
from tests.evaluation_goldens import arrays, assert_numbers, pairs, results

CASES = [(case, at) for case, one in results()["cjfd"].items() for at in range(len(one["results"]))]


def calls(count: int, seed: int, coupled: float, identity: float = 0.0, frames: int = 400) -> list[dict]:
    """Made-up calls: faces follow the voice half a second later by `coupled` (truth: 1), and people differ."""
    random = np.random.default_rng(seed)
    mixing = random.standard_normal((3, 3))
    made = []
    for group in range(count):
        voice = np.cumsum(random.standard_normal((frames + 12, 3)), 0)
        voice = (voice - voice.mean(0)) / voice.std(0)
        who, heard, answered = identity * random.standard_normal(3), voice[12:], voice[:-12] @ mixing
        noise = [random.standard_normal((frames, 3)) for _ in range(2)]
        made.append({
            "group": group,
            "audio": heard + who,
            "truth": answered + noise[0] + who,
            "model": coupled * answered + noise[1] + who,
        })  # fmt: skip
    return made


@pytest.mark.parametrize("name", ["full", "short", "both_short", "one"])
def test_the_distance_is_exact_even_with_fewer_frames_than_dimensions(name):
    x, y = (gaussian(arrays()[f"frechet/{name}/{side}"]) for side in "xy")
    assert frechet(*x, *y) == pytest.approx(results()["frechet"][name], rel=1e-9)
    assert frechet(*x, *x) <= 1e-9 * results()["frechet"][name]


def test_one_frame_has_no_gaussian():
    assert math.isnan(frechet(*gaussian(np.ones((1, 3))), *gaussian(np.ones((9, 3)))))


def test_long_turns_of_the_partner_count_measured_before_the_own_voice_is_cut_out():
    own, partner = arrays()["mask/own"], arrays()["mask/partner"]
    np.testing.assert_array_equal(reactivity.reactive_frames(own, partner), arrays()["mask/reactive"])


def test_listening_is_away_from_the_own_voice_and_within_a_second_and_a_half_of_the_partner():
    own, partner = np.zeros(200, bool), np.zeros(200, bool)
    own[100:110], partner[20:60] = True, True
    chosen = np.flatnonzero(listening_frames(own, partner))
    assert (chosen[0], chosen[-1]) == (20, 91)
    assert not listening_frames(own, np.zeros(200, bool)).any()


@pytest.mark.parametrize("case", results()["derangements"], ids=lambda case: str(case["groups"]))
def test_nobody_hears_their_own_conversation_in_a_shuffle(case):
    drawn = [reactivity.derangement(case["groups"], case["seed"], k) for k in range(len(case["permutations"]))]
    assert drawn == case["permutations"]


@pytest.mark.parametrize(("case", "at"), CASES)
def test_the_golden_value(case, at):
    asked = dict(results()["cjfd"][case]["results"][at]["options"])
    wanted = results()["cjfd"][case]["results"][at]["result"]
    kind = next((name for name in ("within", "jackknife", "bootstrap", "coupling") if asked.pop(name, False)), "cjfd")
    found = getattr(reactivity, kind)(pairs(case), **asked)
    assert_numbers({"values": found} if kind == "bootstrap" else found, wanted)


def test_quality_is_the_published_one():
    for one in results()["quality"]:
        assert_numbers({"out": reactivity.quality(*one["in"])}, {"out": one["out"]}, 1e-9)


def test_truth_as_a_model_is_perfect():
    made = [one | {"model": one["truth"]} for one in calls(6, 1, 1.0)]
    found = reactivity.cjfd(made)
    assert found["cjfd_real"] <= 1e-9
    assert [found[name] for name in ("specificity", "marginal_fit", "fmd_gain", "quality")] == pytest.approx([1] * 4)
    assert reactivity.coupling(made)["coupling"] == pytest.approx(1, abs=1e-12)


def test_a_deaf_face_of_the_right_person_fools_specificity_and_not_ours():
    deaf = calls(30, 2, 0.0, identity=3.0)
    assert reactivity.cjfd(deaf)["specificity"] > 0.6
    within, centred = reactivity.within(deaf)["specificity"], reactivity.cjfd(deaf, centre=True)["specificity"]
    assert within is not None
    assert abs(within) < 0.15
    assert abs(centred) < 0.15
    assert abs(reactivity.coupling(deaf)["coupling"] or 1) < 0.1


def test_coupling_reads_the_true_amount_and_says_how_sure_it_is():
    half = reactivity.coupling(calls(30, 3, 0.5), shuffles=19)
    assert half["coupling"] == pytest.approx(0.5, abs=0.1)
    assert 0 < half["se"] < 0.1
    assert half["p"] == pytest.approx(1 / 20)
    assert reactivity.coupling(calls(30, 3, -1.0))["coupling"] < -0.5


def test_where_people_themselves_do_not_react_nothing_is_told():
    random = np.random.default_rng(4)
    still = [one | {"truth": random.standard_normal((400, 3))} for one in calls(8, 4, 1.0)]
    found = couple(with_frames(still))
    assert not found.seen
    assert reactivity.coupling(still) == {"coupling": None, "se": None, "pattern": None, "p": None}


def test_the_order_of_the_calls_changes_no_coupling():
    made = calls(5, 5, 0.7)
    assert reactivity.coupling(made[::-1])["coupling"] == pytest.approx(reactivity.coupling(made)["coupling"])


def test_leaving_a_conversation_out_is_the_same_as_not_having_it():
    made = with_frames(calls(5, 6, 0.7))
    without_the_last = replicated(between(made, 0, 0))["cjfd_real"].without[-1]
    assert without_the_last == pytest.approx(reactivity.cjfd(made[:-1], shuffles=0)["cjfd_real"])


def test_an_interval_needs_three_conversations_and_a_difference_leaves_out_the_same_ones():
    assert math.isnan(Replicates(1.0, np.array([0.9, 1.1])).se)
    a, b = (Replicates(value, value + np.array([-0.1, 0.0, 0.1])) for value in (1.0, 3.0))
    assert a.se > 0
    assert (b.minus(a).value, b.minus(a).se) == (2.0, 0.0)


def test_a_mean_is_replicated_over_conversations_and_what_is_not_known_counts_nowhere():
    found = mean_over(np.array([1.0, 3.0, np.nan, 8.0]), [0, 0, 1, 2], 3)
    assert found.value == 4.0
    np.testing.assert_allclose(found.without, [8.0, 2.0])


@pytest.mark.parametrize("name", ["long", "short", "too_short"])
def test_lagged_correlation_is_the_golden_one(name):
    speaker, listener = arrays()[f"tlcc/{name}/speaker"], arrays()[f"tlcc/{name}/listener"]
    assert_numbers({"tlcc": tlcc(speaker, listener)}, {"tlcc": results()["tlcc"][name]}, 1e-8)
    np.testing.assert_allclose(tlcc_matrix(speaker, listener), arrays()[f"tlcc/{name}/matrix"], atol=1e-8)


def test_a_listener_who_is_late_has_a_positive_lag_and_a_still_one_has_none():
    moves = np.random.default_rng(8).standard_normal((300, 2))
    late = np.roll(moves, 7, axis=0)
    assert (np.nanargmax(tlcc_matrix(moves, late), axis=0) - 50).tolist() == [7, 7]
    assert tlcc(moves, np.ones((300, 2))) is None
