"""The mouth's measures against mouths whose behaviour is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from avtr_cli.core.motion_space import CONTROLS
from avtr_cli.core.timing import FPS
from avtr_cli.evaluation.motion import lips
from avtr_cli.evaluation.motion.face import read_face
from avtr_cli.evaluation.motion.follower import follow_loudness
from avtr_cli.evaluation.motion.takes import Phone, take
from tests.evaluation_signals import call, frames_of, put, still

SPEECH = call(20, own=[(1, 4), (6, 9), (12, 15.5)], partner=[(9.5, 11.5), (16, 19)])


def shows(values):
    """A `Perform` that shows these controls, whatever it hears."""
    return lambda sound, seed: values


def test_a_loudness_follower_correlates_almost_perfectly_at_lag_0():
    found = lips.measure([take(SPEECH, follow_loudness, 0)])
    assert found["mouth.energy_r"].value > 0.97
    assert found["mouth.lag_frames"].value == 0


@pytest.mark.parametrize("late", [-4, 3, 7])
def test_a_shifted_follower_gives_its_shift(late):
    moved = np.roll(follow_loudness(SPEECH.sound), late, axis=0)
    found = lips.measure([take(SPEECH, shows(moved), 0)])
    assert found["mouth.lag_frames"].value == late
    assert found["mouth.energy_r"].value > 0.95


def test_a_mouth_that_moves_at_random_stays_at_chance():
    noise = put(still(frames_of(SPEECH)), "jawOpen", np.random.default_rng(0).random(frames_of(SPEECH)))
    found = lips.measure([take(SPEECH, shows(noise), 0)])["mouth.energy_r"]
    assert abs(found.value) < 0.2
    assert 0 < found.chance < 0.3


def test_mumbling_in_silence_is_measured_as_such():
    moved = follow_loudness(SPEECH.sound)
    still_mouth = lips.measure([take(SPEECH, shows(moved), 0)])["mouth.quiet_over_speaking"].value
    moved[:, CONTROLS.index("jawOpen")] += 0.1 * np.sin(np.arange(len(moved)))
    mumbling = lips.measure([take(SPEECH, shows(moved), 0)])["mouth.quiet_over_speaking"].value
    assert still_mouth < 0.01
    assert 0.3 < mumbling < 1


def test_stillness_reports_the_widest_opening():
    values = still(100)
    values[40, CONTROLS.index("jawOpen")] = 0.25
    found = lips.stillness([take(call(4, [], [(1, 3)]), shows(values), 0)])
    assert found["mouth.peak_while_listening"].value == pytest.approx(0.25)
    assert found["mouth.sd_while_listening"].value == pytest.approx(values[:, CONTROLS.index("jawOpen")].std())


def phone_row(rng):
    """A phone every 100 ms of the first phrases: bilabials among other consonants and vowels."""
    names = ("aa", "t", "iy", "m", "ah", "s", "b", "eh", "k", "p")
    at = np.concatenate([np.arange(1.05, 3.9, 0.1), np.arange(6.05, 8.9, 0.1)])
    return tuple(
        Phone(names[int(k)], t, t + 0.1) for t, k in zip(at, rng.integers(len(names), size=len(at)), strict=True)
    )


def mouth_of(phones, shut):
    """Opens by 0.3 while speaking, to 0 at bilabials where `shut`."""
    jaw = np.zeros(frames_of(SPEECH))
    for phone in phones:
        jaw[int(phone.start * FPS) : int(phone.end * FPS) + 1] = 0.3
    for phone in phones:
        if shut and phone.name in ("p", "b", "m"):
            jaw[int((phone.start + phone.end) / 2 * FPS)] = 0.0
    return put(still(frames_of(SPEECH)), "jawOpen", jaw)


def test_closures_are_told_apart_where_the_lips_close():
    phones = phone_row(np.random.default_rng(3))
    dialogue = replace(SPEECH, phones=phones)
    closing = lips.closures([take(dialogue, shows(mouth_of(phones, shut=True)), 0)])
    assert closing["mouth.closure_auc"].value > 0.8
    assert closing["mouth.closure_recall"].value == 1.0
    assert closing["mouth.closure_recall"].chance < 0.95
    assert closing["mouth.closure_recall"].count == sum(phone.name in ("p", "b", "m") for phone in phones)


def test_a_mouth_that_never_closes_has_no_recall_and_an_auc_of_a_half():
    phones = phone_row(np.random.default_rng(3))
    dialogue = replace(SPEECH, phones=phones)
    opened = put(still(frames_of(SPEECH)), "jawOpen", 0.3)
    found = lips.closures([take(dialogue, shows(opened), 0)])
    assert found["mouth.closure_auc"].value == 0.5
    assert found["mouth.closure_recall"].value == 0.0


def test_closures_are_left_out_where_no_phones_are_known():
    assert lips.closures([take(SPEECH, follow_loudness, 0)]) == {}


def test_the_true_motion_agrees_with_itself_and_half_of_it_has_half_the_spread():
    truth = put(follow_loudness(SPEECH.sound), "mouthPucker", np.sin(np.arange(frames_of(SPEECH)) / 5) ** 2)
    dialogue = replace(SPEECH, truth=truth)
    same = lips.against_truth([take(dialogue, shows(truth), 0)])
    half = lips.against_truth([take(dialogue, shows(0.5 * truth), 0)])
    assert same["mouth.truth_r"].value == pytest.approx(1)
    assert same["mouth.rounding_r"].value == pytest.approx(1)
    assert half["mouth.sd_over_truth"].value == pytest.approx(0.5)


def test_eyes_that_hold_the_camera_while_the_head_turns_look_at_the_partner():
    values = put(still(10), "headYaw", np.radians(7.0))  # towards the left of the picture
    values = put(values, ("eyeLookInRight", "eyeLookOutLeft"), 0.2)  # 7 degrees back to the right
    assert np.abs(read_face(values).gaze).max() < 1e-4
