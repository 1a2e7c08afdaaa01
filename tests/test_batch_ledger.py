"""The ledger and the memory of hashes: crashes, locks, full disks, odd lines, names that are not UTF-8."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from avtr_cli.audio.source import DialogueFiles
from avtr_cli.batch import hashes as hashes_module
from avtr_cli.batch import ledger as ledger_module
from avtr_cli.batch.entries import Entry
from avtr_cli.batch.hashes import Hashes
from avtr_cli.batch.index import write_index
from avtr_cli.batch.ledger import History, Ledger, read_ledger
from avtr_cli.batch.messages import Checked, Ended, Failure, Lost, Order, Rendered
from avtr_cli.batch.plan import Item
from avtr_cli.batch.preflight import Forecast
from avtr_cli.batch.progress import Progress
from avtr_cli.batch.run import Outcome
from avtr_cli.batch.summary import summary_of
from avtr_cli.core.errors import InputError, OutputError
from avtr_cli.core.files import write_text
from avtr_cli.core.textfile import json_text
from avtr_cli.jobs.job import Job


def test_events_are_read_back_in_order_and_the_last_of_a_name_counts(tmp_path):
    with Ledger(tmp_path) as ledger:
        ledger.write("started", name="a", inputs="x")
        ledger.write("started", name="b", inputs="y")
        ledger.write("failed", name="a", inputs="x", exit_code=5, reason="disk")
    assert [event["event"] for event in read_ledger(tmp_path / "batch.jsonl")] == ["started", "started", "failed"]
    with Ledger(tmp_path) as ledger:
        assert ledger.history.last("a")["reason"] == "disk"
        assert ledger.history.last("c") is None


@pytest.mark.parametrize("torn", ['{"event": "done", "na', "\x00\x00\x00", '{"event": "done"}garbage'])
def test_a_line_torn_by_a_crash_is_passed_over_and_spoils_no_later_one(tmp_path, torn):
    with Ledger(tmp_path) as ledger:
        ledger.write("started", name="a", inputs="x")
    with (tmp_path / "batch.jsonl").open("a") as file:
        file.write(torn)
    with Ledger(tmp_path) as ledger:
        assert ledger.history.last("a")["event"] == "started"
        ledger.write("done", name="a", inputs="x")
    with Ledger(tmp_path) as ledger:
        assert ledger.history.last("a")["event"] == "done"


def test_two_batches_do_not_write_one_ledger(tmp_path):
    with Ledger(tmp_path), pytest.raises(OutputError, match="another avtr batch is at work"):
        Ledger(tmp_path, patience_s=0.2)
    Ledger(tmp_path, patience_s=0.2).close()


def keep(lock: object) -> None:
    """What a worker does that outlives its batch: the lock is in its hands."""
    time.sleep(60)


BATCH = """
import multiprocessing, sys
from pathlib import Path
from avtr_cli.batch.ledger import Ledger
from tests.test_batch_ledger import keep

if __name__ == "__main__":
    ledger = Ledger(Path(sys.argv[1]))
    worker = multiprocessing.get_context("spawn").Process(target=keep, args=(ledger.lock,))
    worker.start()
    print(worker.pid, flush=True)
    worker.join()
