"""Formats whose header only guesses, or tells of the first of several recordings: all that is there is read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from avtr_cli.audio.source import DialogueFiles, DialogueSource
from avtr_cli.core.errors import AudioError
from tests.fuzz.sounds import originals, two_sides
from tests.sounds import ffmpeg, heard

SECONDS = 2.5
SOUND = two_sides(40_000)


@pytest.fixture(scope="module")
def wav(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("sound") / "a.wav"
    soundfile.write(path, SOUND, 16_000)
    return path


STREAMED = {
    "MP3 of one bit rate": ["-f", "mp3"],
    "MP3 of varying bit rate": ["-q:a", "2", "-f", "mp3"],
    "MP3 of low rate": ["-ar", "8000", "-f", "mp3"],
    "FLAC": ["-f", "flac"],
    "WAV": ["-f", "wav"],
    "RF64": ["-rf64", "always", "-f", "wav"],
    "CAF": ["-f", "caf"],
    "MP3 in a WAV": ["-c:a", "mp3", "-f", "wav"],
}


@pytest.mark.slow
@pytest.mark.parametrize("form", STREAMED)
def test_what_was_written_as_a_stream_is_read_to_its_end(tmp_path, wav, form):
    path = tmp_path / "a.bin"
    path.write_bytes(ffmpeg("-i", str(wav), *STREAMED[form], "-"))
    assert SECONDS <= heard(path).shape[1] / 16_000 < SECONDS + 0.25  # MP3 without a tag keeps its encoder's delay


@pytest.mark.parametrize("form", ["ogg", "opus", "mp3", "wav", "wavf", "flac"])
def test_recordings_one_after_the_other_in_one_file_are_all_read(tmp_path, form, capfd):
    one, two = tmp_path / f"one.{form}", tmp_path / f"three.{form}"
    one.write_bytes(originals(False)[form])
    two.write_bytes(originals(False)[form] * 3)
    single, chained = heard(one), heard(two)
    assert np.array_equal(chained, np.tile(single, 3)) or form == "opus"  # 48 kHz: resampled across the seams
    assert abs(chained.shape[1] - 3 * single.shape[1]) <= 2
    length = single.shape[1]
    if form != "opus":
        assert np.array_equal(heard(two, start_s=1.5 * length / 16_000), chained[:, round(1.5 * length) :])
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("form", ["wav", "flac", "mp3"])
def test_the_last_of_several_recordings_may_not_be_cut_off(tmp_path, form):
    path = tmp_path / f"a.{form}"
    path.write_bytes((originals(False)[form] * 2)[:-500])
    with pytest.raises(AudioError, match=r"cut off after|cannot be read to its end"):
        heard(path)


def test_recordings_of_different_rate_in_one_file_are_refused(tmp_path):
    path = tmp_path / "a.ogg"
    soundfile.write(tmp_path / "b.ogg", two_sides(8_000, 8_000), 8_000, format="OGG")
    path.write_bytes(originals(False)["ogg"] + (tmp_path / "b.ogg").read_bytes())
    with pytest.raises(AudioError, match="2 parts differ in rate"):
        heard(path)


@pytest.mark.slow
def test_mp3_frames_after_the_stated_ones_are_read_too(tmp_path, wav):
    tagged, bare = tmp_path / "a.mp3", ffmpeg("-i", str(wav), "-f", "mp3", "-")
    ffmpeg("-i", str(wav), str(tagged))
    tagged.write_bytes(tagged.read_bytes() + bare)
    assert heard(tagged).shape[1] / 16_000 > 2 * SECONDS


def test_a_cut_mp3_is_refused_before_any_of_it_is_heard_and_without_a_word_on_stderr(tmp_path, capfd):
    path, content = tmp_path / "a.mp3", originals(False)["mp3"]
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(AudioError, match=r"cut off after \d+ of \d+ MP3 frames"):
        DialogueSource(DialogueFiles(dialogue=path))
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("tail", [b"TAG" + bytes(125), bytes(5_000), b"APETAGEX" + bytes(24) + b"TAG" + bytes(125)])
def test_tags_and_zeros_behind_an_mp3_are_no_sound(tmp_path, tail):
    path, content = tmp_path / "a.mp3", originals(False)["mp3"]
    path.write_bytes(content)
    plain = heard(path)
    path.write_bytes(content + tail)
    assert np.array_equal(heard(path), plain)


def test_an_ogg_without_its_last_page_is_read_with_a_warning(tmp_path):
    path = tmp_path / "a.ogg"
    soundfile.write(path, np.random.default_rng(0).normal(0, 0.1, (48_000, 2)), 16_000, format="OGG")
    content = path.read_bytes()
    path.write_bytes(content[: content.rfind(b"OggS")])
    with DialogueSource(DialogueFiles(dialogue=path)) as source:
        assert "may be cut off" in source.notes[0]


@pytest.mark.slow
@pytest.mark.parametrize("form", ["mp3", "ogg", "opus", "flac", "m4a"])
def test_a_part_begins_at_the_very_sample_that_was_asked_for(tmp_path, form):
    path = tmp_path / f"a.{form}"
    path.write_bytes(originals()[form])
    whole, part = heard(path), heard(path, start_s=0.1)
    assert np.abs(part[:, 200:] - whole[:, 1_800:]).max() < 1e-3  # a resampler has another beginning
