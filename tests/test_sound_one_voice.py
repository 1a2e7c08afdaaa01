"""Stereo files of one voice: taken where there is no doubt which channel is meant, refused where there is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from avtr_cli.audio.health import examine
from avtr_cli.audio.source import DialogueFiles, DialogueSource
from avtr_cli.core.errors import AudioError

VOICE = np.random.default_rng(0).normal(0, 0.1, 40_001).clip(-0.9, 0.9)
OTHER = np.random.default_rng(1).normal(0, 0.1, 40_001).clip(-0.9, 0.9)


def write(path: Path, *channels: np.ndarray, rate: int = 16_000) -> Path:
    soundfile.write(path, np.stack(channels, 1), rate)
    return path


def heard(files: DialogueFiles) -> tuple[np.ndarray, tuple[str, ...]]:
    with DialogueSource(files) as source:
        return np.concatenate(list(source.blocks()), axis=1), examine(source, files).warnings


@pytest.mark.parametrize("rate", [16_000, 44_100])
@pytest.mark.parametrize("apart", [0.0, 5e-5])
def test_two_equal_channels_are_one_voice_and_that_is_said(tmp_path, rate, apart):
    stereo = write(tmp_path / "stereo.wav", VOICE, VOICE + apart, rate=rate)
    mono = write(tmp_path / "mono.wav", VOICE, rate=rate)
    found, said = heard(DialogueFiles(dialogue=stereo, solo=True))
    assert np.array_equal(found, heard(DialogueFiles(dialogue=mono, solo=True))[0])
    assert said == (f"{stereo}: has two equal channels; they are taken as one voice",)


@pytest.mark.parametrize("dead", [0, 1])
@pytest.mark.parametrize("offset", [0.0, 0.1])
def test_a_channel_with_nothing_in_it_is_left_out_and_that_is_said(tmp_path, dead, offset):
    channels = [VOICE, np.full_like(VOICE, offset)]
    stereo = write(tmp_path / "stereo.wav", *(channels[::-1] if dead == 0 else channels))
    partner = write(tmp_path / "partner.wav", OTHER)
    found, said = heard(DialogueFiles(dialogue=stereo, partner=partner))
    assert np.abs(found[0] - VOICE).max() < 1e-4
    assert f"{stereo}: channel {dead + 1} is empty; channel {2 - dead} is taken as the voice" in said


def test_a_silent_stereo_file_is_one_silent_voice(tmp_path):
    silent = write(tmp_path / "a.wav", 0 * VOICE, 0 * VOICE)
    _, said = heard(DialogueFiles(dialogue=silent, solo=True))
    assert any("equal" in words for words in said)
    assert any("dead" in words for words in said)


def test_two_channels_that_differ_are_refused_with_what_to_do(tmp_path):
    stereo = write(tmp_path / "a.wav", VOICE, OTHER)
    with pytest.raises(AudioError, match=r"two channels that differ.*leave the option out.*--avatar-channel") as caught:
        heard(DialogueFiles(dialogue=stereo, solo=True))
    assert str(stereo) in str(caught.value)


def test_only_the_part_that_is_heard_decides(tmp_path):
    late = np.concatenate([VOICE, OTHER])
    stereo = write(tmp_path / "a.wav", late, np.concatenate([VOICE, VOICE]))
    assert heard(DialogueFiles(dialogue=stereo, solo=True, duration_s=2.0))[1]
    with pytest.raises(AudioError, match="differ"):
        heard(DialogueFiles(dialogue=stereo, solo=True, duration_s=4.0))


@pytest.mark.parametrize("more", [{}, {"solo": True}])
def test_more_than_two_channels_are_refused_with_what_to_do(tmp_path, more):
    with pytest.raises(AudioError, match=r"has 5 channels; export the ones"):
        heard(DialogueFiles(dialogue=write(tmp_path / "a.wav", *[VOICE] * 5), **more))
