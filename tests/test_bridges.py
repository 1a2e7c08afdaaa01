"""Controls become keypoints: neutral is the portrait, geometry is exact, expressions reach what real faces reach."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from scipy.spatial.transform import Rotation
from torch.testing import assert_close

from avtr_cli.core.errors import ConfigError
from avtr_cli.core.motion_space import ARKIT_BLENDSHAPES, CONTROLS, KEYPOINTS, MotionSpace
from avtr_cli.core.rotation import matrix_of, vector_of
from avtr_cli.core.types import Cue, Identity, Motion, Window
from avtr_cli.motion.bridges.controls_to_keypoints import LIMIT, expression_matrix, keypoints_of
from avtr_cli.motion.bridges.table import bridged

random = torch.Generator().manual_seed(3)
POINTS = 0.25 * torch.randn(21, 3, generator=random)
POINTS[11, 0], POINTS[15, 0] = 0.2, -0.2  # keypoint 11 on the picture's right: the subject's left eye
EXPRESSION = 0.02 * torch.randn(21, 3, generator=random)
TURN = torch.tensor([0.1, -0.2, 0.05])
ROTATION = matrix_of(TURN)
SCALE = 1.4


def controls(**values: float) -> torch.Tensor:
    row = torch.zeros(1, len(CONTROLS))
    for name, value in values.items():
        row[0, CONTROLS.index(name)] = value
    return row


def moved(rotation: torch.Tensor = ROTATION, **values: float) -> torch.Tensor:
    """The drawn keypoints (21, 3) without the portrait's own shift: scale * ((kp + exp) R)."""
    motion = keypoints_of(controls(**values), rotation, POINTS, EXPRESSION, SCALE)[0]
    return SCALE * (POINTS + motion[3:].reshape(21, 3)) @ matrix_of(motion[:3])


def change(**values: float) -> dict[str, float]:
    """The expression's change by coordinate, of a portrait that looks straight ahead."""
    straight = torch.eye(3)
    flat = (moved(straight, **values) - moved(straight)).flatten() / SCALE
    return {f"{i // 3}{'xyz'[i % 3]}": float(v) for i, v in enumerate(flat) if abs(v) > 1e-6}


@pytest.mark.slow
def test_no_motion_gives_the_portraits_own_keypoints():
    assert_close(moved(), SCALE * (POINTS @ ROTATION + EXPRESSION))


def test_rotation_vectors_and_matrices_undo_each_other_and_agree_with_scipy():
    for vector in (TURN, torch.zeros(3), torch.tensor([0.0, 0.0, 3.0])):
        assert_close(matrix_of(vector), torch.tensor(Rotation.from_rotvec(vector).as_matrix()).float())
        assert_close(vector_of(matrix_of(vector)), vector, atol=1e-5, rtol=0)


def test_the_head_turns_as_a_rigid_body_in_the_cameras_frame():
    turn = torch.tensor([0.2, -0.1, 0.3])
    head = dict(zip(("headPitch", "headYaw", "headRoll"), turn.tolist(), strict=True))
    as_column = torch.tensor(Rotation.from_rotvec(turn).as_matrix()).float()
    assert_close(moved(**head), moved() @ as_column.T)


def test_a_nod_takes_the_chin_away_from_the_camera():
    straight = torch.eye(3)
    chin = POINTS[:, 1].argmax()
    before, after = moved(straight)[chin], moved(straight, headPitch=0.2)[chin]
    assert after[2] > before[2]


def test_a_shift_moves_every_keypoint_alike_whichever_way_the_head_is_turned():
    aside = moved(headX=0.1, headYaw=0.3) - moved(headYaw=0.3)
    assert_close(aside, torch.tensor([0.066, 0.0, 0.0]).expand(21, 3), atol=1e-6, rtol=0)


def test_going_away_from_the_camera_makes_the_face_smaller():
    assert_close(moved(headZ=6.5), moved() / 2)


def test_an_open_jaw_parts_the_lips_as_far_as_real_lips_part():
    assert change(jawOpen=1.0)["19y"] == pytest.approx(0.082)  # the largest value in 1151 real frames


