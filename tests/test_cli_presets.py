"""Settings by name: presets, merged settings that can be given back, cues, and what the environment stands for."""

from __future__ import annotations

import dataclasses
import json

import pytest

from avtr_cli.core import presets
from avtr_cli.core.config import load_preset
from avtr_cli.core.types import CUES
from avtr_cli.prompts.catalogue import DESCRIPTIONS


@pytest.fixture(autouse=True)
def own(tmp_path, monkeypatch):
    """The user's presets folder."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    folder = tmp_path / "config" / "avtr" / "presets"
    folder.mkdir(parents=True)
    return folder


def test_a_preset_of_the_user_s_is_found_by_name_and_listed(avtr, own):
    (own / "night.yaml").write_text("# For the night shift. Slow.\nrender: {size: 96}\n")
    assert load_preset("night").render.size == 96
    _, stdout, _ = avtr("presets")
    assert "night         For the night shift. (yours)" in stdout
    listed = {one["name"]: one for one in json.loads(avtr("presets", "--json")[1])}
    assert listed["night"] == {
        "name": "night", "description": "For the night shift.", "shipped": False, "path": str(own / "night.yaml"),
    }  # fmt: skip
    assert listed["fast"]["shipped"]


def test_every_shipped_preset_describes_itself(avtr):
    assert all(one.description.endswith(".") for one in presets.listed())


def test_a_shipped_name_is_never_shadowed_and_that_is_said(avtr, own):
    (own / "fast.yaml").write_text("render: {size: 96}\n")
    code, stdout, said = avtr("config", "show", "--preset", "fast")
    assert code == 0
    assert "  size: 320" in stdout
    assert f"warning: {own / 'fast.yaml'} is not used" in said
    assert "is not used" in avtr("presets")[2]


def test_a_name_that_nobody_has_names_those_of_the_user_s_too(avtr, own):
    (own / "night.yaml").write_text("{}")
    code, _, said = avtr("config", "show", "--preset", "nigth")
    assert code == 2
    assert "did you mean night?" in said


@pytest.mark.parametrize("name", ["default", "fast", "quality", "avtr1", "liveportrait"])
def test_settings_that_were_shown_are_a_preset_of_the_same(avtr, tmp_path, name):
    more = [
        "--set",
        "motion.emotion=happy",
        "--background",
        "#204060",
        "--set",
        "runtime.compile=off",
        "--device",
        "cpu",
    ]
    _, shown, _ = avtr("config", "show", "--preset", name, *more)
    path = tmp_path / "mine.yaml"
    path.write_text(shown)
    settings = tuple(word for word in more if "=" in word)
    wanted = load_preset(name, settings).with_settings(**{"render.background": "#204060", "runtime.device": "cpu"})
    assert load_preset(path) == dataclasses.replace(wanted, name="mine")


def test_what_differs_from_the_default_is_marked_and_nothing_else(avtr):
    _, stdout, _ = avtr("config", "show", "--size", "100")
    assert [line.split() for line in stdout.splitlines() if "default is" in line] == [
        ["size:", "100", "#", "the", "default", "is", "512"]
    ]
    told = json.loads(avtr("config", "show", "--size", "100", "--json")[1])
    assert told["changed"] == ["render.size"]
    assert told["render"]["size"] == 100


def test_every_cue_is_described(avtr):
    assert tuple(DESCRIPTIONS) == CUES
    _, stdout, _ = avtr("cues")
    assert all(f"{name:<12}{said}" in stdout for name, said in DESCRIPTIONS.items())
    assert avtr("cues", "-q")[1].split() == list(CUES)


def test_the_environment_chooses_preset_and_device_unless_they_are_typed(avtr, monkeypatch):
    monkeypatch.setenv("AVTR_PRESET", "fast")
    monkeypatch.setenv("AVTR_DEVICE", "cpu")
    told = json.loads(avtr("config", "show", "--json")[1])
    assert (told["name"], told["runtime"]["device"]) == ("fast", "cpu")
    told = json.loads(avtr("config", "show", "--json", "--preset", "quality", "--device", "auto")[1])
    assert (told["name"], told["runtime"]["device"]) == ("quality", "auto")
    monkeypatch.setenv("AVTR_DEVICE", "gpu")
    assert avtr("config", "show")[0] == 2


def test_a_preset_of_the_user_s_that_shaped_a_job_is_not_written_over(avtr, own, photo, wav):
    path = own / "night.yaml"
    path.write_text("render: {size: 64}\n")
    code, _, said = avtr("render", photo, wav(0.3), "--preset", "night", "--report", path, "-y")
    assert code == 5
    assert f"{path}: is what this job is made from" in said
