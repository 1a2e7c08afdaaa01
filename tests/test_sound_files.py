"""Paths and files at the edges: names, kinds, rights, changes while reading, options that cannot be."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from avtr_cli.audio.opening import OpenedFile, View
from avtr_cli.audio.source import DialogueFiles, DialogueSource
from avtr_cli.core.errors import AudioError, ConfigError
from tests.fuzz.sounds import originals


def write(path: Path, seconds: float = 0.5, rate: int = 16_000, seed: int = 0) -> Path:
    sound = np.random.default_rng(seed).normal(0, 0.1, (round(seconds * rate), 2))
    soundfile.write(os.fsencode(path), sound, rate, format="WAV")
    return path


def source_of(path: Path, **more) -> DialogueSource:
    return DialogueSource(DialogueFiles(dialogue=path, **more))


def odd_path(kind: str, folder: Path) -> Path:
    path = folder / "a.wav"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as here:
            os.chdir(folder)  # a socket's name must be short
            here.bind("a.wav")
    elif kind == "device":
        return Path("/dev/null")
    elif kind == "folder":
        path.mkdir()
    elif kind == "under a file":
        return write(path) / "b.wav"
    elif kind == "name too long":
        return folder / ("x" * 300 + ".wav")
    elif kind == "path too long":
        return folder / ("y/" * 3_000 + "a.wav")
    elif kind == "zero byte":
        return folder / "a\0b.wav"
    elif kind == "a circle of links":
        path.symlink_to("a.wav")
    return path


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("missing", "there is no such file"),
        ("pipe", "is a pipe"),
        ("socket", "is a socket"),
        ("device", "is a device"),
        ("folder", "is a folder"),
        ("under a file", "there is no such file"),
        ("name too long", "the name is too long"),
        ("path too long", "the name is too long"),
        ("zero byte", "no name that a file can have"),
        ("a circle of links", "cannot be opened"),
    ],
)
def test_a_path_that_is_no_file_is_refused_at_once_in_one_sentence(tmp_path, monkeypatch, kind, says):
    monkeypatch.chdir(tmp_path)
    path = odd_path(kind, tmp_path)
    with pytest.raises(AudioError, match=says) as caught:
        source_of(path)
    assert str(path) in str(caught.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_in_a_folder_that_may_not_be_searched_is_refused_in_a_sentence(tmp_path):
    path = write(tmp_path / "a.wav")
    tmp_path.chmod(0)
    try:
        with pytest.raises(AudioError, match="may not be read"):
            source_of(path)
    finally:
        tmp_path.chmod(0o700)


def test_rights_that_are_missing_are_named(tmp_path, monkeypatch):
    def denied(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "stat", denied)
    with pytest.raises(AudioError, match="may not be read; check the rights of the file and of its folder"):
        OpenedFile(tmp_path / "a.wav")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["caf\udce9.wav", "名.wav", "a b'\"$.wav", "-x.wav", "a:b.wav", "a.raw", "a.mp3", "a"])
@pytest.mark.parametrize("form", ["wav", "m4a"])
def test_any_name_is_opened(tmp_path, monkeypatch, name, form):
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(originals()[form])
    with source_of(Path(name)) as source:
        assert sum(block.shape[1] for block in source.blocks()) == source.facts.samples


@pytest.mark.parametrize(
    "options",
    [
        {"start_s": float("nan")},
        {"start_s": float("inf")},
        {"start_s": -0.1},
        {"start_s": 1e9},
        {"duration_s": float("nan")},
        {"duration_s": float("inf")},
        {"duration_s": 0.0},
        {"duration_s": -2.0},
        {"duration_s": 1e-9},
        {"duration_s": 0.039},
        {"duration_s": 1e300},
        {"avatar_channel": 0},
        {"avatar_channel": 3},
        {"solo": True, "partner": Path("them.wav")},
    ],
)
def test_times_and_channels_that_cannot_be_are_a_mistake_of_the_command_line(options):
    with pytest.raises(ConfigError, match=r"call\.wav: --(start|duration|avatar-channel|solo) ") as caught:
        DialogueFiles(dialogue=Path("call.wav"), **options)
    assert caught.value.exit_code == 2


def test_a_start_behind_the_end_is_told_with_the_end(tmp_path):
    with pytest.raises(AudioError, match=r"--start 0\.5 lies behind its end at 0\.50 s"):
        source_of(write(tmp_path / "a.wav"), start_s=0.5)


@pytest.mark.parametrize(
    ("rate", "is_read"), [(1, False), (999, False), (1_000, True), (768_000, True), (800_000, False)]
)
def test_rates_that_no_sound_has_are_refused(tmp_path, rate, is_read):
    path = tmp_path / "a.wav"
    soundfile.write(path, np.zeros((max(rate, 1_000), 2)), rate)
    if is_read:
        source_of(path).__exit__(None, None, None)
    else:
        with pytest.raises(AudioError, match=f"states a sample rate of {rate} Hz; 1000 to 768000 Hz"):
            source_of(path)


@pytest.mark.slow
def test_the_hash_is_that_of_the_users_files_also_of_decoded_ones(tmp_path):
    path, other = tmp_path / "a.m4a", write(tmp_path / "b.wav")
    path.write_bytes(originals()["m4a"])
    for file in (path, other):
        with source_of(file) as source:
            assert source.sha256 == (hashlib.sha256(file.read_bytes()).hexdigest(),)
            assert source.sha256 == source.sha256


def test_a_file_that_is_replaced_by_another_is_read_as_it_was(tmp_path):
    path = write(tmp_path / "a.wav")
    was = (hashlib.sha256(path.read_bytes()).hexdigest(),)
    with source_of(path) as source:
        before = np.concatenate(list(source.blocks()), axis=1)
        os.replace(write(tmp_path / "b.wav", 0.7, seed=1), path)
        assert np.array_equal(np.concatenate(list(source.blocks()), axis=1), before)
        source.check_unchanged()
        assert source.sha256 == was


@pytest.mark.parametrize("hashed", [False, True])
@pytest.mark.parametrize("change", ["overwritten", "cut", "extended", "touched", "written the same"])
def test_a_file_that_is_changed_in_place_is_told(tmp_path, change, hashed):
    path = write(tmp_path / "a.wav")
    content = path.read_bytes()
    with source_of(path) as source:
        if hashed:
            assert len(source.sha256[0]) == 64
        source.check_unchanged()
        new = {"overwritten": content[:-9] + b"changed!!", "cut": content[:-100], "extended": content + b"more"}
        path.write_bytes(new.get(change, content))
        os.utime(path, ns=(1, 1))
        if hashed and change not in new:
            source.check_unchanged()
        else:
            with pytest.raises(AudioError, match=r"a\.wav: changed while it was read; run it again"):
                source.check_unchanged()
            if not hashed:
                with pytest.raises(AudioError, match="changed while it was read"):
                    _ = source.sha256


def test_a_file_that_is_cut_while_it_is_heard_is_an_error_in_words(tmp_path):
    path = write(tmp_path / "a.wav", 5.0)
    with source_of(path) as source:
        blocks = source.blocks()
        next(blocks)
        os.truncate(path, 100)
        with pytest.raises(AudioError, match="cut off after"):
            list(blocks)


def test_a_disk_that_fails_is_an_error_in_words(tmp_path, monkeypatch, capfd):
    path = write(tmp_path / "a.wav", 5.0)
    with source_of(path) as source:
        blocks = source.blocks()
        next(blocks)

        def failing(*_):
            raise OSError(5, "Input/output error")

        monkeypatch.setattr(os, "pread", failing)
        with pytest.raises(AudioError, match=r"a\.wav: cannot be read at byte \d+ \(Input/output error\)"):
            list(blocks)
    assert "Traceback" not in capfd.readouterr().err


def test_two_passes_at_the_same_time_do_not_disturb_each_other(tmp_path):
    with source_of(write(tmp_path / "a.wav", 3.0)) as source:
        alone = list(source.blocks())
        for one, two, three in zip(source.blocks(), source.blocks(), alone, strict=True):
            assert np.array_equal(one, two)
            assert np.array_equal(one, three)


def test_handles_are_given_back(tmp_path):
    path, wrong = write(tmp_path / "a.wav"), tmp_path / "missing.wav"
    before = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").is_dir() else 0
    for _ in range(3):
        with source_of(path) as source:
            next(source.blocks())
        with pytest.raises(AudioError):
            DialogueSource(DialogueFiles(dialogue=path, solo=True))
        with pytest.raises(AudioError):
            DialogueSource(DialogueFiles(dialogue=path, partner=wrong))
    assert not before or len(os.listdir("/proc/self/fd")) == before


def test_a_view_is_its_head_and_then_its_part_of_the_file(tmp_path):
    (tmp_path / "a").write_bytes(bytes(range(100)))
    file = OpenedFile(tmp_path / "a")
    view = View(file, 10, 20, b"head")
    whole = b"head" + bytes(range(10, 30))
    assert view.size == 24
    for at in range(26):
        for count in (0, 1, 3, 30):
            assert view.read_at(at, count) == whole[at : at + count]
    file.close()


@pytest.mark.slow
def test_the_facts_of_a_sound_need_no_torch():
    code = (
        "import sys, avtr_cli.audio.source; print(*[m for m in ('torch', 'scipy', 'soxr', 'cv2') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
