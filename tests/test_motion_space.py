"""What a motion space reads off its own numbers, so that nobody else asks which space they are in."""

from __future__ import annotations

import numpy as np
import pytest

from avtr_cli.core.motion_space import CONTROLS, EYE_KEYPOINTS, FULL, KEYPOINTS, LIP_KEYPOINTS, SPACES


def controls(**values: float) -> np.ndarray:
    row = np.zeros((1, len(CONTROLS)), np.float32)
    for name, value in values.items():
        row[0, CONTROLS.index(name)] = value
    return row


def read(**values: float):
    return CONTROLS.readings(controls(**values), np.zeros(len(CONTROLS), np.float32))


def test_every_reading_has_its_shape():
    values = np.random.default_rng(0).random((7, len(CONTROLS)), np.float32)
    seen = CONTROLS.readings(values, np.zeros(len(CONTROLS), np.float32))
    assert {part.shape for part in (seen.mouth, seen.blink, seen.smile, seen.brow)} == {(7,)}
    assert (seen.head_degrees.shape, seen.gaze_degrees.shape) == ((7, 3), (7, 2))


def test_the_photo_shows_nothing():
    seen = read()
    for part in vars(seen).values():
        assert np.abs(part).max() == 0


@pytest.mark.parametrize(
    ("values", "reading", "expected"),
    [
        ({"jawOpen": 0.5, "mouthClose": 0.2}, "mouth", [0.3]),
        ({"jawOpen": 0.1, "mouthClose": 0.4}, "mouth", [0.0]),
        ({"eyeBlinkLeft": 1.0}, "blink", [0.5]),
        ({"mouthSmileLeft": 0.4, "mouthSmileRight": 0.2}, "smile", [0.3]),
        ({"browInnerUp": 0.3, "browOuterUpLeft": 0.3, "browOuterUpRight": 0.3}, "brow", [0.3]),
        ({"headPitch": np.pi / 18, "headRoll": -np.pi / 18}, "head_degrees", [[10, 0, -10]]),
        ({"eyeLookOutRight": 1.0, "eyeLookInLeft": 1.0}, "gaze_degrees", [[35, 0]]),
        ({"eyeLookOutLeft": 1.0, "eyeLookInRight": 1.0}, "gaze_degrees", [[-35, 0]]),
        ({"eyeLookDownLeft": 0.2, "eyeLookDownRight": 0.2}, "gaze_degrees", [[0, 7]]),
        ({"eyeLookUpLeft": 0.2, "eyeLookUpRight": 0.2}, "gaze_degrees", [[0, -7]]),
    ],
)
def test_controls_are_read_as_a_viewer_would(values, reading, expected):
    np.testing.assert_allclose(getattr(read(**values), reading), expected, atol=1e-5)


def test_keypoints_are_read_as_departures_from_the_portrait():
    neutral = np.random.default_rng(1).random(len(KEYPOINTS), np.float32)
    moved = np.tile(neutral, (3, 1))
    moved[1, 3 + 3 * LIP_KEYPOINTS[0]] += 0.1
    moved[2, 3 + 3 * EYE_KEYPOINTS[0]] += 0.1
    moved[2, 1] += 0.5
    seen = KEYPOINTS.readings(moved, neutral)
    assert (seen.mouth > 0.01).tolist() == [False, True, False]
    assert (seen.blink > 0.01).tolist() == [False, False, True]
    np.testing.assert_allclose(seen.head_degrees[2], [0, -np.degrees(0.5), 0], atol=1e-4)
    assert seen.smile is seen.brow is seen.gaze_degrees is None


def test_every_space_is_found_by_its_name():
    assert SPACES == {"controls": CONTROLS, "full": FULL, "keypoints": KEYPOINTS}
