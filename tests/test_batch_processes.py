"""Batches at night: processes that are killed, interrupted, run again; every frame as if nothing had happened.

Each batch is processes of its own; that Python begins anew in them is so in the undisturbed one and in what it loads.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import soundfile

from avtr_cli.batch.ledger import read_ledger
from avtr_cli.batch.processes import crew_for
from avtr_cli.jobs import production
from tests import videos, warm
from tests.batches import (
    BROKEN,
    GOOD,
    SMALL,
    avtr_batch,
    command,
    environment,
    frame_hashes,
    frames_undisturbed,
    ledger,
    make_folder,
    nothing_half_written,
    start,
)


@pytest.mark.parametrize("cores", [1, 2, 3, 4, 8, 16, 64])
@pytest.mark.parametrize("jobs", [None, 1, 2, 5, 100])
def test_the_machine_is_never_oversubscribed(cores, jobs):
    crew = crew_for(jobs, 24, cores)
    assert 1 <= crew.count * crew.threads <= cores
    assert crew.count <= 24


def test_workers_by_default_are_one_for_two_cores_or_one_for_a_gpu():
    assert [crew_for(None, 24, cores).count for cores in (1, 2, 4, 16)] == [1, 1, 2, 8]
    assert crew_for(None, 24, 16, ("0", "1")).count == 2
    assert crew_for(4, 24, 16, ("0", "1")).count == 4
    assert crew_for(None, 1, 16).count == 1


LIBRARIES_OF_A_WORKER = """
import sys, threading
from pathlib import Path
from avtr_cli.batch.processes import set_threads

photo, sound, out, cores = *map(Path, sys.argv[1:4]), int(sys.argv[4])
set_threads(max(1, cores - 1))
from avtr_cli import DialogueFiles, Job, load_preset
from avtr_cli.batch.messages import Order, Rendered
from avtr_cli.batch.worker import Worker

job = Job(photo=photo, sound=DialogueFiles(dialogue=sound), out=out, preset=load_preset("default", ["render.size=64"]))
names = set()
worker = Worker(max(1, cores - 1), cores=cores)
answer = worker.answer(Order("render", "one", job), lambda *_: names.update(t.name for t in threading.enumerate()))
assert isinstance(answer, Rendered), answer
import cv2, numba, torch
from avtr_cli.perception.detection import NEAR
engine = next(iter(worker._engines.values()))
backend = engine.generator._backend
sessions = [NEAR._network._loaded(), backend._hearing, backend._motion]
options = [session.get_session_options() for session in sessions]
print(
    {torch.get_num_threads(), cv2.getNumThreads(), numba.get_num_threads(), engine.renderer._loops._threads},
    {count for one in options for count in (one.intra_op_num_threads, one.inter_op_num_threads)},
    any(name.startswith("motion") for name in names),
)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("cores", "said"), [(1, "{1} {1} False"), (3, "{2} {1} True")])
def test_no_library_of_a_worker_takes_more_than_its_share_of_the_cores(photo, wav, tmp_path, cores, said):
    given = [photo, wav(0.9), tmp_path / "a.mp4", cores]
    code = [sys.executable, "-c", LIBRARIES_OF_A_WORKER, *map(str, given)]
    done = subprocess.run(code, capture_output=True, text=True, check=False, env=environment())
    assert done.stdout.strip() == said, done.stderr


@pytest.fixture(scope="module")
def source(tmp_path_factory, photo, dialogue) -> Path:
    return make_folder(tmp_path_factory.mktemp("night") / "in", photo, dialogue, seconds=1.0)


@pytest.fixture(scope="module")
def clean(source, tmp_path_factory) -> Path:
    """What an undisturbed batch of two workers made, with all of its start-up."""
    out = tmp_path_factory.mktemp("night") / "clean"
    words = command(source, "-o", out, *SMALL, "--jobs", 2)
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=environment())
    assert done.returncode == 6, done.stderr
    return out


def until(condition: Callable[[], bool], batch: warm.Process) -> None:
    """However slow the machine is; but not longer than the batch lives."""
    while not condition():
        assert batch.poll() is None or condition(), "it never happened"
        time.sleep(0.05)


def finished(out: Path) -> bool:
    """Nothing waits in `out` to be gone on from."""
    return nothing_half_written(out) and not list(out.glob(".*.avtr"))


