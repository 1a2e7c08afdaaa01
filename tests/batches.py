"""Small batches for tests: a folder of jobs, some broken on purpose, and ways to run them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import skimage.data
import skimage.io
import soundfile

from avtr_cli.batch.entries import Entry, entries_of
from avtr_cli.batch.ledger import read_ledger
from avtr_cli.batch.manifest import Row, read_source
from avtr_cli.batch.messages import Began, Ended, Lost, Order, WorkerEvent
from avtr_cli.batch.progress import Progress
from avtr_cli.batch.run import HASHES, BatchOptions, render_batch
from tests import warm

SMALL = ["--set", "render.size=96", "--set", "output.speed=ultrafast"]
WHOLE = {"job.json", "segment-00000.json", "segment-00000.mkv", "motion-00000-0.safetensors"}
GOOD, BROKEN = ("first", "second", "third"), ("faceless", "mono", "torn")


def make_folder(folder: Path, photo: Path, dialogue: np.ndarray, seconds: float = 0.5, broken: bool = True) -> Path:
    """Three jobs that can be rendered, and if `broken` three that cannot, each for another reason."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(GOOD):
        _write_job(folder, name, photo, dialogue[:, 3200 * number :][:, : round(seconds * 16_000)])
    if broken:
        for name in BROKEN:
            _write_job(folder, name, photo, dialogue[: 1 if name == "mono" else 2, :8000])
        torn = (folder / "torn.wav").read_bytes()
        (folder / "torn.wav").write_bytes(torn[: len(torn) // 2])
        skimage.io.imsave(folder / "faceless.png", skimage.data.brick()[:128, :128], check_contrast=False)
    return folder


def _write_job(folder: Path, name: str, photo: Path, sound: np.ndarray) -> None:
    soundfile.write(folder / f"{name}.wav", sound.T, 16_000)
    (folder / f"{name}.png").write_bytes(photo.read_bytes())


def entries(source: Path, out: Path, **common: Any) -> list[Entry]:
    said = {"render.size": 96, "output.speed": "ultrafast", **common}
    return entries_of(read_source(source), Row("the test", Path(), said), out)


def planned(source: Path, folder: Path, **common: object) -> list[Entry]:
    """The jobs of a folder or manifest as the command line plans them into `folder`/out, `common` said for all."""
    return entries_of(read_source(source), Row("the command line", Path(), common), folder / "out")


def the_only(source: Path, folder: Path, **common: object) -> Entry:
    (entry,) = planned(source, folder, **common)
    return entry


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-c", "from avtr_cli.cli import main; main()", "batch", *map(str, arguments)]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}


def avtr_batch(*arguments: object) -> subprocess.CompletedProcess[str]:
    """What a batch came to; begun, with its workers, without their start-up (`tests.warm`)."""
    return warm.run(warm.AVTR, "batch", *arguments, env=environment())


def start(*arguments: object, before: str = "") -> warm.Process:
    """A batch under way as a terminal starts it, its workers in its process group; the code `before` runs first."""
    return warm.start(before + warm.AVTR, "batch", *arguments, env=environment())


def ledger(out: Path, *events: str) -> list[tuple[str, str]]:
    """(event, name) of the ledger's lines, of these kinds or all."""
    lines = read_ledger(out / "batch.jsonl")
    return [(line["event"], line["name"]) for line in lines if not events or line["event"] in events]


def frame_hashes(out: Path) -> dict[str, str]:
    """Of every report in `out`: name -> frames_sha256."""
    found = [path for path in out.glob("[!.]*.json") if path.name != "batch.json"]
    reports = {path.stem: json.loads(path.read_text()) for path in found}
    return {name: report["output"]["frames_sha256"] for name, report in reports.items()}


def nothing_half_written(folder: Path) -> bool:
    """Whole files alone, and hidden folders from whose closed segments a job can go on."""
    hidden = [path for path in folder.iterdir() if path.name.startswith(".") and path.name != HASHES]
    return all(path.suffix == ".avtr" and {item.name for item in path.iterdir()} >= WHOLE for path in hidden)


def frames_undisturbed(source: Path, out: Path, **common: Any) -> dict[str, str]:
    """What `frame_hashes` finds after a batch in this very process, whose models are loaded already."""
    render_batch(entries(source, out, **common), out, lambda *_: Here(), BatchOptions(), Progress(quiet=True))
    return frame_hashes(out)


@cache
def _worker() -> Any:
    """Shared by all tests, so that models are loaded once."""
    from avtr_cli.batch.worker import Worker

    return Worker(1)


class Here:
    """Workers of this very process, one call at a time: real work without start-up. `before` may stop a call."""

    kind, count = "here", 1

    def __init__(self, before: Callable[[Order], str | None] = lambda order: None, fresh: bool = False):
        self.orders: list[tuple[str, str]] = []
        self._queue: list[Order] = []
        self._before = before
        self._worker = _worker.__wrapped__() if fresh else _worker()

    def submit(self, order: Order) -> None:
        self._queue.append(order)

    def events(self) -> Iterator[WorkerEvent]:
        while self._queue:
            order = self._queue.pop(0)
            self.orders.append((order.kind, order.name))
            yield Began(order, "here")
            lost = self._before(order)
            yield Lost(order, lost) if lost else Ended(order, self._worker.answer(order))

    def interrupt(self) -> None:
        self._queue.clear()

    def close(self) -> None:
        pass
