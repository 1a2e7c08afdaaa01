"""Workers as processes of this machine: spawned, with their models loaded once, on a GPU or some CPU cores each.

Ctrl-C is the batch's to handle: a worker ignores it and stops on SIGTERM, putting its work down as an interrupted
render does; one whose batch was killed does the same by itself. What a killed worker left is put down by the batch.
"""

from __future__ import annotations

import contextlib
import json
import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from avtr_cli.batch.ledger import Lock
from avtr_cli.batch.messages import Began, Ended, Lost, Moved, Order, WorkerEvent
from avtr_cli.core import logs, runtime
from avtr_cli.core.errors import OutputError
from avtr_cli.core.interruption import interruptible, interruptions_held
from avtr_cli.jobs.workfolder import remove_if_useless

if TYPE_CHECKING:
    from avtr_cli.batch.worker import Worker

logger = logging.getLogger(__name__)

CORES_PER_WORKER = 2  # one draws, one encodes
GRACE_S = 20.0  # for a worker to put down its work
TELL_EVERY_S = 0.5  # how often a worker says how far it is
STALLED_S = 1800.0  # a worker that says nothing for so long hangs; loading and joining take minutes at most
_THREAD_VARIABLES = (
    "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OPENCV_FOR_THREADS_NUM", "NUMBA_NUM_THREADS",
)  # fmt: skip


@dataclass(frozen=True)
class Crew:
    """How many workers, with how many rendering threads, on which GPUs (CUDA_VISIBLE_DEVICES; none: CPU).

    Each renders up to `sessions` jobs in step, a chunk of each at a time; on a GPU one forward serves them all.
    """

    count: int
    threads: int
    gpus: tuple[str, ...] = ()
    sessions: int = 1
    json_lines: bool = False  # what a worker logs on stderr


