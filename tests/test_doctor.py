"""avtr doctor: every part is really tried, what is missing comes with its fix, the exit code follows."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path

import pytest

from avtr_cli.diagnostics.doctor import FAIL, NOTE, OK, Check, _disk, _published_weights, examine_machine
from avtr_cli.output import ffmpeg
from avtr_cli.weights.store import Store
from tests import warm


def doctor(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return warm.run(warm.AVTR, "doctor", *arguments, env=os.environ | environment)


@pytest.fixture(scope="module")
def checks():
    return {check.name: check for check in examine_machine()}


@pytest.mark.slow
def test_every_part_is_looked_at(checks):
    assert {"python", "torch", "cpu", "gpu", "ffmpeg", "encoder libx264", "encoder h264_nvenc"} <= checks.keys()
    assert {"face finder", "embedded model", "weights avtr1", "weights liveportrait", "disk"} <= checks.keys()
    assert {f"extra {name}" for name in ("neural", "ray", "train", "provenance", "demo")} <= checks.keys()
    assert not {"extra dev", "extra judge"} & checks.keys()


@pytest.mark.slow
def test_what_the_tests_themselves_need_is_found_to_work(checks):
    for name in ("python", "torch", "cpu", "ffmpeg", "encoder libx264", "face finder"):
        assert checks[name].state == OK, checks[name]


@pytest.mark.slow
def test_whatever_is_not_well_comes_with_a_fix(checks):
    for check in checks.values():
        assert check.found
        assert check.state == OK or check.fix, check


@pytest.mark.slow
def test_nvenc_is_used_before_it_is_called_usable(checks):

    assert (checks["encoder h264_nvenc"].state == OK) == ffmpeg.works("h264_nvenc")


def test_damaged_weights_are_a_failure_and_absent_ones_are_not(tmp_path, monkeypatch):
    monkeypatch.setenv("AVTR_WEIGHTS", str(tmp_path))
    file = next(file for file in Store().registry.files.values() if file.size and "liveportrait" in file.sets)
    assert {check.state for check in _published_weights()} == {NOTE}
    path = Store().target(file)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"cut short")
    (damaged,) = [check for check in _published_weights() if check.name == "weights liveportrait"]
    assert damaged.state == FAIL
    assert str(path) in damaged.found
    assert "avtr weights pull liveportrait" in damaged.fix


@pytest.mark.slow
def test_an_ffmpeg_that_does_not_work_fails_with_exit_code_1_and_the_rest_is_still_looked_at():
    done = doctor("--json", IMAGEIO_FFMPEG_EXE="/bin/false")
    told = json.loads(done.stdout)
    states = {check["name"]: check["state"] for check in told["checks"]}
    assert done.returncode == 1
    assert told["good"] is False
    assert states["ffmpeg"] == FAIL
    assert states["face finder"] == OK
    assert {"disk", "extra demo"} <= states.keys()


@pytest.mark.slow
def test_the_exit_code_says_what_the_text_says(avtr):
    code, stdout, _ = avtr("doctor")
    assert code in (0, 1)
    assert (code == 0) == ("avtr can render here" in stdout.splitlines()[-1])
    assert (code == 1) == any(line.startswith("FAIL") for line in stdout.splitlines())


def test_a_full_disk_is_a_failure(monkeypatch):

    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10, 10, 100 << 20))
    (disk,) = _disk()
    assert disk.state == FAIL
    assert str(Path.cwd()) in disk.found


@pytest.mark.slow
@pytest.mark.parametrize("library", ["libGL.so.1", "libgthread-2.0.so.0", "libglib-2.0.so.0", "libSM.so.6"])
def test_a_library_that_the_system_lacks_is_installed_with_the_system(monkeypatch, library):
    def broken() -> Iterator[Check]:
        raise ImportError(f"{library}: cannot open shared object file: No such file or directory")
        yield

    monkeypatch.setattr("avtr_cli.diagnostics.doctor._face_finder", broken)
    (check,) = [check for check in examine_machine() if check.state == FAIL]
    assert (check.name, library in check.found) == ("broken", True)
    assert "apt-get install libgl1 libglib2.0-0" in check.fix
    assert "reinstall" not in check.fix


@pytest.mark.slow
def test_its_lines_fit_80_columns_as_far_as_words_can_be_broken(avtr, monkeypatch):
    monkeypatch.setenv("AVTR_WEIGHTS", "/nowhere")
    lines = avtr("doctor")[1].splitlines()
    assert len(lines) > 10
    for line in lines:
        assert len(line) <= 80 or len(line.split()) == 1, line
