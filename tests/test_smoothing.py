"""What rests is smoothed much, what moves little."""

from __future__ import annotations

import numpy as np
import pytest

from avtr_cli.perception.smoothing import LowPass, OneEuro


def steadied(values, **changed) -> list[float]:
    smooth = OneEuro(**({"cutoff": 0.1, "beta": 40.0, "rate": 25} | changed))
    return [float(smooth(np.array(value, float))) for value in values]


def test_the_first_value_passes_and_a_constant_stays():
    assert steadied([3.0] * 5) == [3.0] * 5


def test_a_low_pass_takes_its_share_of_each_new_value():
    smooth = LowPass(0.1)
    assert [round(float(smooth(np.array(value))), 6) for value in (1.0, 0.0, 0.0)] == [1.0, 0.9, 0.81]


def test_trembling_is_taken_away_and_a_stride_is_not():
    tremble = 1e-4 * np.random.default_rng(0).standard_normal(200)
    assert np.std(steadied(tremble)[50:]) < 0.3 * np.std(tremble)
    stride = np.linspace(0, 8, 50)
    assert abs(steadied(stride)[-1] - stride[-1]) < 0.05 * stride[1]


def test_a_speed_counts_by_the_size_of_what_moves():
    values = np.cumsum(np.random.default_rng(1).standard_normal(30))
    small, large = OneEuro(0.1, 40.0, 25), OneEuro(0.1, 40.0, 25)
    for value in values:
        assert float(large(np.array(100 * value), 100.0)) == pytest.approx(100 * float(small(np.array(value), 1.0)))


def test_the_same_motion_at_twice_the_rate_ends_in_the_same_place():
    seconds = np.linspace(0, 2, 51)
    slow, fast = steadied(np.sin(seconds)), steadied(np.sin(np.linspace(0, 2, 101)), rate=50)
    assert slow[-1] == pytest.approx(fast[-1], abs=1e-2)


def test_what_has_no_size_passes():
    smooth = OneEuro(0.1, 40.0, 25)
    assert [float(smooth(np.array(value), 0.0)) for value in (1.0, 9.0)] == [1.0, 9.0]
