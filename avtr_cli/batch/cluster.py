"""Workers as tasks on a Ray cluster: the same orders and events as processes.py, on any number of machines.

Every node has avtr and its weights installed. Files are used by path where a node sees the same bytes there, else
they travel through Ray's object store, as do videos where a node does not see the output folder. A task that dies
with its node is reported as lost, and the batch gives its job to another.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import signal
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from avtr_cli import __version__
from avtr_cli.batch.hashes import Hashes
from avtr_cli.batch.messages import Answer, Began, Ended, Failure, Lost, Order, Rendered, WorkerEvent
from avtr_cli.batch.processes import CORES_PER_WORKER, GRACE_S, set_threads
from avtr_cli.batch.shipping import (
    Needs,
    Parcel,
    outputs_of,
    parcels_of,
    read_parcel,
    unpacked,
    with_absolute_paths,
    with_senders_paths,
)
from avtr_cli.core import runtime
from avtr_cli.core.errors import AvtrError, ConfigError, OutputError
from avtr_cli.core.files import replacing
from avtr_cli.core.interruption import interruptible, interruptions_held
from avtr_cli.jobs.job import Job

NODE_PATIENCE_S = 600.0  # without any node that could work, before the batch gives up
POLL_S = 1.0


@dataclass(frozen=True)
class _Shipment:
    """What a task needs besides the order itself."""

    order: Order
    parcels: list[Parcel]
    sent: dict[str, Any]  # SHA-256 -> reference into the object store
    token: tuple[Path, str] | None  # a file of the output folder and its content: whoever reads it sees the folder
    cores: int  # that the task may count on: one encodes, where there are several
    version: str

    @property
    def threads(self) -> int:
        """For rendering."""
        return max(1, self.cores - 1)


@dataclass(frozen=True)
class _Share:
    """Of the cluster: what one task takes, and how many find a place."""

    cpus: int
    gpus: int
    places: int


@dataclass(frozen=True)
class _Running:
    order: Order
    parcels: list[Parcel]


@dataclass(frozen=True)
class _Reply:
    """What comes back from a task; files (field of Job -> bytes) only where the node could not write them itself."""

    answer: Answer | Needs
    node: str
    files: dict[str, bytes] = field(default_factory=dict)


class Cluster:
    """The nodes of a Ray cluster at work; see `messages.Workers`.

    `address` is host:port, `auto` for the cluster that runs here, or `local` to start one on this machine.
    Raises ConfigError where Ray is not installed or no cluster answers.
    """

    kind = "ray"

    def __init__(self, address: str, jobs: int | None, folder: Path, use_gpus: bool = True):
        with interruptible():
            self._ray = _connected(address)
        self._jobs, self._use_gpus = jobs, use_gpus
        self._sha256 = Hashes(Path(os.devnull))  # for as long as this runs
        self._task = self._ray.remote(_work)
        self._queue: deque[Order] = deque()
        self._running: dict[Any, _Running] = {}
        self._stored: dict[str, Any] = {}  # SHA-256 -> reference
        self._ship = False  # until a node asks for files
        self.count = max(1, self._share().places)
        self._token = _leave_token(folder)

    def submit(self, order: Order) -> None:
        """Queue an order; it is sent once `events` finds a place."""
        self._queue.append(order)

    def events(self) -> Iterator[WorkerEvent]:
        """What the workers tell, as it comes, until every order has ended."""
        idle_since = time.monotonic()
        while self._queue or self._running:
            share = self._share()
            while self._queue and len(self._running) < share.places:
                order = self._queue.popleft()
                yield Began(order, "ray")
                yield from self._send(order, share)
            if self._running:
                idle_since = time.monotonic()
                done, _ = self._ray.wait(list(self._running), num_returns=1, timeout=POLL_S)
                for reference in done:
                    yield from self._hear(reference)
            elif self._queue:
                if time.monotonic() - idle_since > NODE_PATIENCE_S:
                    raise AvtrError(
                        f"the Ray cluster has had no node that could work for {NODE_PATIENCE_S / 60:.0f} minutes; "
                        "start nodes and run the same command again to go on"
                    )
                time.sleep(POLL_S)

    def interrupt(self) -> None:
        """Ask what runs to stop, wait for it for GRACE_S, and forget the rest."""
        for reference in self._running:
            with contextlib.suppress(Exception):  # it may have ended or been lost meanwhile
                self._ray.cancel(reference, force=False)
        if self._running:
            self._ray.wait(list(self._running), num_returns=len(self._running), timeout=GRACE_S)
        self._running.clear()
        self._queue.clear()

    def close(self) -> None:
        """Leave the cluster; what was stored there for the batch goes."""
        if self._token is not None:
            self._token[0].unlink(missing_ok=True)
        self._stored.clear()
        self._ray.shutdown()

    def _share(self) -> _Share:
        """What a task takes and how many fit, on the nodes that are alive now: they come and go."""
        nodes = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        nodes = [node for node in nodes if node.get("CPU", 0) >= 1]
        gpus = 1 if self._use_gpus and any(node.get("GPU", 0) >= 1 for node in nodes) else 0
        cpus = int(min([CORES_PER_WORKER, *(node["CPU"] for node in nodes)]))
        places = sum(int(min(node["CPU"] // cpus, node.get("GPU", 0) if gpus else node["CPU"])) for node in nodes)
        return _Share(cpus, gpus, min(places, self._jobs or places))

    def _send(self, order: Order, share: _Share) -> Iterator[WorkerEvent]:
        job = with_absolute_paths(order.job)
        try:
            parcels = parcels_of(job, self._sha256)
            sent = self._sent(parcels)
        except AvtrError as error:  # a file vanished since it was planned
            yield Ended(order, Failure(error.exit_code, str(error)))
            return
        shipment = _Shipment(replace(order, job=job), parcels, sent, self._token, share.cpus, __version__)
        task = self._task.options(num_cpus=share.cpus, num_gpus=share.gpus, max_retries=0, scheduling_strategy="SPREAD")
        self._running[task.remote(shipment)] = _Running(order, parcels)

    def _sent(self, parcels: list[Parcel]) -> dict[str, Any]:
        """References to the parcels' bytes, where they have to travel; what no task needs any more is let go."""
        wanted = {parcel.sha256 for running in self._running.values() for parcel in running.parcels}
        for sha256 in self._stored.keys() - wanted - {parcel.sha256 for parcel in parcels}:
            del self._stored[sha256]  # Ray frees what nobody refers to
        sent = {}
        for parcel in parcels if self._ship else ():
            if parcel.sha256 not in self._stored:
                self._stored[parcel.sha256] = self._ray.put(read_parcel(parcel))
            sent[parcel.sha256] = self._stored[parcel.sha256]
        return sent

    def _hear(self, reference: Any) -> Iterator[WorkerEvent]:
        order = self._running.pop(reference).order
        try:
            reply: _Reply = self._ray.get(reference)
        except self._ray.exceptions.RayTaskError as error:
            said = str(error.cause or error).strip().splitlines()[-1]
            yield Ended(order, Failure(1, f"{order.job.out}: a Ray node cannot work: {said}", str(error)))
            return
        except self._ray.exceptions.RayError as error:
            yield Lost(order, f"the Ray node or its worker was lost ({type(error).__name__})")
            return
        if isinstance(reply.answer, Needs):
            self._ship = True  # there are nodes without our files: from now on they go along
            yield from self._send(order, self._share())
            return
        answer = reply.answer
        try:
            _write(order.job, reply.files)
        except OSError as error:
            answer = Failure(OutputError.exit_code, f"{order.job.out}: cannot be written ({error.strerror})")
        yield Ended(order, answer, f"ray node {reply.node}")


