"""Before anything is rendered: is every job possible, does the disk hold them, when will they be done?

Faces are found and sound is heard by the workers, all at once; a first second of each kind of job is rendered to
tell the time.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from avtr_cli.batch.hashes import Hashes
from avtr_cli.batch.messages import Answer, Began, Checked, Ended, Failure, Lost, Order, WorkerEvent, Workers
from avtr_cli.batch.plan import Item, recheck
from avtr_cli.core.errors import OutputError
from avtr_cli.core.files import SPARE_BYTES
from avtr_cli.jobs.speed import Speed

LOSSES_FORGIVEN = 2  # a worker or node that dies under a job is not the job's fault so often
KINDS_MEASURED = 4  # micro-runs at most; what is not measured is taken for the slowest that was


@dataclass(frozen=True)
class Forecast:
    """What the jobs that are left will take."""

    seconds: float  # of wall time, with all workers
    disk_bytes: int  # at most
    disk_free: int


def lost_orders_resubmitted(workers: Workers) -> Iterator[WorkerEvent]:
    """`workers.events()`, where an order lost with its worker is given to another; lost too often, it has failed."""
    losses: Counter[tuple[str, str]] = Counter()
    for event in workers.events():
        yield event
        if isinstance(event, Lost):
            order = event.order
            losses[order.kind, order.name] += 1
            if losses[order.kind, order.name] > LOSSES_FORGIVEN:
                yield Ended(
                    order, Failure(1, f"{order.job.out}: {losses[order.kind, order.name]} times {event.reason}")
                )
            else:
                workers.submit(order)


def preflight(
    items: list[Item],
    workers: Workers,
    folder: Path,
    hashes: Hashes,
    resume: bool,
    watch: Callable[[WorkerEvent], None],
) -> Forecast:
    """Check every item that is to do, then foretell time and disk. Items that cannot be done have failed after it.

    Raises OutputError where the disk of `folder` is too small for them all.
    """
    by_name = {item.name: item for item in items if item.state == "to do"}
    for name, answer in _ask("check", by_name, workers, watch):
        item = by_name[name]
        if isinstance(answer, Failure):
            item.fail(answer, "preflight")
            continue
        assert isinstance(answer, Checked)
        item.checked, item.frames = answer, answer.frames
        recheck(item, hashes, resume)
    left = [item for item in items if item.state == "to do"]
    _estimate(left, workers, watch)
    return _forecast(left, workers.count, folder)


def _ask(
    kind: str, items: dict[str, Item], workers: Workers, watch: Callable[[WorkerEvent], None]
) -> Iterator[tuple[str, Answer]]:
    for item in items.values():
        workers.submit(Order("check" if kind == "check" else "measure", item.name, item.job))
    for event in lost_orders_resubmitted(workers):
        if not isinstance(event, Began):
            watch(event)
        if isinstance(event, Ended):
            yield event.order.name, event.answer


def _estimate(items: list[Item], workers: Workers, watch: Callable[[WorkerEvent], None]) -> None:
    """Each item's `estimate_s`, from a micro-run of the first of its kind."""
    kinds: dict[object, list[Item]] = {}
    for item in items:
        assert item.checked is not None
        preset = item.job.preset
        people, size = len(item.job.photos), item.checked.size
        cost = (preset.motion.generator, preset.motion.euler_steps, preset.render, preset.output, people, size)
        kinds.setdefault(cost, []).append(item)
    firsts = {group[0].name: group for group in list(kinds.values())[:KINDS_MEASURED]}
    measured: dict[str, Speed] = {}
    for name, answer in _ask("measure", {name: group[0] for name, group in firsts.items()}, workers, watch):
        if isinstance(answer, Speed):  # what fails here will fail in earnest, with its reason
            measured[name] = answer
    if not measured:
        return
    for group in kinds.values():
        speeds = [measured[group[0].name]] if group[0].name in measured else list(measured.values())
        for item in group:
            makes_motion = item.job.from_motion is None
            item.estimate_s = max(speed.seconds(item.frames, makes_motion) for speed in speeds)


def _forecast(items: list[Item], workers: int, folder: Path) -> Forecast:
    sizes = [item.checked.disk_bytes for item in items if item.checked]
    need = sum(sizes) // 2 + max(sizes, default=0) // 2 * workers + SPARE_BYTES
    free = shutil.disk_usage(next(place for place in (folder, *folder.absolute().parents) if place.is_dir())).free
    if need > free:
        raise OutputError(
            f"{folder}: the disk has {free / 2**20:,.0f} MiB free and these {len(items)} jobs may need "
            f"{need / 2**20:,.0f} MiB; free some, choose another -o, or give fewer jobs"
        )
    total = sum(item.estimate_s for item in items)
    longest = max((item.estimate_s for item in items), default=0.0)
    return Forecast(max(total / workers, longest), need, free)
