"""What a person sees of a running batch, on stderr: a bar with the time left on a terminal, else a line a job."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from avtr_cli.batch.messages import Checked, Ended, Failure, Lost, Moved, WorkerEvent
from avtr_cli.batch.plan import Item
from avtr_cli.batch.preflight import Forecast
from avtr_cli.batch.summary import duration_text
from avtr_cli.core.textfile import printable

if TYPE_CHECKING:
    from tqdm import tqdm


class Progress:
    """Follows a batch; see `run.BatchWatcher`. `quiet` says nothing; not `shown`, only what is odd or goes wrong.

    `warn` tells a doubt, `note` all else; both print a line by default.
    """

    def __init__(
        self,
        quiet: bool = False,
        terminal: bool | None = None,
        shown: bool = True,
        note: Callable[[str], None] | None = None,
        warn: Callable[[str], None] | None = None,
    ):
        self._quiet = quiet or sys.stderr is None  # as of services without a terminal
        self._shown, self._note, self._warn = shown, note or self._line, warn or self._warning_line
        self._terminal = not self._quiet and (sys.stderr.isatty() if terminal is None else terminal)
        self._bar: tqdm | None = None
        self._jobs = self._settled = 0
        self._frames: Counter[str] = Counter()  # name -> frames drawn
        self._rendering = False
        self._told: set[tuple[str, str]] = set()  # name, warning

    def notes(self, notes: Iterable[str]) -> None:
        """What reading the source has to tell."""
        for note in notes:
            self._say(note)

    def planned(self, items: list[Item]) -> None:
        """Say what is to do; the bar of the preflight begins."""
        self._jobs = sum(item.state == "to do" for item in items)
        counts = Counter(item.state for item in items)
        said = ", ".join(f"{counts[state]} {state}" for state in ("to do", "finished", "failed") if counts[state])
        self._tell(f"{len(items)} job{'s' * (len(items) > 1)}: {said}")
        if self._jobs:
            self._open(self._jobs, "preflight")

    def forecast(self, items: list[Item], forecast: Forecast) -> None:
        """Say what rendering will take; its bar begins."""
        self._close()
        left = [item for item in items if item.state == "to do"]
        self._jobs, self._settled, self._rendering = len(left), 0, True
        if left:
            self._tell(
                f"{len(left)} to render: about {duration_text(forecast.seconds)}, at most "
                f"{forecast.disk_bytes / 2**20:,.0f} MiB of disk ({forecast.disk_free / 2**30:,.1f} GiB free)"
            )
            self._open(sum(item.frames for item in left), f"0/{len(left)} jobs")

    def event(self, event: WorkerEvent) -> None:
        """Say what a worker tells that the user should know, and move the bar."""
        if isinstance(event, Ended) and isinstance(event.answer, Checked):
            for warning in event.answer.warnings:
                self._told.add((event.order.name, warning))
                self._doubt(f"{event.order.name}: {warning}")
        if isinstance(event, Lost):
            self._say(f"{event.order.name}: {event.reason}; given to another worker")
        if isinstance(event, Ended) and isinstance(event.answer, Failure) and self._rendering:
            self._say(f"{event.order.name}: failed: {event.answer.reason}")
        if isinstance(event, Moved) and self._rendering:
            self._draw(event.order.name, event.done)
        if isinstance(event, Ended) and event.order.kind == "check" and self._bar is not None:
            self._bar.update(1)

    def settled(self, item: Item) -> None:
        """Count a job that is done or has failed for good."""
        if not self._rendering:  # failed in plan or preflight
            assert item.failure is not None
            self._say(f"{item.name}: cannot be rendered: {item.failure.reason}")
            return
        self._settled += 1
        for warning in item.warnings:
            if (item.name, warning) not in self._told:  # which only rendering could find
                self._doubt(f"{item.name}: {warning}")
        self._draw(item.name, item.frames)
        if self._bar is not None:
            self._bar.set_description_str(f"{self._settled}/{self._jobs} jobs")
        elif item.rendered is not None:
            done = item.rendered
            self._tell(f"[{self._settled}/{self._jobs}] {item.name}: {done.frames} frames in {done.wall_s:.1f} s")

    def close(self) -> None:
        """Take the bar away."""
        self._close()

    def _draw(self, name: str, frames: int) -> None:
        if self._bar is not None and frames > self._frames[name]:
            self._bar.update(frames - self._frames[name])
            self._frames[name] = frames

    def _open(self, total: int, description: str) -> None:
        if self._terminal and self._shown and not self._quiet:
            from tqdm import tqdm

            form = "{desc} {percentage:3.0f}%|{bar}| {elapsed} so far, {remaining} left"
            self._bar = tqdm(total=total, desc=description, bar_format=form, dynamic_ncols=True, leave=False)

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _say(self, line: str) -> None:
        if not self._quiet:
            self._note(line)

    def _tell(self, line: str) -> None:
        if self._shown:
            self._say(line)

    def _doubt(self, line: str) -> None:
        if not self._quiet:
            self._warn(line)

    def _line(self, line: str) -> None:
        line = printable(line, sys.stderr)
        if self._bar is not None:
            self._bar.write(line, file=sys.stderr)
        else:
            sys.stderr.write(f"{line}\n")  # in one piece: workers write there too
            sys.stderr.flush()

    def _warning_line(self, line: str) -> None:
        self._line(f"warning: {line}")
