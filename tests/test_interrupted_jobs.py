"""Ctrl-C at the worst moments of a job: what is left is whole, and the same job goes on to the same frames."""

from __future__ import annotations

import io
import multiprocessing
import os
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from avtr_cli.audio.source import DialogueFiles
from avtr_cli.batch.messages import Order
from avtr_cli.batch.processes import _bury, _Member
from avtr_cli.batch.progress import Progress
from avtr_cli.batch.run import BatchOptions, render_batch
from avtr_cli.batch.worker import Worker
from avtr_cli.core.interruption import interruptions_held
from avtr_cli.jobs import lock, preparation, production
from avtr_cli.jobs.job import Job
from avtr_cli.jobs.production import render_file
from avtr_cli.jobs.workfolder import Segment, WorkFolder, frames_kept
from avtr_cli.output import ffmpeg
from avtr_cli.output.video import SegmentWriter
from avtr_cli.provenance import c2pa_manifest, marks
from avtr_cli.provenance.verification import UNKNOWN, verify
from avtr_cli.streaming.session import StreamingSession
from tests import videos
from tests.batches import Here, entries, ledger, make_folder, nothing_half_written

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def segments_of_a_chunk(monkeypatch):
    monkeypatch.setattr(production, "SEGMENT_FRAMES", 5)


@pytest.fixture(scope="module")
def job(engine, photo, wav) -> Callable[..., Job]:
    preset = engine.preset.with_settings(**{"output.speed": "ultrafast"})

    def make(out: Path, **more: Any) -> Job:
        return Job(photo=photo, sound=DialogueFiles(dialogue=wav(0.4)), out=out, preset=preset, **more)

    return make


@pytest.fixture(scope="module")
def frames(engine, job, tmp_path_factory) -> str:
    """Of the job that nobody disturbs."""
    return render_file(job(tmp_path_factory.mktemp("clean") / "a.mp4"), engine)["output"]["frames_sha256"]


def interrupt(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGINT)


def after(owner: Any, name: str, nth: int = 1) -> Callable[[pytest.MonkeyPatch], None]:
    """An interruption when `owner.name` has done its work for the `nth` time, before its caller goes on."""

    def patch(monkeypatch: pytest.MonkeyPatch) -> None:
        done, calls = getattr(owner, name), iter(range(1, 1000))

        def and_then(*arguments: Any, **named: Any) -> Any:
            result = done(*arguments, **named)
            if next(calls) == nth:
                interrupt()
            return result

        monkeypatch.setattr(owner, name, and_then)

    return patch


