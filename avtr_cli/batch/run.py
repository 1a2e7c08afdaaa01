"""A batch from its entries to its summary: what is done is skipped, one failure never stops the rest.

The ledger is written here alone, by the process that gives out the work. After Ctrl-C or a kill the same command
goes on: finished jobs are skipped and a job cut short resumes from its last closed segment (jobs/production.py).
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from avtr_cli.batch.entries import Entry
from avtr_cli.batch.hashes import Hashes
from avtr_cli.batch.ledger import LEDGER, History, Ledger, Lock, read_ledger
from avtr_cli.batch.messages import Began, Ended, Failure, Lost, Order, Rendered, WorkerEvent, Workers
from avtr_cli.batch.plan import Item, ledger_name, plan, refuse_strangers, weights_root
from avtr_cli.batch.preflight import Forecast, lost_orders_resubmitted, preflight
from avtr_cli.core.errors import OutputError
from avtr_cli.core.interruption import interruptible, interruptions_held
from avtr_cli.jobs.workfolder import remove_if_useless

logger = logging.getLogger(__name__)

HASHES = ".batch-hashes.json"

MakeWorkers = Callable[[int, Lock | None], Workers]
"""Workers for so many orders; each keeps the lock, where there is one, for as long as it lives."""


@dataclass(frozen=True)
class BatchOptions:
    """How a batch is to be done."""

    resume: bool = True  # skip what is done; otherwise do everything anew
    retries: int = 1  # further attempts at a job that failed for a reason that may pass
    overwrite: bool = False  # replace videos that no batch of this folder made


class BatchWatcher(Protocol):
    """Is told what happens."""

    def planned(self, items: list[Item]) -> None:
        """The jobs are known."""

    def forecast(self, items: list[Item], forecast: Forecast) -> None:
        """Every job was checked, and rendering begins."""

    def event(self, event: WorkerEvent) -> None:
        """A worker has told something."""

    def settled(self, item: Item) -> None:
        """A job is done or has failed for good, and the ledger says so."""


@dataclass(frozen=True)
class Outcome:
    """What became of a batch."""

    items: list[Item]
    wall_s: float
    workers: tuple[str, int]  # kind, count; ("none", 0) where there was nothing to do
    estimate_s: float
    interrupted: bool


def plan_batch(
    entries: list[Entry], folder: Path, make_workers: MakeWorkers, options: BatchOptions, watch: BatchWatcher
) -> Outcome:
    """A dry run: plan and preflight; renders and writes nothing. Raises OutputError where the disk is too small."""
    began = time.perf_counter()
    refuse_strangers(folder, options.overwrite)
    hashes = Hashes(folder / HASHES)
    items = plan(entries, History(read_ledger(folder / LEDGER)), hashes, options.resume, options.overwrite)
    watch.planned(items)
    count = sum(item.state == "to do" for item in items)
    if not count:
        return Outcome(items, time.perf_counter() - began, ("none", 0), 0.0, False)
    workers = make_workers(count, None)
    try:
        forecast = preflight(items, workers, folder, hashes, options.resume, watch.event)
    except BaseException:
        workers.interrupt()
        raise
    finally:
        workers.close()
    watch.forecast(items, forecast)
    return Outcome(items, time.perf_counter() - began, (workers.kind, workers.count), forecast.seconds, False)


def render_batch(
    entries: list[Entry], folder: Path, make_workers: MakeWorkers, options: BatchOptions, watch: BatchWatcher
) -> Outcome:
    """Render what is left of `entries` into `folder`; Ctrl-C ends it early with what is known then.

    Raises OutputError where the folder, its ledger or its disk will not do; single jobs fail without raising.
    """
    began = time.perf_counter()
    refuse_strangers(folder, options.overwrite)
    with Ledger(folder) as ledger:
        batch = _Batch(ledger, Hashes(folder / HASHES), options, watch)
        items = plan(entries, ledger.history, batch.hashes, options.resume, options.overwrite)
        batch.hashes.save()
        for item in items:
            logger.debug("%s: %s %s", item.name, item.state, item.why)
            if item.state == "finished":
                remove_if_useless(item.out)  # of a run that was killed, or whose disk failed, while cleaning up
        watch.planned(items)
        for item in items:
            if item.state == "failed":
                batch.settle_failure(item)
        estimate, crew, interrupted = 0.0, ("none", 0), False
        count = sum(item.state == "to do" for item in items)
        if count:
            with interruptions_held():  # a second Ctrl-C must not cut the end of the first short
                workers = make_workers(count, ledger.lock)
                crew = (workers.kind, workers.count)
                logger.info("%d jobs for %d workers (%s)", count, workers.count, workers.kind)
                try:
                    with interruptible():
                        estimate = batch.work(items, workers, folder)
                except KeyboardInterrupt:
                    interrupted = True
                    workers.interrupt()
                    batch.put_down(items)
                except BaseException:
                    workers.interrupt()
                    raise
                finally:
                    workers.close()
        batch.hashes.save()
        return Outcome(items, time.perf_counter() - began, crew, estimate, interrupted)


class _Batch:
    """The ledger's side of a running batch."""

    def __init__(self, ledger: Ledger, hashes: Hashes, options: BatchOptions, watch: BatchWatcher):
        self.hashes = hashes
        self._ledger, self._options, self._watch = ledger, options, watch
        self._workers: dict[str, str] = {}  # name -> who renders it
        self._failures: Counter[str] = Counter()  # attempts that failed; those that were lost do not count

    def work(self, items: list[Item], workers: Workers, folder: Path) -> float:
        """Preflight, then render; returns the seconds that were foretold."""
        unsettled = [item for item in items if item.state == "to do"]
        forecast = preflight(items, workers, folder, self.hashes, self._options.resume, self._watch.event)
        for item in unsettled:
            if item.state == "failed":
                self.settle_failure(item)
        self._watch.forecast(items, forecast)
        left = {item.name: item for item in _by_preset(items)}
        for item in left.values():
            workers.submit(self._order(item))
        for event in lost_orders_resubmitted(workers):
            self._watch.event(event)
            item = left[event.order.name]
            if isinstance(event, Ended) and event.worker:
                self._workers[item.name] = event.worker
            if isinstance(event, Began):
                item.attempts += 1
                self._workers[item.name] = event.worker
                self._write("started", item, **_outputs(item))
            elif isinstance(event, Lost):
                self._write("lost", item, reason=event.reason)
            elif isinstance(event, Ended) and isinstance(event.answer, Rendered):
                self._settle_done(item, event.answer)
            elif isinstance(event, Ended) and isinstance(event.answer, Failure):
                self._failed(item, event.answer, workers)
        return forecast.seconds

    def put_down(self, items: list[Item]) -> None:
        """After Ctrl-C: what was begun and not ended is interrupted."""
        for item in items:
            if item.state == "to do":
                item.state = "interrupted"
                if item.attempts:
                    self._write("interrupted", item)

    def settle_failure(self, item: Item) -> None:
        """A failure that no further attempt of this run will change; said once, however often the batch is run."""
        assert item.failure is not None
        past = item.past or {}
        known = past.get("event") == "failed" and past.get("reason") == item.failure.reason and not item.attempts
        if not known:
            self._write_failure(item, item.failure)
        self._watch.settled(item)

    def _failed(self, item: Item, failure: Failure, workers: Workers) -> None:
        self._failures[item.name] += 1
        logger.info("%s: attempt %d failed: %s", item.name, item.attempts, failure.reason)
        if failure.permanent or self._failures[item.name] > self._options.retries:
            item.fail(failure, "rendering")
            self.settle_failure(item)
        else:
            logger.info("%s: is tried again", item.name)
            self._write_failure(item, failure)
            workers.submit(self._order(item))

    def _settle_done(self, item: Item, rendered: Rendered) -> None:
        assert item.checked is not None
        try:
            mtime_ns = item.out.stat().st_mtime_ns
        except OSError as error:  # the folder was taken away under it
            item.fail(Failure(OutputError.exit_code, f"{item.out}: is gone ({error.strerror})"), "rendering")
            self.settle_failure(item)
            return
        item.state, item.rendered = "done", rendered
        self._write(
            "done",
            item,
            key=item.key,
            out=item.out.name,
            bytes=rendered.size_bytes,
            mtime_ns=mtime_ns,
            sha256=rendered.sha256,
            frames=rendered.frames,
            frames_sha256=rendered.frames_sha256,
            wall_s=rendered.wall_s,
            weights=item.checked.weights,
            weights_root=weights_root(),
        )
        self._watch.settled(item)

    def _write_failure(self, item: Item, failure: Failure) -> None:
        facts = {"trace": failure.trace} if failure.trace else {}
        self._write("failed", item, exit_code=failure.exit_code, reason=failure.reason, **facts)

    def _write(self, event: str, item: Item, **facts: object) -> None:
        worker = {"worker": self._workers[item.name]} if item.name in self._workers else {}
        self._ledger.write(
            event, name=item.name, inputs=item.inputs, **({"attempt": item.attempts} if item.attempts else {}),
            **worker, **facts,
        )  # fmt: skip

    def _order(self, item: Item) -> Order:
        assert item.checked is not None
        weights = tuple(sorted(item.checked.weights.values()))
        about = {"name": item.name, "key": item.key, "attempt": item.attempts + 1}
        return Order("render", item.name, item.job, weights, about)


def _outputs(item: Item) -> dict[str, object]:
    """The names of what the job writes: from now on they are the batch's own."""
    names = {ledger_name(item.job, path) for path in item.job.outputs.values()}
    return {"out": item.out.name, "also": sorted(names - {item.out.name})}


def _by_preset(items: list[Item]) -> list[Item]:
    """Those that are to do, jobs of one preset together, so that few models are loaded twice; else as they came."""
    groups: dict[object, list[Item]] = {}
    for item in items:
        if item.state == "to do":
            groups.setdefault((item.job.preset.motion, item.job.preset.render, item.job.preset.body), []).append(item)
    return [item for group in groups.values() for item in group]