@pytest.mark.slow
def test_a_batch_with_failures_ends_with_exit_code_6_and_a_table(source, clean, tmp_path):
    assert set(frame_hashes(clean)) == set(GOOD)
    again = avtr_batch(source, "-o", clean, *SMALL)
    assert again.returncode == 6
    assert "3 of 6 jobs failed" in again.stderr
    assert all(any(line.startswith(name) for line in again.stderr.splitlines()) for name in BROKEN)
    assert "3 finished before, 3 failed" in again.stdout


@pytest.mark.slow
def test_a_second_run_loads_no_model_and_writes_nothing_down(source, clean):
    lines = ledger(clean)
    code = "import sys\nfrom avtr_cli.cli import main\ntry:\n    main()\nfinally:\n    print(*sys.modules)"
    again = [sys.executable, "-c", code, "batch", source, "-o", clean, *SMALL]
    done = subprocess.run(again, capture_output=True, text=True, check=False, env=environment())
    assert {name.split(".")[0] for name in done.stdout.split()} & {"torch", "onnxruntime", "cv2"} == set()
    assert ledger(clean) == lines


@pytest.mark.slow
def test_killed_at_two_random_moments_it_goes_on_and_gives_the_same_frames(source, clean, tmp_path):
    out = tmp_path / "out"
    for seed, jobs in ((1, 2), (2, 1)):
        begun = len(ledger(out, "started")) if out.is_dir() else 0
        batch = start(source, "-o", out, *SMALL, "--jobs", jobs)
        # It may be that none is left to be begun: then this is a batch that ended undisturbed.
        until(lambda begun=begun, batch=batch: batch.poll() is not None
              or (out.is_dir() and len(ledger(out, "started")) > begun), batch)  # fmt: skip
        time.sleep(random.Random(seed).uniform(0, 4 / seed))
        batch.kill()
        batch.communicate()
    again = avtr_batch(source, "-o", out, *SMALL)
    assert again.returncode == 6, again.stderr
    assert frame_hashes(out) == frame_hashes(clean)
    assert [ledger(out, "done").count(("done", name)) for name in GOOD] == [1, 1, 1]
    assert finished(out)


@pytest.mark.slow
def test_ctrl_c_ends_it_cleanly_and_it_goes_on(source, clean, tmp_path):
    out = tmp_path / "out"
    batch = start(source, "-o", out, *SMALL)
    until(lambda: out.is_dir() and ("started", "second") in ledger(out), batch)
    os.killpg(batch.pid, signal.SIGINT)
    batch.communicate()
    assert batch.returncode == 130
    assert nothing_half_written(out)
    assert ("done", "first") in ledger(out)
    assert avtr_batch(source, "-o", out, *SMALL).returncode == 6
    assert frame_hashes(out) == frame_hashes(clean)


@pytest.mark.slow
def test_a_worker_that_is_killed_costs_only_its_job_s_time(source, clean, tmp_path):
    out = tmp_path / "out"
    batch = start(source, "-o", out, *SMALL)
    until(lambda: out.is_dir() and ("started", "second") in ledger(out), batch)
    lines = read_ledger(out / "batch.jsonl")
    worker = next(line["worker"] for line in lines if (line["event"], line["name"]) == ("started", "second"))
    os.kill(int(worker.split()[1]), signal.SIGKILL)
    batch.communicate()
    assert batch.returncode == 6
    assert frame_hashes(out) == frame_hashes(clean)
    assert ledger(out, "done")[-1][0] == "done"


@pytest.mark.slow
def test_a_long_job_goes_on_from_its_last_closed_segment(photo, dialogue, tmp_path):
    """A segment is a minute; here one second, so that 8 s are long."""
    assert production.SEGMENT_FRAMES == 1500
    short = "from avtr_cli.jobs import production; production.SEGMENT_FRAMES = 25\n"
    folder = tmp_path / "in"
    folder.mkdir()
    soundfile.write(folder / "long.wav", dialogue[:, : 8 * 16_000].T, 16_000)
    options = [folder, "--photo", photo, "--set", "render.size=64", "--set", "output.speed=ultrafast"]
    out = tmp_path / "out"
    batch = start(*options, "-o", out, before=short)
    until(lambda: (out / ".long.mp4.avtr" / "segment-00000.json").is_file(), batch)
    batch.kill()
    batch.communicate()
    again = start(*options, "-o", out, before=short)
    _, said = again.communicate()
    assert again.returncode == 0, said
    resumed = videos.report_of(out / "long.json")["output"]["resumed_from_frame"]
    assert 0 < resumed < 200
    assert resumed % 25 == 0
    undisturbed = frames_undisturbed(folder, tmp_path / "clean", photo=photo, **{"render.size": 64})
    assert frame_hashes(out) == undisturbed


