"""Two threads: one engine, one avatar, a closed standard error; each gets what it would get alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

from avtr_cli.core.config import load_preset
from avtr_cli.core.errors import AvtrError
from avtr_cli.core.interruption import interruptible, interruptions_held
from avtr_cli.core.motion_space import CONTROLS
from avtr_cli.core.types import Asked, Identity, Motion, MotionState, Window
from avtr_cli.perception.portrait import find_portrait
from avtr_cli.perception.silence import quiet
from avtr_cli.streaming.engine import Engine
from avtr_cli.streaming.session import StreamingSession
from tests import warm

Answer = TypeVar("Answer")


def at_once(*tasks: Callable[[], Answer]) -> list[Answer]:
    """What the tasks return, each run in a thread of its own."""
    answers: dict[int, Answer] = {}
    errors: list[BaseException] = []

    def work(number: int) -> None:
        try:
            answers[number] = tasks[number]()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(tasks))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    return [answers[number] for number in range(len(tasks))]


def call(engine: Engine, identity: Identity, seed: int, samples: np.ndarray) -> np.ndarray:
    session = StreamingSession(identity, engine.generator, engine.renderer, seed)
    return np.stack([frame.pixels for frame in session.push(samples) + session.finish()])


@pytest.mark.slow
@pytest.mark.parametrize("torch_threads", [1, 2])
def test_two_calls_of_one_avatar_in_two_threads_give_the_frames_of_each_alone(
    engine: Engine, identity: Identity, dialogue: np.ndarray, torch_threads: int
):
    before = torch.get_num_threads()
    torch.set_num_threads(torch_threads)
    try:
        samples = dialogue[:, 30_000:46_000]
        alone = [call(engine, identity, seed, samples) for seed in (1, 2)]
        both = at_once(*(lambda seed=seed: call(engine, identity, seed, samples) for seed in (1, 2)))
        assert all(np.array_equal(one, two) for one, two in zip(alone, both, strict=True))
    finally:
        torch.set_num_threads(before)


@pytest.mark.slow
def test_two_threads_that_ask_for_one_avatar_prepare_it_once(photo: Path, monkeypatch: pytest.MonkeyPatch):
    from avtr_cli.streaming import engine as module

    engine, found = Engine(load_preset("default", ["render.size=64", "runtime.keep_avatars=off"])), []
    monkeypatch.setattr(module, "find_portrait", lambda *given: found.append(given) or find_portrait(*given))
    (_, one), (_, two) = at_once(*[lambda: engine.avatar(photo)] * 2)
    assert one is two
    assert len(found) == 1


@pytest.mark.slow
def test_two_threads_find_two_faces_as_one_would(photo: Path, tmp_path: Path):

    mirrored = tmp_path / "mirrored.png"
    ImageOps.mirror(Image.open(photo)).save(mirrored)
    alone = [find_portrait(path).landmarks for path in (photo, mirrored)]
    both = at_once(*(lambda path=path: find_portrait(path).landmarks for path in (photo, mirrored)))
    assert all(np.array_equal(one, two) for one, two in zip(alone, both, strict=True))


@pytest.mark.slow
def test_a_photo_that_is_replaced_cannot_be_told_as_the_one_that_was_drawn(
    photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The bytes are read once: what lies there a moment later is neither drawn nor hashed."""
    from avtr_cli.streaming import engine as module

    path = tmp_path / "photo.png"
    path.write_bytes(photo.read_bytes())

    def replaced(name, face, data):
        path.write_bytes(b"another")
        return find_portrait(name, face, data)

    monkeypatch.setattr(module, "find_portrait", replaced)
    portrait, _ = Engine(load_preset("default", ["render.size=64"])).avatar(path)
    assert portrait.sha256 == find_portrait(photo).sha256


@pytest.mark.slow
@pytest.mark.parametrize("closed", ["2>&-", "<&- 2>&-", "2>/dev/full"])
def test_a_face_is_found_without_a_standard_error(photo: Path, closed: str):
    code = (
        f"from avtr_cli.perception.portrait import find_portrait; print(len(find_portrait({str(photo)!r}).landmarks))"
    )
    if "2>&-" in closed:  # already when the libraries are loaded
        words = f"{sys.executable} -c {code!r} {closed}"
        done = subprocess.run(words, shell=True, stdout=subprocess.PIPE, text=True, check=False)
    else:
        with open("/dev/full", "w") as full:
            done = warm.run(code, stderr=full)
    assert (done.returncode, done.stdout) == (0, "478\n")


def test_silence_ends_with_the_last_thread_inside(capfd: pytest.CaptureFixture[str]):
    with quiet():
        with quiet():
            os.write(2, b"unheard")
        os.write(2, b"unheard")
    os.write(2, b"heard")
    assert capfd.readouterr().err == "heard"


@pytest.mark.parametrize("nth", [1, 2])
def test_silence_ends_also_where_it_is_interrupted_while_it_begins_or_ends(capfd, monkeypatch, nth):
    dup2, calls = os.dup2, iter((1, 2))

    def interrupted(*numbers: int) -> int:
        done = dup2(*numbers)
        if next(calls) == nth:
            os.kill(os.getpid(), signal.SIGINT)
        return done

    with monkeypatch.context() as patch:
        patch.setattr(os, "dup2", interrupted)
        with pytest.raises(KeyboardInterrupt), interruptions_held(), interruptible(), quiet():
            pass
    os.write(2, b"heard")
    assert capfd.readouterr().err == "heard"


class Broken:
    """A motion model that is of no use after the first chunk."""

    space = CONTROLS
    cues: frozenset[str] = frozenset()
    weights_files = ()

    def start(self, identity: Identity, seed: int) -> MotionState:
        return {}

    def step(self, window: Window, state: MotionState, asked: Asked = ()) -> tuple[Motion, MotionState]:
        values = torch.zeros(5, len(CONTROLS))
        values[3, 7] = float("nan") if window.index else 0.0
        return Motion(CONTROLS, values, 5 * window.index), state


def test_motion_that_is_no_number_never_becomes_a_frame(engine: Engine, identity: Identity):
    session = StreamingSession(identity, Broken(), engine.renderer)
    assert len(session.push(np.zeros((2, 6_480), np.float32))) == 5
    with pytest.raises(AvtrError, match="frames from 5"):
        session.push(np.zeros((2, 3_200), np.float32))
