"""Every command that README and docs show: README's are run as they stand, one by one; all are understood."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import soundfile

from avtr_cli.cli import assembled

ROOT = Path(__file__).parent.parent
PAGES = [*sorted(ROOT.glob("*.md")), ROOT / "examples" / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
COMMAND = re.compile(r"^(?: {4})?(avtr [^…\n]*)$", re.MULTILINE)
NAMES = {"DIALOGUE...": "a.wav", "PHOTO...": "a.png", "VOICES...": "b.wav"}  # as a synopsis writes them


def commands(page: Path) -> list[list[str]]:
    """The words of every line that begins with `avtr`, comments left out."""
    lines = [re.split(r"\s{2,}", line)[0] for line in COMMAND.findall(page.read_text(encoding="utf-8"))]
    return [[NAMES.get(word, word) for word in shlex.split(line, comments=True)] for line in lines]


@pytest.mark.parametrize(
    "words", [words for page in PAGES for words in commands(page)], ids=lambda words: " ".join(words)[:60]
)
def test_a_documented_command_is_understood(words):
    command, arguments = assembled(), words[1:]
    context = command.make_context("avtr", list(arguments), resilient_parsing=False)
    while hasattr(command, "resolve_command") and (rest := [*context._protected_args, *context.args]):
        name, command, arguments = command.resolve_command(context, rest)
        context = command.make_context(name, list(arguments), parent=context)


def test_every_link_of_a_page_leads_to_a_file():
    broken = []
    for page in PAGES:
        links = re.findall(r"\]\((?!https?:)([^)#\s]+)", page.read_text(encoding="utf-8"))
        broken += [f"{page.name}: {link}" for link in links if not (page.parent / link).exists()]
    assert broken == []


def test_what_contributors_type_are_targets_of_the_makefile():
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    typed = {
        name
        for page in PAGES
        for name in re.findall(r"(?:^ {4}|^|`)make (?:[A-Z]+=\S+ )*(\w+)", page.read_text(), re.MULTILINE)
    }
    assert {"quick", "test", "lint", "demo", "install"} <= typed <= set(targets)


@pytest.mark.slow
def test_readme_s_commands_work_as_they_stand_one_after_the_other(avtr, photo, dialogue, tmp_path, monkeypatch):
    (tmp_path / "calls").mkdir()
    for name in (
        "photo.jpg",
        "me.jpg",
        "them.jpg",
        "calls/one.png",
        "calls/anna.png",
    ):  # a PNG inside, whatever the name says
        (tmp_path / name).write_bytes(photo.read_bytes())
    short = dialogue[:, 8_000:16_123]
    for name in ("call.wav", "calls/one.wav", "calls/anna.wav"):
        soundfile.write(tmp_path / name, short.T, 16_000)
    for name, row in (("me.wav", 0), ("them.wav", 1), ("voice.wav", 0)):
        soundfile.write(tmp_path / name, short[row], 16_000)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))  # for a batch's workers
    fetched = [words for words in commands(ROOT / "README.md") if words[1] == "weights" or "avtr1" in words]
    elsewhere = [["avtr", "demo", "astronaut-speaking", "-o", "out"]]  # .ci/run makes all demos
    elsewhere += [["avtr", "demo", "compare", "-o", "out"]]  # in small: test_demo_compare.py
    elsewhere += [words for words in commands(ROOT / "README.md") if "full.jpg" in words]  # test_body_views.py
    for words in commands(ROOT / "README.md"):
        if words in fetched + elsewhere:
            continue
        code, _, stderr = avtr(*words[1:])
        assert code == 0, (words, stderr)
    made = {path.name for path in tmp_path.iterdir()}
    assert {"avatar.mp4", "two.mp4", "alone.mp4", "call.mp4", "found.png", "videos"} <= made
