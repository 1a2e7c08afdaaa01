"""Who speaks when, by the level alone."""

from __future__ import annotations

import numpy as np
import pytest

from avtr_cli.core.timing import FPS
from avtr_cli.evaluation.motion.voice import energy_db, hear, runs
from tests.evaluation_signals import call, voice


def test_a_frame_of_full_scale_square_wave_is_0_db_and_silence_is_minus_100():
    levels = energy_db(np.concatenate([np.ones(640), np.zeros(640)]))
    assert levels == pytest.approx([0.0, -100.0], abs=1e-6)


def test_every_begun_frame_counts():
    assert len(energy_db(np.zeros(641))) == 2


def test_phrases_are_found_where_they_were_put():
    own, partner = hear(call(12, own=[(1, 3), (8, 9)], partner=[(4, 6.5)]).sound)
    assert np.array(own.phrases) / FPS == pytest.approx(np.array([(1, 3), (8, 9)]), abs=0.08)
    assert np.array(partner.phrases) / FPS == pytest.approx(np.array([(4, 6.5)]), abs=0.08)


def test_a_short_pause_does_not_end_a_phrase_and_a_longer_one_does():
    bridged, _ = hear(call(6, own=[(1, 2.5), (2.66, 4)], partner=[]).sound)
    parted, _ = hear(call(6, own=[(1, 2.5), (2.9, 4)], partner=[]).sound)
    assert (len(bridged.phrases), len(parted.phrases)) == (1, 2)


def test_a_short_word_is_voice_but_no_phrase():
    own, _ = hear(call(6, own=[(2, 2.5)], partner=[]).sound)
    assert own.active.sum() == pytest.approx(0.5 * FPS, abs=2)
    assert own.phrases == ()


def test_room_noise_is_nobodys_voice():
    dialogue = call(12, own=[(1, 4)], partner=[])
    noise = np.random.default_rng(0).standard_normal(dialogue.sound.shape).astype(np.float32)
    own, partner = hear(dialogue.sound + 0.0008 * noise)  # 42 dB below the voice
    assert own.active.sum() == pytest.approx(3 * FPS, abs=4)
    assert not partner.active.any()


def test_a_voice_leaking_into_the_other_channel_is_not_the_others():
    sound = call(12, own=[(1, 5)], partner=[]).sound.copy()
    sound[1] += 0.05 * sound[0]  # -26 dB
    own, partner = hear(sound)
    assert own.active.any()
    assert not partner.active.any()


def test_a_quiet_recording_is_heard_like_a_loud_one():
    spans = [(1.0, 3.0), (4.0, 6.0)]
    loud = np.stack([voice(8, spans, level=0.3), np.zeros(8 * 16_000, np.float32)])
    assert hear(loud)[0].phrases == hear(0.03 * loud)[0].phrases


def test_away_keeps_its_distance_on_both_sides():
    own, _ = hear(call(6, own=[(2, 4)], partner=[]).sound)
    (start, end), *rest = runs(~own.away(before=5, after=10))
    first, last = own.phrases[0]
    assert (start, end) == (first - 5, last + 10)
    assert not rest
