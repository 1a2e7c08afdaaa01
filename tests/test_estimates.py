"""How long a job will take, from what a micro-run of its kind measured: motion of a call heard whole is part of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from avtr_cli.audio.files import DialogueFiles
from avtr_cli.batch.entries import Entry
from avtr_cli.batch.hashes import Hashes
from avtr_cli.batch.messages import Answer, Checked, Ended, Failure, Order
from avtr_cli.batch.plan import Item
from avtr_cli.batch.preflight import preflight
from avtr_cli.core.config import load_preset
from avtr_cli.jobs.job import Job
from avtr_cli.jobs.speed import Speed


@pytest.mark.parametrize(
    ("frames", "makes_motion", "seconds"),
    [
        (100, True, 1 + 6 + 4 / 2),
        (101, True, 1 + 12 + 4.04 / 2),  # 4 s are made at once, however much of them is the call's
        (5, True, 1 + 6 + 0.2 / 2),
        (1000, False, 1 + 40 / 2),
    ],
)
def test_a_call_heard_whole_costs_its_motion_besides(frames, makes_motion, seconds):
    assert Speed(startup_s=1, realtime_factor=2, motion_s=6).seconds(frames, makes_motion) == pytest.approx(seconds)


class Answering:
    """Workers that know how fast each generator is; one that is not named fails."""

    kind, count = "processes", 1

    def __init__(self, speeds: dict[str, Speed]):
        self._speeds, self._orders = speeds, []

    def submit(self, order: Order) -> None:
        self._orders.append(order)

    def events(self) -> Iterator[Ended]:
        while self._orders:
            order = self._orders.pop(0)
            yield Ended(order, self._answer(order))

    def _answer(self, order: Order) -> Answer:
        if order.kind == "check":
            return Checked(250, (64, 64), 1000, (), {})
        return self._speeds.get(order.job.preset.motion.generator, Failure(4, "no weights"))


def estimates(folder: Path, speeds: dict[str, Speed], presets: dict[str, str], **more: object) -> dict[str, float]:
    items = []
    for name, preset in presets.items():
        for file in (folder / "a.png", folder / "a.wav", folder / "m.npz"):
            file.touch()
        job = Job(
            photo=folder / "a.png", sound=DialogueFiles(dialogue=folder / "a.wav"), out=folder / f"{name}.mp4",
            preset=load_preset(preset), **more,
        )  # fmt: skip
        items.append(Item(Entry(name, job.out, job, None)))
    preflight(items, Answering(speeds), folder, Hashes(folder / "hashes.json"), True, lambda event: None)
    return {item.name: item.estimate_s for item in items}


def test_a_batch_counts_the_motion_of_calls_that_are_heard_whole(tmp_path):
    speeds = {"lmfm": Speed(1, 2), "unils": Speed(1, 2, 6)}
    presets = {"ours": "default", "theirs": "unils"}
    assert estimates(tmp_path, speeds, presets) == {"ours": 1 + 10 / 2, "theirs": 1 + 3 * 6 + 10 / 2}
    assert estimates(tmp_path, speeds, presets, from_motion=tmp_path / "m.npz")["theirs"] == 1 + 10 / 2


def test_what_could_not_be_measured_is_taken_for_the_slowest_that_was(tmp_path):
    presets = {"ours": "default", "theirs": "unils", "published": "avtr1"}
    speeds = {"lmfm": Speed(1, 1), "unils": Speed(1, 2, 6)}
    assert estimates(tmp_path, speeds, presets)["published"] == 1 + 3 * 6 + 10 / 2
    assert estimates(tmp_path, {}, presets) == dict.fromkeys(presets, 0.0)