"""


@pytest.mark.slow
def test_the_lock_lives_until_the_last_worker_of_a_killed_batch_is_gone(tmp_path, monkeypatch):
    monkeypatch.setattr(ledger_module, "ORPHANS_PATIENCE_S", 0.3)
    script = tmp_path / "batch.py"
    script.write_text(BATCH)
    here = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    batch = subprocess.Popen([sys.executable, script, tmp_path], stdout=subprocess.PIPE, text=True, env=here)
    worker = int(batch.stdout.readline())
    try:
        batch.kill()
        batch.wait()
        with pytest.raises(OutputError):
            Ledger(tmp_path, patience_s=0.3)
    finally:
        os.kill(worker, signal.SIGKILL)
    monkeypatch.setattr(ledger_module, "ORPHANS_PATIENCE_S", 600)
    Ledger(tmp_path, patience_s=0).close()  # however long the system takes to bury it


def test_workers_whose_batch_was_killed_are_waited_for_and_a_living_batch_is_not(tmp_path, monkeypatch):
    waited = []
    monkeypatch.setattr(ledger_module.time, "sleep", lambda s: waited.append(s))
    with Ledger(tmp_path), pytest.raises(OutputError, match="another avtr batch"):
        Ledger(tmp_path, patience_s=0)
    assert waited == []


def test_a_hash_is_remembered_until_the_file_changes(tmp_path, monkeypatch):
    file = tmp_path / "a.wav"
    file.write_bytes(b"one")
    monkeypatch.setattr(hashes_module, "SETTLED_S", -10)
    first = Hashes(tmp_path / "h.json")
    digest = first(file)
    first.save()
    read = []
    monkeypatch.setattr(hashes_module, "file_sha256", lambda path: read.append(path) or "read anew")
    second = Hashes(tmp_path / "h.json")
    assert (second(file), read) == (digest, [])
    file.write_bytes(b"two")
    assert second(file) == "read anew"


def test_a_file_touched_this_moment_is_not_remembered(tmp_path):
    file = tmp_path / "a.wav"
    file.write_bytes(b"one")
    hashes = Hashes(tmp_path / "h.json")
    hashes(file)
    hashes.save()
    assert not (tmp_path / "h.json").exists()


def test_damaged_memory_of_hashes_only_costs_time(tmp_path):
    (tmp_path / "h.json").write_text('{"/a": [1, 2')
    (tmp_path / "a").write_bytes(b"x")
    assert len(Hashes(tmp_path / "h.json")(tmp_path / "a")) == 64
    with pytest.raises(InputError, match="there is no such file"):
        Hashes(tmp_path / "h.json")(tmp_path / "b")


@pytest.mark.parametrize(
    "line", [b"[" * 9000, b'{"event": "done", "event": 1}', b"9" * 9000, b"\xff\xfe", b"{}", b"null"]
)
def test_odd_lines_of_a_ledger_are_passed_over(tmp_path, line):
    (tmp_path / "batch.jsonl").write_bytes(line + b'\n{"event": "lost", "name": "a"}\n')
    assert [event["event"] for event in read_ledger(tmp_path / "batch.jsonl")] == ["lost"]


def test_what_is_no_ledger_is_not_taken_for_one(tmp_path):
    path = tmp_path / "batch.jsonl"
    path.write_text('{"dialogue": "a.wav"}\n{"dialogue": "b.wav"}\n')
    for open_it in (lambda: read_ledger(path), lambda: Ledger(tmp_path, patience_s=0)):
        with pytest.raises(OutputError, match="is not the ledger of a batch"):
            open_it()
    path.unlink()
    path.mkdir()
    for open_it in (lambda: read_ledger(path), lambda: Ledger(tmp_path, patience_s=0)):
        with pytest.raises(OutputError, match=r"batch\.jsonl: the ledger is a folder"):
            open_it()
    path.rmdir()
    os.mkfifo(path)
    for open_it in (lambda: read_ledger(path), lambda: Ledger(tmp_path, patience_s=0)):
        with pytest.raises(OutputError, match="the ledger is a pipe"):
            open_it()


def test_a_full_disk_is_one_sentence_and_the_next_line_is_whole(tmp_path, monkeypatch):
    with Ledger(tmp_path) as ledger:
        real = os.write
        monkeypatch.setattr(os, "write", lambda file, data: real(file, data[:20]))
        with pytest.raises(OutputError, match=r"batch\.jsonl: the ledger cannot be written \(No space left"):
            ledger.write("started", name="a")
        monkeypatch.undo()
        ledger.write("started", name="b")
    assert [event["name"] for event in read_ledger(tmp_path / "batch.jsonl")] == ["b"]


def test_names_that_are_not_utf_8_are_written_down_read_back_and_told(tmp_path, capsys):
    name = "caf\udce9"
    with Ledger(tmp_path) as ledger:
        ledger.write("failed", name=name, inputs="", exit_code=3, reason=f"{name}.wav: no")
        ledger.write("failed", name="café", inputs="", exit_code=3, reason="café.wav: no")
    lines = (tmp_path / "batch.jsonl").read_text(encoding="utf-8").splitlines()
    assert "café" in lines[1]
    assert History(read_ledger(tmp_path / "batch.jsonl")).last(name)["reason"] == f"{name}.wav: no"
    item = Item(Entry(name, tmp_path / f"{name}.mp4", None))
    item.fail(Failure(3, f"{name}.wav: no"))
    Progress().settled(item)
    assert "caf\\udce9: cannot be rendered: caf\\udce9.wav: no" in capsys.readouterr().err
    outcome = Outcome([item], 1.0, ("none", 0), 0.0, False)
    write_text(tmp_path / "batch.json", json_text(summary_of(outcome, tmp_path, Path(name)), indent=2))
    assert json.loads((tmp_path / "batch.json").read_text(encoding="utf-8"))["failures"][0]["name"] == name
    write_index([item], tmp_path)
    assert "caf\\udce9.wav: no" in (tmp_path / "index.html").read_text(encoding="utf-8")


def test_a_file_whose_name_is_not_utf_8_is_hashed_and_remembered(tmp_path, monkeypatch):
    monkeypatch.setattr(hashes_module, "SETTLED_S", -10)
    file = tmp_path / "caf\udce9.wav"
    file.write_bytes(b"one")
    hashes = Hashes(tmp_path / "h.json")
    digest = hashes(file)
    hashes.save()
    monkeypatch.setattr(hashes_module, "file_sha256", lambda path: "read anew")
    assert Hashes(tmp_path / "h.json")(file) == digest


@pytest.mark.parametrize("text", ["[1]", '{"FILE": [1, 2, 3]}', '{"FILE": 5}', "[" * 9000, "\x00", "9" * 9000])
def test_whatever_lies_where_hashes_are_remembered_a_file_is_hashed(tmp_path, text):
    (tmp_path / "a").write_bytes(b"x")
    stat = (tmp_path / "a").stat()
    marks = [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns]
    (tmp_path / "h.json").write_text(text.replace("FILE", str(tmp_path / "a")).replace("[1, 2, 3]", str(marks)))
    hashes = Hashes(tmp_path / "h.json")
    assert len(hashes(tmp_path / "a")) == 64
    os.mkfifo(tmp_path / "pipe")
    for wrong, says in (("pipe", "is a pipe"), ("n" * 300, "too long"), ("a\0b", "NUL"), ("", "is a folder")):
        with pytest.raises(InputError, match=says):
            hashes(tmp_path / wrong)


def test_a_batch_without_any_stderr_says_nothing(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    progress = Progress()
    progress.planned([])
    progress.notes(["left alone"])
    progress.close()


def test_a_warning_names_its_job(tmp_path, capsys):
    job = Job(photo=tmp_path / "a.png", sound=DialogueFiles(dialogue=tmp_path / "a.wav"), out=tmp_path / "a.mp4")
    checked = Checked(25, (64, 64), 1, ("the avatar hardly speaks",), {})
    Progress(terminal=False).event(Ended(Order("check", "monday", job), checked))
    assert capsys.readouterr().err == "warning: monday: the avatar hardly speaks\n"


def test_without_progress_only_what_is_odd_is_said(tmp_path, capsys):
    job = Job(photo=tmp_path / "a.png", sound=DialogueFiles(dialogue=tmp_path / "a.wav"), out=tmp_path / "a.mp4")
    progress = Progress(terminal=False, shown=False)
    progress.planned([Item(Entry("monday", job.out, job))])
    progress.event(Ended(Order("check", "monday", job), Checked(25, (64, 64), 1, ("hardly speaks",), {})))
    progress.event(Lost(Order("render", "monday", job), "the worker was killed"))
    said = ["warning: monday: hardly speaks", "monday: the worker was killed; given to another worker"]
    assert capsys.readouterr().err.splitlines() == said


def test_a_doubt_that_only_rendering_found_is_told_with_its_job_s_name_and_no_doubt_twice(tmp_path, capsys):
    job = Job(photo=tmp_path / "a.png", sound=DialogueFiles(dialogue=tmp_path / "a.wav"), out=tmp_path / "a.mp4")
    item = Item(Entry("monday", job.out, job), frames=25)
    progress = Progress(terminal=False)
    progress.event(Ended(Order("check", "monday", job), Checked(25, (64, 64), 1, ("old",), {})))
    progress.forecast([item], Forecast(1.0, 1, 1))
    item.state, item.rendered = "done", Rendered(25, "", "", 1, 2.0, 0, ("old", "new"))
    progress.settled(item)
    warnings = [line for line in capsys.readouterr().err.splitlines() if line.startswith("warning: ")]
    assert warnings == ["warning: monday: old", "warning: monday: new"]
