"""Controls into truth: what `compose` made of it is what it was told from, and gestures are found where they are."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from avtr_cli.core.motion_space import CONTROLS
from avtr_cli.motion.gestures import CURVES, EVENTS
from avtr_cli.motion.lmfm import voicing
from avtr_cli.motion.lmfm.articulation import FACE, MOUTH, compose
from avtr_cli.training.behaviour import wander
from avtr_cli.training.people.telling import Truth, activity_of, divided, divided_head, tell

FRAMES = 150
HEAD = [CONTROLS.index(name) for name in ("headPitch", "headYaw", "headRoll", "headX", "headY", "headZ")]
LIPS = [CONTROLS.index(name) for name in CONTROLS.channels if name.startswith(("jawOpen", "mouth"))]


def composed(truth: Truth) -> np.ndarray:
    """The controls (T, 58) that the model's own functions make of a truth."""
    gate, presence, face = voicing.of_whole(torch.from_numpy(truth.activity), torch.from_numpy(truth.face))
    closures = torch.from_numpy(truth.closures)
    return compose(
        torch.from_numpy(truth.mouth), closures[:, 0], closures[:, 1], gate, presence,
        face, torch.from_numpy(truth.curves),
    ).numpy()  # fmt: skip


def spoken(first: int, last: int) -> np.ndarray:
    """A mask of the voice at 100 Hz that speaks from frame `first` to `last`."""
    mask = np.zeros(4 * FRAMES, bool)
    mask[4 * first : 4 * last] = True
    return mask


def invented(seed: int, speech: np.ndarray) -> Truth:
    """A truth of slow random channels, without gestures: what telling its controls must find again."""
    rng = np.random.default_rng(seed)

    def sway(sd: float, tau: float = 0.6) -> np.ndarray:
        return wander(FRAMES, tau, sd, 9, rng)

    mouth = np.column_stack([0.2 + sway(0.1) if name != "tongue" else np.zeros(FRAMES) for name in MOUTH])
    face = np.column_stack([sway(3.0 if name in FACE[:9] else 0.05) for name in FACE])
    return Truth(
        mouth.clip(0.02, 0.6).astype(np.float32), np.zeros((FRAMES, 2), np.float32), activity_of(speech),
        face.astype(np.float32), np.zeros((FRAMES, len(CURVES)), np.float32),
        np.zeros((FRAMES, len(EVENTS)), bool), np.zeros(FRAMES, int),
    )  # fmt: skip


@pytest.mark.slow
@given(st.integers(0, 10_000))
def test_controls_told_as_truth_and_composed_again_have_the_same_head_and_speaking_mouth(seed):
    speech = spoken(10, 110)
    controls = composed(invented(seed, speech))
    again = composed(tell(controls, speech))
    np.testing.assert_allclose(again[:, HEAD], controls[:, HEAD], atol=1e-4)
    np.testing.assert_allclose(again[20:100, LIPS], controls[20:100, LIPS], atol=0.05)


@given(st.integers(0, 10_000), st.integers(0, FRAMES))
def test_posture_and_what_presence_lets_through_of_talk_add_up_to_what_was_seen(seed, first):
    rng = np.random.default_rng(seed)
    values = rng.normal(0, 3, FRAMES).cumsum()
    _, presence, _ = voicing.follow(torch.from_numpy(activity_of(spoken(first, FRAMES))), voicing.at_rest())
    posture, talk = divided(values, presence.numpy())
    np.testing.assert_allclose(posture + presence.numpy() * talk, values, atol=1e-6)
    assert np.abs(talk[presence.numpy() < 0.1]).max(initial=0) == 0


@pytest.mark.slow
@given(st.integers(0, 10_000), st.integers(0, FRAMES), st.integers(0, FRAMES))
def test_posture_and_where_talk_leaves_the_head_add_up_to_what_was_seen(seed, first, last):
    values = np.random.default_rng(seed).normal(0, 1, FRAMES).cumsum()
    activity = torch.from_numpy(activity_of(spoken(first, last)))
    _, presence, _ = voicing.follow(activity, voicing.at_rest())
    posture, talk = divided_head(values, presence.numpy())
    face = torch.zeros(FRAMES, len(FACE), dtype=torch.float64)
    face[:, FACE.index("talkRoll")] = torch.from_numpy(talk)
    shown, _ = voicing.let_through(face, presence, voicing.unmoved())
    np.testing.assert_allclose(posture + shown[:, FACE.index("talkRoll")].numpy(), values, atol=1e-9)


def test_lips_that_shut_over_an_open_jaw_are_a_closure_and_the_shapes_go_on_under_it():
    speech = spoken(0, FRAMES)
    truth = invented(1, speech)
    truth.closures[60:64, 0] = [0.5, 1, 1, 0.5]
    truth.mouth[:, MOUTH.index("jaw")] = 0.3
    told = tell(composed(truth), speech)
    assert told.closures[61:63, 0].min() > 0.95
    assert told.closures[:57, 0].max() == told.closures[67:, 0].max() == 0
    np.testing.assert_allclose(told.mouth[20:140, MOUTH.index("jaw")], 0.3, atol=0.03)


def test_an_avatar_that_is_silent_all_along_is_told_with_a_mouth_at_rest_and_no_closures():
    controls = composed(invented(2, spoken(0, FRAMES)))
    told = tell(controls, spoken(0, 0))
    assert told.closures.max() == 0 == told.activity.max()
    assert np.ptp(told.mouth, axis=0).max() == 0


@pytest.mark.parametrize(("event", "column", "height"), [("blink", "blink", 0.9), ("nod", "pitch", 6.0)])
def test_a_listeners_gesture_is_found_once_at_its_own_place(event, column, height):
    truth = invented(3, spoken(0, 0))
    truth.face[:] *= 0.1
    truth.curves[70:78, CURVES.index(column)] = height * np.hanning(10)[1:-1]
    told = tell(composed(truth), spoken(0, 0))
    starts = np.flatnonzero(told.starts[:, EVENTS.index(event)])
    assert len(starts) == 1
    assert abs(int(starts[0]) - 70) <= 2
    found = told.curves[68:80, CURVES.index(column)]
    assert found.max() == pytest.approx(height, rel=0.35)


def test_a_look_aside_and_back_is_two_starts_with_the_cells_that_were_looked_at():
    truth = invented(4, spoken(0, 0))
    truth.face[:] = 0
    truth.curves[50:90, CURVES.index("gazeX")] = 0.36
    told = tell(composed(truth), spoken(0, 0))
    starts = np.flatnonzero(told.starts[:, EVENTS.index("gaze")])
    assert [abs(int(at) - wanted) <= 1 for at, wanted in zip(starts, (50, 90), strict=True)] == [True, True]
    assert told.gaze_cell[starts].tolist() == [1, 0]


def test_a_speakers_nod_stays_talk():
    truth = invented(3, spoken(0, FRAMES))
    truth.curves[70:78, CURVES.index("pitch")] = 6 * np.hanning(10)[1:-1]
    told = tell(composed(truth), spoken(0, FRAMES))
    assert not told.starts[40:, EVENTS.index("nod")].any()
    assert np.ptp(told.face[60:90, FACE.index("talkPitch")]) > 4
