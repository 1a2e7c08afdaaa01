"""Hands are MediaPipe's, to a small share of a pixel, without MediaPipe (`body_goldens` was)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from avtr_cli.perception import hands
from avtr_cli.perception.hands import Follower, hands_in
from tests.body_goldens import MOST, SURE, goldens, pictures, video

PICTURES = pytest.mark.parametrize("name", list(pictures()))


def distances(points: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """How far each point is from its golden, in px of a hand of 112 px, which is cut out as 224."""
    return np.linalg.norm((points - wanted)[:, :2], axis=1) * 112 / np.ptp(wanted[:, :2], axis=0).max()


@PICTURES
def test_the_same_hands_are_found_and_their_points_lie_within_a_third_of_a_pixel(name):
    found, wanted = hands_in(pictures()[name], MOST, SURE), goldens()[f"{name}/hands"]
    assert len(found) == len(wanted)
    told = zip(wanted, goldens()[f"{name}/hand_metres"], goldens()[f"{name}/right"], strict=True)
    for hand, (points, metres, right) in zip(found, told, strict=True):
        assert hand.points.shape == hand.metres.shape == (21, 3)
        assert hand.points.dtype == hand.metres.dtype == np.float64
        assert distances(hand.points, points).max() < 0.3  # small hands are cut out eight times as large
        assert np.abs(hand.metres - metres).max() < 1e-3
        assert hand.right == pytest.approx(right, abs=5e-3)


def test_a_mirror_makes_a_left_hand_of_a_right_one():
    left, right = sorted(hands_in(pictures()["hands"], MOST, SURE), key=lambda hand: hand.points[0, 0])
    assert left.right < 0.5 < right.right


def test_the_fingers_are_above_the_wrist_until_the_hand_is_turned_over():
    for name, above in (("hand", True), ("hand upside down", False)):
        (hand,) = hands_in(pictures()[name], MOST, SURE)
        tips = hand.points[[8, 12, 16, 20], 1]
        assert ((tips < hand.points[0, 1]) == above).all()
        assert ((hand.metres[[8, 12, 16, 20], 1] < hand.metres[0, 1]) == above).all()


def test_two_hands_are_followed_through_a_video_lost_and_found_again():
    follow = Follower(most=2, least=SURE)
    for found, golden in zip(map(follow, video()), goldens()["video/hands"], strict=True):
        known = [points for points in golden if np.isfinite(points).all()]
        assert len(found) == len(known)
        assert all(distances(hand.points, points).max() < 1 for hand, points in zip(found, known, strict=True))


def test_the_whole_picture_is_searched_only_while_a_hand_is_missing(monkeypatch):
    searches = []
    detector = hands.PALM
    monkeypatch.setattr(hands, "PALM", lambda image, least: searches.append(image) or detector(image, least))
    both, one = pictures()["upper half"], pictures()["upper half"].copy()
    one[:, 260:] = 127
    follow, told = Follower(most=2, least=SURE), []
    for picture in (both, both, one, one, both, both):
        told.append((len(follow(picture)), len(searches)))
    # A hand that is gone is missed in the picture after that; one that is back is found there.
    assert told == [(2, 1), (2, 1), (1, 1), (1, 2), (2, 3), (2, 3)]


def test_a_hand_that_is_followed_is_found_no_second_time():
    follow = Follower(most=2, least=SURE)
    assert [len(follow(pictures()["hand"])) for _ in range(3)] == [1, 1, 1]


def test_no_more_hands_than_asked():
    assert len(hands_in(pictures()["hands"], 1, SURE)) == 1


@pytest.mark.slow
def test_eight_threads_at_once_see_what_one_sees():
    work = [pictures()[name] for name in ("hands", "person")] * 4

    def see(picture: np.ndarray) -> list[np.ndarray]:
        return [np.vstack([hand.points, hand.metres, [hand.right] * 3]) for hand in hands_in(picture, MOST, SURE)]

    alone = [see(picture) for picture in work[:2]] * 4
    with ThreadPoolExecutor(8) as threads:
        at_once = list(threads.map(see, work))
    assert all(np.array_equal(found, wanted) for found, wanted in zip(at_once, alone, strict=True))
