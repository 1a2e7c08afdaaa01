"""What listening is held against: each differs from the model in what it hears of the partner, and in nothing else."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
import torch
import yaml

from avtr_cli.core.errors import ConfigError
from avtr_cli.core.motion_space import CONTROLS
from avtr_cli.evaluation.folder.layout import read_layout
from avtr_cli.evaluation.folder.shown import read_shown
from avtr_cli.evaluation.motion.baselines import LOOP_S, baselines, late_partner
from avtr_cli.evaluation.motion.takes import Dialogue
from avtr_cli.motion.file import save_motion

SAMPLES = 40_333  # 64 frames, the last begun


def hearing(sound, seed):
    """A face whose head follows the partner's frames and whose jaw follows its own: what it heard can be read back."""
    frames = -(-sound.shape[1] // 640)
    padded = np.pad(sound, ((0, 0), (0, frames * 640 - sound.shape[1]))).reshape(2, frames, 640)
    values = np.zeros((frames, len(CONTROLS)), np.float32)
    values[:, CONTROLS.index("jawOpen")] = padded[0].mean(1)
    values[:, CONTROLS.index("headPitch")] = padded[1].mean(1) + seed
    return values


def heard(motion):
    return motion[:, CONTROLS.index("headPitch")]


@pytest.fixture
def calls():
    rng = np.random.default_rng(3)
    sound = rng.uniform(0, 1, (3, 2, SAMPLES)).astype(np.float32)
    return [Dialogue(f"c{at}", one, truth=hearing(one, 0)) for at, one in enumerate(sound)]


@pytest.fixture
def systems():
    return {one.name: one for one in baselines(hearing, seeds=2)}


def test_the_model_hears_its_partner_with_every_seed(calls, systems):
    assert np.array_equal(systems["avtr"].perform(calls, 1), hearing(calls[1].sound, 0))
    assert np.array_equal(systems["avtr-seed-1"].perform(calls, 1), hearing(calls[1].sound, 1))
    assert [name for name, one in systems.items() if one.hears_partner] == ["avtr", "avtr-seed-1"]


@pytest.mark.parametrize("name", ["late-0.5s", "late-1s", "other-partner", "deaf"])
def test_all_others_keep_their_own_voice_and_length(calls, systems, name):
    motion, own = systems[name].perform(calls, 0), hearing(calls[0].sound, 0)
    jaw = CONTROLS.index("jawOpen")
    assert np.array_equal(motion[:, jaw], own[:, jaw])
    assert not np.allclose(heard(motion), heard(own))


def test_what_each_hears_of_the_partner(calls, systems):
    assert not heard(systems["deaf"].perform(calls, 0)).any()
    assert np.array_equal(heard(systems["other-partner"].perform(calls, 2)), heard(hearing(calls[0].sound, 0)))
    late = heard(systems["late-1s"].perform(calls, 0))
    assert not late[:25].any()
    assert np.array_equal(late[25:63], heard(hearing(calls[0].sound, 0))[:38])


def test_a_single_call_has_no_other_partner_but_its_own_at_another_time(calls, systems):
    motion = heard(systems["other-partner"].perform(calls[:1], 0))
    assert len(motion) == 64
    assert not np.allclose(motion, heard(hearing(calls[0].sound, 0)))


@pytest.mark.parametrize("seconds", [0.0, 0.5, 100.0])
def test_a_late_partner_keeps_the_call_s_length(calls, seconds):
    assert late_partner(calls[0], seconds).sound.shape == (2, SAMPLES)


def test_an_idle_loop_has_no_jump_and_no_end(systems):
    sound = np.zeros((2, 16_000 * 40), np.float32)
    moving = {one.name: one for one in baselines(lambda sound, seed: np.arange(200.0)[:, None] * np.ones((1, 58)))}
    curve = moving["idle-loop"].perform([Dialogue("long", sound)], 0)[:, 0]
    assert len(curve) == 1000
    assert set(np.abs(np.diff(curve))) == {1.0}
    assert LOOP_S == 8.0


@pytest.fixture
def source(tmp_path, calls):
    """Calls as `avtr train validation` writes them."""
    place = tmp_path / "source"
    place.mkdir()
    for call in calls:
        soundfile.write(place / f"{call.name}.wav", call.sound[:, :16_100].T, 16_000)
        truth = torch.zeros(26, len(CONTROLS))
        save_motion(place / f"{call.name}.truth.safetensors", CONTROLS, truth, 0)
    return place


@pytest.mark.slow
def test_the_command_fills_a_folder_that_eval_listening_reads(avtr, source, tmp_path):
    out = tmp_path / "calls"
    code, _, said = avtr("eval", "baselines", source, "-o", out, "--seeds", 1, "--set", "runtime.threads=1")
    assert code == 0, said
    layout = read_layout(out)
    assert [clip.id for clip in layout.clips] == ["c0", "c1", "c2"]
    assert {system.name: system.hears_partner for system in layout.systems} == {
        "avtr": True, "late-0.5s": False, "late-1s": False, "late-2s": False, "other-partner": False,
        "deaf": False, "loudness": False, "idle-loop": False,
    }  # fmt: skip
    for system in layout.systems:
        for clip in layout.clips:
            assert read_shown(system.shows(clip)).frames == 26
    assert "simulated by rules" in layout.truth
    assert any("no recorded person but a person simulated by rules" in line for line in layout.warnings)
    code, _, said = avtr("eval", "baselines", source, "-o", out)
    assert code == 5
    assert "is there already; choose a new folder" in said


def test_a_call_without_its_truth_is_said_before_the_work(avtr, source, tmp_path):
    (source / "c1.truth.safetensors").unlink()
    code, _, said = avtr("eval", "baselines", source, "-o", tmp_path / "calls")
    assert code == 3
    assert "c1.truth.safetensors" in said
    assert not (tmp_path / "calls").exists()


def test_who_the_truth_is_must_be_words(tmp_path):
    (tmp_path / "manifest.yaml").write_text(yaml.safe_dump({"format": 1, "truth": 3}))
    with pytest.raises(ConfigError, match="'truth' says in words who the true person is"):
        read_layout(tmp_path)
