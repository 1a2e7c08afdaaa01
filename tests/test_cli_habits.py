"""What people expect of any command-line tool: help, logs, quiet, JSON, colour, completion, one sentence for errors."""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from avtr_cli import cli
from avtr_cli.batch.summary import table
from avtr_cli.cli import voice
from avtr_cli.cli.command import PANELS
from avtr_cli.core import logs
from tests import videos, warm

SMALL = ("--size", "64")


def every_command() -> list[tuple[str, ...]]:
    """The words of every command and group."""

    def below(command, words):
        yield words
        for name, inner in getattr(command, "commands", {}).items():
            yield from below(inner, (*words, name))

    return list(below(cli.assembled(), ()))


@pytest.mark.parametrize("words", every_command(), ids=" ".join)
def test_dash_h_is_help_of_every_command_in_80_columns(avtr, words):
    code, short, _ = avtr(*words, "-h")
    assert (code, short) == avtr(*words, "--help")[:2]
    assert code == 0
    assert short.startswith(f"Usage: {' '.join(('avtr', *words))} [OPTIONS]")
    assert max(map(len, short.splitlines())) <= 80
    assert "-v, --verbose" in short
    assert "--log-file FILE" in short
    assert not re.search(r"<\w+>|\{\w+\}", short)  # a programmer's words


def test_python_dash_m_is_the_same_command(tmp_path):
    here = os.environ | {"PYTHONPATH": str(Path(cli.__file__).parents[2])}
    words = [sys.executable, "-m", "avtr_cli", "render", "nobody.jpg", "call.wav"]
    said = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path, env=here)
    assert (said.returncode, said.stderr) == (3, "error: nobody.jpg: there is no such file\n")


def test_commands_hand_over_between_threads_soon_and_whoever_imports_us_does_as_before():
    lines = ["import sys; sys.argv=['avtr', '--version']", "from avtr_cli.cli import main", "before = {0}"]
    code = "\n".join([*lines, "try: main()", "except SystemExit: print(before, {0})"]).format("sys.getswitchinterval()")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    others, ours = map(float, done.stdout.split()[-2:])
    assert others == 0.005
    assert ours < 0.001


def test_help_of_render_has_panels_examples_and_exit_codes_in_order(avtr):
    _, said, _ = avtr("render", "-h")
    headings = re.findall(r"^(\w[\w ]*):$", said, re.MULTILINE)
    assert headings == ["Arguments", *PANELS, "Examples"]
    assert "Usage: avtr render [OPTIONS] PHOTO [DIALOGUE...]" in said
    assert "Exit codes: 0 done" in said
    assert "[env: AVTR_PRESET]" in said


@pytest.mark.slow
def test_help_loads_neither_rich_nor_torch():
    lines = ["import sys; sys.argv=['avtr', 'render', '-h']", "from avtr_cli.cli import main"]
    code = "\n".join([*lines, "try: main()", "except SystemExit: print(*sys.modules)"])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert loaded & {"rich", "torch", "cv2", "onnxruntime", "numpy"} == set()


def test_a_mistyped_option_is_one_sentence_that_says_where_help_is(avtr):
    code, _, said = avtr("render", "a.png", "a.wav", "--sise", "3")
    assert (code, said.count("\n")) == (2, 1)
    assert said.startswith("error: No such option: --sise")
    assert "avtr render --help" in said


@pytest.mark.slow
def test_verbose_tells_decisions_and_the_log_file_keeps_them(avtr, photo, wav, tmp_path):
    log = tmp_path / "logs" / "a.log"
    new = ("--set", "render.size=72", "--set", "runtime.keep_avatars=off")  # no avatar of this photo waits
    arguments = ("render", photo, wav(0.3), "-o", tmp_path / "a.mp4", *SMALL, *new, "-v", "--log-file", log)
    code, stdout, said = avtr(*arguments)
    assert code == 0
    for told in (
        "device cpu",
        "threads",
        "lmfm.safetensors",
        "face found in",
        "libx264",
        "from the beginning",
        "rendered",
    ):
        assert told in said, told
        assert told in log.read_text(), told
        assert told not in stdout
    before = log.read_text()
    assert avtr(*arguments, "-y")[0] == 0
    assert log.read_text().startswith(before)
    assert len(log.read_text()) > len(before)


@pytest.mark.slow
def test_a_log_file_alone_leaves_stderr_as_it_is(avtr, photo, wav, tmp_path):
    log = tmp_path / "a.log"
    code, _, said = avtr("--log-file", log, "render", photo, wav(0.3), "-o", tmp_path / "a.mp4", *SMALL)
    assert code == 0
    assert "INFO" not in said
    assert "INFO avtr_cli" in log.read_text()


def test_a_log_file_that_is_something_else_is_not_touched(avtr, photo, wav):
    before = photo.read_bytes()
    code, _, said = avtr("render", photo, wav(0.3), "--log-file", photo)
    assert (code, photo.read_bytes()) == (5, before)
    assert "is no log" in said


def test_of_the_library_nothing_is_heard_and_after_a_command_nothing_either(avtr, capsys):
    assert avtr("cues", "-v")[0] == 0
    logger = logging.getLogger("avtr_cli.streaming.engine")
    logger.warning("to nobody")
    assert capsys.readouterr().err == ""
    assert not logger.isEnabledFor(logging.INFO)
    assert not logs.tells_details()


