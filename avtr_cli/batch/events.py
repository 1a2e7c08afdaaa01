"""What a program hears of a running batch: an event with facts for every change; docs/batch.md names their keys."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable

from avtr_cli.batch.messages import Began, Checked, Ended, Failure, Lost, Moved, Rendered, WorkerEvent
from avtr_cli.batch.plan import Item
from avtr_cli.batch.preflight import Forecast


class Events:
    """Follows a batch for a program: `say(event, **facts)` for all that happens."""

    def __init__(self, say: Callable[..., None], clock: Callable[[], float] = time.monotonic):
        self._say, self._clock = say, clock
        self._began = self._rendering = clock()
        self._lengths: dict[str, int] = {}  # name -> frames to render
        self._done: dict[str, int] = {}  # name -> frames rendered
        self._started_at: dict[str, int] = {}  # name -> frames that an earlier run had closed, as first told

    def notes(self, notes: Iterable[str]) -> None:
        """What reading the source has to tell."""
        for note in notes:
            self._say("note", message=note)

    def planned(self, items: list[Item]) -> None:
        """How many jobs there are, and what of them is done."""
        counts = Counter(item.state for item in items)
        self._say(
            "planned", jobs=len(items), to_do=counts["to do"], finished=counts["finished"], failed=counts["failed"]
        )

    def forecast(self, items: list[Item], forecast: Forecast) -> None:
        """What rendering will take."""
        self._lengths = {item.name: item.frames for item in items if item.state == "to do"}
        self._rendering = self._clock()
        self._say(
            "forecast", jobs=len(self._lengths), frames=sum(self._lengths.values()),
            estimate_s=round(forecast.seconds, 1), disk_bytes=forecast.disk_bytes, disk_free=forecast.disk_free,
        )  # fmt: skip

    def event(self, event: WorkerEvent) -> None:
        """What a worker tells."""
        name = event.order.name
        if isinstance(event, Ended) and isinstance(event.answer, Checked):
            for warning in event.answer.warnings:
                self._say("warning", job=name, message=f"{name}: {warning}")
        if event.order.kind != "render":
            return
        if isinstance(event, Began):
            self._say("job", job=name, state="started", worker=event.worker)
        elif isinstance(event, Lost):
            self._say("job", job=name, state="lost", reason=event.reason)
        elif isinstance(event, Moved):
            self._frames(name, event.done, event.total)
        elif isinstance(event.answer, Rendered):
            if self._done.get(name) != event.answer.frames:
                self._frames(name, event.answer.frames, event.answer.frames)
        elif isinstance(event.answer, Failure):
            self._say("job", job=name, state="attempt failed", reason=event.answer.reason)

    def settled(self, item: Item) -> None:
        """A job is done or has failed for good."""
        if item.rendered is not None:
            facts = {"path": str(item.out), "frames": item.rendered.frames, "wall_s": item.rendered.wall_s}
        else:
            assert item.failure is not None
            self._done[item.name] = self._lengths.get(item.name, 0)  # nothing more is to come of it
            facts = {"exit_code": item.failure.exit_code, "reason": item.failure.reason}
        self._say("job", job=item.name, state=item.state, attempts=item.attempts, **facts)

    def close(self) -> None:
        """Nothing is left on the screen."""

    def _frames(self, name: str, done: int, total: int) -> None:
        self._started_at.setdefault(name, done)
        self._done[name] = done
        made = sum(self._done[one] - at for one, at in self._started_at.items())
        whole, so_far = sum(self._lengths.values()), sum(self._done.values())
        now = self._clock()
        left_s = (now - self._rendering) / made * (whole - so_far) if made > 0 else 0.0
        batch = {"batch_done": so_far, "batch_total": whole, "left_s": round(left_s, 1)}
        self._say("frames", job=name, done=done, total=total, elapsed_s=round(now - self._began, 3), **batch)
