"""What follows from a ledger: what is skipped, what is done again, what is never written over."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from avtr_cli.audio.source import DialogueFiles
from avtr_cli.batch.entries import Entry
from avtr_cli.batch.hashes import Hashes
from avtr_cli.batch.index import write_index
from avtr_cli.batch.ledger import History, read_ledger
from avtr_cli.batch.plan import Item, ledger_name, plan
from avtr_cli.batch.progress import Progress
from avtr_cli.batch.run import BatchOptions, render_batch
from avtr_cli.core.errors import OutputError
from avtr_cli.jobs.job import Job


@pytest.fixture
def finished(tmp_path: Path) -> tuple[Entry, dict[str, object]]:
    """An entry whose ledger says that it is done, with files that agree."""
    photo, sound, out = tmp_path / "a.png", tmp_path / "a.wav", tmp_path / "out" / "a.mp4"
    weights = tmp_path / "w.safetensors"
    out.parent.mkdir()
    for path in (photo, sound, out, out.with_suffix(".json"), weights):
        path.write_bytes(path.name.encode())
    job = Job(photo=photo, sound=DialogueFiles(dialogue=sound), out=out, report=out.with_suffix(".json"))
    hashes = Hashes(tmp_path / "none")
    stat = out.stat()
    return Entry("a", out, job), {
        "event": "done",
        "name": "a",
        "inputs": job.key(),
        "key": job.key([weights]),
        "bytes": stat.st_size,
        "mtime_ns": stat.st_mtime_ns,
        "sha256": hashes(out),
        "frames": 5,
        "weights": {str(weights): hashes(weights)},
        "weights_root": os.environ.get("AVTR_WEIGHTS", ""),
    }


def decided(finished: tuple[Entry, dict[str, object]], tmp_path: Path, **more: bool) -> Item:
    entry, past = finished
    history = History([{"event": "started", "name": "a"}, past])
    (item,) = plan([entry], history, Hashes(tmp_path / "none"), **more)
    return item


def test_what_is_done_and_unchanged_is_skipped(finished, tmp_path):
    item = decided(finished, tmp_path)
    assert (item.state, item.frames) == ("finished", 5)
    assert decided(finished, tmp_path, resume=False).why == "asked for anew"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda folder: (folder / "a.wav").write_bytes(b"other words"), "has changed"),
        (lambda folder: (folder / "a.png").write_bytes(b"another face"), "has changed"),
        (lambda folder: (folder / "w.safetensors").write_bytes(b"trained on"), "has changed"),
        (lambda folder: (folder / "out/a.mp4").unlink(), "its video is gone"),
        (lambda folder: (folder / "out/a.json").unlink(), "its report is gone"),
        (lambda folder: (folder / "out/a.mp4").write_bytes(b"a.mp"), "its video was altered"),
        (lambda folder: (folder / "out/a.mp4").write_bytes(b"b.mp4"), "its video was altered"),
    ],
)
def test_what_has_changed_is_done_again_and_it_says_why(finished, tmp_path, change, why):
    change(tmp_path)
    item = decided(finished, tmp_path)
    assert (item.state, item.why) == ("to do", why)


def test_a_video_that_was_only_touched_is_still_finished(finished, tmp_path):
    os.utime(tmp_path / "out" / "a.mp4")
    assert decided(finished, tmp_path).state == "finished"


def test_weights_that_lie_on_another_machine_are_taken_at_their_word(finished, tmp_path):
    (tmp_path / "w.safetensors").unlink()
    assert decided(finished, tmp_path).state == "finished"


def test_weights_chosen_elsewhere_are_looked_at_again(finished, tmp_path, monkeypatch):
    monkeypatch.setenv("AVTR_WEIGHTS", str(tmp_path / "others"))
    assert decided(finished, tmp_path).why == "the weights may have changed"


def test_a_job_that_was_cut_short_is_done(finished, tmp_path):
    for event in ("started", "lost", "interrupted"):
        finished[1]["event"] = event
        assert decided(finished, tmp_path).why == "was interrupted"


def test_the_same_bad_input_is_reported_and_not_tried_again(finished, tmp_path):
    finished[1].update(event="failed", exit_code=3, reason="no face found")
    item = decided(finished, tmp_path)
    assert (item.state, item.failure.reason) == ("failed", "no face found")
    assert decided(finished, tmp_path, resume=False).state == "to do"
    (tmp_path / "a.png").write_bytes(b"now with a face")
    assert decided(finished, tmp_path).state == "to do"


def test_other_failures_are_tried_again_by_the_next_run(finished, tmp_path):
    finished[1].update(event="failed", exit_code=5, reason="the disk is full")
    assert decided(finished, tmp_path).why == "failed before"


def test_a_video_that_no_batch_made_is_not_overwritten_unasked(finished, tmp_path):
    entry, _ = finished
    refused = {"event": "failed", "name": "a", "inputs": "", "exit_code": 5, "reason": "exists already"}
    for history in (History(), History([refused])):  # also when it was refused before
        (item,) = plan([entry], history, Hashes(tmp_path / "none"))
        assert item.failure.exit_code == 5
        assert "--overwrite" in item.failure.reason
        (item,) = plan([entry], history, Hashes(tmp_path / "none"), overwrite=True)
        assert item.state == "to do"


def test_a_missing_file_fails_without_any_model(finished, tmp_path):
    (tmp_path / "a.wav").unlink()
    item = decided(finished, tmp_path)
    assert (item.state, item.failure.exit_code) == ("failed", 3)
    assert str(tmp_path / "a.wav") in item.failure.reason


@pytest.mark.parametrize("which", ["a.json", "a.html"])
def test_a_report_or_page_that_no_batch_made_is_not_overwritten_unasked(finished, tmp_path, which):
    entry, _ = finished
    for path in (entry.out, entry.out.with_suffix(".json")):
        path.unlink()
    page = entry.out.with_suffix(".html")
    entry = dataclasses.replace(entry, job=dataclasses.replace(entry.job, page=page))
    (tmp_path / "out" / which).write_text("mine")
    (item,) = plan([entry], History(), Hashes(tmp_path / "none"))
    assert (item.failure.exit_code, which in item.failure.reason) == (5, True)
    (item,) = plan([entry], History(), Hashes(tmp_path / "none"), overwrite=True)
    assert item.state == "to do"
    (tmp_path / "out" / which).unlink()
    (tmp_path / "out" / which).mkdir()
    (item,) = plan([entry], History(), Hashes(tmp_path / "none"), overwrite=True)
    assert "is a folder" in item.failure.reason


def test_motion_is_made_when_it_is_asked_for_later_and_never_over_a_file_of_the_user_s(finished, tmp_path):
    entry, past = finished
    motion = tmp_path / "out" / "motion" / "a.csv"
    wants = dataclasses.replace(entry, job=dataclasses.replace(entry.job, motion_out=motion))
    begun = {"event": "started", "name": "a", "out": "a.mp4"}
    (item,) = plan([wants], History([begun, past]), Hashes(tmp_path / "none"))
    assert (item.state, item.why) == ("to do", "its motion is gone")
    motion.parent.mkdir()
    motion.write_text("mine")
    (item,) = plan([wants], History([begun, past]), Hashes(tmp_path / "none"))
    assert (item.state, item.failure.exit_code) == ("failed", 5)
    assert "a.csv: exists already and no batch of this folder made it" in item.failure.reason
    known = begun | {"also": [ledger_name(wants.job, motion)]}
    assert known["also"] == ["motion/a.csv"]
    (item,) = plan([wants], History([known, past]), Hashes(tmp_path / "none"))
    assert item.state == "finished"


def test_a_page_that_is_asked_for_later_is_never_written_over_one_of_the_user_s(finished, tmp_path):
    entry, _ = finished
    wants = dataclasses.replace(entry, job=dataclasses.replace(entry.job, page=entry.out.with_suffix(".html")))
    entry.out.with_suffix(".html").write_text("mine")
    begun = {"event": "started", "name": "a", "out": "a.mp4"}
    for told, fate in (
        ({"also": []}, "failed"),
        ({"also": ["a.html"]}, "to do"),
        ({}, "to do"),
    ):  # the last: an older avtr
        (item,) = plan([wants], History([begun | told]), Hashes(tmp_path / "none"))
        assert item.state == fate, told


def test_a_job_that_was_begun_under_another_file_s_name_may_not_write_over_this_one(finished, tmp_path):
    entry, _ = finished
    begun = {"event": "started", "name": "a", "inputs": ""}
    (item,) = plan([entry], History([begun | {"out": "b.mp4"}]), Hashes(tmp_path / "none"))
    assert "no batch of this folder made it" in item.failure.reason
    (item,) = plan([entry], History([begun | {"out": "a.mp4"}]), Hashes(tmp_path / "none"))
    assert item.state == "to do"


@pytest.mark.parametrize("name", ["batch.json", "index.html"])
def test_a_folder_with_a_stranger_s_summary_is_refused_and_left_as_it_is(tmp_path, name):
    (tmp_path / name).write_text("mine")
    with pytest.raises(OutputError, match=r"no batch of this folder made it"):
        render_batch([], tmp_path, lambda *_: None, BatchOptions(), Progress(quiet=True))
    assert [path.name for path in tmp_path.iterdir()] == [name]
    render_batch([], tmp_path, lambda *_: None, BatchOptions(overwrite=True), Progress(quiet=True))
    render_batch([], tmp_path, lambda *_: None, BatchOptions(), Progress(quiet=True))  # now one has worked here


WHOLE_LINES = {
    "done": {"key": "k", "bytes": 1, "mtime_ns": 1, "sha256": "s", "frames": 1, "weights": {}, "weights_root": ""},
    "failed": {"exit_code": 3, "reason": "r", "inputs": "i"},
}


@pytest.mark.parametrize(("event", "key"), [(event, key) for event, keys in WHOLE_LINES.items() for key in keys])
@pytest.mark.parametrize("odd", ["missing", None, [], {"a": 1}, 1.5])
def test_a_line_that_lacks_what_is_asked_of_it_only_costs_the_job_again(finished, tmp_path, event, key, odd):
    past = finished[1]
    past.update(event=event, exit_code=3, reason="no face found")
    if odd == "missing":
        del past[key]
    else:
        past[key] = odd
    if odd != {"a": 1} or key != "weights":
        item = decided(finished, tmp_path)
        assert (item.state, item.why) == ("to do", "its line in the ledger is damaged")


def test_what_a_newer_avtr_writes_into_the_ledger_changes_no_decision(finished, tmp_path):
    entry, past = finished
    newer = [{"event": "reviewed", "name": "a", "by": "x"}, {"event": ["done"]}, {"event": "done", "name": 7}]
    (tmp_path / "batch.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in [past | {"more": 1}, *newer]))
    history = History([{"event": "started", "name": "a"}, *read_ledger(tmp_path / "batch.jsonl")])
    assert plan([entry], history, Hashes(tmp_path / "none"))[0].state == "finished"


def test_a_report_that_was_damaged_since_costs_only_its_card(finished, tmp_path):
    item = Item(finished[0], "finished")
    write_index([item], tmp_path)
    assert "its report" in (tmp_path / "index.html").read_text()


@pytest.mark.slow
def test_planning_loads_neither_torch_nor_onnxruntime():
    code = (
        "import sys; import avtr_cli.cli, avtr_cli.batch.run, avtr_cli.batch.entries, avtr_cli.batch.summary, "
        "avtr_cli.batch.progress, avtr_cli.batch.processes; print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert loaded & {"torch", "onnxruntime", "cv2", "scipy", "ray"} == set()