def test_lips_can_be_closed_while_the_jaw_is_open():
    assert abs(change(jawOpen=0.5, mouthClose=0.5).get("19y", 0.0)) < 1e-6


def test_each_eye_has_its_own_keypoint_by_where_it_lies_in_the_picture():
    left = change(eyeBlinkLeft=1.0)
    assert left["11y"] == pytest.approx(0.0162, abs=1e-4)  # a closed eye in real frames
    assert "15y" not in left
    assert expression_matrix(True)[ARKIT_BLENDSHAPES.index("eyeBlinkLeft"), 46] == 0
    assert expression_matrix(False)[ARKIT_BLENDSHAPES.index("eyeBlinkLeft"), 46] > 0


def test_eyes_look_to_the_side_that_is_meant():
    right = change(eyeLookOutLeft=1.0, eyeLookInRight=1.0)  # the subject's left is the picture's right
    assert right["11x"] > 0 < right["15x"]
    left = change(eyeLookInLeft=1.0, eyeLookOutRight=1.0)
    assert left["11x"] < 0 > left["15x"]


def test_no_expression_leaves_what_real_faces_do():
    everything = dict.fromkeys(ARKIT_BLENDSHAPES, 1.0)
    assert max(abs(v) for v in change(**everything).values()) <= LIMIT + 1e-6


def test_coordinates_that_never_move_in_real_faces_stay_still():
    live = {*(f"{k}{a}" for k in (0, 1, 2, 3, 4, 5, 7, 10, 11, 13, 14, 15, 16, 17, 19, 20) for a in "xy"),
            "10z", "17z", "19z", "20z"}  # fmt: skip
    assert set(change(**dict.fromkeys(ARKIT_BLENDSHAPES, 0.5))) <= live


class Swaying:
    """A generator of controls: the head sways with the chunk, the jaw opens with the sound."""

    space = CONTROLS
    cues = frozenset(("nod",))
    weights_files = (Path("sway.safetensors"),)

    def __init__(self):
        self.asked = []

    def start(self, identity: Identity, seed: int):
        assert identity.space is CONTROLS
        assert float(identity.neutral.abs().max()) == 0
        return {"count": torch.tensor(0)}

    def step(self, window: Window, state, asked=()):
        self.asked.append(asked)
        values = torch.zeros(5, len(CONTROLS))
        values[:, CONTROLS.index("headYaw")] = 0.1 * math.sin(int(state["count"]))
        values[:, CONTROLS.index("jawOpen")] = float(abs(window.samples).mean())
        return Motion(CONTROLS, values, window.index * 5), {"count": state["count"] + 1}


IDENTITY = Identity(
    KEYPOINTS,
    torch.zeros(66),
    None,
    (512, 512),
    anatomy={
        "canonical_keypoints": POINTS,
        "rotation": ROTATION,
        "expression": EXPRESSION,
        "scale": torch.tensor([SCALE]),
    },
)


def test_a_generator_of_controls_drives_keypoints(dialogue):
    inner = Swaying()
    generator = bridged(inner, KEYPOINTS)
    state = generator.start(IDENTITY, seed=0)
    nod = (Cue(7, "nod"),)
    for index, asked in enumerate([(), nod]):
        motion, state = generator.step(Window(dialogue[:, :8400], index), state, asked)
    assert motion.space is KEYPOINTS
    assert motion.values.shape == (5, 66)
    assert motion.first == 5
    turned = ROTATION @ matrix_of(torch.tensor([0.0, -0.1 * math.sin(1), 0.0]))
    assert_close(matrix_of(motion.values[:, :3]), turned.expand(5, 3, 3))
    assert int(state["inner.count"]) == 2
    assert inner.asked == [(), nod]
    assert (generator.cues, generator.weights_files) == (inner.cues, inner.weights_files)


def test_a_generator_that_speaks_the_space_already_needs_no_bridge():
    generator = Swaying()
    assert bridged(generator, CONTROLS) is generator


def test_spaces_without_a_bridge_do_not_meet():
    with pytest.raises(ConfigError, match="speaks 'controls' and this renderer draws 'elsewhere'"):
        bridged(Swaying(), MotionSpace("elsewhere", ("x",), lambda space, values, neutral: None))