def _connected(address: str) -> Any:
    """Ray itself, connected. Raises ConfigError."""
    if address not in ("auto", "local") and ":" not in address:
        raise ConfigError(f"--ray {address}: write host:port, auto (the cluster that runs here) or local (start one)")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError:
        raise ConfigError("--ray needs Ray; install it: pip install 'avtr-cli[ray]'") from None
    quiet: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False, "ignore_reinit_error": True}
    if address == "local":
        quiet |= {"num_cpus": runtime.cores(), "include_dashboard": False}
    before = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(address=address, **quiet)
    except (ConnectionError, ValueError, RuntimeError) as error:
        said = str(error).strip().splitlines()[0]
        raise ConfigError(
            f"--ray {address}: no Ray cluster answers ({said}); start one with `ray start --head`, or use --ray local"
        ) from None
    finally:
        signal.signal(signal.SIGTERM, before)  # a polite kill still ends as Ctrl-C does
    return ray


def _leave_token(folder: Path) -> tuple[Path, str] | None:
    if not folder.is_dir():  # a dry run
        return None
    token = (folder.absolute() / f".avtr-here-{secrets.token_hex(4)}", secrets.token_hex(16))
    token[0].write_text(token[1], encoding="ascii")
    return token


def _write(job: Job, files: dict[str, bytes]) -> None:
    """A video and what goes with it, come through the object store; each appears whole or not at all."""
    for name, path in outputs_of(job).items():
        if (data := files.get(name)) is None:
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as partial:
            partial.write_bytes(data)


def _work(shipment: _Shipment) -> _Reply:
    """Runs on a node, in a process that Ray keeps for further tasks, so that models stay loaded."""
    import ray

    order = shipment.order
    node = ray.get_runtime_context().get_node_id()[:8]
    if shipment.version != __version__:
        reason = f"{order.job.out}: a Ray node has avtr {__version__}, the batch {shipment.version}; install the same"
        return _Reply(Failure(ConfigError.exit_code, reason), node)
    set_threads(shipment.threads)
    keep_out = order.kind != "render" or _sees(shipment.token)

    def fetch(sha256: str) -> bytes | None:
        with interruptible():
            return ray.get(shipment.sent[sha256]) if sha256 in shipment.sent else None

    try:
        with interruptions_held(), unpacked(order.job, shipment.parcels, fetch, keep_out) as arrived:
            if isinstance(arrived, Needs):
                return _Reply(arrived, node)
            job, called = arrived
            answer = _worker(shipment.threads, shipment.cores).answer(replace(order, job=job))
            answer = with_senders_paths(answer, called)
            if keep_out or not isinstance(answer, Rendered):
                return _Reply(answer, node)
            return _Reply(answer, node, _gathered(job, called))
    except AvtrError as error:
        return _Reply(Failure(error.exit_code, str(error)), node)


def _gathered(job: Job, called: dict[str, str]) -> dict[str, bytes]:
    """The video and what goes with it; texts with the sender's paths."""
    files = {}
    for name, path in outputs_of(job).items():
        files[name] = path.read_bytes()
        if name in ("report", "page"):
            text = files[name].decode()
            for here, there in called.items():
                text = text.replace(here, there)
            files[name] = text.encode()
    return files


@lru_cache(maxsize=1)
def _worker(threads: int, cores: int) -> Any:
    from avtr_cli.batch.worker import Worker  # loads torch, so only on nodes

    return Worker(threads, cores=cores)


def _sees(token: tuple[Path, str] | None) -> bool:
    with contextlib.suppress(OSError):
        return token is not None and token[0].read_text(encoding="ascii") == token[1]
    return False
