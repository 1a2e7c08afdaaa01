"""Angles, keypoints, driving conventions and their corrections agree with the published code."""

import numpy as np
import pytest
import torch
from liveportrait_goldens import DATA, SINGLE, golden, network

from avtr_cli.core.rotation import matrix_of, vector_of
from avtr_cli.render.liveportrait import editing, pose, regions, retargeting
from avtr_cli.render.liveportrait.pose import FacePose

GOLDEN = golden("pose_math")
INPUT = {name[3:]: torch.from_numpy(values) for name, values in GOLDEN.items() if name.startswith("in/")}
FACES = FacePose.from_heads({name: INPUT[name] for name in ("pitch", "yaw", "roll", "t", "exp", "scale", "kp")})
PORTRAIT, REFERENCE, DRIVING = FACES[:1], FACES[1:2], FACES[1:]


def meets(actual, name, tolerance=SINGLE):
    expected = GOLDEN[name].astype(np.float64)
    actual = np.asarray(actual, np.float64)
    assert actual.shape == expected.shape
    assert np.abs(actual - expected).max() < tolerance * max(expected.std(), 1e-9), name


@pytest.mark.parametrize("angle", ["pitch", "yaw", "roll"])
def test_bins_become_degrees(angle):
    meets(pose.degrees(INPUT[angle]), f"out/{angle}_degrees")


def test_degrees_stay_degrees():
    assert pose.degrees(torch.tensor([[12.5]])) == torch.tensor([[12.5]])


def test_rotations_and_the_portraits_keypoints():
    meets(FACES.rotation, "out/R")
    meets(FACES.keypoints(), "out/x_s")


@pytest.mark.slow
def test_a_rotation_gives_its_angles_and_its_vector_back():
    angles = torch.tensor([[10.0, -20.0, 5.0], [0.0, 0.0, 0.0], [-60.0, 80.0, 170.0]])
    rotation = pose.rotation_matrix(*angles.double().split(1, dim=1))
    torch.testing.assert_close(torch.cat(pose.rotation_angles(rotation), dim=1), angles.double())
    torch.testing.assert_close(matrix_of(vector_of(rotation)), rotation)


def test_relative_driving():
    meets(pose.relative_keypoints(PORTRAIT, DRIVING, REFERENCE), "out/x_d_relative")


def test_absolute_driving():
    meets(pose.absolute_keypoints(PORTRAIT, DRIVING), "out/x_d_absolute")


def test_avtr1_rotates_the_expression_with_the_head_and_keeps_depth():
    rotation = pose.rotation_matrix(*INPUT["avtr_angles"].split(1, dim=1))
    exp = PORTRAIT.exp.repeat(5, 1, 1)
    exp[:, regions.AVTR1] = INPUT["avtr_exp"]
    x_s, x_d = PORTRAIT.keypoints(), pose.avtr1_keypoints(PORTRAIT, rotation, exp)
    meets(rotation, "out/avtr_R")
    meets(x_s, "out/avtr_x_s")
    meets(x_d, "out/avtr_x_d")
    meets(retargeting.stitched(network("stitching"), x_s, x_d), "out/avtr_x_d_stitched")


def test_avtr1_predicts_39_coordinates():
    assert regions.AVTR1.flatten().nonzero().flatten().tolist() == [*range(3, 9), *range(18, 21), *range(33, 63)]


def test_stitching_joins_the_driven_face_to_its_portrait():
    x_s, x_d = PORTRAIT.keypoints(), torch.from_numpy(GOLDEN["out/x_d_relative"])
    delta = network("stitching")(x=torch.cat([x_s.expand_as(x_d).flatten(1), x_d.flatten(1)], dim=1))
    meets(delta, "out/stitch_delta")
    meets(retargeting.stitched(network("stitching"), x_s, x_d), "out/x_d_relative_stitched")


def test_eyes_and_lips_open_as_wanted():
    x_s = FACES.keypoints()
    meets(retargeting.opening_delta(network("eye"), x_s, INPUT["eye_ratio"]), "out/eye_delta")
    meets(retargeting.opening_delta(network("lip"), x_s, INPUT["lip_ratio"]), "out/lip_delta")


def test_how_open_eyes_and_lips_are_is_read_off_203_landmarks():
    meets(retargeting.eye_ratio(GOLDEN["in/landmarks203"]), "out/eye_close_ratio")
    meets(retargeting.lip_ratio(GOLDEN["in/landmarks203"]), "out/lip_close_ratio")


