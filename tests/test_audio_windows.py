"""Blocks into windows: when they come, what they hold, and that cutting the audio changes nothing."""

from __future__ import annotations

import numpy as np
import pytest

from avtr_cli.core.errors import AudioError
from avtr_cli.core.timing import frames_of
from avtr_cli.streaming.windows import Windows


def noise(samples: int) -> np.ndarray:
    return np.random.default_rng(3).uniform(-1, 1, (2, samples)).astype(np.float32)


def all_windows(samples: np.ndarray, cut: int) -> np.ndarray:
    windows = Windows()
    found = [w.samples for at in range(0, samples.shape[1], cut) for w in windows.push(samples[:, at : at + cut])]
    return np.stack(found + [w.samples for w in windows.finish()])


def test_no_window_leaves_before_its_lookahead_is_heard():
    windows = Windows()
    assert list(windows.push(noise(6_479))) == []
    assert len(list(windows.push(noise(1)))) == 1
    assert list(windows.push(noise(3_199))) == []
    assert len(list(windows.push(noise(1)))) == 1


def test_a_window_is_three_past_frames_of_silence_then_what_was_heard():
    samples = noise(6_480)
    (window,) = Windows().push(samples)
    assert not window.samples[:, :1_920].any()
    assert np.array_equal(window.samples[:, 1_920:], samples)


def test_the_next_window_moves_on_by_one_chunk():
    samples = noise(9_680)
    first, second = Windows().push(samples)
    assert np.array_equal(second.samples[:, :5_200], first.samples[:, 3_200:])
    assert (first.index, second.index) == (0, 1)


@pytest.mark.parametrize("cut", [1, 7, 640, 3_200, 5_000, 100_000])
def test_cutting_the_audio_differently_changes_no_window(cut):
    samples = noise(20_001)
    assert np.array_equal(all_windows(samples, cut), all_windows(samples, 20_001))


@pytest.mark.parametrize("samples", [1, 640, 641, 3_199, 3_200, 6_479, 6_480, 6_481, 12_345])
def test_the_tail_is_padded_until_every_frame_is_covered(samples):
    count = len(all_windows(noise(samples), 1_000))
    assert count == -(-frames_of(samples) // 5)


def test_a_restored_state_goes_on_bit_for_bit():
    samples = noise(30_000)
    whole = Windows()
    list(whole.push(samples[:, :12_345]))
    other = Windows.restored(whole.state())
    for one, two in zip(whole.push(samples[:, 12_345:]), other.push(samples[:, 12_345:]), strict=True):
        assert np.array_equal(one.samples, two.samples)
        assert one.index == two.index


@pytest.mark.parametrize("wrong", [np.zeros((2, 10)), np.zeros((10, 2), np.float32), np.zeros(10, np.float32)])
def test_another_shape_or_kind_of_number_is_refused(wrong):
    with pytest.raises(AudioError, match="float32"):
        list(Windows().push(wrong))


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("at", [0, 6_000, 9_999])
def test_a_sample_that_is_no_number_is_refused_before_any_of_its_push_is_heard(wrong, at):
    windows, samples = Windows(), noise(10_000)
    spoilt = samples.copy()
    spoilt[1, at] = wrong
    with pytest.raises(AudioError, match="NaN or infinite"):
        list(windows.push(spoilt))
    assert windows.heard == 0
    assert len(list(windows.push(samples))) == 2
