"""What has another name since 0.2 is refused with the name it has now."""

from __future__ import annotations

import dataclasses

import pytest

from avtr_cli.batch.rows import KEYS
from avtr_cli.core.config import Preset, load_preset
from avtr_cli.core.errors import ConfigError
from avtr_cli.core.renamed import RENAMED, RENAMED_VALUES


@pytest.mark.parametrize("setting", [name for name in RENAMED if "." in name])
def test_a_setting(setting):
    with pytest.raises(ConfigError, match=rf"it is called {RENAMED[setting]} now"):
        load_preset("default", (f"{setting}=1",))
    load_preset("default", (f"{RENAMED[setting]}=1",))


@pytest.mark.parametrize(("setting", "value"), RENAMED_VALUES)
def test_a_value(setting, value):
    now = RENAMED_VALUES[setting, value]
    with pytest.raises(ConfigError, match=rf"{setting} is '{value}', but it is called {now} now"):
        load_preset("default", (f"{setting}={value}",))
    load_preset("default", (f"{setting}={now}",))


@pytest.mark.parametrize("option", [name for name in RENAMED if name.startswith("--")])
@pytest.mark.parametrize("form", ["{}", "{}=2"])
def test_an_option_of_any_command(avtr, option, form):
    code, _, said = avtr("render", "a.png", "a.wav", form.format(option), *(["2"] if form == "{}" else []))
    assert (code, said) == (2, f"error: {option}: it is called {RENAMED[option]} now\n")


def test_a_manifest_key(avtr, tmp_path):
    (tmp_path / "jobs.yaml").write_text("- {photo: a.png, dialogue: a.wav, self_channel: 2}\n")
    code, _, said = avtr("batch", tmp_path / "jobs.yaml", "-o", tmp_path / "out")
    assert code == 2
    assert "it is called avatar_channel now" in said


def test_no_present_name_is_an_old_one():
    groups = [group for group in vars(Preset()).values() if dataclasses.is_dataclass(group)]
    names = {field.name for group in groups for field in dataclasses.fields(group)} | set(KEYS)
    assert names.isdisjoint(RENAMED)