MOMENTS = {
    "all is checked": after(production, "check"),
    "the folder is locked": after(lock.Lock, "__init__"),
    "the folder is made": after(production.WorkFolder, "__init__"),
    "the folder is the job's": after(production.WorkFolder, "claim"),
    "the encoder is started": after(SegmentWriter, "__init__"),
    "half a segment is written": after(SegmentWriter, "write", 3),
    "the encoder has ended": after(SegmentWriter, "close"),
    "the state is saved": after(StreamingSession, "save"),
    "a segment counts": after(WorkFolder, "close_segment"),
    "the last segment counts": after(WorkFolder, "close_segment", 2),
    "the segments are joined": after(ffmpeg, "run"),
    "the video is signed": after(c2pa_manifest, "sign"),
    "the video is marked": after(marks, "mark"),
    "the names are noted": after(WorkFolder, "begin_placing"),
    "the video has its name": after(production, "place_outputs"),
    "all is done": after(WorkFolder, "remove"),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_interrupted_just_when(engine, job, frames, tmp_path, monkeypatch, moment):
    MOMENTS[moment](monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        render_file(job(tmp_path / "a.mp4"), engine)
    assert nothing_half_written(tmp_path)
    monkeypatch.undo()
    again = job(tmp_path / "a.mp4", overwrite=True)  # when all but the goodbye was done, the video is there
    assert render_file(again, engine)["output"]["frames_sha256"] == frames
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def out_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def warm_up(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(preparation, "_warm_up", warm_up)


@pytest.mark.parametrize("end", [after(preparation, "_warm_up"), out_of_memory], ids=["interrupted", "out of memory"])
def test_what_is_kept_outlives_a_run_that_ends_before_it_goes_on(engine, job, frames, tmp_path, monkeypatch, end):
    for moment in (after(WorkFolder, "close_segment"), end):
        with monkeypatch.context() as patch:
            moment(patch)
            with pytest.raises((KeyboardInterrupt, MemoryError)):
                render_file(job(tmp_path / "a.mp4"), engine)
    assert frames_kept(tmp_path / "a.mp4") == 5
    output = render_file(job(tmp_path / "a.mp4"), engine)["output"]
    assert (output["resumed_from_frame"], output["frames_sha256"]) == (5, frames)


def test_in_matroska_a_job_goes_on_to_the_same_frames_with_its_sound_and_says_what_it_is(
    engine, job, frames, tmp_path, monkeypatch
):
    with monkeypatch.context() as patch:
        after(WorkFolder, "close_segment")(patch)
        with pytest.raises(KeyboardInterrupt):
            render_file(job(tmp_path / "a.mkv"), engine)
    report = render_file(job(tmp_path / "a.mkv"), engine)
    assert (report["output"]["resumed_from_frame"], report["output"]["frames_sha256"]) == (5, frames)
    assert len(videos.decode(tmp_path / "a.mkv")) == report["output"]["frames"] == 10
    assert abs(videos.sound(tmp_path / "a.mkv")).max() > 0.05
    assert "mkv has no room for a C2PA manifest" in report["provenance"]["c2pa_absent"]
    verdict = verify(tmp_path / "a.mkv")
    assert (verdict.generated, verdict.integrity) == (True, UNKNOWN)
    assert verdict.lines[0].startswith(f"{tmp_path}/a.mkv: AI-generated: a synthetic talking avatar")
    assert re.search(r"(?mi)^ *title *: AI-generated: a synthetic", videos.describe(tmp_path / "a.mkv"))


class Heard(io.FileIO):
    """A file that is interrupted whenever it is read."""

    def readinto(self, buffer: Any) -> int | None:
        interrupt()
        return super().readinto(buffer)

    def read(self, size: int | None = -1) -> bytes | None:
        interrupt()
        return super().read(size)


def test_signing_is_never_taken_for_a_failure(engine, job, tmp_path, monkeypatch):
    """The manifest's library reads through us from C, where an exception would be lost."""
    opened = Path.open
    monkeypatch.setattr(Path, "open", lambda path, mode="r", *a, **b: (Heard if mode == "rb" else opened)(path, mode))
    with pytest.raises(KeyboardInterrupt):
        render_file(job(tmp_path / "a.mp4"), engine)
    assert nothing_half_written(tmp_path)


def test_jobs_that_end_together_are_all_put_down(engine, job, tmp_path, monkeypatch):
    worker = Worker(1, sessions=2)
    monkeypatch.setattr(worker, "engine", lambda preset: engine)
    after(ffmpeg, "run")(monkeypatch)  # when the first is joined

    def broken(done: int, total: int) -> None:
        raise ValueError

    monkeypatch.setattr(production, "SEGMENT_FRAMES", 1500)
    first, second = (Order("render", name, job(tmp_path / f"{name}.mp4")) for name in ("first", "second"))
    with pytest.raises(KeyboardInterrupt), interruptions_held():  # noqa: PT012 - as a process of a batch does
        try:
            worker.take(first)
            next(worker.render_next_chunks(), None)
            worker.take(second, broken)
            while worker.busy:
                list(worker.render_next_chunks())
        finally:
            worker.abandon()
    assert nothing_half_written(tmp_path)
    assert not (tmp_path / ".second.mp4.avtr").exists()


def test_a_worker_that_goes_on_living_has_put_down_what_was_interrupted(engine, job, frames, tmp_path, monkeypatch):
    """As on a Ray node, whose process serves other tasks afterwards."""
    worker = Worker(1)
    monkeypatch.setattr(worker, "engine", lambda preset: engine)
    call = Order("render", "a", job(tmp_path / "a.mp4"))
    monkeypatch.setattr(production, "SEGMENT_FRAMES", 1500)
    with pytest.raises(KeyboardInterrupt):
        worker.answer(call, interrupt)
    assert not worker.busy
    assert list(tmp_path.iterdir()) == []
    assert worker.answer(call).frames_sha256 == frames


@pytest.mark.parametrize("segments", [0, 1])
def test_what_a_killed_worker_left_is_put_down_by_the_batch(job, tmp_path, segments):
    folder = WorkFolder(tmp_path / "a.mp4").claim("key")
    for _ in range(segments):
        folder.close_segment(Segment(5, bytes(5 * 32)))
    folder.video(segments).write_bytes(b"half")
    os.close(folder._lock._file)  # as a kill does
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=time.sleep, args=(60,))
    process.start()
    _bury(_Member(process, context.Pipe()[0], 0, [Order("render", "a", job(tmp_path / "a.mp4"))]))
    assert not process.is_alive()
    assert folder.path.exists() == bool(segments)


class Stubborn(Here):
    """Ctrl-C comes once while a job is rendered, and again while that is put down."""

    put_down = False

    def interrupt(self) -> None:
        interrupt()
        self.put_down = True


def test_a_second_ctrl_c_does_not_keep_a_batch_from_putting_down_its_work(photo, dialogue, tmp_path):

    source = make_folder(tmp_path / "in", photo, dialogue, seconds=0.2, broken=False)
    workers = Stubborn(before=lambda order: interrupt() if order.kind == "render" else None)
    outcome = render_batch(
        entries(source, tmp_path / "out"), tmp_path / "out", lambda *_: workers, BatchOptions(), Progress(quiet=True)
    )
    assert outcome.interrupted
    assert workers.put_down
    assert ledger(tmp_path / "out", "started", "interrupted") == [("started", "first"), ("interrupted", "first")]
