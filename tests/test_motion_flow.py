"""The flow's arithmetic, against what can be worked out by hand."""

from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from avtr_cli.motion import flow


@pytest.mark.parametrize("steps", [1, 4, 7])
def test_a_straight_flow_is_followed_exactly_in_any_number_of_steps(steps):
    noise, motion = torch.zeros(1, 5, 42), torch.ones(1, 5, 42)
    assert_close(flow.euler(lambda x, t: motion - noise, noise, steps), motion)


def test_base_noise_stays_within_its_limit_and_remembers_the_frame_before():
    uniform = torch.rand(400, 200, 3, generator=torch.Generator().manual_seed(1))
    noise = flow.ar1_noise(uniform, None, 2.0, 1.2)
    assert noise.abs().max() <= 1.2
    settled = noise[:, 50:]
    lag = (settled[:, 1:] * settled[:, :-1]).mean() / settled.var()
    assert 0.6 < lag < 0.9  # 0.894 without the limit
    assert abs(settled.mean()) < 0.02


def test_base_noise_drawn_in_chunks_is_the_noise_drawn_at_once():
    uniform = torch.rand(15, 3, generator=torch.Generator().manual_seed(2))
    whole = flow.ar1_noise(uniform, None, 2.0, 1.2)
    first = flow.ar1_noise(uniform[:5], None, 2.0, 1.2)
    second = flow.ar1_noise(uniform[5:], first[-1], 2.0, 1.2)
    assert torch.equal(whole, torch.cat([first, second]))


def test_uncut_truncation_is_a_normal_distribution():
    draws = flow.truncated_normal(torch.rand(200_000, generator=torch.Generator().manual_seed(3)), -9.0, 9.0)
    assert abs(draws.mean()) < 0.01
    assert abs(draws.std() - 1) < 0.01


@pytest.mark.parametrize(("mean", "scale", "base"), [(0.7, 0.3, 1.0), (-1.0, 0.02, 0.6), (0.0, 1.5, 0.6)])
def test_the_gaussian_skip_alone_carries_noise_to_that_gaussian(mean, scale, base):
    noise = base * torch.randn(20_000, 1, 1, generator=torch.Generator().manual_seed(4))
    m, s = torch.full((1, 1), mean), torch.full((1, 1), scale)
    made = flow.euler(lambda x, t: flow.gaussian_skip(x, t, m, s, base), noise, 200)
    assert abs(made.mean() - mean) < 0.02
    assert abs(made.std() / scale - 1) < 0.08  # 200 steps are not infinitely many


@pytest.mark.parametrize("steps", [2, 4, 8])
def test_the_spread_that_few_steps_lose_is_known(steps):
    noise = torch.randn(50_000, generator=torch.Generator().manual_seed(9))
    zero, one = torch.zeros(()), torch.ones(())
    made = flow.euler(lambda x, t: flow.gaussian_skip(x, t, zero, one, 1.0), noise / flow.euler_gain(steps), steps)
    assert abs(made.std() - 1) < 0.01


def test_guidance_of_one_changes_nothing_and_more_moves_away_from_what_lacks_the_condition():
    full, without = torch.tensor([1.0, 2.0]), torch.tensor([0.0, 2.0])
    assert_close(flow.guided(full, [without], [1.0]), full)
    assert_close(flow.guided(full, [without], [2.0]), torch.tensor([2.0, 2.0]))


@pytest.fixture(scope="module")
def walks():
    """Smooth mean-reverting paths (64, 500, 2)."""
    generator = torch.Generator().manual_seed(5)
    speed = torch.zeros(64, 2)
    place = torch.randn(64, 2, generator=generator)
    rows = []
    for _ in range(500):
        speed = 0.8 * speed - 0.02 * place + 0.05 * torch.randn(64, 2, generator=generator)
        place = place + speed
        rows.append(place)
    return torch.stack(rows, 1)[:, 100:]


def test_innovations_are_white_and_decode_back(walks):
    coder = flow.Innovations.fit(walks, 5)
    past, frames = walks[:, 100:104], walks[:, 104:109]
    codes = coder.encode(frames, past)
    assert_close(coder.decode(codes, past), frames, atol=1e-4, rtol=1e-4)
    every = torch.cat([coder.encode(walks[:, k + 4 : k + 9], walks[:, k : k + 4]) for k in range(0, 380, 7)])
    for channel in range(2):
        covariance = torch.cov(every[:, :, channel].T)
        assert_close(covariance, torch.eye(5), atol=0.12, rtol=0)


def test_white_codes_make_paths_as_lively_as_the_data_that_do_not_run_away(walks):
    coder = flow.Innovations.fit(walks, 5)
    generator = torch.Generator().manual_seed(6)
    past, rows = torch.zeros(32, 4, 2), []
    for _ in range(600):
        frames = coder.decode(torch.randn(32, 5, 2, generator=generator), past)
        past = frames[:, 1:]
        rows.append(frames)
    made = torch.cat(rows, 1)[:, 200:]
    assert 0.8 < made.std() / walks.std() < 1.25
    assert 0.85 < made.diff(dim=1).abs().mean() / walks.diff(dim=1).abs().mean() < 1.15