HANG_ONCE = """
import os, signal
from avtr_cli.batch import processes
from avtr_cli.batch.messages import Began, Lost
from avtr_cli.batch.progress import Progress
told, hung = Progress.event, []
def event(self, event):
    told(self, event)
    if isinstance(event, Began) and event.order.kind == "render" and not hung:
        hung.append(event.worker)
        processes.STALLED_S = 1.0
        os.kill(int(event.worker.split()[1]), signal.SIGSTOP)
    if isinstance(event, Lost):
        processes.STALLED_S = 600.0
Progress.event = event
"""


@pytest.mark.slow
def test_a_worker_that_hangs_is_replaced(source, clean, tmp_path):
    out = tmp_path / "out"
    batch = start(source, "-o", out, *SMALL, "--jobs", 1, before=HANG_ONCE)
    _, said = batch.communicate()
    assert batch.returncode == 6, said
    assert sorted(ledger(out, "done")) == [("done", name) for name in GOOD]
    assert ledger(out, "lost") == [("lost", "first")]
    assert frame_hashes(out) == frame_hashes(clean)


@pytest.fixture(scope="module")
def in_step(source, tmp_path_factory) -> tuple[subprocess.CompletedProcess[str], Path]:
    """Three jobs of one worker in step, told to a program; and where the videos are."""
    out = tmp_path_factory.mktemp("step") / "out"
    told = ["--json", "--progress", "json", "-v"]
    return avtr_batch(source, "-o", out, *SMALL, "--jobs", 1, "--sessions", 3, *told), out


@pytest.mark.slow
def test_jobs_in_step_give_the_frames_they_give_alone(in_step, clean):
    done, out = in_step
    assert done.returncode == 6, done.stderr
    assert frame_hashes(out) == frame_hashes(clean)
    assert [event for event, _ in ledger(out, "started", "done")] == ["started"] * 3 + ["done"] * 3
    workers = {line["worker"] for line in read_ledger(out / "batch.jsonl") if line["event"] == "done"}
    assert len(workers) == 1


@pytest.mark.slow
def test_jobs_in_step_that_are_interrupted_go_on(source, clean, tmp_path):
    out = tmp_path / "out"
    batch = start(source, "-o", out, *SMALL, "--jobs", 1, "--sessions", 2)
    until(lambda: out.is_dir() and ("started", "second") in ledger(out), batch)
    os.killpg(batch.pid, signal.SIGINT)
    batch.communicate()
    assert batch.returncode == 130
    assert nothing_half_written(out)
    assert avtr_batch(source, "-o", out, *SMALL, "--sessions", 2).returncode == 6
    assert frame_hashes(out) == frame_hashes(clean)


TALKING_WORKERS = """
import logging, threading
from avtr_cli.batch.processes import _told
record = logging.LogRecord("avtr_cli.jobs", logging.INFO, "", 1, "x" * 300, None, None)
threads = [threading.Thread(target=lambda: [_told(record, "", True) for _ in range(200)]) for _ in range(4)]
[thread.start() for thread in threads], [thread.join() for thread in threads]
"""


@pytest.mark.slow
def test_lines_of_many_threads_of_workers_never_run_into_each_other():
    done = subprocess.run(
        [sys.executable, "-c", TALKING_WORKERS], capture_output=True, text=True, check=True, timeout=120
    )
    lines = done.stderr.splitlines()
    assert len(lines) == 800
    assert all(json.loads(line)["event"] == "log" for line in lines)


@pytest.mark.slow
def test_for_a_program_every_line_of_stderr_is_an_event_and_stdout_is_the_summary(in_step):
    done, out = in_step
    assert json.loads(done.stdout) == json.loads((out / "batch.json").read_text())
    heard = [json.loads(line) for line in done.stderr.splitlines()]
    assert {one["event"] for one in heard} >= {"planned", "forecast", "job", "frames", "log", "done"}
    assert any(one["event"] == "log" and "process" in one for one in heard)  # of a worker
    last = [one for one in heard if one["event"] == "done"]
    assert last[0]["counts"]["done"] == 3
    assert last[0]["path"] == str(out / "batch.json")
