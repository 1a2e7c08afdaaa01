"""A program that is forked where everything is loaded is a process like any other (`tests.warm`)."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest

from tests import warm

pytestmark = pytest.mark.slow


def test_a_program_has_its_own_words_folder_environment_and_process_group(tmp_path):
    code = "import os, sys; print(sys.argv[1:], os.getcwd(), os.environ['HOME'], os.getpgrp() == os.getpid())"
    done = warm.run(code, tmp_path, 7, cwd=tmp_path, env={"HOME": "here"})
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"['{tmp_path}', '7'] {tmp_path} here True\n"
    assert os.environ["HOME"] != "here"


@pytest.mark.parametrize(
    ("code", "ended", "said"),
    [
        ("import sys; sys.exit(3)", 3, ""),
        ("import sys; sys.exit()", 0, ""),
        ("raise SystemExit('a sentence')", 1, "a sentence\n"),
        ("import os; os.kill(os.getpid(), 9)", -9, ""),
        ("import atexit, sys; atexit.register(print, 'the last word', file=sys.stderr)", 0, "the last word\n"),
    ],
)
def test_it_ends_as_python_ends(code, ended, said):
    done = warm.run(code)
    assert (done.returncode, done.stderr) == (ended, said)


def test_what_nothing_catches_is_told_on_its_standard_error():
    done = warm.run("1 / 0")
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback")
    assert done.stderr.endswith("ZeroDivisionError: division by zero\n")


@pytest.mark.parametrize(("number", "said"), [(signal.SIGINT, "KeyboardInterrupt"), (signal.SIGTERM, "")])
def test_signals_reach_it_though_who_began_it_is_deaf_to_them(number, said):
    process = warm.start("import time; print('ready', flush=True); time.sleep(1000)")
    assert process.stdout.readline() == b"ready\n"
    assert process.poll() is None
    process.send_signal(number)
    _, stderr = process.communicate()
    assert said in stderr
    assert process.returncode == (1 if said else -signal.SIGTERM)


def test_its_streams_are_those_it_is_given(tmp_path):
    (tmp_path / "in").write_bytes(b"heard \xff")
    code = "import os; os.write(1, os.read(0, 100)); os.write(2, b'aside')"
    with (tmp_path / "in").open("rb") as heard, (tmp_path / "out").open("wb") as written:
        done = warm.run(code, stdin=heard, stderr=written, text=False)
    assert (done.stdout, (tmp_path / "out").read_bytes()) == (b"heard \xff", b"aside")
    assert warm.run("print(input())", stdin=subprocess.DEVNULL).stderr.endswith("EOFError: EOF when reading a line\n")


def test_programs_run_at_once_and_none_sees_what_another_changed():
    read, write = os.pipe()
    code = "import os, time; time.changed = True; print('ready', flush=True); os.read(0, 1); print('done')"
    waiting = warm.start(code, stdin=read)
    os.close(read)
    assert waiting.stdout.readline() == b"ready\n"
    assert warm.run("import time; print(hasattr(time, 'changed'))").stdout == "False\n"
    assert waiting.poll() is None
    os.write(write, b"!")
    os.close(write)
    assert waiting.communicate()[0] == "done\n"