def test_a_bug_is_one_sentence_in_every_command_and_its_trace_is_shown_by_verbose(avtr, monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr("avtr_cli.core.presets.listed", lambda: 1 / 0)
    code, _, said = avtr("presets")
    assert (code, said.count("\n")) == (1, 1)
    assert "a bug in avtr, please report it: ZeroDivisionError" in said
    _, _, said = avtr("presets", "-v")
    assert "Traceback" in said
    assert said.splitlines()[-1].startswith("error: a bug in avtr")


class Terminal(list):
    """A terminal that keeps what is written to it."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> None:
        self.append("" + text)  # bytes are refused, as by a terminal: so libraries tell one from a file

    def flush(self) -> None: ...


@pytest.mark.parametrize(("variables", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)])
def test_an_error_is_red_on_a_terminal_that_wants_colour_and_wrapped_between_words(monkeypatch, variables, coloured):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("COLUMNS", "40")
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    voice.begin()
    sentence = "a sentence of many words that does not fit into one line of forty columns"
    voice.error(sentence)
    said = "".join(terminal)
    assert ("\x1b[31m" in said) is coloured
    plain = re.sub(r"\x1b\[\d+m", "", said)
    assert max(map(len, plain.splitlines())) <= 40
    assert " ".join(plain.split()) == f"error: {sentence}"


def test_in_a_pipe_there_is_neither_colour_nor_wrapping(avtr, tmp_path):
    _, _, said = avtr("render", tmp_path / f"{'long ' * 30}.png", "a.wav")
    assert "\x1b" not in said
    assert said.count("\n") == 1


def complete(*words: str) -> list[str]:
    typed = " ".join(("avtr", *words))
    environment = {"_AVTR_COMPLETE": "complete_bash", "COMP_WORDS": typed, "COMP_CWORD": str(len(words))}
    return warm.run(warm.AVTR, env=os.environ | environment).stdout.split()


@pytest.mark.slow
def test_tab_completes_names_that_are_known():
    assert complete("render", "--preset", "f") == ["fast"]
    assert complete("dialogue", "--layout", "") == ["side-by-side", "active-speaker", "stack"]
    assert complete("render", "--set", "render.si") == ["render.size="]
    assert complete("weights", "pull", "avtr1/m") == ["avtr1/motion", "avtr1/modnet"]


@pytest.mark.slow
def test_the_report_as_json_is_all_there_is_on_stdout(avtr, photo, wav, tmp_path):
    report = tmp_path / "r.json"
    code, stdout, said = avtr("render", photo, wav(0.3), "-o", tmp_path / "a.mp4", *SMALL, "--json", "--report", report)
    assert code == 0
    assert json.loads(stdout) == videos.report_of(report)
    assert "times real time" in said


@pytest.mark.slow
def test_deadlines_are_told_only_at_the_speed_of_a_call(avtr, photo, wav, tmp_path):
    arguments = ("render", photo, wav(0.3), "-o", tmp_path / "a.mp4", *SMALL, "-y")
    assert "missed the deadline" not in avtr(*arguments)[1]
    assert "missed the deadline" in avtr(*arguments, "--pace", "realtime")[1]


@pytest.mark.parametrize("words", [("bench", "--json", "a.json"), ("eval", "motion", "a.wav", "--json=a.json")])
def test_json_with_a_file_is_refused_with_its_new_name(avtr, words):
    code, _, said = avtr(*words)
    assert (code, said.count("\n")) == (2, 1)
    assert "--report a.json" in said


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(("doctor",), marks=pytest.mark.slow),
        ("weights", "list"),
        ("weights", "verify"),
        ("presets",),
        ("cues",),
        ("demo", "--list"),
    ],
)
def test_json_is_json_and_quiet_is_short_in_every_command(avtr, words, tmp_path, monkeypatch):
    monkeypatch.setenv("AVTR_WEIGHTS", str(tmp_path))
    usual = avtr(*words)[1]
    json.loads(avtr(*words, "--json")[1])
    assert len(avtr(*words, "-q")[1]) < len(usual)
    assert [line for line in usual.splitlines() if len(line) > 80 and not re.search(r"\S{50}", line)] == []  # a path


@pytest.mark.parametrize("words", every_command(), ids=" ".join)
def test_no_command_types_an_option_of_another_meaning(words):
    """-q, -v, -y, -o and --json stand for the same everywhere."""
    meant = {"-q": "--quiet", "-v": "--verbose", "-y": "--overwrite", "-o": "--out", "-h": "--help"}
    command = cli.assembled()
    for word in words:
        command = command.commands[word]
    for option in command.params:
        for short, long in meant.items():
            assert (short in option.opts) <= (long in option.opts)
        if "--json" in option.opts:
            assert option.is_flag


def test_the_command_line_is_documented(avtr):
    page = (Path(cli.__file__).parents[2] / "docs" / "command_line.md").read_text()
    for name in ("AVTR_PRESET", "AVTR_DEVICE", "--log-file", "--progress json", "--install-completion"):
        assert name in page


@pytest.mark.parametrize("name", ["a", "n" * 40])
def test_a_table_is_wrapped_between_words_where_a_terminal_is_narrow(name):
    reason = "the header promises more sound than there is; copy it again"
    rows = [("job", "exit", "reason"), (name, "3", reason)]
    assert table(rows)[1].endswith(reason)
    lines = table(rows, 60)
    assert max(map(len, lines)) <= 60
    assert " ".join(" ".join(lines[1:]).split()) == f"{name} 3 {reason}"
