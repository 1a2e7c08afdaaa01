"""avtr as a library: the public names, the lines of docs/library.md and the live example, run as they stand."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import avtr_cli
from avtr_cli.audio.files import DialogueFiles
from avtr_cli.core.types import Cue
from avtr_cli.jobs.checking import check
from avtr_cli.jobs.job import Job
from avtr_cli.jobs.preparation import prepare
from avtr_cli.jobs.production import produce, render_file
from tests import warm

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent


def test_every_public_name_is_there_and_at_home():
    assert set(avtr_cli.__all__) == avtr_cli._HOMES.keys()
    for name in avtr_cli.__all__:
        assert getattr(avtr_cli, name).__module__ == f"avtr_cli.{avtr_cli._HOMES[name]}"
        assert name in dir(avtr_cli)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        avtr_cli.nothing  # noqa: B018


def test_the_package_says_that_it_is_typed():
    assert (ROOT / "avtr_cli" / "py.typed").is_file()


def run(code: str, *arguments: object, folder: Path) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-W", "error::RuntimeWarning", "-c", code, *map(str, arguments)]
    return subprocess.run(words, capture_output=True, text=True, cwd=folder, check=False)


def test_the_documented_lines_run_as_they_stand(tmp_path):
    first, steps = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "library.md").read_text(), re.DOTALL)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    small = 'preset = preset.with_settings(**{"render.size": 64, "motion.euler_steps": 2})\n'
    first = first.replace("sound = ", small + "sound = ").replace("duration_s=2", "duration_s=0.6")
    ended = run(f"import numpy as np; microphone = np.zeros((2, 6480), np.float32)\n{first}\n"
                f"print(len(frames), frames[0].pixels.shape)\n{steps}", folder=tmp_path)  # fmt: skip
    assert ended.stderr == ""
    told = ended.stdout.splitlines()
    assert re.fullmatch(r"15 [0-9a-f]{64}", told[0])
    assert told[1] == "11 (64, 64, 3)"
    assert (tmp_path / "avatar.mp4").is_file()


def test_the_live_example_keeps_the_pace_of_a_call_and_shows_every_frame(tmp_path):
    live = "import runpy; runpy.run_path('examples/live.py', run_name='__main__')"
    ended = warm.run(live, "examples/portrait_drawn.png", "examples/dialogue.wav", 1, cwd=ROOT)
    assert ended.stderr == ""
    spans = [tuple(map(int, found)) for found in re.findall(r"frames +(\d+) to +(\d+)", ended.stdout)]
    assert [number for first, last in spans for number in range(first, last + 1)] == list(range(25))


def test_torch_imported_first_is_told(tmp_path):
    ended = run("import os; os.environ.pop('OMP_WAIT_POLICY', None); import torch; from avtr_cli import Engine",
                folder=tmp_path)  # fmt: skip
    assert "RuntimeWarning: torch was imported before avtr_cli" in ended.stderr


def test_an_engines_session_is_a_call_that_may_be_asked_for_something(engine, photo, dialogue):
    samples = dialogue[:, :16_000]
    plain, asked = engine.session(photo, seed=3), engine.session(str(photo), seed=3, cues=[Cue(6, "nod")])
    frames = [np.stack([frame.pixels for frame in one.push(samples) + one.finish()]) for one in (plain, asked)]
    assert frames[0].shape == frames[1].shape == (25, *frames[0].shape[1:])
    assert np.array_equal(frames[0][:5], frames[1][:5])
    assert not np.array_equal(frames[0][10:], frames[1][10:])


def test_check_prepare_produce_are_render_file(engine, photo, wav, tmp_path):

    def job(name: str) -> Job:
        return Job(photo=photo, sound=DialogueFiles(dialogue=wav(0.5)), out=tmp_path / name, preset=engine.preset)

    whole = render_file(job("whole.mp4"), engine)
    steps = produce(prepare(check(job("steps.mp4")), engine))
    assert steps["output"]["frames_sha256"] == whole["output"]["frames_sha256"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["steps.mp4", "whole.mp4"]


def test_paths_may_be_strings(engine, photo, wav, tmp_path):

    sound = DialogueFiles(dialogue=str(wav(0.2)))
    job = Job(photo=str(photo), sound=sound, out=str(tmp_path / "a.mp4"), preset=engine.preset)
    assert job == Job(photo=photo, sound=DialogueFiles(dialogue=wav(0.2)), out=tmp_path / "a.mp4", preset=engine.preset)
    assert render_file(job, engine)["output"]["frames"] == 5
