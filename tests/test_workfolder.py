"""What an interrupted job leaves, who may go on from it, and who may not touch it."""

from __future__ import annotations

import errno
import multiprocessing
import os
import signal
from pathlib import Path

import pytest

from avtr_cli.core.errors import OutputError
from avtr_cli.jobs.workfolder import Segment, WorkFolder, beside, in_use, remove_if_useless

FILES = ("segment-{:05d}.mkv", "motion-{:05d}-0.safetensors", "state-{:05d}-0.safetensors")


def close(folder: WorkFolder, frames: int) -> None:
    index = len(folder.closed)
    for name in FILES:
        (folder.path / name.format(index)).write_bytes(os.urandom(100))
    folder.close_segment(Segment(frames, bytes(32 * frames)))


def leave(out: Path, *counts: int, key: str = "key") -> WorkFolder:
    """What a job of `key` leaves that was ended after so many segments of so many frames."""
    with WorkFolder(out).claim(key) as folder:
        for frames in counts:
            close(folder, frames)
    return folder


def frames_found(out: Path, key: str = "key", resume: bool = True) -> int:
    with WorkFolder(out).claim(key, resume) as folder:
        return folder.frames


def test_the_same_job_finds_its_closed_segments(tmp_path):
    leave(tmp_path / "a.mp4", 20, 15)
    with WorkFolder(tmp_path / "a.mp4").claim("key") as again:
        assert again.frames == 35
        assert again.digests == bytes(32 * 35)


def test_a_segment_without_its_description_does_not_count_and_is_removed(tmp_path):
    folder = leave(tmp_path / "a.mp4", 20)
    folder.video(1).write_bytes(b"half a vid")
    assert frames_found(tmp_path / "a.mp4") == 20
    assert not folder.video(1).exists()


@pytest.mark.parametrize(("key", "resume"), [("other", True), ("key", False)])
def test_another_job_or_no_resume_starts_anew(tmp_path, key, resume):
    leave(tmp_path / "a.mp4", 20)
    assert frames_found(tmp_path / "a.mp4", key, resume) == 0


DAMAGES = {
    "gone": lambda path: path.unlink(),
    "empty": lambda path: path.write_bytes(b""),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-30]),
    "another byte": lambda path: path.write_bytes(bytes([path.read_bytes()[0] ^ 1]) + path.read_bytes()[1:]),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", [*FILES, "segment-{:05d}.json"])
@pytest.mark.parametrize("index", [0, 1, 2])
def test_from_the_first_damaged_border_on_segments_are_dropped(tmp_path, damage, name, index):
    folder = leave(tmp_path / "a.mp4", 10, 10, 10)
    DAMAGES[damage](folder.path / name.format(index))
    assert frames_found(tmp_path / "a.mp4") == 10 * index
    assert frames_found(tmp_path / "a.mp4") == 10 * index


NONSENSE = ["", "[]", "{}", '{"frames": 2}', '{"frames": -1, "digests": "", "files": {}}', "[" * 9999]


@pytest.mark.parametrize("text", NONSENSE)
def test_a_description_that_says_nothing_sensible_is_a_damaged_border(tmp_path, text):
    folder = leave(tmp_path / "a.mp4", 10, 10)
    (folder.path / "segment-00001.json").write_text(text)
    assert frames_found(tmp_path / "a.mp4") == 10


def test_a_job_that_closed_nothing_leaves_nothing_not_even_folders_made_for_it(tmp_path):
    with WorkFolder(tmp_path / "new" / "folder" / "a.mp4").claim("key") as folder:
        folder.video(0).write_bytes(b"half")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_locked_for_want_of_room_is_not_left(tmp_path, monkeypatch):
    opened = os.open

    def full(path: Path, flags: int, *mode: int) -> int:
        if flags & os.O_CREAT:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return opened(path, flags, *mode)

    monkeypatch.setattr(os, "open", full)
    with pytest.raises(OutputError, match="No space left"):
        WorkFolder(tmp_path / "new" / "deep" / "a.mp4")
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_ours_in_the_hidden_folder_stays(tmp_path):
    beside(tmp_path / "a.mp4").mkdir()
    mine = beside(tmp_path / "a.mp4") / "diary.txt"
    mine.write_text("mine")
    leave(tmp_path / "a.mp4", 10)
    with WorkFolder(tmp_path / "a.mp4").claim("another") as folder:
        folder.remove()
    assert [path.name for path in folder.path.iterdir()] == ["diary.txt"]


def test_outputs_that_were_being_placed_are_known_to_the_same_job_alone(tmp_path):
    target = tmp_path / "r.json"
    with WorkFolder(tmp_path / "a.mp4").claim("key") as folder:
        close(folder, 5)
        folder.begin_placing([target])
    with WorkFolder(tmp_path / "a.mp4").claim("key") as folder:
        assert folder.placed == {target}
    with WorkFolder(tmp_path / "a.mp4").claim("other") as folder:
        assert folder.placed == frozenset()


def test_a_second_writer_is_refused_with_the_number_of_the_first(tmp_path):
    with WorkFolder(tmp_path / "a.mp4").claim("key"):
        assert f"process {os.getpid()}" in str(in_use(tmp_path / "a.mp4"))
        with pytest.raises(OutputError, match=f"another avtr .process {os.getpid()}. is writing it"):
            WorkFolder(tmp_path / "a.mp4")
    assert in_use(tmp_path / "a.mp4") is None
    assert frames_found(tmp_path / "a.mp4") == 0


def _hold(out: Path, ready) -> None:
    folder = WorkFolder(out).claim("key")
    close(folder, 7)
    ready.set()
    signal.pause()


@pytest.mark.slow
def test_a_killed_writer_holds_nothing_back(tmp_path):
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    process = context.Process(target=_hold, args=(tmp_path / "a.mp4", ready))
    process.start()
    ready.wait()
    assert in_use(tmp_path / "a.mp4")
    process.kill()
    process.join()
    assert frames_found(tmp_path / "a.mp4") == 7


def _race(out: Path, count: int, together, results) -> None:
    entered = 0
    together.wait()
    for _ in range(count):
        try:
            with WorkFolder(out).claim("key") as folder:
                folder.video(0).write_bytes(b"mine")
                assert folder.video(0).read_bytes() == b"mine"
                folder.video(0).unlink()  # fails where another is inside as well
                entered += 1
        except OutputError:
            pass
    results.put(entered)


@pytest.mark.slow
def test_no_two_are_ever_inside_however_fast_they_come_and_go(tmp_path):
    context = multiprocessing.get_context("spawn")  # a fork of this process has Ray's threads in no state to live on
    together, results = context.Barrier(3), context.Queue()
    racers = [context.Process(target=_race, args=(tmp_path / "a.mp4", 60, together, results)) for _ in range(3)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    assert [racer.exitcode for racer in racers] == [0, 0, 0]
    assert sum(results.get() for _ in racers) > 0
    assert list(tmp_path.iterdir()) == []


def test_closed_segments_are_not_thrown_away_as_useless(tmp_path):
    leave(tmp_path / "a.mp4", 20)
    remove_if_useless(tmp_path / "a.mp4")
    assert frames_found(tmp_path / "a.mp4") == 20


def test_a_folder_that_nothing_can_go_on_from_is_removed(tmp_path):
    beside(tmp_path / "a.mp4").mkdir()
    (beside(tmp_path / "a.mp4") / "job.json").write_text('{"key": "key"}')
    (beside(tmp_path / "a.mp4") / "segment-00000.mkv").write_bytes(b"half")
    remove_if_useless(tmp_path / "a.mp4")
    assert list(tmp_path.iterdir()) == []