def crew_for(jobs: int | None, orders: int, cores: int, gpus: tuple[str, ...] = (), sessions: int = 1) -> Crew:
    """A crew for `orders` jobs, never more than the machine carries: one per GPU, or per two cores.

    `jobs` is the user's number (None: choose). On a CPU it is at most the number of cores; several may share a GPU.
    """
    count = jobs or (len(gpus) if gpus else max(1, cores // CORES_PER_WORKER))
    count = max(1, min(count, -(-orders // sessions), cores))
    return Crew(count, max(1, min(2, cores // count - 1)), gpus, min(sessions, orders))


def visible_gpus() -> tuple[str, ...]:
    """CUDA_VISIBLE_DEVICES names of the GPUs that torch can use; torch is only loaded where there is a driver."""
    if not any(Path(device).exists() for device in ("/dev/nvidiactl", "/dev/dxg")):
        return ()
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    named = [name for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name]
    return tuple(named[:count] or map(str, range(count)))


@dataclass
class _Member:
    process: BaseProcess
    pipe: Connection
    number: int
    orders: list[Order] = field(default_factory=list)  # under way
    heard_at: float = 0.0  # monotonic seconds

    def takes(self, order: Order, sessions: int) -> bool:
        """Whether it can do this besides what it does: renders go in step, all else goes alone."""
        if not self.orders:
            return True
        return len(self.orders) < sessions and all(one.kind == "render" for one in (order, *self.orders))


class Processes:
    """A crew at work; see `messages.Workers`. Processes start when there is something for them to do."""

    kind = "processes"

    def __init__(self, crew: Crew, lock: Lock | None = None):
        self.count = crew.count * crew.sessions
        self._crew, self._lock = crew, lock
        self._context = multiprocessing.get_context("spawn")
        self._queue: deque[Order] = deque()
        self._members: list[_Member] = []

    def submit(self, order: Order) -> None:
        """Queue an order; it is given out once a worker is free in `events`."""
        self._queue.append(order)

    def events(self) -> Iterator[WorkerEvent]:
        """What the workers tell, as it comes, until every order has ended."""
        while True:
            while self._queue and (member := self._free(self._queue[0])) is not None:
                order = self._queue.popleft()
                member.orders.append(order)
                member.heard_at = time.monotonic()
                with contextlib.suppress(OSError):  # it died while idle: its end is noticed below
                    member.pipe.send(order)
                yield Began(order, f"process {member.process.pid}")
            busy = {member.pipe: member for member in self._members if member.orders}
            if not busy:
                return
            for pipe in wait(list(busy), timeout=STALLED_S):
                yield from self._hear(busy[pipe])  # type: ignore[index]  # typeshed: `wait` may give sockets too
            for member in busy.values():
                if time.monotonic() - member.heard_at > STALLED_S:
                    member.process.kill()  # the end of its pipe is heard next

    def interrupt(self) -> None:
        """Terminate the workers, wait GRACE_S for them, kill what still lives, and forget what was queued."""
        try:
            for member in self._members:
                member.process.terminate()
            until = time.monotonic() + GRACE_S
            for member in self._members:
                member.process.join(max(0.0, until - time.monotonic()))
        finally:
            for member in self._members:
                _bury(member)
            self._members.clear()
            self._queue.clear()

    def close(self) -> None:
        """Let the workers end, and kill those that do not within GRACE_S."""
        for member in self._members:
            with contextlib.suppress(OSError):
                member.pipe.send(None)
        for member in self._members:
            member.process.join(GRACE_S)
            _bury(member)
        self._members.clear()

    def _free(self, order: Order) -> _Member | None:
        """Who takes the order: an idle worker, else a new one while the crew is not complete, else the least busy."""
        able = [member for member in self._members if member.takes(order, self._crew.sessions)]
        idlest = min(able, key=lambda member: len(member.orders), default=None)
        if (idlest is None or idlest.orders) and len(self._members) < self._crew.count:
            with interruptions_held():
                self._members.append(self._start())
            return self._members[-1]
        return idlest

    def _start(self) -> _Member:
        taken = {member.number for member in self._members}
        number = next(number for number in range(self._crew.count) if number not in taken)
        gpu = self._crew.gpus[number % len(self._crew.gpus)] if self._crew.gpus else None
        ours, theirs = self._context.Pipe()
        process = self._context.Process(
            target=_serve,
            args=(theirs, self._lock, self._crew, gpu),
            name=f"avtr-worker-{number}",
        )
        process.start()
        logger.info("worker %d is process %d", number, process.pid)
        theirs.close()  # so that its death ends the pipe
        return _Member(process, ours, number)

    def _hear(self, member: _Member) -> Iterator[WorkerEvent]:
        assert member.orders
        try:
            event: WorkerEvent = member.pipe.recv()
        except (EOFError, OSError):
            member.process.join(GRACE_S)
            _bury(member)
            self._members.remove(member)
            reason = _how_it_ended(member.process.exitcode)
            logger.info("worker %d: %s", member.number, reason)
            yield from [Lost(order, reason) for order in member.orders]
            return
        member.heard_at = time.monotonic()
        if isinstance(event, Ended):
            member.orders = [
                order for order in member.orders if (order.kind, order.name) != (event.order.kind, event.order.name)
            ]
        yield event


def _bury(member: _Member) -> None:
    """End it for certain, and throw away what is not whole of its work if it could not do so itself."""
    member.process.kill()
    member.process.join()
    member.pipe.close()
    for order in member.orders:
        if order.kind == "render":
            remove_if_useless(order.job.out)


def _how_it_ended(code: int | None) -> str:
    if code == -signal.SIGKILL:
        return "the worker was killed (out of memory? fewer --jobs need less), or hung"
    if code is not None and code < 0:
        return f"the worker died ({signal.Signals(-code).name})"
    return f"the worker ended by itself (exit code {code})"


def _told(record: logging.LogRecord, line: str, json_lines: bool = False) -> None:
    """A worker's line of the log, on the batch's stderr; warnings go by the answers."""
    if record.levelno < logging.WARNING and sys.stderr is not None:
        said = f"[{os.getpid()}] {line}"
        if json_lines:
            about = {"module": record.name, "process": os.getpid(), "message": record.getMessage()}
            said = json.dumps({"event": "log"} | about)
        with contextlib.suppress(OSError):
            sys.stderr.write(f"{said}\n")  # in one piece: others write there too
            sys.stderr.flush()


def _serve(pipe: Connection, lock: Lock | None, crew: Crew, gpu: str | None) -> None:
    """A worker's whole life: answer orders until the pipe ends. `lock` is only kept, to be held as long as this."""
    threads = crew.threads
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's signals reach the batch too, which tells its workers
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _stop)
    set_threads(threads)
    with contextlib.suppress(OutputError):  # the log's disk is full; the batch has said so or will
        logs.follow(partial(_told, json_lines=crew.json_lines))
    logger.info("a worker with %d threads%s", threads, f" on GPU {gpu}" if gpu is not None else "")
    if gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with contextlib.suppress(KeyboardInterrupt, EOFError, BrokenPipeError), interruptions_held():
        with interruptible():
            from avtr_cli.batch.worker import Worker  # loads torch, so only here

        worker = Worker(threads, crew.sessions, max(1, runtime.cores() // crew.count))
        try:
            _answer_calls(pipe, worker)
        finally:
            worker.abandon()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it ends already


def _answer_calls(pipe: Connection, worker: Worker) -> None:
    """Between two chunks of what is under way, further orders are taken; without anything under way, waited for."""
    while True:
        while not worker.busy or pipe.poll():
            with interruptible():
                order = pipe.recv()
            if order is None:
                return
            answer = worker.take(order, _ProgressSender(pipe, order))
            if answer is not None:
                pipe.send(Ended(order, answer))
        for order, answer in worker.render_next_chunks():
            pipe.send(Ended(order, answer))


def set_threads(threads: int) -> None:
    """Before any numerical library is loaded: none of them takes more than its share of the cores."""
    runtime.set_library_environment()
    os.environ.update(dict.fromkeys(_THREAD_VARIABLES, str(threads)))


class _ProgressSender:
    """Tells the batch how far an order is, now and then."""

    def __init__(self, pipe: Connection, order: Order):
        self._pipe, self._order, self._next = pipe, order, 0.0

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + TELL_EVERY_S
            self._pipe.send(Moved(self._order, done, total))


def _stop(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _end_with_parent() -> None:
    """The batch was killed: put down the work, as on SIGTERM, and be gone soon."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_S)
    os._exit(1)
