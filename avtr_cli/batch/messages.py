"""What a batch and its workers say to each other: orders go out, events come back; all of it can be pickled.

The workers may be processes (processes.py) or tasks on a Ray cluster (cluster.py); the batch cannot tell.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from avtr_cli.jobs.job import Job
from avtr_cli.jobs.speed import Speed

INPUT_EXIT = 3  # the photo or the sound itself: the same files fail the same way another day
PERMANENT_EXITS = (2, INPUT_EXIT, 4)  # settings, input, weights: trying again at once is of no use


@dataclass(frozen=True)
class Order:
    """One thing to do for one job.

    check    is the job possible? Finds the face, hears all of the sound, renders nothing
    measure  how fast is it? Renders its first second to nowhere
    render   the video and its report
    """

    kind: Literal["check", "measure", "render"]
    name: str
    job: Job
    weights: tuple[str, ...] | None = None  # SHA-256 of the weights that the check saw; others are refused
    about: dict[str, Any] | None = None  # for the report: {"name", "key", "attempt"}


@dataclass(frozen=True)
class Checked:
    """The job is possible."""

    frames: int
    size: tuple[int, int]  # (width, height)
    disk_bytes: int  # at most, while it runs
    warnings: tuple[str, ...]
    weights: dict[str, str]  # path -> SHA-256


@dataclass(frozen=True)
class Rendered:
    """The video and its report lie where the job wanted them."""

    frames: int
    frames_sha256: str
    sha256: str
    size_bytes: int
    wall_s: float
    resumed_from_frame: int
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Failure:
    """The job cannot be done, or could not be done this time."""

    exit_code: int
    reason: str  # one sentence
    trace: str = ""  # of a bug

    @property
    def permanent(self) -> bool:
        """Whether trying again at once is of no use: the settings, the input or the weights are at fault."""
        return self.exit_code in PERMANENT_EXITS


Answer = Checked | Speed | Rendered | Failure


@dataclass(frozen=True)
class Began:
    """A worker has taken the order."""

    order: Order
    worker: str


@dataclass(frozen=True)
class Moved:
    """A worker has come so far with it."""

    order: Order
    done: int  # frames
    total: int


@dataclass(frozen=True)
class Ended:
    """The order is done, well or not."""

    order: Order
    answer: Answer
    worker: str = ""  # where it became known only now


@dataclass(frozen=True)
class Lost:
    """The worker is gone, and with it what it was doing."""

    order: Order
    reason: str


WorkerEvent = Began | Moved | Ended | Lost


class Workers(Protocol):
    """Those who do the work, each with its models loaded once."""

    count: int  # orders that are done at the same time
    kind: str  # processes | ray

    def submit(self, order: Order) -> None:
        """Queue an order; also while `events` runs."""

    def events(self) -> Iterator[WorkerEvent]:
        """What happens, until nothing is queued or running."""

    def interrupt(self) -> None:
        """Stop what is running, as Ctrl-C does, and wait until it has put down its work."""

    def close(self) -> None:
        """Let idle workers go."""
