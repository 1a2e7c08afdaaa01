"""Motion one chunk ahead: the same frames, a state that belongs to what was drawn, and no thread left behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch

from avtr_cli.audio.source import DialogueFiles
from avtr_cli.core.camera import FRONT
from avtr_cli.core.clocks import ChunkClock
from avtr_cli.core.errors import AvtrError
from avtr_cli.core.motion_space import KEYPOINTS
from avtr_cli.core.types import Cue, Identity, Motion
from avtr_cli.jobs import production, workfolder
from avtr_cli.jobs.checking import check
from avtr_cli.jobs.job import Job
from avtr_cli.jobs.preparation import prepare
from avtr_cli.jobs.production import Production, render_file
from avtr_cli.streaming.ahead import can_go_ahead, motion_ahead
from avtr_cli.streaming.session import SessionWindow, StreamingSession, in_step

FACE = Identity(KEYPOINTS, torch.zeros(66), None, (1, 1))


class Sum:
    """A model of both kinds, small enough to see through: motion is the sum of the windows' means, frames show it."""

    space = KEYPOINTS
    cues = frozenset({"nod"})
    free_camera = False

    def __init__(self, fails_at: int = -1, motion_s: float = 0.0, drawing_s: float = 0.0) -> None:
        self.fails_at, self.motion_s, self.drawing_s = fails_at, motion_s, drawing_s
        self.moved: list[int] = []
        self.drawn: list[int] = []

    def start(self, identity, seed):
        return {"sum": torch.zeros(1)}

    def step(self, window, state, asked=()):
        self.moved.append(window.index)
        time.sleep(self.motion_s)
        if window.index == self.fails_at:
            raise AvtrError("the model broke")
        after = state["sum"] + float(window.samples.mean()) + len(asked)
        return Motion(KEYPOINTS, after.expand(5, 1), 5 * window.index), {"sum": after}

    def draw(self, identity, motion, camera=FRONT):
        self.drawn.append(motion.first // 5)
        time.sleep(self.drawing_s)
        return (1000 * motion.values.numpy()).astype(np.int64)[:, :, None, None]


def windows(session: StreamingSession, sound: np.ndarray) -> Iterator[list[SessionWindow]]:
    yield from ([(session, window)] for window in session.hear(sound))
    yield from ([(session, window)] for window in session.end())


def frames(rows: Iterator[list[SessionWindow]]) -> list[int]:
    return [int(frame.pixels.squeeze()) for row in rows for _, chunk in in_step(row) for frame in chunk.frames]


def motion_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("motion")]


def test_the_frames_are_those_of_motion_made_in_turn(dialogue):
    sound = dialogue[:, :20_001].copy()
    turn, ahead = (StreamingSession(FACE, model, model) for model in (Sum(), Sum()))
    for session in (turn, ahead):
        session.ask([Cue(12, "nod")])
    assert frames(motion_ahead(windows(ahead, sound))) == frames(windows(turn, sound))
    assert motion_threads() == []


def test_motion_is_one_chunk_ahead_and_no_more(dialogue):
    model = Sum()
    session = StreamingSession(FACE, model, model)
    rows = motion_ahead(windows(session, dialogue[:, :20_000].copy()))
    for number in range(3):
        list(in_step(next(rows)))
        assert model.drawn == list(range(number + 1))
        assert len(model.moved) <= number + 2
    rows.close()
    assert model.moved == [0, 1, 2, 3]
    assert motion_threads() == []


def test_what_is_saved_is_the_moment_after_the_last_chunk_drawn(dialogue, tmp_path):
    sound, model = dialogue[:, :24_000].copy(), Sum()
    turn, ahead = (StreamingSession(FACE, model, model) for _ in range(2))
    for session in (turn, ahead):
        session.ask([Cue(12, "nod"), Cue(22, "nod")])
    rows = motion_ahead(windows(ahead, sound))
    for in_turn in windows(turn, sound):
        list(in_step(in_turn))
        turn.save(tmp_path / "turn")
        list(in_step(next(rows)))
        ahead.save(tmp_path / "ahead")
        assert (tmp_path / "ahead").read_bytes() == (tmp_path / "turn").read_bytes()
    assert next(rows, None) is None


def test_what_goes_wrong_with_motion_or_sound_is_raised_in_its_place(dialogue):
    model = Sum(fails_at=2)
    rows = motion_ahead(windows(StreamingSession(FACE, model, model), dialogue[:, :30_000].copy()))
    for _ in range(2):
        list(in_step(next(rows)))
    with pytest.raises(AvtrError, match="the model broke"):
        next(rows)
    assert model.drawn == [0, 1]

    def torn(session: StreamingSession) -> Iterator[list[SessionWindow]]:
        yield from ([(session, window)] for window in session.hear(dialogue[:, :9_680].copy()))
        raise AvtrError("the sound ends here")

    model = Sum()
    rows = motion_ahead(torn(StreamingSession(FACE, model, model)))
    with pytest.raises(AvtrError, match="the sound ends here"):
        frames(rows)
    assert model.drawn == [0, 1]
    assert motion_threads() == []


