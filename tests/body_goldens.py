"""What MediaPipe itself says of people and hands drawn by rule, kept in `data/bodies`: no test needs it installed.

python -m tests.body_goldens        # with mediapipe 0.10.21: makes the file anew
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from tests.drawn_people import WALL, hand, hands, person

FILE = Path(__file__).parent / "data" / "bodies" / "mediapipe_0.10.21.npz"
PEOPLE = ("person", "mirror", "upper half", "half the size", "lying", "nobody")  # the others have hands only
MOST, SURE = 3, 0.5
RATE = 1e6 / 33_333  # pictures a second that MediaPipe takes for granted
EVERY = 4  # px of a matte, and every so many of its rows, that are kept


@cache
def goldens() -> dict[str, np.ndarray]:
    """Of PEOPLE: PICTURE/pose (people, 33, 4), px and visibility; /metres (people, 33, 3); /matte float16; of each
    picture: /hands (hands, 21, 3) px; /hand_metres likewise; /right (hands,). Of `video()`: video/pose and video/hands,
    NaN where none is found."""
    with np.load(FILE) as file:
        return dict(file)


@cache
def pictures() -> dict[str, np.ndarray]:
    """By name, uint8 RGB of several shapes."""
    whole = person()
    made = {
        "person": whole,
        "mirror": whole[:, ::-1],
        "upper half": whole[:261, 31:371],
        "half the size": whole[::2, ::2],
        "lying": np.rot90(whole),
        "hand": hand(),
        "hands": hands(),
        "hand upside down": hand()[::-1],
        "nobody": np.full((240, 320, 3), WALL, np.uint8),
    }
    return {name: np.ascontiguousarray(picture) for name, picture in made.items()}


def video() -> Iterator[np.ndarray]:
    """Nine pictures: someone who moves, is gone for one, and is back elsewhere."""
    wide = np.hstack([np.full((520, 120, 3), WALL, np.uint8), person(), np.full((520, 120, 3), WALL, np.uint8)])
    for k in range(9):
        shift = 12 * k + (60 if k > 4 else 0)
        part = wide[:, shift : shift + 440]
        yield np.full_like(part, 127) if k == 4 else np.ascontiguousarray(part)


class Judge:
    """MediaPipe's own graphs."""

    def __init__(self) -> None:
        import mediapipe

        self._solutions = mediapipe.solutions
        self._pose = self._solutions.pose.Pose(
            static_image_mode=True, enable_segmentation=True, min_detection_confidence=SURE
        )
        self._hands = self._solutions.hands.Hands(
            static_image_mode=True, max_num_hands=MOST, min_detection_confidence=SURE
        )

    def pose(self, image: np.ndarray) -> dict[str, np.ndarray]:
        """pose, metres and matte, as `goldens()` tells them."""
        return _of_pose(self._pose.process(image), image)

    def hands(self, image: np.ndarray) -> dict[str, np.ndarray]:
        """hands, hand_metres and right, as `goldens()` tells them."""
        return _of_hands(self._hands.process(image), image)

    @contextmanager
    def following(self) -> Iterator[Any]:
        """One picture after the other -> what `pose` and `hands` say of each."""
        with self._solutions.pose.Pose(enable_segmentation=True) as pose, self._solutions.hands.Hands() as hands:
            yield lambda image: _of_pose(pose.process(image), image) | _of_hands(hands.process(image), image)


def _of_pose(answer: Any, image: np.ndarray) -> dict[str, np.ndarray]:
    height, width = image.shape[:2]
    people = [] if answer.pose_landmarks is None else [answer]
    points = [[(p.x, p.y, p.z, p.visibility) for p in each.pose_landmarks.landmark] for each in people]
    metres = [[(p.x, p.y, p.z) for p in each.pose_world_landmarks.landmark] for each in people]
    return {
        "pose": np.array(points, np.float32).reshape(-1, 33, 4) * np.array([width, height, width, 1], np.float32),
        "metres": np.array(metres, np.float32).reshape(-1, 33, 3),
        "matte": np.array(answer.segmentation_mask) if people else np.zeros(image.shape[:2], np.float32),
    }


def _of_hands(answer: Any, image: np.ndarray) -> dict[str, np.ndarray]:
    height, width = image.shape[:2]
    points = [[(p.x, p.y, p.z) for p in hand.landmark] for hand in answer.multi_hand_landmarks or []]
    metres = [[(p.x, p.y, p.z) for p in hand.landmark] for hand in answer.multi_hand_world_landmarks or []]
    labels = [named.classification[0] for named in answer.multi_handedness or []]
    right = [label.score if label.label == "Left" else 1 - label.score for label in labels]
    return {
        "hands": np.array(points, np.float32).reshape(-1, 21, 3) * np.array([width, height, width], np.float32),
        "hand_metres": np.array(metres, np.float32).reshape(-1, 21, 3),
        "right": np.array(right, np.float32),
    }


def main() -> None:
    judge, kept = Judge(), {}
    for name, picture in pictures().items():
        said = judge.hands(picture)
        if name in PEOPLE:
            said |= judge.pose(picture)
            said["matte"] = said["matte"][::EVERY, ::EVERY].astype(np.float16)
        kept |= {f"{name}/{what}": values for what, values in said.items()}
    with judge.following() as follow:
        told = [follow(picture) for picture in video()]
    for what, each, most in (("pose", 33, 1), ("hands", 21, 2)):
        rows = [list(said[what][..., :3]) for said in told]
        none = np.full((each, 3), np.nan, np.float32)
        kept[f"video/{what}"] = np.array([found + [none] * (most - len(found)) for found in rows])
    FILE.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(FILE, **kept)
    for name in pictures():
        print(name, {what: len(kept[f"{name}/{what}"]) for what in ("pose", "hands") if f"{name}/{what}" in kept})
    print(f"{FILE}: {FILE.stat().st_size} bytes", file=sys.stderr)


if __name__ == "__main__":
    main()
