"""What is doubtful about a call: the same sound on both sides in any guise, offsets, samples out of scale."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from avtr_cli.audio.health import Health, examine
from avtr_cli.audio.levels import frame_powers
from avtr_cli.audio.sameness import Sameness
from avtr_cli.audio.source import DialogueFiles, DialogueSource
from avtr_cli.audio.turns import active_side, voiced
from avtr_cli.core.errors import AudioError


def voice(seconds: float, seed: int) -> np.ndarray:
    """Noise in bursts of a second, with pauses; seeds of one parity speak at the same time."""
    count = round(seconds * 16_000)
    noise = np.random.default_rng(seed).standard_normal(count).clip(-3, 3)
    return 0.1 * noise * (np.arange(count) // 16_000 % 2 == seed % 2)


def write(path: Path, *channels: np.ndarray, subtype: str = "FLOAT") -> Path:
    soundfile.write(path, np.stack(channels, 1), 16_000, subtype=subtype)
    return path


def health(path: Path, **more) -> Health:
    files = DialogueFiles(dialogue=path, **more)
    with DialogueSource(files) as source:
        return examine(source, files)


def late(sound: np.ndarray, samples: int) -> np.ndarray:
    return np.concatenate([np.zeros(samples), sound])[: len(sound)]


SAME = {
    "a copy": (voice(6, 0), voice(6, 0)),
    "a quieter copy": (voice(6, 0), 0.2 * voice(6, 0)),
    "a copy of opposite phase": (voice(6, 0), -voice(6, 0)),
    "a copy with another offset": (voice(6, 0) + 0.2, voice(6, 0) - 0.1),
    "a copy 12 ms late": (voice(6, 0), late(voice(6, 0), 192)),
    "a copy 3 ms early": (late(voice(6, 0), 48), voice(6, 0)),
    "a copy of opposite phase, 20 ms late": (voice(6, 0), -late(voice(6, 0), 320)),
}
OWN = {
    "two voices": (voice(6, 0), voice(6, 1)),
    "two voices at once": (voice(6, 0), voice(6, 2)),
    "two voices with offsets": (voice(6, 0) + 0.2, voice(6, 1) + 0.25),
    "crosstalk": (voice(6, 0) + 0.1 * voice(6, 1), voice(6, 1) + 0.1 * voice(6, 0)),
    "silence": (np.zeros(96_000), np.zeros(96_000)),
    "an offset alone": (np.full(96_000, 0.3), np.full(96_000, 0.3)),
    "a short sound": (voice(0.3, 0), np.roll(voice(0.3, 2), 50)),
}


@pytest.mark.parametrize("sides", SAME)
def test_the_same_sound_on_both_sides_is_told_in_every_guise(tmp_path, sides):
    path = write(tmp_path / "a.wav", *SAME[sides])
    said = health(path).warnings
    assert any(f"{path}: both sides carry the same sound" in words for words in said)
    assert ("ms late" in " ".join(said)) == ("late" in sides or "early" in sides)


@pytest.mark.parametrize("sides", OWN)
def test_two_sounds_are_not_taken_for_one(tmp_path, sides):
    assert "same sound" not in " ".join(health(write(tmp_path / "a.wav", *OWN[sides])).warnings)


def test_the_delay_is_told_with_its_side():
    same = Sameness()
    sound = voice(4, 0)
    for at in range(0, 64_000, 16_000):
        same.hear(np.stack([sound, late(sound, 192)])[:, at : at + 16_000].astype(np.float32))
    alike, lag_ms = same.delayed
    assert alike > 0.95
    assert lag_ms == pytest.approx(12.0)


def test_an_offset_is_one_warning_and_no_voice(tmp_path):
    path = write(tmp_path / "a.wav", voice(6, 0) + 0.1, voice(6, 1))
    found, clean = health(path), health(write(tmp_path / "b.wav", voice(6, 0), voice(6, 1)))
    assert [words for words in found.warnings if "offset" in words] == list(found.warnings)
    assert f"{path}: channel 1 (avatar) has a DC offset of 0.10" in found.warnings[0]
    assert found.voice_share == clean.voice_share
    assert found.correlation == pytest.approx(clean.correlation, abs=1e-4)
    assert clean.warnings == ()


def test_an_offset_does_not_keep_the_picture_with_one_side(tmp_path):
    own, other = voice(12, 0), voice(12, 1)
    clean, offset = write(tmp_path / "a.wav", own, other), write(tmp_path / "b.wav", own + 0.1, other)
    with DialogueSource(DialogueFiles(dialogue=clean)) as one, DialogueSource(DialogueFiles(dialogue=offset)) as two:
        assert np.array_equal(voiced(one), voiced(two))
        assert np.array_equal(active_side(one), active_side(two))


def test_a_channel_with_an_offset_and_nothing_else_is_dead(tmp_path):
    said = health(write(tmp_path / "a.wav", voice(6, 0), np.full(96_000, 0.1))).warnings
    assert any("channel 2 (partner) is dead" in words for words in said)


def test_every_warning_names_its_file(tmp_path):
    path = write(tmp_path / "a.wav", 0 * voice(6, 0), (20 * voice(6, 1)).clip(-1, 1) + 0.1)
    said = health(path).warnings
    assert len(said) >= 3
    assert all(str(path) in words for words in said)


@settings(max_examples=40)
@given(count=st.integers(0, 2_000), offset=st.floats(-0.5, 0.5), seed=st.integers(0, 99))
def test_the_power_of_a_frame_does_not_know_of_offsets(count, offset, seed):
    samples = np.random.default_rng(seed).normal(0, 0.1, (2, count)).astype(np.float32)
    powers = frame_powers(samples)
    assert powers.shape == (2, count // 640)
    assert np.allclose(powers, frame_powers(samples + np.float32(offset)), atol=1e-6)


OUT_OF_SCALE = {
    6_283.0: "up to 6283 where 1 is full scale: 16-bit integers written as floats.*divide by 32768",
    32_000.0: "16-bit integers written as floats",
    3e38: r"up to 3e\+38 where 1 is full scale; export it again",
    np.inf: "NaN or infinite",
    np.nan: "NaN or infinite",
}


@pytest.mark.parametrize("peak", OUT_OF_SCALE)
@pytest.mark.parametrize("at", [0, 50_000, 95_999])
def test_samples_out_of_scale_are_refused_before_anything_is_made_of_them(tmp_path, peak, at):
    sound = voice(6, 0)
    sound[at] = -peak if at else peak
    path = write(tmp_path / "a.wav", voice(6, 1), sound)
    with pytest.raises(AudioError, match=OUT_OF_SCALE[peak]) as caught:
        health(path)
    assert str(path) in str(caught.value)


def test_floats_a_little_above_full_scale_are_read(tmp_path):
    assert health(write(tmp_path / "a.wav", 12 * voice(6, 0), voice(6, 1))).peak[0] > 2
