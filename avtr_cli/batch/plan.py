"""What remains to be done: every entry against the ledger and the files, without loading a model.

A job is finished when its key (jobs/job.py) is the one the ledger recorded and its video still lies there as recorded.
So a second run of a finished batch reads the ledger, looks at file sizes and times, and ends.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from avtr_cli.batch.entries import Entry
from avtr_cli.batch.hashes import Hashes
from avtr_cli.batch.ledger import LEDGER, History
from avtr_cli.batch.messages import INPUT_EXIT, Checked, Failure, Rendered
from avtr_cli.core.errors import AvtrError, OutputError
from avtr_cli.core.files import file_sha256
from avtr_cli.jobs.job import Job

ABOUT_ALL = ("batch.json", "index.html")  # what a batch writes besides its videos

_NEEDED: dict[str, dict[str, type]] = {  # of the ledger's events, what is read here
    "done": {
        "key": str, "bytes": int, "mtime_ns": int, "sha256": str, "frames": int, "weights": dict, "weights_root": str
    },
    "failed": {"exit_code": int, "reason": str, "inputs": str},
}  # fmt: skip

State = Literal["to do", "finished", "done", "failed", "interrupted"]


@dataclass
class Item:
    """An entry and how far it has come. `finished` was done by an earlier run, `done` by this one."""

    entry: Entry
    state: State = "to do"
    why: str = ""
    inputs: str = ""  # Job.key without weights
    key: str = ""  # Job.key
    past: dict[str, Any] | None = None  # the ledger's last word on it, before this run
    checked: Checked | None = None
    estimate_s: float = 0.0
    attempts: int = 0
    rendered: Rendered | None = None
    failure: Failure | None = None
    frames: int = field(default=0)  # of the video, as far as known

    @property
    def name(self) -> str:
        """The job's name in the batch."""
        return self.entry.name

    @property
    def out(self) -> Path:
        """The file that it becomes."""
        assert self.entry.out is not None, "only items without a problem are looked at further"
        return self.entry.out

    @property
    def job(self) -> Job:
        """The job itself."""
        assert self.entry.job is not None, "only items without a problem are looked at further"
        return self.entry.job

    @property
    def warnings(self) -> tuple[str, ...]:
        """What this run has to tell of it besides: as it was rendered, else as it was checked."""
        told = self.rendered or self.checked
        return told.warnings if told is not None else ()

    def fail(self, failure: Failure, why: str = "") -> None:
        """It will not be rendered, or was not; `why` as the summary puts it."""
        self.state, self.failure, self.why = "failed", failure, why

    def finish(self, why: str) -> None:
        """It was rendered by an earlier run, whose ledger says so."""
        assert self.past is not None
        self.state, self.why, self.key, self.frames = "finished", why, self.past["key"], self.past["frames"]


def plan(
    entries: list[Entry], history: History, hashes: Hashes, resume: bool = True, overwrite: bool = False
) -> list[Item]:
    """An item for every entry, decided as docs/batch.md tells."""
    items = [Item(entry, past=_usable(history.last(entry.name))) for entry in entries]
    for item in items:
        try:
            _decide(item, hashes, resume, history, overwrite)
        except AvtrError as error:
            item.fail(Failure(error.exit_code, str(error)))
    return items


def _usable(past: dict[str, Any] | None) -> dict[str, Any] | None:
    """An event with all that is asked of its kind; one that lacks any says only that the job was once begun."""
    if past is None or all(isinstance(past.get(key), kind) for key, kind in _NEEDED.get(past["event"], {}).items()):
        return past
    return {"event": "damaged", "name": past["name"]}


def refuse_strangers(folder: Path, overwrite: bool) -> None:
    """Raises OutputError where `folder` holds files of a batch's own names, but no batch ever worked there."""
    if overwrite or os.path.lexists(folder / LEDGER):
        return
    for name in ABOUT_ALL:
        if os.path.lexists(folder / name):
            raise OutputError(
                f"{folder / name}: exists already and no batch of this folder made it; add --overwrite, rename it, "
                "or choose another -o"
            )


def recheck(item: Item, hashes: Hashes, resume: bool) -> None:
    """Once a worker has told which weights it has, the key is exact: the item may prove to be finished."""
    assert item.checked is not None
    item.key = _key(item.job, hashes, item.checked.weights, trust=True)
    if resume and item.past and item.past["event"] == "done" and item.past["key"] == item.key and _altered(item) == "":
        item.finish("nothing has changed")


def ledger_name(job: Job, path: Path) -> str:
    """What the ledger calls an output of the job: as seen from its video, whose name stands for its report's too."""
    return job.out.name if path == job.out.with_suffix(".json") else os.path.relpath(path, job.out.parent)


def weights_root() -> str:
    """Where published weights are looked for, as far as the user chose it."""
    return os.environ.get("AVTR_WEIGHTS", "")


def _decide(item: Item, hashes: Hashes, resume: bool, history: History, overwrite: bool) -> None:
    if item.entry.problem is not None:
        raise item.entry.problem
    item.inputs = item.job.key((), hashes)
    for path in item.job.outputs.values():
        if os.path.isdir(path):
            raise OutputError(f"{path}: is a folder, where a file is to be written; rename it or the job")
        if os.path.lexists(path) and not overwrite and not history.begun(item.name, ledger_name(item.job, path)):
            raise OutputError(
                f"{path}: exists already and no batch of this folder made it; add --overwrite or rename it"
            )
    past = item.past
    if past is None:
        item.why = "new"
    elif not resume:
        item.why = "asked for anew"
    elif past["event"] == "done":
        _compare(item, past, hashes)
    elif past["event"] == "failed":
        item.why = "failed before"
        if past["exit_code"] == INPUT_EXIT and past["inputs"] == item.inputs:
            item.fail(Failure(INPUT_EXIT, past["reason"]), "failed before, and nothing has changed")
    else:
        item.why = "its line in the ledger is damaged" if past["event"] == "damaged" else "was interrupted"


def _compare(item: Item, past: dict[str, Any], hashes: Hashes) -> None:
    same_place = not past["weights"] or past["weights_root"] == weights_root()
    if _key(item.job, hashes, past["weights"]) != past["key"]:
        item.why = "has changed"
    elif why := _altered(item):
        item.why = why
    elif not same_place:
        item.why = "the weights may have changed"
    else:
        item.finish("nothing has changed")


def _key(job: Job, hashes: Hashes, weights: Mapping[str, str], trust: bool = False) -> str:
    """The job's key with these weights; those that do not lie on this machine, or are to be trusted, are not read."""

    def sha256(path: Path) -> str:
        known = weights.get(str(path))
        return known if known is not None and (trust or not path.is_file()) else hashes(path)

    return job.key([Path(name) for name in weights], sha256)


def _altered(item: Item) -> str:
    """What is wrong with the finished output, or nothing. It is read only where its times have changed."""
    past, out = item.past, item.out
    assert past is not None
    if not os.path.isfile(out):
        return "its video is gone"
    if item.job.report is not None and not os.path.isfile(item.job.report):
        return "its report is gone"
    if item.job.motion_out is not None and not os.path.isfile(item.job.motion_out):
        return "its motion is gone"
    stat = out.stat()
    same = stat.st_size == past["bytes"]
    if same and stat.st_mtime_ns != past["mtime_ns"]:
        same = file_sha256(out) == past["sha256"]
    return "" if same else "its video was altered"
