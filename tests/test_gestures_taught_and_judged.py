"""The truth that gestures are taught by, and the numbers that judge them, on voices made by hand."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.spatial import ConvexHull

from avtr_cli.core.arms import MEAN_ARM
from avtr_cli.evaluation.motion.gesture_takes import GestureTake, chain, tips, wrists
from avtr_cli.evaluation.motion.gesturing import _accents, _collisions
from avtr_cli.evaluation.touch.bodies import deepest
from avtr_cli.motion.body.events import EVENTS, LEAD
from avtr_cli.motion.body.task import HOME, OUT, SUPIN, SWIVEL
from avtr_cli.motion.body.to_body import to_body
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


def test_fingers_that_cross_are_seen_though_their_roots_do_not_meet():
    arms = np.stack([[HOME, HOME]])
    apart = arms.copy()
    arms[..., OUT], arms[..., SUPIN], arms[..., SWIVEL] = -0.13, 0, 60
    judged = []
    for rows in (arms, apart):
        take = taken([])
        take.values[:, 58:] = to_body(rows.repeat(len(take.own), 0), np.zeros((len(take.own), 9)), take.arms)
        judged.append(_collisions([take])["gesture.hand_in_hand"].value)
        hand = tips(take, 0) - chain(take, 0)[1]
        assert np.allclose(np.linalg.norm(hand, axis=1), MEAN_ARM.tips)
    assert judged == [1.0, 0.0]


def test_skin_is_in_other_skin_where_it_goes_around_it_and_a_rim_is_no_inside():
    corners = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], float) * 0.1
    hull = ConvexHull(corners)
    faces = np.array([
        one if np.cross(*(corners[one][1:] - corners[one][0])) @ plane[:3] > 0 else one[::-1]
        for one, plane in zip(hull.simplices, hull.equations, strict=True)
    ])  # fmt: skip
    for point, deep in (([0.02, 0.02, 0.02], 0.02), ([-0.01, 0.05, 0.02], -0.01)):
        vertices = np.concatenate([corners, [point]]).astype(np.float32)
        box, hand = np.arange(9) < 8, np.arange(9) == 8
        found = deepest(SimpleNamespace(triangles=faces), vertices, hand, box)
        assert (found > 0) == (deep > 0)
        assert deepest(SimpleNamespace(triangles=faces[2:]), vertices, hand, box) <= max(found, 0)
