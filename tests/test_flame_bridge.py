"""Controls to FLAME and back on a made-up head: what comes back, which way things turn, what bounds it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from avtr_cli.core.errors import ConfigError, WeightsError
from avtr_cli.core.motion_space import CONTROLS, FACE_WEIGHTS, FLAME, KEYPOINTS
from avtr_cli.core.protocols import Voice, WholeCallGenerator
from avtr_cli.core.types import Identity, Window
from avtr_cli.motion import flame
from avtr_cli.motion.bridges.flame import GAZE, RIGID, FlameBridge, FlameReplay
from avtr_cli.motion.bridges.table import bridged
from avtr_cli.motion.flame.codes import CODES, JAW, FlameMotion
from avtr_cli.motion.replay import Replay, RestingReplay
from avtr_cli.perception.topology import EYES, LIP_CENTRES, MOUTH_CORNERS
from avtr_cli.render.mesh.face_points import face_displacements
from tests import made_unils

ANATOMY = {
    "canonical_keypoints": torch.randn(21, 3, generator=torch.Generator().manual_seed(0)),
    "rotation": torch.eye(3),
    "expression": torch.zeros(21, 3),
    "scale": torch.ones(1),
}
GROUPS = {  # of controls, and the least r of all their numbers there and back
    "lids": (("eyeBlink", "eyeWide", "eyeSquint"), 0.93),
    "jaw": (("jaw",), 0.98),
    "lips": (("mouth",), 0.9),
    "brows": (("brow",), 0.99),
    "nose": (("noseSneer",), 0.95),
    "cheeks": (("cheek",), 0.45),  # of a squint all points together move 2 mm
    "gaze": (("eyeLook",), 0.9999),
    "head": (("headPitch", "headYaw", "headRoll"), 0.9999),
}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("flame")
    return (
        made_unils.write_head(folder / "generic_model.npz"),
        made_unils.write_landmarks(folder / "mediapipe_landmark_embedding.npz"),
    )


@pytest.fixture(scope="module")
def bridge(files):
    return FlameBridge.of_files(*files, face_displacements())


def controls(frames: int = 1, **weights: float) -> np.ndarray:
    values = np.zeros((frames, len(CONTROLS)))
    for name, value in weights.items():
        values[:, CONTROLS.index(name)] = value
    return values


def there_and_back(bridge: FlameBridge, values: np.ndarray) -> np.ndarray:
    return bridge.controls(bridge.codes(values))


@pytest.mark.parametrize("group", GROUPS)
def test_controls_come_back_through_flame(bridge, group):
    values = made_unils.plausible(300)
    back = there_and_back(bridge, values)
    beginnings, least = GROUPS[group]
    columns = [at for at, name in enumerate(CONTROLS.channels) if name.startswith(beginnings)]
    assert np.corrcoef(back[:, columns].ravel(), values[:, columns].ravel())[0, 1] >= least
    assert np.abs(back[:, :52] - values[:, :52]).mean() < 0.016


def test_zeros_are_zeros_and_what_flame_cannot_say_is_dropped(bridge):
    assert not bridge.codes(controls()).any()
    assert not bridge.controls(np.zeros((1, CODES))).any()
    assert not bridge.codes(controls(headX=0.3, headY=0.2, headZ=0.1, tongueOut=1)).any()


def test_a_wide_mouth_is_a_turned_jaw_of_about_twenty_degrees(bridge):
    assert np.degrees(bridge.codes(controls(jawOpen=1))[0, JAW]) == pytest.approx(19, abs=5)


@pytest.mark.parametrize(
    ("name", "column", "sign"),
    [
        ("headPitch", 100, 1),  # nods down: about x, which goes to the right in both
        ("headYaw", 101, -1),
        ("headRoll", 102, -1),
        ("eyeLookDownLeft", 104, 1),
        ("eyeLookUpLeft", 104, -1),
        ("eyeLookOutLeft", 105, 1),  # a left eye looks out to the right of the picture
        ("eyeLookInLeft", 105, -1),
        ("eyeLookDownRight", 106, 1),
        ("eyeLookOutRight", 107, -1),
        ("eyeLookInRight", 107, 1),
    ],
)
def test_head_and_eyes_turn_the_same_way_by_the_same_angle(bridge, name, column, sign):
    codes = bridge.codes(controls(**{name: 0.5}))
    angle = 0.5 if name.startswith("head") else 0.5 * GAZE
    assert codes[0, column] == pytest.approx(sign * angle)
    np.testing.assert_allclose(bridge.controls(codes), controls(**{name: 0.5}), atol=1e-6)


def test_the_turned_head_of_the_file_looks_where_the_controls_say(files, bridge):
    model = flame.load(files[0])
    nose = 4
    rest = flame.vertices(model, np.zeros((1, CODES)))[0, nose]
    down, left, clockwise = (
        flame.vertices(model, bridge.codes(controls(**{name: 0.2})))[0] for name in ("headPitch", "headYaw", "headRoll")
    )
    assert down[nose, 1] < rest[1] - 0.005
    assert left[nose, 0] < rest[0] - 0.005
    left_eye, right_eye = EYES[1].upper[0], EYES[0].upper[0]  # the subject's left is on the right of the picture
    assert clockwise[left_eye, 1] < clockwise[right_eye, 1]


@given(codes=arrays(np.float64, (3, CODES), elements=st.floats(-5, 5, width=32)))
@settings(max_examples=20)
def test_any_motion_of_flame_gives_weights_between_none_and_all(bridge, codes):
    values = bridge.controls(codes)
    assert values.dtype == np.float32
    assert values[:, :52].min() >= 0
    assert values[:, :52].max() <= 1
    assert not values[:, 55:].any()


def test_the_fit_back_is_the_best_that_bounds_allow(bridge):
    """A bounded least squares solver of scipy's finds nothing better."""
    from scipy.optimize import lsq_linear

    codes = bridge.codes(made_unils.plausible(3, seed=2)) + np.random.default_rng(0).normal(0, 0.2, (3, CODES))
    face = np.column_stack([codes[:, :100], codes[:, JAW]])
    found = bridge.controls(codes)[:, [CONTROLS.index(name) for name in FACE_WEIGHTS]]
    ridge = bridge.gram[0, 0] - bridge.said[:, 0] @ bridge.said[:, 0]
    system = np.concatenate([bridge.said, np.sqrt(ridge) * np.eye(len(FACE_WEIGHTS))])
    for frame, ours in zip(face, found, strict=True):
        target = np.concatenate([bridge.basis @ frame, np.zeros(len(FACE_WEIGHTS))])
        best = lsq_linear(system, target, (0, 1), method="bvls").x
        cost, least = (((system @ weights - target) ** 2).sum() for weights in (ours, best))
        assert cost <= least + 0.01  # mm^2


