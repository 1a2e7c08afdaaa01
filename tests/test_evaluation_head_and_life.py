"""Head, blinks, freezing, drift and chunk borders against motions whose behaviour is known."""

from __future__ import annotations

import numpy as np
import pytest

from avtr_cli.core.motion_space import CONTROLS
from avtr_cli.core.timing import FPS
from avtr_cli.evaluation.motion import head, life
from avtr_cli.evaluation.motion.takes import silence, take
from tests.evaluation_signals import add_blinks, call, frames_of, put, still, swaying

CALL = call(30, own=[(1, 8)], partner=[(10, 18)])


def shows(values):
    return lambda sound, seed: values


def turning(speeds):
    """A yaw that moves at `speeds` (T,) degrees a second."""
    return put(still(len(speeds)), "headYaw", np.radians(np.cumsum(speeds) / FPS))


def test_head_speed_is_told_by_state():
    seconds = np.arange(frames_of(CALL)) / FPS
    talking, hearing = (seconds > 0.9) & (seconds < 8.3), (seconds > 9.9) & (seconds < 19.5)
    speeds = np.select([talking, hearing], [9.0, 5.0], 2.0)
    found = head.measure([take(CALL, shows(turning(speeds)), 0)])
    assert found["head.speed_speaking"].value == pytest.approx(9, rel=0.02)
    assert found["head.speed_listening"].value == pytest.approx(5, rel=0.02)
    assert found["head.speed_rest"].value == pytest.approx(2, rel=0.02)
    assert found["head.listening_over_rest"].value == pytest.approx(2.5, rel=0.04)


def test_a_state_that_hardly_occurs_gets_no_speed():
    busy = call(10, own=[(0, 10)], partner=[])
    found = head.measure([take(busy, shows(swaying(frames_of(busy))), 0)])
    assert np.isnan(found["head.speed_rest"].value)
    assert np.isnan(found["head.listening_over_rest"].value)


def test_smooth_sway_has_little_jitter_and_white_noise_much():
    smooth = head.measure([take(CALL, shows(swaying(frames_of(CALL))), 0)])["head.jitter"].value
    noise = put(still(frames_of(CALL)), "headPitch", 0.01 * np.random.default_rng(0).standard_normal(frames_of(CALL)))
    assert smooth < 0.3
    assert head.measure([take(CALL, shows(noise), 0)])["head.jitter"].value > 1.5


def test_listening_is_compared_with_the_same_frames_without_a_partner():
    calm, lively = (take(CALL, shows(turning(np.full(frames_of(CALL), speed))), 0) for speed in (2.0, 3.0))
    assert head.same_frames_over([lively], [calm]).value == pytest.approx(1.5, rel=1e-3)


def test_two_seeds_correlate_fully_only_when_chance_plays_no_part():
    same = [[take(CALL, shows(swaying(frames_of(CALL), 0)), 0)] for _ in range(2)]
    other = [[take(CALL, shows(swaying(frames_of(CALL), seed)), 0)] for seed in range(4)]
    assert head.seeds_correlation(same).value == pytest.approx(1)
    assert abs(head.seeds_correlation(other).value) < 0.3


def test_a_blink_every_4_seconds_is_15_a_minute_and_a_metronome():
    minute = silence(60)
    found = life.measure([take(minute, shows(add_blinks(still(1500), range(20, 1500, 100))), 0)])
    assert found["blink.per_minute"].value == pytest.approx(15)
    assert found["blink.gap_median_s"].value == pytest.approx(4)
    assert found["blink.gap_log_sd"].value == pytest.approx(0, abs=1e-9)


def test_natural_gaps_have_their_spread():
    gaps = np.clip(np.random.default_rng(0).lognormal(np.log(3.5), 0.6, 200), 0.5, None)
    starts = np.round(np.cumsum(gaps) * FPS).astype(int)
    minutes = silence(starts[-1] / FPS + 2)
    found = life.measure([take(minutes, shows(add_blinks(still(frames_of(minutes)), list(starts))), 0)])
    assert found["blink.gap_log_sd"].value == pytest.approx(0.6, abs=0.1)


def test_lids_that_follow_the_gaze_down_do_not_blink():
    lowered = put(still(250), ("eyeBlinkLeft", "eyeBlinkRight"), 0.25)
    assert life.measure([take(silence(10), shows(lowered), 0)])["blink.per_minute"].value == 0


def test_a_frozen_head_is_found_out():
    values = swaying(750)
    values[300:500] = values[300]
    found = life.measure([take(silence(30), shows(values), 0)])
    assert found["life.longest_still_s"].value == pytest.approx(8, abs=0.2)


def test_silence_reports_sway_and_drift():
    values = swaying(1500)
    found = life.in_silence([take(silence(60), shows(values), 0)])
    assert 0.4 < found["silence.head_sd_degrees"].value < 0.8
    assert found["silence.head_drift_degrees"].value < 2
    drifting = put(values.copy(), "headRoll", np.radians(np.linspace(0, 12, 1500)))
    assert life.in_silence([take(silence(60), shows(drifting), 0)])["silence.head_drift_degrees"].value > 8


def test_a_step_at_chunk_borders_is_found_and_a_smooth_motion_has_none():
    long = call(60, own=[(0, 60)], partner=[])
    smooth = swaying(frames_of(long))
    jaw = 0.2 + 0.1 * np.sin(np.arange(len(smooth)) * 0.73)
    put(smooth, "jawOpen", jaw)
    found = life.over_minutes(take(long, shows(smooth), 0))
    assert found["border.head_ratio"].value == pytest.approx(1, abs=0.15)
    assert found["border.mouth_ratio"].value == pytest.approx(1, abs=0.15)
    stepped = smooth.copy()
    chunk = np.arange(len(smooth)) // 5
    stepped[:, CONTROLS.index("headPitch")] += np.radians(0.3) * (chunk % 2)
    assert life.over_minutes(take(long, shows(stepped), 0))["border.head_ratio"].value > 2


def test_drift_over_minutes_is_told_in_degrees_and_in_spread():
    values = swaying(3000)
    put(values, "headPitch", np.radians(np.linspace(0, 10, 3000)))
    found = life.over_minutes(take(silence(120), shows(values), 0))
    assert found["long.head_drift_degrees"].value == pytest.approx(8, abs=1)
    assert found["long.worst_drift_sd"].value > 1.5


def test_gaze_on_the_partner_is_shared_out_by_state():
    seconds = np.arange(frames_of(CALL)) / FPS
    away = put(still(frames_of(CALL)), ("eyeLookOutRight", "eyeLookInLeft"), np.where(seconds < 9, 0.4, 0.0))
    found = life.measure([take(CALL, shows(away), 0)])
    assert found["gaze.on_partner_speaking"].value == 0
    assert found["gaze.on_partner_listening"].value == 1
