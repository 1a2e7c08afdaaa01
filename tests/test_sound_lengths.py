"""Every length at every rate: as many samples as its seconds make, or one sentence where it is shorter than a frame."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from avtr_cli.audio.source import DialogueFiles, DialogueSource
from avtr_cli.core.errors import AudioError
from tests.fuzz.lengths import RATES, Case, cases, check


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("lengths") / "a.wav"


@pytest.mark.slow
@settings(max_examples=120)
@given(rate=st.sampled_from(RATES), samples=st.integers(1, 100_000))
def test_a_sound_of_any_length_is_heard_whole_and_twice_the_same(path, rate, samples):
    check(Case(samples, rate), path)


@pytest.mark.slow
def test_the_lengths_about_seconds_and_frames_are_heard_whole(path):
    assert [check(case, path) for case in cases(seed=2, count=150)].count("read") > 100


@pytest.mark.parametrize("rate", RATES)
def test_one_sample_less_than_a_frame_is_refused_and_a_frame_is_read(path, rate):
    frame = -(-rate // 25)
    assert check(Case(frame, rate), path) == "read"
    assert check(Case(frame - 1, rate), path) == "refused"


def test_a_sound_just_shorter_than_a_frame_is_told_in_samples(path):
    soundfile.write(path, np.zeros((639, 2)), 16_000)
    with pytest.raises(AudioError, match=r"only 639 samples of sound at 16000 Hz; at least one frame \(640 samples"):
        DialogueSource(DialogueFiles(dialogue=path))
