"""Sound files into blocks: any rate, any cut, exact lengths, and one clear sentence for every bad file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from avtr_cli.audio.health import examine
from avtr_cli.audio.source import DialogueFiles, DialogueSource
from avtr_cli.core.errors import AudioError


def tone(seconds: float, rate: int, hertz: float = 440.0, level: float = 0.3) -> np.ndarray:
    return level * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)


def write(path: Path, rate: int, *channels: np.ndarray, subtype: str = "PCM_16") -> Path:
    soundfile.write(path, np.stack(channels, 1), rate, subtype=subtype)
    return path


def heard(files: DialogueFiles, rate: int = 16_000) -> np.ndarray:
    with DialogueSource(files) as source:
        return np.concatenate(list(source.blocks(rate)), axis=1)


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000, 12_345])
def test_any_sample_rate_gives_exactly_the_samples_that_its_seconds_make(tmp_path, rate):
    path = write(tmp_path / "a.wav", rate, tone(2.7, rate), tone(2.7, rate, 600))
    samples = heard(DialogueFiles(dialogue=path))
    count = soundfile.info(path).frames
    assert samples.shape == (2, -(-count * 16_000 // rate))
    assert samples.dtype == np.float32


def test_resampling_does_not_drift_and_has_no_clicks_at_block_borders(tmp_path):
    path = write(tmp_path / "a.wav", 44_100, tone(10, 44_100), tone(10, 44_100), subtype="FLOAT")
    samples = heard(DialogueFiles(dialogue=path))[0]
    wanted = tone(10, 16_000)
    assert np.abs(samples[800:-800] - wanted[800:-800]).max() < 1e-3


def test_a_16_khz_file_is_handed_on_unchanged(tmp_path):
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, (2, 33_333)).astype(np.float32)
    path = write(tmp_path / "a.wav", 16_000, *noise, subtype="FLOAT")
    assert np.array_equal(heard(DialogueFiles(dialogue=path)), noise)


def test_avatar_channel_two_exchanges_the_sides(tmp_path):
    path = write(tmp_path / "a.wav", 16_000, tone(1, 16_000, 300), tone(1, 16_000, 500))
    one, two = heard(DialogueFiles(dialogue=path)), heard(DialogueFiles(dialogue=path, avatar_channel=2))
    assert np.array_equal(one[::-1], two)


def test_two_mono_files_of_different_rate_and_length_become_the_two_sides(tmp_path):
    own = write(tmp_path / "own.wav", 16_000, tone(1, 16_000))
    other = write(tmp_path / "other.wav", 48_000, tone(2, 48_000))
    samples = heard(DialogueFiles(dialogue=own, partner=other))
    assert samples.shape == (2, 32_000)
    assert np.abs(samples[0, 16_000:]).max() == 0
    assert np.abs(samples[1, 20_000:30_000]).max() > 0.25


def test_a_solo_voice_has_a_silent_partner(tmp_path):
    path = write(tmp_path / "a.flac", 22_050, tone(1, 22_050))
    samples = heard(DialogueFiles(dialogue=path, solo=True))
    assert np.abs(samples[0]).max() > 0.25
    assert not samples[1].any()


def test_start_and_duration_cut_what_is_heard(tmp_path):
    path = write(tmp_path / "a.wav", 16_000, *np.random.default_rng(1).uniform(-0.5, 0.5, (2, 48_000)))
    whole = heard(DialogueFiles(dialogue=path))
    part = heard(DialogueFiles(dialogue=path, start_s=1.0, duration_s=0.5))
    assert np.array_equal(part, whole[:, 16_000:24_000])


def test_the_same_source_can_be_heard_again_at_another_rate(tmp_path):
    path = write(tmp_path / "a.wav", 16_000, tone(1.5, 16_000), tone(1.5, 16_000))
    with DialogueSource(DialogueFiles(dialogue=path)) as source:
        assert sum(b.shape[1] for b in source.blocks()) == 24_000
        assert sum(b.shape[1] for b in source.blocks(48_000)) == 72_000


def bad_file(kind: str, folder: Path) -> DialogueFiles:
    path = folder / f"{kind}.wav"
    stereo = (tone(1, 16_000), tone(1, 16_000, 500))
    if kind == "text":
        path.write_text("this is no sound")
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "folder":
        path.mkdir()
    elif kind == "no samples":
        write(path, 16_000, np.zeros(0), np.zeros(0))
    elif kind == "too short":
        write(path, 16_000, np.zeros(100), np.zeros(100))
    elif kind == "mono":
        write(path, 16_000, stereo[0])
    elif kind == "three channels":
        write(path, 16_000, *stereo, stereo[0])
    elif kind == "nan":
        write(path, 16_000, np.full(16_000, np.nan), stereo[1], subtype="FLOAT")
    elif kind == "cut off":
        write(path, 16_000, *stereo)
        path.write_bytes(path.read_bytes()[:20_000])
    elif kind == "start behind the end":
        return DialogueFiles(dialogue=write(path, 16_000, *stereo), start_s=5)
    return DialogueFiles(dialogue=path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("missing", "no such file"),
        ("text", "not a sound file"),
        ("empty", "not a sound file"),
        ("folder", "is a folder"),
        ("no samples", "no sound at all"),
        ("too short", "at least one frame"),
        ("mono", "add --solo"),
        ("three channels", "3 channels"),
        ("nan", "NaN"),
        ("cut off", "cut off after"),
        ("start behind the end", "behind its end"),
    ],
)
def test_a_bad_file_is_refused_in_one_sentence_that_names_it(tmp_path, kind, says):
    files = bad_file(kind, tmp_path)
    with pytest.raises(AudioError, match=says) as caught:
        heard(files)
    assert str(files.dialogue) in str(caught.value)
    assert "\n" not in str(caught.value)


def health_of(files: DialogueFiles) -> str:
    with DialogueSource(files) as source:
        return " / ".join(examine(source, files).warnings)


def voice(seconds: float, seed: int) -> np.ndarray:
    """Noise in bursts of a second, with pauses."""
    random = np.random.default_rng(seed)
    count = round(seconds * 16_000)
    return 0.2 * random.standard_normal(count).clip(-3, 3) * (np.arange(count) // 16_000 % 2 == seed % 2)


def test_a_sound_dialogue_gets_no_warning(tmp_path):
    assert health_of(DialogueFiles(dialogue=write(tmp_path / "a.wav", 16_000, voice(6, 0), voice(6, 1)))) == ""


@pytest.mark.parametrize(
    ("own", "other", "says"),
    [
        (voice(6, 0), voice(6, 0) * 0.9, "not a dialogue"),
        (voice(6, 0), np.zeros(96_000), "is dead"),
        ((voice(6, 0) * 20).clip(-1, 1), voice(6, 1), "is clipped"),
        (voice(6, 0) * 1e-4, voice(6, 1), "--avatar-channel 2"),
    ],
)
def test_what_is_doubtful_about_the_two_sides_is_said(tmp_path, own, other, says):
    assert says in health_of(DialogueFiles(dialogue=write(tmp_path / "a.wav", 16_000, own, other)))
