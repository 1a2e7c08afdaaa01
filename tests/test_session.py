"""The streaming session: when frames leave, that cutting the audio changes none, and that it can be saved."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from avtr_cli.core.camera import Camera
from avtr_cli.core.clocks import ChunkClock, statistics, timed
from avtr_cli.core.errors import AudioError, ConfigError
from avtr_cli.core.motion_space import CONTROLS, KEYPOINTS
from avtr_cli.core.types import Cue, Motion
from avtr_cli.streaming.session import StreamingSession


@pytest.fixture
def session(engine, identity) -> StreamingSession:
    return StreamingSession(identity, engine.generator, engine.renderer, seed=5)


def silence(samples: int) -> np.ndarray:
    return np.zeros((2, samples), np.float32)


def render(engine, identity, samples: np.ndarray, cut: int, seed: int = 5) -> np.ndarray:
    session = StreamingSession(identity, engine.generator, engine.renderer, seed)
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


@pytest.mark.slow
@pytest.mark.parametrize("samples", [1, 640, 641, 6_480, 12_345])
def test_every_640_samples_begun_make_one_frame(engine, identity, dialogue, samples):
    assert len(render(engine, identity, dialogue[:, :samples], 4_000)) == -(-samples // 640)


@pytest.mark.slow
@pytest.mark.parametrize("cut", [1, 777, 16_000])
def test_cutting_the_audio_differently_changes_no_bit(engine, identity, dialogue, cut):
    samples = dialogue[:, 30_000:50_000]
    assert np.array_equal(render(engine, identity, samples, cut), render(engine, identity, samples, 20_000))


@pytest.mark.slow
def test_the_seed_decides_and_nothing_else(engine, identity, dialogue):
    samples = dialogue[:, :32_000]
    one = render(engine, identity, samples, 8_000, seed=1)
    assert np.array_equal(one, render(engine, identity, samples, 8_000, seed=1))
    assert not np.array_equal(one, render(engine, identity, samples, 8_000, seed=2))


@pytest.mark.slow
def test_two_sessions_side_by_side_do_not_disturb_each_other(engine, identity, dialogue):
    alone = render(engine, identity, dialogue[:, :16_000], 4_000)
    sessions = [StreamingSession(identity, engine.generator, engine.renderer, seed) for seed in (5, 6)]
    frames = []
    for at in range(0, 16_000, 4_000):
        frames += sessions[0].push(dialogue[:, at : at + 4_000])
        sessions[1].push(dialogue[::-1, at : at + 4_000].copy())
    frames += sessions[0].finish()
    assert np.array_equal(np.stack([frame.pixels for frame in frames]), alone)


@pytest.mark.slow
def test_a_saved_session_goes_on_bit_for_bit(engine, identity, dialogue, session, tmp_path):
    session.push(dialogue[:, :25_001])
    session.save(tmp_path / "state.safetensors")
    other = StreamingSession(identity, engine.generator, engine.renderer, seed=99)
    other.restore(tmp_path / "state.safetensors")
    rest = dialogue[:, 25_001:40_000]
    one, two = session.push(rest) + session.finish(), other.push(rest) + other.finish()
    assert [f.index for f in one] == [f.index for f in two]
    assert all(np.array_equal(a.pixels, b.pixels) for a, b in zip(one, two, strict=True))


@pytest.mark.slow
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


def pitch_of(session: StreamingSession, samples: np.ndarray) -> np.ndarray:
    """Pitch of every frame, radians."""
    chunks = [*session.stream(samples), *session.stream_tail()]
    return torch.cat([chunk.motion.values for chunk in chunks])[:, CONTROLS.index("headPitch")].numpy()


@pytest.mark.slow
def test_what_is_asked_during_a_call_is_done_at_its_frame_and_changes_no_chunk_before(engine, identity):
    plain, asked = (StreamingSession(identity, engine.generator, engine.renderer) for _ in range(2))
    asked.ask([Cue(22, "nod"), Cue(8, "nod")])
    difference = np.abs(pitch_of(asked, silence(32_000)) - pitch_of(plain, silence(32_000)))
    assert difference[:5].max() == 0  # the chunk before
    assert difference[5:9].max() < 1e-6  # the same chunk, made as one
    assert difference[9:22].max() > 0.01


@pytest.mark.slow
def test_a_cue_that_comes_after_its_frame_is_done_in_the_next_chunk(engine, identity):
    late, punctual = (StreamingSession(identity, engine.generator, engine.renderer) for _ in range(2))
    for session in (late, punctual):
        assert len(session.push(silence(6_480 + 3_200))) == 10
    late.ask([Cue(2, "nod")])
    punctual.ask([Cue(10, "nod")])
    assert np.array_equal(pitch_of(late, silence(9_600)), pitch_of(punctual, silence(9_600)))


@pytest.mark.slow
def test_cues_that_wait_are_saved_and_restored(engine, identity, tmp_path):
    session = StreamingSession(identity, engine.generator, engine.renderer)
    session.ask([Cue(7, "nod", 0.3), Cue(12, "smile", 1 / 3)])
    session.push(silence(6_480))
    session.save(tmp_path / "state.safetensors")
    again = StreamingSession(identity, engine.generator, engine.renderer)
    again.restore(tmp_path / "state.safetensors")
    rest = silence(9_600)
    assert np.array_equal(pitch_of(session, rest), pitch_of(again, rest))
    session.save(tmp_path / "done.safetensors")
    again.restore(tmp_path / "done.safetensors")  # with nothing left to ask


def test_a_cue_that_the_model_cannot_do_is_refused(engine, identity, monkeypatch):
    session = StreamingSession(identity, engine.generator, engine.renderer)
    monkeypatch.setattr(engine.generator, "cues", frozenset({"smile"}))
    with pytest.raises(ConfigError, match=r"the cue 'nod' is none that this motion model can do \(it knows smile\)"):
        session.ask([Cue(7, "nod")])


def test_a_flat_renderer_shows_the_photos_own_view_alone(engine, identity):
    aside = Camera(position=(0.1, 0.0, 0.0))
    with pytest.raises(ConfigError, match="the photo's own view alone"):
        StreamingSession(identity, engine.generator, engine.renderer, camera=aside)
    with pytest.raises(ConfigError, match="the mesh renderer draws the photo's own view alone"):
        engine.renderer.draw(identity, Motion(CONTROLS, torch.zeros(1, len(CONTROLS))), aside)


def test_a_call_without_an_end_remembers_the_times_of_its_last_chunks_alone():
    clock = ChunkClock(keep=10)
    for _ in range(1000):
        with clock.chunk(), timed("motion"):
            pass
        assert len(clock.chunk_ms) == len(clock.stages_ms["motion"]) < 22
    assert statistics(clock.chunk_ms)["count"] >= 10
