"""Settings: presets, dotted settings, and that a typo never passes as a default."""

from __future__ import annotations

from dataclasses import fields

import pytest
import yaml

from avtr_cli.config import Preset, load_preset, preset_folder, preset_names
from avtr_cli.errors import ConfigError


def test_the_default_preset_names_every_setting_with_its_default():
    written = yaml.safe_load((preset_folder() / "default.yaml").read_text())
    defaults = Preset().as_dict()
    defaults.pop("name")
    assert written == defaults


@pytest.mark.parametrize("name", preset_names())
def test_every_shipped_preset_loads_and_says_what_each_line_does(name):
    assert load_preset(name).name == name
    text = (preset_folder() / f"{name}.yaml").read_text()
    settings = [line for line in text.splitlines() if line.startswith("  ") and line.strip()]
    assert all("#" in line for line in settings)


def test_settings_on_the_command_line_win_over_the_preset():
    preset = load_preset("fast", ["render.size=256", "motion.head_gain=2", "render.background=#00FF00"])
    assert (preset.render.size, preset.motion.head_gain, preset.render.background) == (256, 2.0, "#00FF00")
    assert preset.motion.euler_steps == load_preset("fast").motion.euler_steps


def test_a_preset_of_ones_own_changes_only_what_it_names(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("render: {size: 300}\n")
    assert load_preset(path).render.size == 300
    assert load_preset(path).motion == Preset().motion


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("rendering: {size: 300}", "no group of settings is called 'rendering'"),
        ("render: {sise: 300}", "no render setting is called 'sise'"),
        ("render: {size: big}", "must be a whole number"),
        ("render: {size: 1}", "between 64 and 4096"),
        ("render: {view: side}", "one of crop, photo"),
        ("render: 300", "must hold settings"),
        ("- 1", "table of settings"),
        ("a: [", "not a YAML file"),
    ],
)
def test_a_wrong_preset_is_refused_in_one_sentence_that_names_the_file(tmp_path, text, says):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=says) as caught:
        load_preset(path)
    assert "mine.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("setting", ["render.size", "size=3", "render.wrong=3", "render.size=abc"])
def test_a_wrong_setting_is_refused(setting):
    with pytest.raises(ConfigError):
        load_preset("default", [setting])


def test_an_unknown_preset_says_which_there_are():
    with pytest.raises(ConfigError, match=r"there are .*default"):
        load_preset("defualt")


def test_every_setting_is_in_one_of_the_groups():
    assert {field.name for field in fields(Preset)} == {"name", "motion", "render", "output", "runtime"}
