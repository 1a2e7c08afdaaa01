"""The truth that gestures are taught by, and the numbers that judge them, on voices made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from avtr_cli.core.arms import MEAN_ARM
from avtr_cli.evaluation.motion.gesture_takes import GestureTake, wrists
from avtr_cli.evaluation.motion.gesturing import _accents, _collisions
from avtr_cli.motion.body.events import EVENTS, LEAD
from avtr_cli.training.gesture_truth import place_gestures
from avtr_cli.training.prosody import Prosody

SECONDS = 30
ACCENTS = np.arange(2.3, 11.5, 0.7)


def voice(first: float, last: float, accents: np.ndarray) -> Prosody:
    """Somebody who says one long phrase from `first` to `last` s."""
    speech = np.zeros(SECONDS * 100, bool)
    speech[int(first * 100) : int(last * 100)] = True
    zeros = np.zeros(len(speech))
    return Prosody(
        speech, zeros.astype(np.float32), zeros, zeros, accents, np.zeros(0), zeros, [(first, last, False, False)]
    )


def test_hands_are_up_while_somebody_talks_beat_on_accents_and_rest_when_others_do():
    own, partner = voice(2.0, 12.0, ACCENTS), voice(14.0, 26.0, np.zeros(0))
    beats, up = [], []
    for seed in range(12):
        truth = place_gestures(own, partner, SECONDS * 25, np.zeros(3), np.random.default_rng(seed))
        rows = [EVENTS.index(event) for event in ("stroke", "emphatic", "palmup")]
        beats += list(np.flatnonzero(truth.starts[:, rows].any(1)) / 25)
        up.append(truth.up)
    shares = np.mean(up, axis=0)
    assert shares[5 * 25 : 11 * 25].mean() > 0.4
    assert shares[14 * 25 :].max() == 0
    apart = [np.abs(ACCENTS - beat - 0.22).min() for beat in beats]
    assert len(beats) > 40
    assert np.mean(apart) < 0.06


def taken(beats: list[int], elbow: float = 0.0) -> GestureTake:
    values, speech = np.zeros((SECONDS * 25, 94)), np.zeros(SECONDS * 100, bool)
    values[:, [58 + 8 + 4, 58 + 22 + 4]] = elbow
    speech[200:1200] = True
    own = np.repeat(speech, 1)[::4]
    everyone = np.zeros(len(own), bool)
    return GestureTake(values, np.array(beats, np.intp), own, own, everyone, ACCENTS, speech, (MEAN_ARM, MEAN_ARM))


def test_beats_on_accents_are_told_from_beats_anywhere():
    on_them = _accents([taken([round(accent * 25) - LEAD for accent in ACCENTS])])
    beside = _accents([taken([round((accent + 0.3) * 25) - LEAD for accent in ACCENTS])])
    assert on_them["gesture.beats_on_accents"].value > 0.5
    assert beside["gesture.beats_on_accents"].value < 0
    assert on_them["gesture.offset_ms"].value == pytest.approx(0, abs=20)


def test_a_hand_in_the_trunk_is_seen_and_one_that_hangs_is_not():
    assert _collisions([taken([])])["gesture.in_trunk"].value == 0
    inside = taken([])
    inside.values[:, 58 + 8 + 1 : 58 + 8 + 4] = [0.0, 0.0, 0.75]  # the left arm swung to the middle
    assert wrists(inside)[0, 0, 0] < wrists(taken([]))[0, 0, 0] - 0.2
    assert _collisions([inside])["gesture.in_trunk"].value == 1
