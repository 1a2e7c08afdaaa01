"""The streaming session: when frames leave, that cutting the audio changes none, and that it can be saved."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from avtr_cli.core.errors import AudioError, ConfigError
from avtr_cli.core.motion_space import KEYPOINTS
from avtr_cli.streaming.session import StreamingSession


@pytest.fixture
def session(engine, identity) -> StreamingSession:
    return StreamingSession(identity, engine.generator(), engine.renderer, seed=5)


def silence(samples: int) -> np.ndarray:
    return np.zeros((2, samples), np.float32)


def render(engine, identity, samples: np.ndarray, cut: int, seed: int = 5) -> np.ndarray:
    session = StreamingSession(identity, engine.generator(), engine.renderer, seed)
    frames = [f for at in range(0, samples.shape[1], cut) for f in session.push(samples[:, at : at + cut])]
    frames += session.finish()
    assert [frame.index for frame in frames] == list(range(len(frames)))
    return np.stack([frame.pixels for frame in frames])


def test_no_frame_leaves_before_its_lookahead_is_heard(session):
    assert session.push(silence(6_479)) == []
    assert len(session.push(silence(1))) == 5
    assert len(session.push(silence(3_200))) == 5


def test_after_the_call_nothing_more_is_heard(session):
    session.push(silence(700))
    assert len(session.finish()) == 2
    with pytest.raises(AudioError, match="this call is over"):
        session.push(silence(16_000))


@pytest.mark.parametrize("samples", [1, 640, 641, 6_480, 12_345])
def test_every_640_samples_begun_make_one_frame(engine, identity, dialogue, samples):
    assert len(render(engine, identity, dialogue[:, :samples], 4_000)) == -(-samples // 640)


@pytest.mark.parametrize("cut", [1, 777, 16_000])
def test_cutting_the_audio_differently_changes_no_bit(engine, identity, dialogue, cut):
    samples = dialogue[:, 30_000:50_000]
    assert np.array_equal(render(engine, identity, samples, cut), render(engine, identity, samples, 20_000))


def test_the_seed_decides_and_nothing_else(engine, identity, dialogue):
    samples = dialogue[:, :32_000]
    one = render(engine, identity, samples, 8_000, seed=1)
    assert np.array_equal(one, render(engine, identity, samples, 8_000, seed=1))
    assert not np.array_equal(one, render(engine, identity, samples, 8_000, seed=2))


def test_two_sessions_side_by_side_do_not_disturb_each_other(engine, identity, dialogue):
    alone = render(engine, identity, dialogue[:, :16_000], 4_000)
    sessions = [StreamingSession(identity, engine.generator(), engine.renderer, seed) for seed in (5, 6)]
    frames = []
    for at in range(0, 16_000, 4_000):
        frames += sessions[0].push(dialogue[:, at : at + 4_000])
        sessions[1].push(dialogue[::-1, at : at + 4_000].copy())
    frames += sessions[0].finish()
    assert np.array_equal(np.stack([frame.pixels for frame in frames]), alone)


def test_a_saved_session_goes_on_bit_for_bit(engine, identity, dialogue, session, tmp_path):
    session.push(dialogue[:, :25_001])
    session.save(tmp_path / "state.safetensors")
    other = StreamingSession(identity, engine.generator(), engine.renderer, seed=99)
    other.restore(tmp_path / "state.safetensors")
    rest = dialogue[:, 25_001:40_000]
    one, two = session.push(rest) + session.finish(), other.push(rest) + other.finish()
    assert [f.index for f in one] == [f.index for f in two]
    assert all(np.array_equal(a.pixels, b.pixels) for a, b in zip(one, two, strict=True))


def test_the_number_of_threads_changes_no_bit(engine, identity, dialogue):
    before = torch.get_num_threads()
    one = render(engine, identity, dialogue[:, :16_000], 16_000)
    try:
        torch.set_num_threads(2 if before == 1 else 1)
        assert np.array_equal(render(engine, identity, dialogue[:, :16_000], 16_000), one)
    finally:
        torch.set_num_threads(before)


def test_a_pair_without_a_bridge_is_refused_in_one_sentence(engine, identity):
    class Keypoints:
        space = KEYPOINTS

    with pytest.raises(ConfigError, match="speaks 'keypoints' and this renderer draws 'controls'"):
        StreamingSession(identity, Keypoints(), engine.renderer)
