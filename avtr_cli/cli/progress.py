"""How far a job is, on stderr: a bar on a terminal, a line a minute in a log, JSON lines for a program."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from avtr_cli.cli import voice
from avtr_cli.core.timing import CHUNK_FRAMES, FPS
from avtr_cli.jobs.steps import Step

KINDS = ("auto", "json", "none")
LINE_EVERY_S = 60.0
EVENT_EVERY_S = 0.25
WIDEST_NAME = 28  # characters of a file's name before a bar

Clock = Callable[[], float]


class Display(Protocol):
    """What watches a job."""

    def step(self, step: Step) -> None:
        """Something else begins."""

    def frames(self, done: int, total: int) -> None:
        """So many frames of so many are rendered."""

    def close(self) -> None:
        """Leave the screen as it was."""


class Silence:
    """Shows nothing."""

    def step(self, step: Step) -> None:
        """Nothing is shown."""

    def frames(self, done: int, total: int) -> None:
        """Nothing is shown."""

    def close(self) -> None:
        """Nothing is left."""


class Pace:
    """How fast frames come, from the first that is told: a resumed job is not as fast as what it found."""

    def __init__(self, clock: Clock = time.monotonic):
        self._clock, self._first = clock, 0
        self.began = clock()
        self._rendering = self.began

    def rendering(self) -> None:
        """From now on frames come."""
        self._rendering, self._first = self._clock(), -1

    def at(self, done: int, total: int) -> tuple[float, float]:
        """(times real time, seconds left); 0 where nothing is known yet."""
        now = self._clock()
        if self._first < 0:
            self._first = max(0, done - CHUNK_FRAMES)  # a chunk has just been made
        made = done - self._first
        if made <= 0 or now <= self._rendering:
            return 0.0, 0.0
        each = (now - self._rendering) / made
        return 1 / FPS / each, each * (total - done)

    def elapsed(self) -> float:
        """Seconds since the beginning."""
        return self._clock() - self.began


def _times(factor: float) -> str:
    """`3.1` or, where it is slow, `0.04`."""
    return f"{factor:.1f}" if factor >= 1 else f"{factor:.2f}"


class Lines:
    """A line a minute: `a.mp4: 12.4 s of 45.8 s rendered, 3.1x real time, about 40 s left`."""

    def __init__(self, name: str, say: Callable[[str], None] = voice.note, clock: Clock = time.monotonic):
        self._name, self._say, self._clock = name, say, clock
        self._pace = Pace(clock)
        self._next = clock() + LINE_EVERY_S

    def step(self, step: Step) -> None:
        """A line when a step has lasted so long that one is due."""
        if step is Step.RENDER:
            self._pace.rendering()
        if self._due():
            self._say(f"{self._name}: {step.value}")

    def frames(self, done: int, total: int) -> None:
        """A line a minute."""
        factor, left = self._pace.at(done, total)
        if self._due() and done < total:
            rendered = f"{done / FPS:.1f} s of {total / FPS:.1f} s rendered"
            self._say(f"{self._name}: {rendered}, {_times(factor)}x real time, about {left:.0f} s left")

    def close(self) -> None:
        """Nothing is left."""

    def _due(self) -> bool:
        now = self._clock()
        if now < self._next:
            return False
        self._next = now + LINE_EVERY_S
        return True


class Events:
    """JSON lines: docs/command_line.md names their keys."""

    def __init__(self, name: str, say: Callable[..., None] = voice.event, clock: Clock = time.monotonic):
        self._name, self._say, self._clock = name, say, clock
        self._pace = Pace(clock)
        self._next = 0.0

    def step(self, step: Step) -> None:
        """An event for every step."""
        if step is Step.RENDER:
            self._pace.rendering()
        elapsed = round(self._pace.elapsed(), 3)
        self._say("step", job=self._name, step=step.name.lower(), text=step.value, elapsed_s=elapsed)

    def frames(self, done: int, total: int) -> None:
        """An event for every chunk, a few a second at most."""
        factor, left = self._pace.at(done, total)
        if self._clock() < self._next and done < total:
            return
        self._next = self._clock() + EVENT_EVERY_S
        facts = {"realtime_factor": round(factor, 3), "left_s": round(left, 1)}
        self._say("frames", job=self._name, done=done, total=total, elapsed_s=round(self._pace.elapsed(), 3), **facts)

    def close(self) -> None:
        """Nothing is left."""


class Bar:
    """One line of a terminal: the step from the first second, then a bar with the time left."""

    _STEP = "{desc} …"
    _FRAMES = "{desc} {percentage:3.0f}%|{bar}| {elapsed} so far, {remaining} left{postfix}"

    def __init__(self, name: str):
        from tqdm import tqdm

        self._name = name if len(name) <= WIDEST_NAME else f"{name[: WIDEST_NAME - 1]}…"
        self._pace = Pace()
        self._counting = False
        self._bar: Any = tqdm(total=1, dynamic_ncols=True, leave=False, bar_format=self._STEP, desc=self._name)

    def step(self, step: Step) -> None:
        """The bar names the step."""
        if step is Step.RENDER:
            self._pace.rendering()
        self._counting = False
        self._bar.bar_format = self._STEP
        self._bar.set_description_str(f"{self._name}: {step.value}")

    def frames(self, done: int, total: int) -> None:
        """The bar grows, with the time left."""
        if not self._counting:
            self._counting = True
            self._bar.bar_format = self._FRAMES
            self._bar.reset(total)
            self._bar.initial = self._bar.n = max(0, done - CHUNK_FRAMES)
            self._bar.set_description_str(self._name, refresh=False)
        factor, _ = self._pace.at(done, total)
        self._bar.set_postfix_str(f"{_times(factor)}x real time", refresh=False)
        self._bar.update(done - self._bar.n)
        if done == total:
            self._bar.refresh()  # also where the last step was too short to be shown

    def close(self) -> None:
        """The bar disappears."""
        self._bar.close()


def display(name: str, kind: str = "auto", quiet: bool = False) -> Display:
    """What shows the job called `name`; of `kind` see KINDS."""
    if kind == "json":
        return Events(name)
    if quiet or kind == "none":
        return Silence()
    return Bar(name) if voice.is_terminal(sys.stderr) else Lines(name)


@contextmanager
def shown(name: str, kind: str = "auto", quiet: bool = False) -> Iterator[Display]:
    """A `display` that begins at once and is cleared away at the end, however that comes."""
    watching = display(name, kind, quiet)
    try:
        watching.step(Step.START)
        yield watching
    finally:
        watching.close()
