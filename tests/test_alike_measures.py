"""Comparisons of planted tracks: every number is the one that was planted, and chance is what chance gives."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avtr_cli.core.errors import InputError
from avtr_cli.core.timing import SAMPLES_PER_FRAME
from avtr_cli.evaluation.alike.closures import closed_below, kept_closures
from avtr_cli.evaluation.alike.compare import ALIKE_MEASURES, compare, rows_of
from avtr_cli.evaluation.alike.life import aliveness, fast
from avtr_cli.evaluation.alike.table import comparison_lines
from avtr_cli.evaluation.alike.tracks import Tracks
from tests.alike_tracks import STILL, talking, tracks, wander, wave, without

seeds = st.integers(0, 10_000)


def changed(seen: Tracks, **curves: np.ndarray) -> Tracks:
    return Tracks({**seen.curves, **curves}, seen.found, seen.fps)


@pytest.mark.slow
@given(seeds)
def test_a_video_is_wholly_like_itself(seed):
    seen = talking(seed=seed)
    compared = compare(seen, seen)
    for name in ("alike.aperture_r", "alike.aperture_lagged_r", "alike.width_r", "alike.brow_r"):
        assert compared.ours[name] == pytest.approx(1)
    assert compared.ours["alike.aperture_lag"] == compared.ours["alike.width_lag"] == 0
    assert compared.ours["closures.kept"] == compared.ours["closures.kept_plain"] == 1
    assert {name: compared.ours[name] for name in compared.reference} == pytest.approx(compared.reference)
    assert all(row["ratio"] in (None, 1) for row in rows_of([compared]).values())


@pytest.mark.slow
@given(seeds, st.integers(-5, 5))
def test_the_lag_that_was_planted_is_found(seed, lag):
    long = wander(410, seed)
    one, other = long[5:405], long[5 - lag : 405 - lag]
    compared = compare(tracks(400, aperture=one, width=-one), tracks(400, aperture=other, width=-other))
    assert compared.ours["alike.aperture_lag"] == compared.ours["alike.width_lag"] == lag
    assert compared.ours["alike.aperture_lagged_r"] == pytest.approx(1)
    assert lag == 0 or compared.ours["alike.aperture_r"] < 0.99


@pytest.mark.slow
@given(seeds, st.floats(0.1, 10), st.floats(-1, 1))
def test_agreement_knows_neither_scale_nor_offset_and_spreads_know_scale(seed, scale, offset):
    reference, ours = talking(seed=seed), talking(seed=seed + 1)
    mixed = reference["aperture"] + ours["aperture"]
    one = compare(reference, changed(ours, aperture=mixed))
    other = compare(reference, changed(ours, aperture=scale * mixed + offset))
    for name in ("alike.aperture_r", "alike.aperture_lag", "closures.kept", "closures.kept_chance"):
        assert other.ours[name] == pytest.approx(one.ours[name], abs=1e-6)
    assert other.ours["mouth.aperture_sd"] == pytest.approx(scale * one.ours["mouth.aperture_sd"])
    assert other.ours["mouth.aperture_speed"] == pytest.approx(scale * one.ours["mouth.aperture_speed"])


def test_strangers_do_not_agree():
    rs = [compare(talking(seed=seed), talking(seed=seed + 50)).ours for seed in range(20)]
    assert abs(np.mean([one["alike.aperture_r"] for one in rs])) < 0.1
    assert np.mean([one["closures.kept"] for one in rs]) == pytest.approx(
        np.mean([one["closures.kept_chance"] for one in rs]), abs=0.08
    )


@pytest.mark.parametrize("share", [0.05, 0.1, 0.2])
def test_the_chance_of_random_closures_is_how_often_a_window_of_three_frames_holds_one(share):
    """Closures of single frames, none near another: the window is the frame and its neighbours."""
    frames, rng = 4000, np.random.default_rng(1)
    reference, other = rng.uniform(0.05, 0.1, frames), rng.uniform(0.05, 0.1, frames)
    reference[rng.permutation(np.arange(2, frames, 4))[: frames // 20]] = 0.001
    shut = rng.random(frames) < share
    other[shut] = rng.uniform(0.0005, 0.0015, shut.sum())
    kept = kept_closures(reference, other)
    assert kept.count == frames // 20
    assert kept.plain_chance == pytest.approx((shut | np.roll(shut, 1) | np.roll(shut, -1)).mean(), abs=0.005)
    assert kept.plain_chance == pytest.approx(1 - (1 - share) ** 3, abs=0.03)
    assert kept.plain_share == pytest.approx(kept.plain_chance, abs=0.08)
    assert kept.chance == pytest.approx(1 - (1 - 1 / 20) ** 3, abs=0.01)  # shut as often as the reference, not more


def mouth(closed: list[int], frames: int = 100, shut: float = 0.002) -> np.ndarray:
    """Wide open, with a swing, but for the frames `closed`."""
    aperture = 0.06 + 0.02 * wave(frames, 0.9)
    aperture[closed] = shut
    return aperture


def test_a_closure_is_kept_within_one_frame_and_no_farther():
    reference = mouth([10, 11, 30, 50, 51, 52, 70])
    assert kept_closures(reference, mouth([12, 29, 50, 51, 52, 72, 95])).share == pytest.approx(3 / 4)
    assert kept_closures(reference, mouth([])).plain_share == 0
    assert kept_closures(reference, reference).count == 4


def test_closures_at_the_very_ends_count_and_do_not_reach_round():
    reference = mouth([0, 40, 99])
    assert kept_closures(reference, mouth([1, 41, 98])).share == 1
    assert kept_closures(reference, mouth([97, 98, 99])).share == pytest.approx(1 / 3)


def test_a_mouth_that_never_opens_as_far_is_judged_by_its_own_lowest_frames():
    reference = mouth([10, 30, 50, 70])
    ajar = 0.02 + mouth([10, 30, 50, 70], shut=0.01)
    kept = kept_closures(reference, ajar)
    assert kept.share == 1
    assert kept.plain_share == 0


def test_a_hanging_mouth_gains_nothing_from_being_shut_all_the_time():
    reference = mouth([10, 30, 50, 70])
    kept = kept_closures(reference, np.full(100, 0.0001) + 1e-6 * wander(100, 4))
    assert kept.plain_share == kept.plain_chance == 1
    assert kept.chance < 0.2


def test_the_threshold_lies_between_shut_and_open_lips_and_far_from_both():
    reference = mouth(list(range(20, 40)))
    assert 0.004 < closed_below(reference) < 0.03


def test_nothing_is_said_of_closures_where_there_are_none():
    kept = kept_closures(np.full(50, 0.05), np.full(50, 0.05))
    assert math.isnan(kept.share)
    assert math.isnan(kept.chance)
    assert kept.count == 0
    assert math.isnan(kept_closures(np.zeros(0), np.zeros(0)).share)


FRAMES = 500
PLANTED = {
    "mouth.aperture_mean": ({"aperture": 0.06 + wave(FRAMES, 1, 0.02)}, 6.0),
    "mouth.aperture_sd": ({"aperture": 0.06 + wave(FRAMES, 1, 0.02)}, 2 / math.sqrt(2)),
    "mouth.aperture_speed": ({"aperture": 0.06 + 0.001 * (np.arange(FRAMES) % 2)}, 2.5),
    "mouth.width_sd": ({"width": 0.25 + wave(FRAMES, 2, 0.03)}, 3 / math.sqrt(2)),
    "mouth.width_aperture_r": ({"width": -wave(FRAMES, 1), "aperture": wave(FRAMES, 1)}, -1.0),
    "brow.sd": ({"brow": 0.16 + wave(FRAMES, 2, 0.01)}, 1 / math.sqrt(2)),
    "brow.pitch_r": ({"brow": wave(FRAMES, 2), "pitch": -wave(FRAMES, 2, 8)}, -1.0),
    "head.yaw_sd": ({"yaw": wave(FRAMES, 2, 6)}, 6 / math.sqrt(2)),
    "head.pitch_sd": ({"pitch": wave(FRAMES, 2, 6)}, 6 / math.sqrt(2)),
    "head.roll_sd": ({"roll": wave(FRAMES, 2, 6)}, 6 / math.sqrt(2)),
    "head.speed": ({"yaw": 0.3 * np.arange(FRAMES), "roll": 0.4 * np.arange(FRAMES)}, 12.5),
    "head.speed_p95": ({"pitch": np.cumsum(np.arange(FRAMES) % 10 == 0)}, 25.0),
    "head.jitter": ({"yaw": 0.5 * (np.arange(FRAMES) % 2)}, 1.0),
    "head.x_sd": ({"x": 1 + wave(FRAMES, 2, 0.05)}, 5 / math.sqrt(2)),
    "head.y_sd": ({"y": 1 + wave(FRAMES, 2, 0.05)}, 5 / math.sqrt(2)),
    "gaze.x_sd": ({"gaze_x": wave(FRAMES, 2, 0.02)}, 2 / math.sqrt(2)),
    "lids.sd": ({"ear": 0.3 + wave(FRAMES, 2, 0.03)}, 10 / math.sqrt(2)),
    "blink.per_minute": ({"ear": np.where(np.arange(FRAMES) % 100 < 4, 0.1, 0.3)}, 15.0),
    "brow.fast_sd": ({"brow": wave(FRAMES, 0.2, 0.01)}, 1 / math.sqrt(2)),
    "head.yaw_fast_sd": ({"yaw": wave(FRAMES, 0.2, 3)}, 3 / math.sqrt(2)),
    "head.pitch_fast_sd": ({"pitch": wave(FRAMES, 0.2, 3)}, 3 / math.sqrt(2)),
    "head.roll_fast_sd": ({"roll": wave(FRAMES, 0.2, 3)}, 3 / math.sqrt(2)),
}


@pytest.mark.parametrize("name", PLANTED)
def test_the_number_that_was_planted_is_read(name):
    curves, planted = PLANTED[name]
    assert aliveness(tracks(FRAMES, **curves))[name] == pytest.approx(planted, rel=0.02)


def test_blinks_are_no_sway_of_the_lids():
    lids = np.where(np.arange(FRAMES) % 100 < 6, 0.05, 0.3)
    assert aliveness(tracks(FRAMES, ear=lids))["lids.sd"] == pytest.approx(0, abs=1e-9)


def test_every_measure_of_one_video_is_planted_above():
    assert set(aliveness(talking())) == set(PLANTED)
    told = {name for name in ALIKE_MEASURES if not name.startswith(("alike.", "closures.", "face."))}
    assert told == {"mouth.level_r", *PLANTED}


def test_what_is_slower_than_a_second_is_not_fast():
    slow = tracks(FRAMES, yaw=wave(FRAMES, 10, 6), brow=wave(FRAMES, 10, 0.02))
    numbers = aliveness(slow)
    assert numbers["head.yaw_fast_sd"] < 0.1 * numbers["head.yaw_sd"]
    assert numbers["brow.fast_sd"] < 0.1 * numbers["brow.sd"]
    assert fast(np.full(100, 7.0)) == pytest.approx(np.zeros(100))


def test_lost_frames_change_no_spread_and_count_as_no_movement():
    seen = tracks(FRAMES, yaw=np.where(np.arange(FRAMES) < 250, 0.0, 30.0))
    jump = aliveness(seen)["head.speed"]
    lost = without(seen, slice(245, 255))
    assert aliveness(lost)["head.speed"] == 0 < jump
    assert aliveness(lost)["head.yaw_sd"] == pytest.approx(15)
    whole, gappy = talking(), without(talking(), slice(100, 140))
    assert aliveness(gappy)["mouth.aperture_sd"] == pytest.approx(aliveness(whole)["mouth.aperture_sd"], rel=0.15)
    assert np.isnan(fast(gappy["yaw"])[100:140]).all()
    assert np.isfinite(fast(gappy["yaw"])[:100]).all()


def test_only_frames_that_both_show_are_compared():
    reference, ours = talking(), without(talking(), slice(100, 200))
    broken = changed(reference, aperture=np.where(ours.found, reference["aperture"], 9.0))
    compared = compare(broken, ours)
    assert compared.ours["alike.aperture_r"] == pytest.approx(1)
    assert compared.ours["closures.kept"] == 1
    assert compared.ours["face.found"] == 0.75


@pytest.mark.parametrize(("frames", "other"), [(401, 377), (50, 401), (26, 26)])
def test_videos_of_other_lengths_are_compared_where_both_last(frames, other):
    long = talking(401)
    cut = [Tracks({k: v[:n] for k, v in long.curves.items()}, long.found[:n], 25.0) for n in (frames, other)]
    compared = compare(*cut)
    assert compared.frames == min(frames, other)
    assert compared.ours["alike.aperture_r"] == pytest.approx(1)


def test_30_frames_a_second_are_like_the_same_at_25():
    def seen(frames: int, fps: float) -> Tracks:
        moved = {"aperture": 0.05 + wave(frames, 0.8, 0.02, fps), "width": 0.25 + wave(frames, 1.1, 0.02, fps)}
        return tracks(frames, fps, **moved, yaw=wave(frames, 2.3, 5, fps))

    compared = compare(seen(250, 25.0), seen(300, 30.0))
    assert compared.ours["alike.aperture_r"] > 0.995
    assert compared.ours["alike.aperture_lag"] == 0
    assert compared.ours["head.speed"] == pytest.approx(compared.reference["head.speed"], rel=0.02)


def test_too_little_in_common_is_refused_by_name():
    with pytest.raises(InputError, match=r"me\.mp4: shows a face in only 20 "):
        compare(talking(20), talking(400), name="me.mp4")
    with pytest.raises(InputError, match="in only 0 "):
        compare(without(talking(100), slice(0, 50)), without(talking(100), slice(50, 100)))


def test_lips_that_follow_the_voice_s_level_are_found_out():
    loud = np.abs(wander(400, 8)) + 0.05
    sound = np.repeat(0.1 * loud, SAMPLES_PER_FRAME).astype(np.float32)
    follower = tracks(400, aperture=0.02 * np.log(loud))
    compared = compare(talking(), follower, sound)
    assert compared.ours["mouth.level_r"] == pytest.approx(1, abs=0.01)
    assert abs(compared.reference["mouth.level_r"]) < 0.3
    row = rows_of([compared])["mouth.level_r"]
    assert row["met"] is False
    assert row["ratio"] is None


def test_silence_says_nothing_about_the_level_and_no_sound_neither():
    for sound in (None, np.zeros(400 * SAMPLES_PER_FRAME, np.float32)):
        row = rows_of([compare(talking(), talking(), sound)])["mouth.level_r"]
        assert (row["reference"], row["ours"], row["met"]) == (None, None, None)


def test_a_spread_is_judged_by_its_share_of_the_reference_s():
    reference = talking()
    for scale, met in ((0.7, False), (0.8, True), (1.2, True), (1.3, False)):
        rows = rows_of([compare(reference, changed(reference, yaw=scale * reference["yaw"]))])
        assert rows["head.yaw_sd"]["ratio"] == pytest.approx(scale, rel=1e-3)
        assert rows["head.yaw_sd"]["met"] is met


def test_of_several_clips_rows_are_medians_and_what_one_cannot_tell_is_left_out():
    still = tracks(400, aperture=STILL["aperture"] + np.zeros(400))
    clips = [compare(talking(), changed(talking(), pitch=scale * talking()["pitch"])) for scale in (1.0, 2.0, 5.0)]
    row = rows_of(clips)["head.pitch_sd"]
    assert row["ours"] == pytest.approx(2 * row["reference"], rel=1e-3)
    assert rows_of([compare(still, still)])["alike.aperture_r"]["ours"] is None
    assert rows_of([*clips, compare(still, still)])["alike.aperture_r"]["ours"] == pytest.approx(1)


def test_the_table_is_80_columns_wide_and_counts_what_is_met():
    rows = rows_of([compare(talking(), talking(seed=1), np.ones(400 * SAMPLES_PER_FRAME, np.float32))])
    lines = list(comparison_lines(rows))
    assert max(map(len, lines)) <= 80
    assert len(lines) == len(ALIKE_MEASURES) + 2
    bounded = sum(row["met"] is not None for row in rows.values())
    assert lines[-1] == f"{sum(bool(row['met']) for row in rows.values())} of {bounded} bounds met"
    assert any(" NO " in line for line in lines)
    assert any(" ok " in line for line in lines)
