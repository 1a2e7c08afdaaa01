"""The visible label: where it lies, what it leaves alone, what it cannot be."""

from __future__ import annotations

import numpy as np
import pytest

from avtr_cli.core.errors import ConfigError
from avtr_cli.output.label import Label


def burnt(size: tuple[int, int], value: int = 200, channels: int = 3, text: str = "AI-generated") -> np.ndarray:
    frame = np.full((size[1], size[0], channels), value, np.uint8)
    Label(text, size).burn(frame)
    return frame


def test_the_label_lies_in_the_lower_left_corner_and_touches_nothing_else():
    frame = burnt((320, 240))
    changed = np.argwhere((frame != 200).any(axis=2))
    (top, left), (bottom, right) = changed.min(0), changed.max(0)
    assert left < 16
    assert right < 200
    assert 240 - bottom < 16
    assert bottom - top < 40


def test_letters_are_white_on_a_darker_plate_whatever_lies_below():
    for value in (0, 120, 255):
        frame = burnt((320, 240), value)
        plate = frame[(frame != value).any(axis=2)] if value else frame.reshape(-1, 3)
        assert frame.max() > 230
        assert plate.min() <= value * 0.5


def test_the_same_frame_gets_the_same_bits():
    assert (burnt((512, 512)) == burnt((512, 512))).all()


def test_on_a_transparent_frame_the_label_is_still_seen():
    frame = burnt((320, 240), 0, channels=4)
    assert frame[..., 3].max() > 240


def test_the_smallest_frames_take_a_short_label():
    assert (burnt((64, 64), text="AI") != 200).any()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "between 1 and 120"),
        ("  ", "between 1 and 120"),
        ("生成", "no '成生'"),
        ("long " * 20, "too long for frames"),
    ],
)
def test_labels_that_cannot_be_drawn_are_refused(text, said):
    with pytest.raises(ConfigError, match=said):
        Label(text, (256, 256))
