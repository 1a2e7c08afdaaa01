"""Face points into tracks, tracks into files and back, any rate of frames into 25."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from avtr_cli.core.errors import InputError, OutputError
from avtr_cli.evaluation.alike.tracks import CURVES, USUAL_RATES, curves_of, read_tracks, tracks_of, write_tracks
from tests.alike_tracks import talking, tracks, wave, without

LENGTHS = ("aperture", "width", "outer", "brow_l", "brow_r", "ear_l", "ear_r")


def face() -> np.ndarray:
    """Points (478, 3) in px: an upright face 200 px high, ears level, its other points anywhere near."""
    points = np.random.default_rng(3).uniform(-60, 60, (478, 3))
    points[10], points[152] = (0, -100, 0), (0, 100, 0)
    points[234], points[454] = (-80, 0, 0), (80, 0, 0)
    points[13], points[14] = (0, 40, 0), (0, 50, 0)
    points[78], points[308] = (-25, 45, 0), (25, 45, 0)
    points[334], points[386], points[105], points[159] = (30, -40, 0), (30, -10, 0), (-30, -50, 0), (-30, -10, 0)
    points[362], points[263], points[33], points[133] = (20, 0, 0), (60, 0, 0), (-60, 0, 0), (-20, 0, 0)
    points[374], points[145] = (30, 10, 0), (-30, 0, 0)
    points[473], points[468] = (44, 2, 0), (-36, 2, 0)
    points[168] = (10, 20, 0)
    return points


def test_lengths_are_shares_of_the_face_s_height_and_lids_of_the_eye_s_width():
    seen = curves_of(face())
    assert seen["aperture"] == pytest.approx(10 / 200)
    assert seen["width"] == pytest.approx(50 / 200)
    assert (seen["brow_l"], seen["brow_r"]) == pytest.approx((30 / 200, 40 / 200))
    assert (seen["ear_l"], seen["ear_r"]) == pytest.approx((20 / 40, 10 / 40))
    assert (seen["x"], seen["y"]) == pytest.approx((10 / 200, 20 / 200))
    assert (seen["gaze_x"], seen["gaze_y"]) == pytest.approx((4 / 40, 2 / 40))
    assert set(seen) == set(CURVES)


@pytest.mark.parametrize(("name", "axis"), [("yaw", [0, -1, 0]), ("pitch", [1, 0, 0]), ("roll", [0, 0, 1])])
@pytest.mark.parametrize("degrees", [-25.0, 3.0, 40.0])
def test_a_head_turned_about_one_axis_has_that_angle_and_no_other(name, axis, degrees):
    seen = curves_of(face() @ Rotation.from_rotvec(np.radians(degrees) * np.array(axis)).as_matrix().T)
    assert {key: seen[key] for key in ("yaw", "pitch", "roll")} == pytest.approx(
        {"yaw": 0, "pitch": 0, "roll": 0} | {name: degrees}, abs=1e-9
    )


def test_a_crooked_face_that_is_turned_has_not_nodded():
    crooked = face()
    crooked[10, 0] += 40
    turned = Rotation.from_euler("z", 20, degrees=True) * Rotation.from_euler("y", 30, degrees=True)
    assert abs(curves_of(crooked @ turned.as_matrix().T)["pitch"]) < 1e-9


@pytest.mark.slow
@given(st.floats(0.2, 5), st.lists(st.floats(-0.6, 0.6), min_size=3, max_size=3), st.floats(-500, 500))
def test_no_length_depends_on_how_large_the_face_is_how_it_is_turned_or_where(size, turn, away):
    moved = size * face() @ Rotation.from_rotvec(turn).as_matrix().T + away
    still, seen = curves_of(face()), curves_of(moved)
    assert {name: seen[name] for name in LENGTHS} == pytest.approx({name: still[name] for name in LENGTHS})


def test_a_frame_without_a_face_is_lost_and_the_others_are_not():
    seen = tracks_of([face(), None, face()], 30.0)
    assert seen.found.tolist() == [True, False, True]
    assert np.isnan([curve[1] for curve in seen.curves.values()]).all()
    assert seen["aperture"][2] == pytest.approx(0.05)


@pytest.mark.parametrize("fps", [12.5, 24.66, 29.97, 30.0, 50.0, 60.0])
@pytest.mark.parametrize("frames", [61, 140, 307])
def test_another_rate_is_read_between_its_frames(fps, frames):
    made = tracks(frames, fps, yaw=wave(frames, 2.0, 10, fps))
    seen = made.at_25_fps()
    assert len(seen) == int((frames - 1) / fps * 25 + 1e-6) + 1
    assert seen.fps == 25
    assert seen.found.all()
    assert np.abs(seen["yaw"] - wave(len(seen), 2.0, 10)).max() < 0.1 * (30 / min(fps, 30)) ** 2


def test_25_frames_a_second_stay_as_they_are():
    made = talking()
    assert made.at_25_fps() is made


@given(st.sampled_from(USUAL_RATES), st.integers(1, 40), st.floats(0.001, 0.019))
def test_a_rate_over_the_padding_of_a_sound_is_told_from_the_pictures_that_would_outlast_it(rate, seconds, padding):
    frames = int(seconds * rate) + 1
    told = tracks(frames, rate / (1 + padding))
    late = (frames - 1) / told.fps > seconds
    assert told.beside(seconds).fps == pytest.approx(rate if late else told.fps, rel=2e-3)


@given(st.floats(10, 70), st.integers(30, 900))
def test_a_rate_at_which_no_picture_outlasts_the_sound_stays(fps, frames):
    made = tracks(frames, fps)
    assert made.beside((frames - 1) / fps + 1e-6).fps == fps


@pytest.mark.parametrize(("fps", "seconds"), [(24.66, 2.0), (27.3, 3.6), (25.0, 3.9)])
def test_a_video_that_goes_on_after_its_sound_and_one_of_an_odd_rate_stay_as_they_are(fps, seconds):
    assert tracks(101, fps).beside(seconds).fps == fps


def test_nothing_is_invented_over_lost_frames_when_the_rate_changes():
    seen = without(tracks(120, 30.0), slice(30, 60)).at_25_fps()
    assert not seen.found[25:50].any()
    assert seen.found[:24].all()
    assert seen.found[51:].all()
    assert (np.isfinite(seen["yaw"]) == seen.found).all()


def test_a_frame_between_one_with_a_face_and_one_without_is_lost():
    seen = without(tracks(120, 30.0), slice(32, 33)).at_25_fps()
    assert np.flatnonzero(~seen.found).tolist() == [26, 27]  # at 31.2 and 32.4 of the frames before
    assert (np.isfinite(seen["yaw"]) == seen.found).all()


@pytest.mark.parametrize("frames", [1, 2, 77])
def test_tracks_come_back_from_their_file(tmp_path, frames):
    made = without(talking(frames), slice(0, 1)) if frames > 1 else talking(2)
    write_tracks(tmp_path / "tracks.npz", made)
    back = read_tracks(tmp_path / "tracks.npz")
    assert back.fps == made.fps
    assert (back.found == made.found).all()
    for name in CURVES:
        np.testing.assert_allclose(back[name], made[name], rtol=1e-6)


def arrays() -> dict[str, np.ndarray]:
    made = talking(30)
    return {**made.curves, "found": made.found, "fps": np.array(25.0)}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"yaw": None, "roll": None}, "lacks the tracks yaw, roll"),
        ({"fps": np.array(0.0)}, "fps must be"),
        ({"fps": np.array(np.nan)}, "fps must be"),
        ({"fps": np.array([25.0, 30.0])}, "fps must be"),
        ({"pitch": np.zeros(29)}, "not of one length"),
        ({"found": np.zeros((2, 15))}, "not of one length"),
        ({"yaw": np.array([object()] * 30)}, "is no file of tracks"),
        ({"yaw": np.array(["a"] * 30)}, "is no file of tracks"),
    ],
)
def test_a_file_that_holds_something_else_is_refused_in_a_sentence(tmp_path, change, said):
    path = tmp_path / "bad.npz"
    np.savez(path, **{name: array for name, array in (arrays() | change).items() if array is not None})
    with pytest.raises(InputError, match=said):
        read_tracks(path)


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 cut off", b"no archive at all", b"\x80\x04\x95 a pickle"])
def test_a_file_that_is_no_archive_is_refused_in_a_sentence(tmp_path, data):
    (tmp_path / "bad.npz").write_bytes(data)
    with pytest.raises(InputError, match="is no file of tracks"):
        read_tracks(tmp_path / "bad.npz")


def test_a_single_array_a_damaged_file_and_a_folder_are_refused(tmp_path):
    with (tmp_path / "one.npz").open("wb") as file:
        np.save(file, np.zeros(3))
    write_tracks(tmp_path / "cut.npz", talking(300))
    data = bytearray((tmp_path / "cut.npz").read_bytes())
    data[2000:2100] = bytes(100)
    (tmp_path / "cut.npz").write_bytes(data)
    for path in (tmp_path / "one.npz", tmp_path / "cut.npz", tmp_path, tmp_path / "none.npz"):
        with pytest.raises(InputError, match=str(path)):
            read_tracks(path)


def test_values_that_are_no_numbers_count_as_lost(tmp_path):
    made = arrays()
    made["width"] = made["width"].copy()
    made["width"][4] = np.inf
    np.savez(tmp_path / "odd.npz", **made)
    seen = read_tracks(tmp_path / "odd.npz")
    assert np.flatnonzero(~seen.found).tolist() == [4]
    assert np.isnan(seen["yaw"][4])


def test_tracks_that_cannot_be_written_are_told(tmp_path):
    with pytest.raises(OutputError, match="cannot be written"):
        write_tracks(tmp_path / "none" / "tracks.npz", talking(3))
