"""What libsndfile cannot read goes through ffmpeg: from the true first sample, leaving nothing, following nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import threading
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
import soundfile

from avtr_cli.audio import decoding
from avtr_cli.audio.source import DialogueFiles, DialogueSource
from avtr_cli.core.errors import AudioError
from tests.fuzz.sounds import originals, two_sides
from tests.sounds import ffmpeg, heard

pytestmark = pytest.mark.slow

SOUND = two_sides(48_001)
PICTURE = ["-f", "lavfi", "-i", "color=size=64x64:rate=25:duration=3"]


@pytest.fixture(scope="module", autouse=True)
def whole_ffmpeg() -> None:
    """What the tests spoil is made before one of them takes ffmpeg away."""
    originals()


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("sound")
    soundfile.write(path / "a.wav", SOUND, 16_000)
    return path


def lag(found: np.ndarray) -> int:
    """By how many samples `found` comes after SOUND."""
    size = 1 << 17
    both = np.fft.rfft(found[0], size) * np.conj(np.fft.rfft(SOUND[:, 0], size))
    best = int(np.fft.irfft(both, size).argmax())
    return best - size if best > size // 2 else best


FORMS = {
    "m4a": ["-c:a", "aac", "-b:a", "128k"],
    "mp4": [*PICTURE, "-c:v", "libx264", "-c:a", "aac", "-b:a", "128k"],
    "mov": ["-c:a", "alac"],
    "webm": [*PICTURE, "-c:v", "libvpx", "-c:a", "libopus", "-b:a", "128k"],
    "mkv": ["-c:a", "libvorbis", "-q:a", "8"],
    "mka": ["-c:a", "flac"],
}


@pytest.mark.parametrize("form", FORMS)
def test_a_container_is_heard_from_its_true_first_sample_to_its_last(folder, form):
    path = folder / f"a.{form}"
    ffmpeg("-i", str(folder / "a.wav"), *FORMS[form], str(path))
    found = heard(path)
    assert found.shape[1] == len(SOUND)
    assert lag(found) == 0
    assert np.abs(found - SOUND.T).max() < 0.1
    if form in ("mov", "mka"):  # nothing is lost in them
        assert np.abs(found - SOUND.T).max() < 1 / 32_768


@pytest.mark.parametrize("form", ["aac", "wma", "avi", "ts", "ac3"])
def test_formats_that_do_not_state_their_encoder_delay_are_heard_whole(folder, form):
    path = folder / f"b.{form}"
    ffmpeg("-i", str(folder / "a.wav"), str(path))
    assert abs(heard(path).shape[1] - len(SOUND)) < 2_500


def test_a_pause_in_the_time_stamps_is_heard_as_silence(folder):
    path = folder / "gap.mkv"
    gap = "aselect='not(between(t,1,2))'"
    ffmpeg("-i", str(folder / "a.wav"), "-af", gap, "-c:a", "flac", str(path))
    assert abs(heard(path).shape[1] - len(SOUND)) < 1_000


def test_only_what_is_asked_for_is_decoded(folder):
    path = folder / "long.m4a"
    ffmpeg("-f", "lavfi", "-i", "anoisesrc=d=20:a=0.1:r=8000", "-ac", "2", str(path))
    with DialogueSource(DialogueFiles(dialogue=path, start_s=1.0, duration_s=2.0)) as source:
        assert source.facts.samples == 32_000
        assert source._tracks[0]._recording.frames <= 5 * 8_000


@pytest.mark.parametrize("kind", ["plain", "partly"])
def test_nothing_temporary_is_left(folder, tmp_path, monkeypatch, kind):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    path = folder / "c.m4a"
    path.write_bytes(originals()["m4a"] if kind == "plain" else originals()["m4a"][:-300])
    try:
        with DialogueSource(DialogueFiles(dialogue=path)) as source:
            next(source.blocks())
            assert list(tmp_path.iterdir()) == []  # it has no name even while it is read
    except AudioError:
        assert kind == "partly"
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_while_ffmpeg_works_ends_it_and_leaves_nothing(folder, tmp_path, monkeypatch):
    path = folder / "d.m4a"
    path.write_bytes(originals()["m4a"])
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    started = []

    class Slow(subprocess.Popen):
        def __init__(self, command, **more):
            super().__init__(["sleep", "60"], **{**more, "pass_fds": ()})
            started.append(self)
            threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()

    monkeypatch.setattr(decoding.subprocess, "Popen", Slow)
    with pytest.raises(KeyboardInterrupt):
        DialogueSource(DialogueFiles(dialogue=path))
    assert started[0].poll() is not None
    assert list(tmp_path.iterdir()) == []


def bad_file(kind: str, folder: Path) -> Path:
    path = folder / f"{kind}.mp4"
    sound = ["-i", str(folder / "a.wav")]
    if kind == "video alone":
        ffmpeg(*PICTURE, "-c:v", "libx264", str(path))
    elif kind == "two tracks":
        ffmpeg(*sound, *sound, "-map", "0", "-map", "1", str(path))
    elif kind == "six channels":
        ffmpeg(*sound, "-ac", "6", str(path))
    elif kind == "cut at its index":
        path.write_bytes(originals()["m4a"][:-300])
    elif kind == "cut in its sound":
        ffmpeg(*sound, "-movflags", "+faststart", str(path))
        path.write_bytes(path.read_bytes()[:-2_000])
    elif kind == "cut webm":
        path.write_bytes(originals()["webm"][:-300])
    elif kind == "m3u8":
        path.write_text(f"#EXTM3U\n#EXTINF:3,\n{folder / 'a.wav'}\n#EXT-X-ENDLIST\n")
    elif kind == "concat":
        path.write_text(f"ffconcat version 1.0\nfile {folder / 'a.wav'}\n")
    elif kind == "dash":
        path.write_text('<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011"></MPD>\n')
    elif kind == "sdp":
        path.write_text("v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=audio 5004 RTP/AVP 0\n")
    elif kind == "picture":
        ffmpeg(*PICTURE, "-frames:v", "1", "-f", "mjpeg", str(path))
    elif kind == "noise":
        path.write_bytes(np.random.default_rng(1).bytes(20_000))
    return path


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("video alone", "video without a sound track"),
        ("two tracks", "holds 2 sound tracks.*-map 0:a:0"),
        ("six channels", "has 6 channels"),
        ("cut at its index", "cut off"),
        ("cut in its sound", "cut off"),
        ("cut webm", "cut off"),
        ("m3u8", "is a playlist"),
        ("concat", "is a playlist"),
        ("dash", "is a playlist"),
        ("sdp", "not a sound file"),
        ("picture", "not a sound file|without a sound track"),
        ("noise", "not a sound file|cannot be decoded"),
    ],
)
def test_what_has_no_one_sound_is_refused_in_one_sentence_that_names_it(folder, kind, says):
    path = bad_file(kind, folder)
    with pytest.raises(AudioError, match=says) as caught:
        heard(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_network_address_is_never_fetched():
    with pytest.raises(AudioError, match="no such file; avtr fetches nothing"):
        DialogueSource(DialogueFiles(dialogue=Path("http://127.0.0.1:9/a.mp3")))


def test_a_header_that_states_more_than_its_file_can_hold_is_refused(folder, monkeypatch):
    monkeypatch.setattr(decoding, "MOST_ANYWAY_S", 0.0)
    monkeypatch.setattr(decoding, "BYTES_A_SECOND", 20_000)
    path = folder / "silent.mka"
    ffmpeg("-f", "lavfi", "-i", "anullsrc=d=60:r=16000", "-c:a", "flac", str(path))
    with pytest.raises(AudioError, match="states more sound than"):
        heard(path)


def test_without_ffmpeg_a_sentence_says_so_and_wav_files_are_still_read(folder, monkeypatch):
    monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", lambda: "/nowhere/ffmpeg")
    path = folder / "e.m4a"
    path.write_bytes(originals()["m4a"])
    with pytest.raises(AudioError, match="needs ffmpeg"):
        heard(path)
    assert heard(folder / "a.wav").shape == (2, 48_001)


def test_what_ffmpeg_says_last_is_heard_however_much_it_said_before(folder, monkeypatch):
    program = folder / "ffmpeg"
    program.write_text(
        "#!/bin/sh\ncase \"$*\" in *null*) echo '  Stream #0:0: Audio: aac' >&2;; "
        "*) head -c 100000 /dev/zero | tr '\\0' x >&2; echo ' partial file' >&2; head -c 4000 /dev/zero;; esac\n"
    )
    program.chmod(0o755)
    monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", lambda: str(program))
    path = folder / "g.m4a"
    path.write_bytes(originals()["m4a"])
    with pytest.raises(AudioError, match="is cut off"):
        heard(path)


def test_an_ffmpeg_that_does_nothing_for_long_is_ended(folder, monkeypatch):
    class Idle(subprocess.Popen):
        def __init__(self, command, **more):
            super().__init__(["sleep", "60"], **{**more, "pass_fds": ()})

    monkeypatch.setattr(decoding.subprocess, "Popen", Idle)
    monkeypatch.setattr(decoding, "PATIENCE_S", 0.1)
    path = folder / "f.m4a"
    path.write_bytes(originals()["m4a"])
    with pytest.raises(AudioError, match="ffmpeg gets no sound out of it"):
        heard(path)
