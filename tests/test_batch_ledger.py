"""The ledger and what follows from it: crashes, locks, what is skipped and what is done again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from avtr_cli.audio.source import DialogueFiles
from avtr_cli.batch import hashes as hashes_module
from avtr_cli.batch.entries import Entry
from avtr_cli.batch.hashes import Hashes
from avtr_cli.batch.ledger import History, Ledger, read_ledger
from avtr_cli.batch.plan import Item, plan
from avtr_cli.errors import InputError, OutputError
from avtr_cli.job import Job


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


def test_the_lock_lives_until_the_last_worker_of_a_killed_batch_is_gone(tmp_path):
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
    Ledger(tmp_path, patience_s=5).close()


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


@pytest.fixture
def finished(tmp_path: Path) -> tuple[Entry, dict[str, object]]:
    """An entry whose ledger says that it is done, with files that agree."""
    photo, sound, out = tmp_path / "a.png", tmp_path / "a.wav", tmp_path / "out" / "a.mp4"
    weights = tmp_path / "w.safetensors"
    out.parent.mkdir()
    for path in (photo, sound, out, out.with_suffix(".json"), weights):
        path.write_bytes(path.name.encode())
    job = Job(photo=photo, sound=DialogueFiles(dialogue=sound), out=out)
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


def test_planning_loads_neither_torch_nor_mediapipe():
    code = (
        "import sys; import avtr_cli.cli, avtr_cli.batch.run, avtr_cli.batch.entries, avtr_cli.batch.summary, "
        "avtr_cli.batch.progress, avtr_cli.batch.processes; print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {name.split(".")[0] for name in done.stdout.split()} & {"torch", "mediapipe", "cv2", "scipy", "ray"} == set()