def test_a_chunk_takes_as_long_as_a_live_call_would_wait_for_it(dialogue):
    model, clock = Sum(motion_s=0.03, drawing_s=0.03), ChunkClock()
    session = StreamingSession(FACE, model, model, clock=clock)
    frames(motion_ahead(windows(session, dialogue[:, :16_000].copy())))
    assert len(clock.chunk_ms) == 5
    assert min(clock.stages_ms["motion"]) >= 30
    assert min(clock.chunk_ms) >= 60


# Two sessions drawn at once


class Noted(Sum):
    """A model that notes which threads draw for it, of whom each waits for the others."""

    def __init__(self, together: int, fails_for: int = -1) -> None:
        super().__init__()
        self.together, self.fails_for = threading.Barrier(together, timeout=20), fails_for
        self.threads: list[str] = []

    def draw(self, identity, motion, camera=FRONT):
        self.together.wait()
        self.threads.append(threading.current_thread().name)
        if identity.person == self.fails_for:
            raise AvtrError("the second cannot be drawn")
        return super().draw(identity, motion, camera)


def in_step_of(model: Sum, count: int, sound: np.ndarray, helper: ThreadPoolExecutor | None) -> list[list[int]]:
    """The frames of `count` sessions that hear `sound` together, each louder than the one before."""
    sessions = [StreamingSession(replace(FACE, person=number), model, model) for number in range(count)]
    heard = [windows(session, sound * (number + 1)) for number, session in enumerate(sessions)]
    given: dict[StreamingSession, list[int]] = {session: [] for session in sessions}
    for rows in zip(*heard, strict=True):
        for session, chunk in in_step([one for row in rows for one in row], helper):
            given[session] += [int(frame.pixels.squeeze()) for frame in chunk.frames]
    return list(given.values())


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_sessions_drawn_at_once_have_the_frames_of_each_in_turn(dialogue, count):
    sound = dialogue[:, :20_000]
    with ThreadPoolExecutor(1, "second") as helper:
        assert in_step_of(Sum(), count, sound, helper) == in_step_of(Sum(), count, sound, None)


def test_two_sessions_are_drawn_by_two_threads_at_the_same_time(dialogue):
    model = Noted(together=2)
    with ThreadPoolExecutor(1, "second") as helper:
        in_step_of(model, 2, dialogue[:, :7_000], helper)
    assert {name.startswith("second") for name in model.threads} == {True, False}


def test_what_goes_wrong_with_the_one_drawn_beside_is_raised(dialogue):
    with ThreadPoolExecutor(1, "second") as helper, pytest.raises(AvtrError, match="the second cannot"):
        in_step_of(Noted(together=2, fails_for=1), 2, dialogue[:, :7_000], helper)


def test_models_that_move_several_sessions_at_once_stay_in_one_thread():
    class Joint(Sum):
        def step_together(self, windows, states, asked):
            """As `JointGenerator`."""

    assert can_go_ahead(Sum())
    assert not can_go_ahead(Joint())


@pytest.fixture(scope="module")
def job(engine, photo, wav) -> Callable[..., Job]:
    preset = engine.preset.with_settings(**{"output.speed": "ultrafast"})

    def make(out, **more) -> Job:
        return Job(photo=photo, sound=DialogueFiles(dialogue=wav(0.5)), out=out, preset=preset, seed=3, **more)

    return make


def made(job: Job, engine, cores: int, monkeypatch) -> dict:
    monkeypatch.setattr(production.runtime, "cores", lambda: cores)
    return render_file(job, engine)


@pytest.mark.slow
def test_a_job_gives_the_same_frames_on_one_core_and_on_two(engine, job, tmp_path, monkeypatch):
    reports = [made(job(tmp_path / f"{cores}.mp4"), engine, cores, monkeypatch) for cores in (1, 2)]
    assert reports[0]["output"]["frames_sha256"] == reports[1]["output"]["frames_sha256"]
    assert reports[0]["device"]["motion"] == engine.generator.backend
    assert motion_threads() == []


@pytest.mark.slow
@pytest.mark.parametrize("cores", [1, 2])
def test_a_job_killed_with_motion_ahead_goes_on_to_the_same_frames(engine, job, tmp_path, monkeypatch, cores):
    monkeypatch.setattr(production, "SEGMENT_FRAMES", 5)
    whole = made(job(tmp_path / "whole.mp4"), engine, 2, monkeypatch)
    one = job(tmp_path / "a.mp4")
    monkeypatch.setattr(production.runtime, "cores", lambda: 2)
    with Production(prepare(check(one), engine)) as begun:
        for _ in range(2):
            production.render_next_chunks([begun])
        assert motion_threads()
    assert motion_threads() == []
    report = made(one, engine, cores, monkeypatch)
    assert report["output"]["resumed_from_frame"] == 10
    assert report["output"]["frames_sha256"] == whole["output"]["frames_sha256"]


@pytest.mark.slow
def test_another_library_or_setting_is_another_job(engine, job, tmp_path, monkeypatch):
    keys = []
    for backend in (engine.generator.backend, "torch"):
        monkeypatch.setattr(type(engine.generator), "backend", backend)
        with prepare(check(job(tmp_path / "a.mp4")), engine) as prepared:
            keys.append(prepared.folder._read(workfolder._KEY)["key"])
    assert keys[0] != keys[1]
    off = engine.preset.with_settings(**{"runtime.kernels": "off"})
    plain = job(tmp_path / "a.mp4")
    assert plain.key() != Job(**{**vars(plain), "preset": off}).key()
