"""What an interrupted job leaves, and who may go on from it."""

from __future__ import annotations

import shutil

from avtr_cli.output.workfolder import Segment, WorkFolder, remove_if_useless


def closed(folder: WorkFolder, frames: int) -> None:
    index = len(folder.closed)
    folder.video(index).write_bytes(b"video")
    folder.state(index).write_bytes(b"state")
    folder.close_segment(Segment(frames, bytes(32 * frames)))


def test_the_same_job_finds_its_closed_segments(tmp_path):
    first = WorkFolder(tmp_path / "a.mp4", "key", resume=True)
    closed(first, 20)
    closed(first, 15)
    again = WorkFolder(tmp_path / "a.mp4", "key", resume=True)
    assert again.frames == 35
    assert again.digests == bytes(32 * 35)


def test_a_segment_without_its_description_does_not_count(tmp_path):
    first = WorkFolder(tmp_path / "a.mp4", "key", resume=True)
    closed(first, 20)
    first.video(1).write_bytes(b"half a vid")
    assert WorkFolder(tmp_path / "a.mp4", "key", resume=True).frames == 20


def test_another_job_or_no_resume_starts_anew(tmp_path):
    for key, resume in (("other", True), ("key", False)):
        closed(WorkFolder(tmp_path / "a.mp4", "key", resume=False), 20)
        assert WorkFolder(tmp_path / "a.mp4", key, resume).frames == 0


def test_only_the_last_state_is_kept(tmp_path):
    folder = WorkFolder(tmp_path / "a.mp4", "key", resume=True)
    for _ in range(3):
        closed(folder, 5)
    assert [folder.state(index).exists() for index in range(3)] == [False, False, True]


def test_nobody_goes_on_from_a_folder_that_was_half_removed(tmp_path, monkeypatch):
    folder = WorkFolder(tmp_path / "a.mp4", "key", resume=True)
    closed(folder, 20)
    monkeypatch.setattr(shutil, "rmtree", lambda path, ignore_errors: folder.video(0).unlink())  # killed in its midst
    folder.remove()
    monkeypatch.undo()
    assert folder.path.exists()
    assert WorkFolder(tmp_path / "a.mp4", "key", resume=True).frames == 0


def test_what_cannot_be_gone_on_from_is_thrown_away_before_a_new_beginning(tmp_path):
    folder = WorkFolder(tmp_path / "a.mp4", "key", resume=True)
    closed(folder, 20)
    folder.state(0).unlink()
    assert WorkFolder(tmp_path / "a.mp4", "key", resume=True).frames == 0
    assert {path.name for path in folder.path.iterdir()} == {"job.json"}


def test_closed_segments_are_not_thrown_away_as_useless(tmp_path):
    folder = WorkFolder(tmp_path / "a.mp4", "key", resume=True)
    closed(folder, 20)
    remove_if_useless(tmp_path / "a.mp4")
    assert WorkFolder(tmp_path / "a.mp4", "key", resume=True).frames == 20


def test_a_folder_that_nothing_can_go_on_from_is_removed(tmp_path):
    folder = WorkFolder(tmp_path / "a.mp4", "key", resume=True)
    folder.video(0).write_bytes(b"half")
    remove_if_useless(tmp_path / "a.mp4")
    assert not folder.path.exists()
