"""What is seen of a job under way: a bar on a terminal, a line a minute in a log, JSON lines for a program."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import struct
import termios

import pytest

from avtr_cli.cli.progress import Events, Lines, Pace
from avtr_cli.jobs.steps import Step
from tests import warm

SMALL = ("--size", "64")


class Clock:
    """A clock that the test turns."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def rendered(watching: Lines | Events, clock: Clock, chunk_s: float, frames: int) -> None:
    """A job of `frames` frames whose start-up takes 10 s, and each chunk of 5 frames `chunk_s`."""
    watching.step(Step.START)
    clock.now += 10
    watching.step(Step.RENDER)
    for done in range(5, frames + 1, 5):
        clock.now += chunk_s
        watching.frames(done, frames)


def test_a_log_shows_life_once_a_minute_with_the_time_left():
    clock, said = Clock(), []
    rendered(Lines("a.mp4", said.append, clock), clock, chunk_s=1.0, frames=1000)  # 200 ms of video a second
    assert len(said) == 3  # 210 s
    assert said[0] == "a.mp4: 10.0 s of 40.0 s rendered, 0.20x real time, about 150 s left"
    assert said[1].startswith("a.mp4: 22.0 s of 40.0 s")


def test_a_short_job_leaves_no_line():
    clock, said = Clock(), []
    rendered(Lines("a.mp4", said.append, clock), clock, chunk_s=0.1, frames=100)
    assert said == []


def test_a_job_that_goes_on_is_not_called_as_fast_as_what_it_found():
    clock = Clock()
    pace = Pace(clock)
    pace.rendering()
    for done in (1505, 1510, 1515):
        clock.now += 0.2
        factor, left = pace.at(done, 3000)
    assert factor == pytest.approx(1.0)
    assert left == pytest.approx((3000 - 1515) / 25)


def test_events_come_four_times_a_second_at_most_and_the_last_always():
    clock, said = Clock(), []
    rendered(Events("a.mp4", lambda name, **facts: said.append((name, facts)), clock), clock, chunk_s=0.05, frames=200)
    frames = [facts for name, facts in said if name == "frames"]
    assert [name for name, _ in said[:2]] == ["step", "step"]
    assert 8 <= len(frames) <= 10  # in 2 s
    assert frames[-1] | {"elapsed_s": 0} == {
        "job": "a.mp4", "done": 200, "total": 200, "elapsed_s": 0, "realtime_factor": 4.0, "left_s": 0.0,
    }  # fmt: skip


@pytest.mark.slow
def test_for_a_program_every_line_is_json_and_steps_come_in_order(avtr, photo, wav, tmp_path):
    out = tmp_path / "a.mp4"
    arguments = (
        "render",
        photo,
        wav(0.3),
        "-o",
        out,
        *SMALL,
        "--progress",
        "json",
        "-v",
        "--html",
        tmp_path / "a.html",
    )
    code, stdout, said = avtr(*arguments)
    events = [json.loads(line) for line in said.splitlines()]
    assert code == 0
    assert stdout.startswith(str(out))
    steps = [event["step"] for event in events if event["event"] == "step"]
    assert steps == ["start", "listen", "load", "face", "warm_up", "render", "join", "sign", "page"]
    assert {"step", "frames", "done", "log", "warning"} == {event["event"] for event in events}
    done = next(event for event in events if event["event"] == "done")
    assert (done["path"], done["frames"]) == (str(out), 8)
    last = [event for event in events if event["event"] == "frames"][-1]
    assert (last["done"], last["total"]) == (8, 8)
    refused = json.loads(avtr(*arguments)[2].splitlines()[-1])
    assert refused["event"] == "error"
    assert refused["exit_code"] == 5
    assert "exists already" in refused["message"]


def test_progress_of_an_unknown_kind_is_refused(avtr):
    code, _, said = avtr("render", "a.png", "a.wav", "--progress", "loud")
    assert (code, said) == (2, "error: --progress is 'loud', but must be one of auto, json, none\n")


@pytest.mark.slow
def test_a_terminal_shows_the_step_from_the_beginning_and_ends_clean(photo, wav, tmp_path):
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    out = tmp_path / "a.mp4"
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"} | {"TERM": "xterm"}
    process = warm.start(warm.AVTR, "render", photo, wav(0.3), "-o", out, *SMALL, stderr=theirs, env=environment)
    os.close(theirs)
    said = b""
    while True:
        try:
            block = os.read(ours, 65536)
        except OSError:  # how Linux says that nobody holds the other end
            break
        if not block:
            break
        said += block
    os.close(ours)
    stdout, _ = process.communicate()
    assert process.returncode == 0
    shown = [re.sub(r"\x1b\[\w*", "", part).strip() for part in said.decode().split("\r")]
    steps = [part.removeprefix("a.mp4: ").removesuffix(" …") for part in shown if part.endswith(" …")]
    wanted = ["starting", "loading models", "finding the face", "warming up", "rendering", "joining", "signing"]
    assert [step for step in steps if step in wanted] == wanted
    assert any("100%" in part and "x real time" in part for part in shown)
    assert stdout.startswith(str(out))
