"""Settings: presets, dotted settings, and that a typo never passes as a default."""

from __future__ import annotations

import math
import re
from dataclasses import fields, replace

import pytest
import yaml

from avtr_cli.core import presets
from avtr_cli.core.config import Preset, load_preset
from avtr_cli.core.errors import ConfigError
from avtr_cli.core.limits import Like, OneOf, Within, limit_of
from avtr_cli.core.shipped import shipped_folder

GROUPS = {name: group for name, group in vars(Preset()).items() if name != "name"}
SETTINGS = [(name, field) for name, group in GROUPS.items() for field in fields(group)]
NUMBERS = [(name, field) for name, field in SETTINGS if isinstance(field.default, int | float)]
NUMBERS = [(name, field) for name, field in NUMBERS if not isinstance(field.default, bool)]
WORDS = [(name, field) for name, field in SETTINGS if isinstance(field.default, str)]


def test_the_default_preset_names_every_setting_with_its_default():
    written = yaml.safe_load((shipped_folder("presets") / "default.yaml").read_text())
    defaults = Preset().as_dict()
    defaults.pop("name")
    assert written == defaults


@pytest.mark.parametrize("name", [one.name for one in presets.listed() if one.shipped])
def test_every_shipped_preset_loads_and_says_what_each_line_does(name):
    assert load_preset(name).name == name
    text = (shipped_folder("presets") / f"{name}.yaml").read_text()
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
    assert {field.name for field in fields(Preset)} == {"name", "motion", "render", "body", "output", "runtime"}


@pytest.mark.parametrize(("group", "field"), NUMBERS, ids=lambda part: getattr(part, "name", part))
def test_every_number_has_finite_ends_that_are_allowed_and_nothing_beyond_them_is(group, field):
    limit, whole = limit_of(field), isinstance(field.default, int)
    assert isinstance(limit, Within), "every number needs bounds"
    assert math.isfinite(limit.low)
    assert math.isfinite(limit.high)
    assert limit.low < limit.high
    assert limit.holds(field.default)
    for allowed in (limit.low, limit.high, *([limit.off] if limit.off is not None else [])):
        replace(GROUPS[group], **{field.name: type(field.default)(allowed)})
    step = 1 if whole else 1e-6
    for wrong in (limit.low - step, limit.high + step, math.nan, math.inf, -math.inf, 10**400):
        if wrong != limit.off:
            with pytest.raises(ConfigError, match=rf"{group}\.{field.name} .*must "):
                replace(GROUPS[group], **{field.name: wrong})


@pytest.mark.parametrize(("group", "field"), WORDS, ids=lambda part: getattr(part, "name", part))
def test_every_word_is_one_of_some_or_of_a_stated_form(group, field):
    limit = limit_of(field)
    assert isinstance(limit, OneOf | Like)
    for word in limit.words if isinstance(limit, OneOf) else (field.default,):
        preset = load_preset("default", [f"{group}.{field.name}={word}"])
        assert getattr(getattr(preset, group), field.name) == word
    for wrong in ("", "nor\nthis", "n\0ul"):
        with pytest.raises(ConfigError):
            replace(GROUPS[group], **{field.name: wrong})


@pytest.mark.parametrize("word", ["on", "off", "auto"])
@pytest.mark.parametrize("key", ["compile", "cuda_graphs"])
def test_on_and_off_are_words_in_a_preset_and_behind_set(tmp_path, word, key):
    (tmp_path / "mine.yaml").write_text(f"runtime: {{{key}: {word}}}")
    assert getattr(load_preset(tmp_path / "mine.yaml").runtime, key) == word
    assert getattr(load_preset("default", [f"runtime.{key}={word}"]).runtime, key) == word


def test_a_word_behind_set_is_taken_as_it_was_typed():
    for typed in ("007", "true", "1e3", "~", "caf\udce9.png", "12:30.png"):
        assert load_preset("default", [f"render.background={typed}"]).render.background == typed
    assert load_preset("default", ["render.background='a b.png'"]).render.background == "a b.png"
    assert load_preset("default", ["motion.smile=1e-1"]).motion.smile == 0.1


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("head_gain=1.5", r"did you mean motion\.head_gain\?"),
        ("motion.head_gian=1", r"did you mean motion\.head_gain\?"),
        ("hed_gain=1", r"did you mean motion\.head_gain\?"),
        ("k=2024-99-99", "there are motion, render, body, output, runtime"),
        ("render.close_lips=on", "must be true or false, not 'on'"),
        ("render.size=", "is no value"),
        ("render.size=[", "is no value"),
        ("motion.euler_steps=" + "9" * 5000, "is no value"),
        ("motion.gaze=" + "9" * 380, "must be a number"),
        ("render.view='a\\nb'", "render.view is "),
        ('render.view="a\\nb"', r"is 'a\\nb', but must be one of"),
        ("runtime.device=tpu", "must be auto, cpu, cuda or cuda:N"),
        ("render.background=#12345", "a colour such as #204060"),
        ("render.background=" + "a" * 300, "or a picture file"),
    ],
)
def test_a_wrong_setting_is_told_in_one_line_with_what_may_be_meant(setting, says):
    with pytest.raises(ConfigError, match=says) as caught:
        load_preset("default", [setting])
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_an_option_is_named_as_it_was_typed():
    options = {"render.view": "--view", "render.size": "--size"}
    with pytest.raises(ConfigError, match=r"^--view is 'foto', but must be one of crop, photo$"):
        Preset().changed({"render.view": "foto"}, options=options)
    with pytest.raises(ConfigError, match=r"^night\.yaml: motion\.gaze is 9"):
        Preset().changed({"motion.gaze": 9}, origin="night.yaml", options=options)


@pytest.mark.parametrize("name", ["a\0b", "a\0b.yaml", "n" * 5000, "n" * 5000 + ".yaml", "/", "", "."])
def test_a_preset_that_cannot_be_a_file_is_refused(name):
    with pytest.raises(ConfigError):
        load_preset(name)


def test_the_default_preset_says_the_ends_of_every_number():
    said = {}
    for line in (shipped_folder("presets") / "default.yaml").read_text().splitlines():
        key, _, comment = line.partition("#")
        if found := re.search(r"(-?[\d.]+) \.\. ([\d.]+)", comment):
            said[key.partition(":")[0].strip()] = tuple(float(end) for end in found.groups())
    limits = {field.name: limit_of(field) for _, field in NUMBERS}
    assert {name: said.get(name) for name in limits} == {name: (one.low, one.high) for name, one in limits.items()}