def test_a_rest_is_taken_away(bridge):
    codes = bridge.codes(controls(3, mouthSmileLeft=0.6))
    rest = codes[0].copy()
    assert np.abs(bridge.controls(codes, rest)).max() < 1e-6
    [back] = bridge.controls(codes[:1], np.zeros(CODES))
    assert back[CONTROLS.index("mouthSmileLeft")] == pytest.approx(0.6, abs=0.15)


@pytest.fixture(scope="module")
def poor(tmp_path_factory):
    """Of a head whose expressions mix in three tenths of what our weights do."""
    folder = tmp_path_factory.mktemp("poor")
    files = made_unils.write_head(folder / "h.npz", spans=0.3), made_unils.write_landmarks(folder / "marks.npz")
    return FlameBridge.of_files(*files, face_displacements())


def test_what_a_poor_head_says_in_part_comes_back_whole(poor):
    blink = CONTROLS.index("eyeBlinkLeft")
    values = made_unils.plausible(100)
    back = there_and_back(poor, values)
    assert poor.missed[FACE_WEIGHTS.index("eyeBlinkLeft")] > 0.3
    assert back[:, blink].mean() == pytest.approx(values[:, blink].mean(), rel=0.1)
    assert np.abs(back[:, :52] - values[:, :52]).mean() < 0.022


def test_a_poorer_head_misses_more_and_says_of_which_weights(poor, bridge):
    assert np.median(poor.missed) > np.median(bridge.missed)
    assert ((bridge.missed >= 0) & (bridge.missed <= 1)).all()


