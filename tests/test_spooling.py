"""Inputs that can be read only once: each is copied for itself, and what goes wrong is said of the right thing."""

from __future__ import annotations

import contextlib
import os
import resource
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from avtr_cli.audio.files import DialogueFiles
from avtr_cli.core.errors import InputError, OutputError
from avtr_cli.jobs.job import Job
from avtr_cli.jobs.spooling import spooled


def pipe(path: Path, content: bytes) -> Path:
    """A pipe that somebody writes `content` into, once."""
    path.parent.mkdir(exist_ok=True)
    os.mkfifo(path)

    def write() -> None:
        with contextlib.suppress(BrokenPipeError):  # the reader had to give up
            path.write_bytes(content)

    threading.Thread(target=write, daemon=True).start()
    return path


def job(photo: Path, sound: Path) -> Job:
    return Job(photo=photo, sound=DialogueFiles(dialogue=sound), out=Path("a.mp4"))


def test_two_pipes_of_one_name_in_two_folders_stay_two(tmp_path):
    photo, sound = pipe(tmp_path / "a" / "in", b"photo"), pipe(tmp_path / "b" / "in", b"sound")
    with spooled(job(photo, sound)) as copied:
        assert copied.photo.read_bytes() == b"photo"
        assert copied.sound.dialogue.read_bytes() == b"sound"
        assert copied.true_names(f"{copied.photo} {copied.sound.dialogue}") == f"{photo} {sound}"
    assert not copied.photo.parents[1].exists()


def test_a_pipe_that_is_two_inputs_is_read_once(tmp_path):
    both = pipe(tmp_path / "in", b"sound")
    files = DialogueFiles(dialogue=both, partner=both)
    with spooled(Job(photo=tmp_path / "a.png", sound=files, out=Path("a.mp4"))) as copied:
        assert copied.sound.paths == (copied.sound.dialogue,) * 2
        assert copied.sound.dialogue.read_bytes() == b"sound"


def test_a_pipe_through_which_nothing_comes_is_an_input_that_is_none(tmp_path):
    with pytest.raises(InputError, match="nothing came through it"), spooled(job(pipe(tmp_path / "in", b""), tmp_path)):
        pass


@pytest.fixture
def small_disk() -> Iterator[None]:
    """No file may be larger than 4 KiB."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("size", [4097, 3 << 20])
@pytest.mark.usefixtures("small_disk")
def test_a_full_temporary_disk_is_not_the_fault_of_the_pipe(tmp_path, size):
    given = pipe(tmp_path / "in", bytes(size))
    with pytest.raises(OutputError, match="in: the temporary disk cannot hold it"), spooled(job(given, tmp_path)):
        pass
