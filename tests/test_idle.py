"""The audio-free prior by itself: `avtr render PHOTO --idle SECONDS`, and the setting behind it."""

from __future__ import annotations

import json

import numpy as np
import pytest
import soundfile
import torch

from avtr_cli.audio.silence import silent_sound
from avtr_cli.core.config import MotionConfig
from avtr_cli.core.motion_space import CONTROLS
from avtr_cli.core.types import Window
from avtr_cli.motion.lmfm.generator import LmfmGenerator
from avtr_cli.motion.lmfm.prior import nulls, unheard


@pytest.fixture(scope="module")
def prior() -> LmfmGenerator:
    return LmfmGenerator(MotionConfig(audio_free=True))


def moved(generator: LmfmGenerator, sound: np.ndarray, chunks: int, seed: int = 0) -> np.ndarray:
    state, rows = generator.start(None, seed), []
    for index in range(chunks):
        first = 3200 * index % (sound.shape[1] - 8400)
        motion, state = generator.step(Window(sound[:, first : first + 8400].copy(), index), state)
        rows.append(motion.values)
    return torch.cat(rows).numpy()


def test_what_is_said_changes_no_bit(prior, dialogue):
    silent = np.zeros_like(dialogue)
    np.testing.assert_array_equal(moved(prior, dialogue, 12), moved(prior, silent, 12))
    assert not np.array_equal(moved(prior, silent, 12), moved(prior, silent, 12, seed=1))


@pytest.mark.slow
def test_a_person_alone_keeps_the_mouth_shut_moves_the_head_a_little_and_blinks(prior):
    values = moved(prior, np.zeros((2, 20_000), np.float32), 200)  # 40 s
    read = CONTROLS.readings(values, np.zeros(len(CONTROLS)))
    assert read.mouth.max() < 0.05
    assert 0.3 < read.head_degrees.std(0).max() < 4
    assert np.abs(read.head_degrees).max() < 12
    blinks = (read.blink[1:] > 0.5) & (read.blink[:-1] <= 0.5)
    assert 2 <= blinks.sum() <= 25
    assert read.gaze_degrees.std() > 0.5


def test_it_is_told_the_null_embeddings_and_no_voice(prior):
    told = unheard(prior.model, deaf=True)
    np.testing.assert_array_equal(told.encoded[0, 0], prior.model.no_avatar)
    np.testing.assert_array_equal(told.encoded[1, 4], prior.model.no_partner)
    np.testing.assert_array_equal(prior.start(None, 0)["encoded"], nulls(prior.model))
    assert not told.flags.any()
    assert told.memory.shape[0] == 2
    np.testing.assert_array_equal(told.memory[0], told.memory[1])


@pytest.mark.slow
def test_both_backends_move_alike(prior):
    silent = np.zeros((2, 20_000), np.float32)
    plain = LmfmGenerator(MotionConfig(audio_free=True), kernels="off")
    np.testing.assert_allclose(moved(prior, silent, 8), moved(plain, silent, 8), atol=1e-3)


@pytest.mark.parametrize("seconds", [0.04, 1.0, 61.3])
def test_silence_is_as_long_as_asked_and_the_same_bytes_again(seconds):
    bytes_ = []
    for _ in range(2):
        with silent_sound(seconds) as path:
            samples, rate = soundfile.read(path)
            bytes_.append(path.read_bytes())
        assert len(samples) == round(seconds * 16_000)
        assert (rate, np.abs(samples).max()) == (16_000, 0)
        assert not path.exists()
    assert bytes_[0] == bytes_[1]


@pytest.mark.slow
def test_a_video_without_a_call(avtr, photo, tmp_path):
    hashes = []
    for name in ("a", "b"):
        report = tmp_path / f"{name}.json"
        code, _, stderr = avtr(
            "render", photo, "--idle", 1.02, "-o", tmp_path / f"{name}.mp4", "--size", 80, "--report", report
        )
        assert (code, stderr.count("warning")) == (0, 0), stderr
        told = json.loads(report.read_text())
        hashes.append(told["output"]["frames_sha256"])
    assert hashes[0] == hashes[1]
    assert told["output"]["frames"] == 26
    assert told["output"]["sound_codec"] is None
    assert told["inputs"]["audio"]["path"] == "silence"
    assert told["settings"]["motion"]["audio_free"] is True


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ([], "needs a DIALOGUE, or --idle SECONDS"),
        (["--idle", 3, "--solo"], "--idle has no sound, and --solo goes with one"),
        (["a.wav", "--idle", 3], "--idle has no sound, and DIALOGUE goes with one"),
        (["--idle", 3, "--sound", "mix"], "--sound goes with one"),
        (["--idle", 0], "greater than or equal to 0.04"),
        (["--idle", "nan"], "--idle"),
        (["--idle", 3, "--preset", "avtr1"], "motion.audio_free does nothing with 'avtr1'"),
    ],
)
def test_what_only_a_sound_has_is_refused(avtr, photo, tmp_path, monkeypatch, more, says):
    monkeypatch.chdir(tmp_path)
    code, _, stderr = avtr("render", photo, "-o", "x.mp4", *more)
    assert (code, stderr.count("\n")) == (2, 1)
    assert says in stderr
    assert list(tmp_path.iterdir()) == []