def test_corrections_come_in_the_published_order():
    x_s, x_d, extra = PORTRAIT.keypoints(), DRIVING.keypoints(), torch.full((1, 21, 3), 0.01)
    stitching = network("stitching")
    plain = retargeting.corrected(stitching, x_s, x_d)
    torch.testing.assert_close(plain, retargeting.stitched(stitching, x_s, x_d))
    opened = retargeting.corrected(stitching, x_s, x_d, opening=extra)
    torch.testing.assert_close(opened, retargeting.stitched(stitching, x_s, x_d + extra))
    closed = retargeting.corrected(stitching, x_s, x_d, lip_normalizing=extra, multiplier=0.5)
    torch.testing.assert_close(closed, x_s + (plain + extra - x_s) / 2)


@pytest.mark.parametrize(("region", "keypoints"), [("lips", regions.LIP_KEYPOINTS), ("eyes", regions.EYE_KEYPOINTS)])
@pytest.mark.parametrize("mode", ["relative", "absolute"])
def test_only_the_chosen_region_moves(region, keypoints, mode):
    if mode == "relative":
        x_d = pose.relative_keypoints(PORTRAIT, DRIVING, REFERENCE, region)
    else:
        x_d = pose.absolute_keypoints(PORTRAIT, DRIVING, region)
    change = (x_d - PORTRAIT.keypoints())[1:]
    still = torch.ones(21, dtype=torch.bool)
    still[list(keypoints)] = False
    assert change[:, still].abs().max() < 1e-6
    assert change[:, ~still].abs().max() > 1e-3


def test_pose_alone_moves_the_head_and_leaves_the_expression():
    x_d = pose.relative_keypoints(PORTRAIT, DRIVING, REFERENCE, region="pose")
    turned = DRIVING.rotation @ REFERENCE.rotation.mT @ PORTRAIT.rotation
    t = pose.flat_shift(PORTRAIT.t + DRIVING.t - REFERENCE.t)
    torch.testing.assert_close(x_d, PORTRAIT.scale[..., None] * (PORTRAIT.kp @ turned + PORTRAIT.exp) + t)


def test_the_reference_frame_drives_nothing():
    x_d = pose.relative_keypoints(PORTRAIT, REFERENCE, REFERENCE)
    torch.testing.assert_close(x_d, PORTRAIT.keypoints(), rtol=0, atol=1e-5)


def test_the_friendlier_motion_is_as_large_as_the_face():
    x_s, x_d = PORTRAIT.keypoints(), DRIVING.keypoints()
    torch.testing.assert_close(pose.friendlier(x_s, x_d, x_s), x_d)
    doubled = pose.friendlier(x_s * 2, x_d, x_d[:1])  # eight times the volume of x_s
    own = pose.friendlier(x_s, x_d, x_d[:1])
    torch.testing.assert_close(doubled - x_s * 2, (own - x_s) * 8**0.5, rtol=1e-4, atol=1e-5)


EDITS = {
    "smile": "smile",
    "wink": "wink",
    "eyebrow": "eyebrow",
    "lip_variation_zero": "pout",
    "lip_variation_one": "purse",
    "lip_variation_two": "grin",
    "lip_variation_three": "lips_open",
    "mov_y": "shift_y",
}


@pytest.mark.parametrize("name", [name for name in GOLDEN if name.startswith("edit/")])
def test_editing_controls_move_what_the_published_editor_moves(name):
    control, _, value = name.removeprefix("edit/").partition("=")
    if control == "eyeball_direction":
        x, y = (float(part) for part in value.split(","))
        sliders = {"gaze_x": x, "gaze_y": y}
    elif control == "mov_x":
        sliders = {"shift_x": -float(value)}  # the editor negates this slider
    else:
        sliders = {EDITS[control]: float(value)}
    meets(editing.expression_change(**sliders), name)


def test_an_edited_portrait_turns_by_the_asked_degrees():
    turned = editing.edited(PORTRAIT, yaw=10, zoom=1.1, smile=1)
    before, after = (pose.rotation_angles(face.rotation) for face in (PORTRAIT, turned))
    torch.testing.assert_close(
        torch.cat(after) - torch.cat(before), torch.tensor([[0.0], [10], [0]]), atol=1e-3, rtol=0
    )
    torch.testing.assert_close(turned.scale, PORTRAIT.scale * 1.1)
    assert not torch.equal(turned.exp, PORTRAIT.exp)


def test_the_goldens_lie_beside_their_contract():
    assert (DATA / "README.md").is_file()
