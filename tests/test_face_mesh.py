"""Faces, points and mattes are MediaPipe's, to a small share of a pixel, without MediaPipe (`face_goldens` was)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from avtr_cli.core.errors import WeightsError
from avtr_cli.perception import face_mesh, networks
from avtr_cli.perception.detection import FAR, NEAR, Detection
from avtr_cli.perception.face_mesh import Follower, faces_in
from avtr_cli.perception.matting import person_probability
from avtr_cli.perception.rects import overlap
from tests.face_goldens import EVERY, FAR_SURE, FOLLOWED_SURE, MOST, NEAR_SURE, SURE, goldens, pictures, video

PICTURES = pytest.mark.parametrize("name", list(pictures()))


def scale_of(points: np.ndarray) -> float:
    """px of a crop of 512 px per pixel of the picture."""
    return 512 / (2.15 * float(np.ptp(points[:468, 1])))


def distances(points: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """How far each point is from its golden, in px of a crop of 512 px."""
    return np.linalg.norm((points - wanted)[:, :2], axis=1) * scale_of(wanted)


@PICTURES
def test_the_same_faces_are_found_and_their_points_lie_within_a_twentieth_of_a_pixel(name):
    faces, wanted = faces_in(pictures()[name], MOST, SURE), goldens()[f"{name}/mesh"]
    assert len(faces) == len(wanted)
    for points, golden in zip(faces, wanted, strict=True):
        assert points.shape == (478, 3)
        assert points.dtype == np.float64
        assert distances(points, golden).max() < 0.05
        assert np.abs(points - golden)[:, 2].max() * scale_of(golden) < 0.05


@PICTURES
@pytest.mark.parametrize(("which", "detector", "least"), [("near", NEAR, NEAR_SURE), ("far", FAR, FAR_SURE)])
def test_detections_are_the_same(name, which, detector, least):
    faces, wanted = detector(pictures()[name], least), goldens()[f"{name}/{which}"]
    assert len(faces) == len(wanted)
    for face, golden in zip(faces, wanted, strict=True):
        assert abs(face.score - golden[0]) < 1e-6
        assert np.abs(np.concatenate([face.box, face.points.ravel()]) - golden[1:]).max() < 2e-6


@PICTURES
def test_the_matte_is_the_same(name):
    matte = person_probability(pictures()[name])
    assert matte.shape == pictures()[name].shape[:2]
    assert matte.dtype == np.float32
    assert np.abs(matte[::EVERY, ::EVERY] - goldens()[f"{name}/matte"]).max() < 1e-3  # kept as float16


def test_a_face_is_followed_through_a_video_lost_and_found_again():
    follow = Follower(most=1, least=FOLLOWED_SURE)
    # Looser: the rounding of one picture's points moves where the next one is looked at.
    for faces, golden in zip(map(follow, video()), goldens()["video"], strict=True):
        assert len(faces) == int(np.isfinite(golden).all())
        assert all(distances(points, golden).max() < 0.2 for points in faces)


def test_the_whole_picture_is_searched_only_while_a_face_is_missing(monkeypatch):
    searches = []
    monkeypatch.setattr(face_mesh, "NEAR", lambda image, least: searches.append(image) or NEAR(image, least))
    follow, told = Follower(most=1, least=FOLLOWED_SURE), []
    for picture in video():
        follow(picture)
        told.append(len(searches))
    # A face that has gone is first looked for where it was, and in the picture after that everywhere.
    assert told == [1, 1, 1, 1, 1, 2, 2, 2]
    follow(picture[:300])
    assert len(searches) == 3  # a picture of another size is another video's


def test_a_face_among_others_is_measured_as_alone():
    picture = pictures()["three"]
    together, (alone,) = faces_in(picture, MOST, SURE), faces_in(picture, 1, SURE)
    assert min(distances(points, alone).max() for points in together) < 1e-3


def test_eight_threads_at_once_see_what_one_sees():
    work = [pictures()[name] for name in ("plain", "third", "three", "odd")] * 2
    alone = [(faces_in(picture, MOST, SURE), person_probability(picture)) for picture in work]
    with ThreadPoolExecutor(8) as threads:
        at_once = list(threads.map(lambda picture: (faces_in(picture, MOST, SURE), person_probability(picture)), work))
    for (faces, matte), (wanted, wanted_matte) in zip(at_once, alone, strict=True):
        assert np.array_equal(faces, wanted)
        assert np.array_equal(matte, wanted_matte)


def test_a_network_that_is_missing_or_damaged_is_told_in_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(networks, "FOLDER", tmp_path)
    (tmp_path / "damaged.onnx").write_bytes(b"\x00" * 100)
    for name in ("missing", "damaged"):
        with pytest.raises(WeightsError, match=rf"{name}\.onnx: this network is {name}.*install avtr again") as told:
            networks.Network(name)(np.zeros((1, 8, 8, 3), np.uint8))
        assert "\n" not in str(told.value)


def test_the_surest_of_answers_about_one_face_gives_the_score_and_all_of_them_the_box():
    from avtr_cli.perception.detection import _averaged

    def face(score: float, left: float) -> Detection:
        return Detection(score, np.array([left, 0.0, left + 1, 1.0]), np.full((6, 2), left))

    one, other = _averaged([face(0.6, 0.2), face(0.9, 0.0), face(0.7, 5.0)])
    assert (one.score, other.score) == (0.9, 0.7)
    assert np.allclose(one.box, [0.08, 0, 1.08, 1])
    assert np.allclose(other.points, 5)


@pytest.mark.parametrize(("left", "share"), [(0.0, 1.0), (0.5, 1 / 3), (1.0, 0.0), (-3.0, 0.0)])
def test_overlap_is_the_shared_area_over_the_area_of_both(left, share):
    assert overlap(np.array([0.0, 0.0, 1.0, 2.0]), np.array([left, 0.0, left + 1, 2.0])) == pytest.approx(share)