def test_an_embedding_without_points_that_stay_is_refused(tmp_path, files):
    with np.load(files[1]) as table:
        held = {name: array[: len(array) // 2] for name, array in table.items()}
    path = tmp_path / "marks.npz"
    np.savez(path, **held)
    missing = min(set(RIGID) - set(held["landmark_indices"].tolist()))
    with pytest.raises(WeightsError, match=rf"it lacks the point {missing}\b"):
        FlameBridge.of_files(files[0], path, face_displacements())


@pytest.mark.parametrize(
    ("where", "said"),
    [(np.zeros_like, "lie at one place of the head"), (lambda faces: faces[::-1], "do not lie on the head as on a")],
)
def test_an_embedding_of_another_head_is_refused(tmp_path, files, where, said):
    with np.load(files[1]) as table:
        held = dict(table)
    path = tmp_path / "marks.npz"
    np.savez(path, **held | {"lmk_face_idx": where(held["lmk_face_idx"])})
    with pytest.raises(WeightsError, match=said):
        FlameBridge.of_files(files[0], path, face_displacements())


def test_displacements_are_those_of_a_face():
    moved = dict(zip(FACE_WEIGHTS, face_displacements(), strict=True))
    assert len(moved) == 43
    upper, lower = LIP_CENTRES
    assert moved["jawOpen"][lower, 1] - moved["jawOpen"][upper, 1] > 0.3
    closed = moved["mouthClose"] + moved["jawOpen"]
    assert abs(closed[lower, 1] - closed[upper, 1]) < 0.02
    assert moved["mouthSmileLeft"][MOUTH_CORNERS[1], 1] < -0.03
    for side, eye in zip(("Right", "Left"), EYES, strict=True):
        lid, under = eye.upper[4], eye.lower[4]
        blink, squint = moved[f"eyeBlink{side}"], moved[f"eyeSquint{side}"]
        assert blink[lid, 1] == pytest.approx(-9 * blink[under, 1], rel=0.02)
        assert squint[under, 1] < 0 < squint[lid, 1] < blink[lid, 1]
        assert moved[f"eyeWide{side}"][lid, 1] < 0
        assert not np.abs(blink[[eye.upper[0], eye.upper[-1]]]).any()


def test_motion_of_flame_drives_renderers_of_controls_and_of_keypoints(bridge):
    codes = bridge.codes(made_unils.plausible(12))
    replay = FlameReplay(FlameMotion(codes), bridge)
    window = Window(np.zeros((2, 8400), np.float32), 1)
    motion, _ = replay.step(window, {})
    np.testing.assert_allclose(motion.values.numpy(), bridge.controls(codes, replay.motion.resting)[5:10])
    as_keypoints = bridged(replay, KEYPOINTS)
    state = as_keypoints.start(Identity(KEYPOINTS, torch.zeros(66), None, (8, 8), anatomy=ANATOMY), 0)
    assert as_keypoints.step(window, state)[0].values.shape == (5, 66)


class WholeCall:
    """Speaks FLAME of a call that it has heard; a stand-in for UniLS."""

    space, cues, weights_files = FLAME, frozenset(), ()

    def of_call(self, blocks, voices):
        frames = sum(block.shape[1] for block in blocks) // 640
        codes = np.zeros((frames, CODES), np.float32)
        codes[:, JAW] = 0.1
        return [RestingReplay(FLAME, torch.from_numpy(codes), np.zeros(CODES), "its licence") for _ in voices]

    def start(self, identity, seed):
        raise ConfigError("no live call")

    def step(self, window, state, asked=()):
        raise ConfigError("no live call")


@pytest.mark.parametrize("space", [CONTROLS, KEYPOINTS])
def test_a_model_that_hears_calls_whole_drives_both_renderers(bridge, space):
    whole = bridged(WholeCall(), space, lambda: bridge)
    assert isinstance(whole, WholeCallGenerator)
    assert whole.space == space
    assert set(bridge.weights_files) <= set(whole.weights_files)
    person = Identity(CONTROLS, torch.zeros(58), None, (8, 8), anatomy=ANATOMY)
    with pytest.raises(ConfigError, match="no live call"):
        whole.start(person, 0)
    made = whole.of_call([np.zeros((2, 3200), np.float32)] * 2, [Voice(0, 1), Voice(1, 1)])
    assert len(made) == 2
    for one in made:
        assert one.space == space
        motion, _ = one.step(Window(np.zeros((2, 8400), np.float32), 1), one.start(person, 0))
        assert motion.values.shape == (5, len(space))
        assert motion.first == 5


def test_without_a_bridge_flame_drives_nothing():
    with pytest.raises(ConfigError, match="speaks 'flame'"):
        bridged(Replay(FLAME, torch.zeros(5, CODES)), CONTROLS)


def test_readings_of_flame_are_those_of_the_controls_it_says(bridge):
    values = controls(1, jawOpen=0.5, headPitch=0.1, headYaw=0.2, headRoll=-0.1, eyeLookOutRight=0.3, eyeLookInLeft=0.3)
    values[:, [CONTROLS.index("eyeLookDownLeft"), CONTROLS.index("eyeLookDownRight")]] = 0.2
    read = FLAME.readings(bridge.codes(values), np.zeros(CODES, np.float32))
    wanted = CONTROLS.readings(values, np.zeros(58))
    for name in ("head_degrees", "gaze_degrees"):
        np.testing.assert_allclose(getattr(read, name), getattr(wanted, name), atol=1e-4)
    assert read.mouth[0] == pytest.approx(wanted.mouth[0], abs=0.15)
    assert {field.name for field in dataclasses.fields(read) if getattr(read, field.name) is None} == {"smile", "brow"}
