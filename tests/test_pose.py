"""Poses are MediaPipe's, to a small share of a pixel, without MediaPipe (`body_goldens` was)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from avtr_cli.perception import pose
from avtr_cli.perception.pose import Follower, Pose, poses_in
from tests.body_goldens import EVERY, PEOPLE, RATE, SURE, goldens, pictures, video


def distances(points: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """How far each point is from its golden, in px of a person of 256 px."""
    return np.linalg.norm((points - wanted)[:, :2], axis=1) * 256 / np.ptp(wanted[:, :2], axis=0).max()


@pytest.mark.parametrize("name", PEOPLE)
def test_the_same_people_are_found_and_their_points_lie_within_a_tenth_of_a_pixel(name):
    people, wanted = poses_in(pictures()[name], 1, SURE), goldens()[f"{name}/pose"]
    assert len(people) == len(wanted)
    for person, golden, metres in zip(people, wanted, goldens()[f"{name}/metres"], strict=True):
        assert person.points.shape == person.metres.shape == (33, 3)
        assert person.points.dtype == person.metres.dtype == person.visibility.dtype == np.float64
        assert distances(person.points, golden[:, :3]).max() < 0.1
        assert np.abs(person.visibility - golden[:, 3]).max() < 2e-3
        assert np.abs(person.metres - metres).max() < 1e-3
        assert person.matte is None


@pytest.mark.parametrize("name", ["person", "upper half", "lying"])
def test_the_matte_is_the_same(name):
    (person,) = poses_in(pictures()[name], 1, SURE, mattes=True)
    assert person.matte.shape == pictures()[name].shape[:2]
    assert person.matte.dtype == np.float32
    apart = np.abs(person.matte[::EVERY, ::EVERY] - goldens()[f"{name}/matte"])
    # Rounding to 32nds of a pixel may move a place across a hard edge.
    assert apart.max() < 0.1
    assert apart.mean() < 1e-3


def test_a_person_is_followed_through_a_video_lost_and_found_again():
    follow = Follower(SURE, RATE)
    # Looser: the rounding of one picture's points moves where the next one is looked at.
    for person, golden in zip(map(follow, video()), goldens()["video/pose"], strict=True):
        assert (person is not None) == np.isfinite(golden).all()
        assert person is None or distances(person.points, golden[0]).max() < 0.5


def test_the_whole_picture_is_searched_only_while_nobody_is_followed(monkeypatch):
    searches = []
    detector = pose.PERSON
    monkeypatch.setattr(pose, "PERSON", lambda image, least: searches.append(image) or detector(image, least))
    follow, told = Follower(SURE), []
    for picture in video():
        follow(picture)
        told.append(len(searches))
    assert told == [1, 1, 1, 1, 1, 2, 2, 2, 2]  # who has gone is first looked for where they were
    follow(picture[:500])
    assert len(searches) == 3  # a picture of another size is another video's


def test_two_people_are_each_what_they_are_alone():
    one = pictures()["half the size"]
    both = np.hstack([one, one[:, ::-1]])
    left, right = sorted(poses_in(both, 2, SURE), key=lambda person: person.points[0, 0])
    assert len(poses_in(both, 1, SURE)) == 1
    (alone,) = poses_in(one, 1, SURE)
    assert distances(left.points, alone.points).max() < 5  # found in another letterbox, cut out a little elsewhere
    assert np.ptp(right.points[:, 0]) == pytest.approx(np.ptp(alone.points[:, 0]), rel=0.05)


def test_left_is_the_persons_left():
    (person,) = poses_in(pictures()["person"], 1, SURE)
    left_wrist, right_wrist = person.points[[15, 16], 0]
    assert left_wrist > right_wrist
    assert person.metres[15, 0] > person.metres[16, 0]
    assert person.metres[0, 1] < person.metres[27, 1]  # down is positive


@pytest.mark.slow
def test_eight_threads_at_once_see_what_one_sees():
    work = [pictures()[name] for name in ("half the size", "upper half")] * 4

    def see(picture: np.ndarray) -> Pose:
        return poses_in(picture, 1, SURE, mattes=True)[0]

    alone = [see(picture) for picture in work[:2]] * 4
    with ThreadPoolExecutor(8) as threads:
        at_once = list(threads.map(see, work))
    for person, wanted in zip(at_once, alone, strict=True):
        for what in ("points", "visibility", "metres", "matte"):
            assert np.array_equal(getattr(person, what), getattr(wanted, what))


def test_a_point_goes_to_the_middle_of_the_warmth_around_it_and_not_further_than_four_cells():
    heat = np.full((64, 64, 4), -50, np.float32)
    heat[20, 33, 0] = heat[20, 35, 0] = heat[20, 20, 0] = 9.0  # two within reach and one beyond
    heat[0, 0, 1] = 9.0  # at the edge
    heat[20, 33, 2] = -0.1  # not warm enough
    heat[0, 0, 3] = 9.0  # of a point that lies outside of the picture
    points = np.array([[32.5, 20.2, 7], [1.5, 0.5, 7], [32.5, 20.2, 7], [-1.5, 0.5, 7]], np.float32) / 64
    moved = pose._to_the_warmest(points, heat) * 64
    assert np.allclose(moved, [[34, 20, 7], [0, 0, 7], [32.5, 20.2, 7], [-1.5, 0.5, 7]], atol=1e-4)
