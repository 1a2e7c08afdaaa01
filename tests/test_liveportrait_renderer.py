"""The LivePortrait renderer on a real photo: made-up weights on smaller maps, real geometry."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data
import torch
from liveportrait_goldens import golden, network

from avtr_cli.core.camera import FRONT
from avtr_cli.core.config import RenderConfig, RuntimeConfig
from avtr_cli.core.errors import ConfigError, WeightsError
from avtr_cli.core.motion_space import KEYPOINTS
from avtr_cli.core.rotation import matrix_of
from avtr_cli.core.types import Motion
from avtr_cli.perception.crop import resample, scaled
from avtr_cli.perception.portrait import find_portrait
from avtr_cli.render.liveportrait import checkpoints, crop, paste, retargeting
from avtr_cli.render.liveportrait.landmarks import LandmarkNetwork
from avtr_cli.render.liveportrait.matting import Backdrop, MattingNetwork
from avtr_cli.render.liveportrait.pose import avtr1_keypoints
from avtr_cli.render.liveportrait.regions import motion_mask
from avtr_cli.render.liveportrait.renderer import LivePortraitRenderer, _check_corrections
from tests import small_liveportrait

pytestmark = pytest.mark.slow

CPU = torch.device("cpu")
NEEDED = (*checkpoints.BASE_NETWORKS, *checkpoints.SHARED_ENTRIES)
TO_FRAME = np.array([[0.9, 0.2, 20.0], [-0.2, 0.9, 70.0], [0, 0, 1]])  # crop -> frame


@pytest.fixture(scope="module")
def portrait(photo):
    return find_portrait(photo)


@pytest.fixture(scope="module")
def renderer():
    states = {name: network(name).state_dict() for name in NEEDED}
    with pytest.MonkeyPatch.context() as patch:
        small_liveportrait.use_in_renderers(patch)
        yield LivePortraitRenderer(states, RenderConfig(size=256), RuntimeConfig(), CPU)


@pytest.fixture(scope="module")
def identity(renderer, portrait):
    return renderer.prepare(portrait)


def test_the_fast_paste_back_is_the_plain_one():
    frame, face = skimage.data.astronaut(), cv2.flip(skimage.data.astronaut(), 1)
    mask = paste.warped_mask(paste.liveportrait_mask(), TO_FRAME, 512, 512)
    plain = paste.paste_back(face, frame, mask, TO_FRAME)
    faces = torch.from_numpy(face).movedim(-1, 0)[None].float() / 255
    fast = paste.PasteBack(frame, TO_FRAME, CPU)(faces.repeat(2, 1, 1, 1)).numpy()
    assert fast.shape == (2, 512, 512, 3)
    assert np.array_equal(fast[0], fast[1])
    difference = np.abs(fast[0].astype(int) - plain)
    assert np.percentile(difference, 99) <= 2  # OpenCV interpolates in steps of 1/32 pixel
    assert np.array_equal(fast[0][mask[..., 0] == 0], frame[mask[..., 0] == 0])


def test_a_face_that_lands_small_is_averaged_not_sampled():
    checks = torch.from_numpy(np.indices((512, 512)).sum(axis=0) % 2).float().expand(1, 3, -1, -1)
    frame = np.zeros((128, 128, 3), np.uint8)
    drawn = paste.PasteBack(frame, np.diag([0.25, 0.25, 1]), CPU)(checks).numpy()[0]
    inside = drawn[20:100, 20:100].astype(int)
    assert np.abs(inside - 127).max() <= 1


def test_the_crop_from_478_points_is_level_and_holds_the_head(portrait):
    matrix = crop.crop_matrix(portrait.landmarks[:, :2], crop.AVTR1)
    inside = crop.transformed(portrait.landmarks[:, :2], matrix)
    eyes = inside[[33, 133, 362, 263]].mean(axis=0)
    mouth = inside[[61, 291]].mean(axis=0)
    assert abs(eyes[0] - mouth[0]) < 1  # the face's axis is the crop's
    assert 190 < eyes[1] < 256
    assert 290 < mouth[1] < 360
    assert (inside > 60).all()
    assert (inside < 450).all()


def test_a_large_photo_is_averaged_into_its_crop():
    fine = np.kron(np.indices((300, 300)).sum(axis=0) % 2, np.ones((2, 2))).astype(np.uint8) * 255
    photo = np.repeat(fine[..., None], 3, axis=2)
    small = crop.cropped(photo, np.diag([0.25, 0.25, 1]), 128)
    assert np.abs(small[4:-4, 4:-4].astype(int) - 128).max() <= 2


def test_the_landmark_network_sees_its_own_crop_and_answers_in_photo_pixels(portrait, tmp_path):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from avtr_cli.diagnostics.made_up.onnx_files import made_up_face, write_landmark

    write_landmark(tmp_path / "landmark.onnx")
    points = LandmarkNetwork(tmp_path / "landmark.onnx", CPU)(portrait.photo, portrait.landmarks[:, :2])
    matrix = crop.crop_matrix(portrait.landmarks[:, :2], crop.REFINEMENT)
    inside = crop.transformed(points, matrix)
    assert inside.shape == (203, 2)
    assert np.abs(inside - made_up_face() * 224).max() < 3  # it answers with this face, moved by a hundredth


def test_files_of_other_networks_are_refused_in_one_sentence(tmp_path):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from avtr_cli.diagnostics.made_up.onnx_files import write_landmark, write_modnet

    write_landmark(tmp_path / "landmark.onnx")
    write_modnet(tmp_path / "modnet.onnx")
    with pytest.raises(WeightsError, match=r"landmark.onnx: not the matting network .*avtr weights pull"):
        MattingNetwork(tmp_path / "landmark.onnx", CPU)
    with pytest.raises(WeightsError, match=r"modnet.onnx: .*avtr weights pull"):
        LandmarkNetwork(tmp_path / "modnet.onnx", CPU)


def test_another_background_shows_where_the_person_is_not(tmp_path):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from avtr_cli.diagnostics.made_up.onnx_files import write_modnet

    write_modnet(tmp_path / "modnet.onnx")
    frames = np.full((2, 64, 96, 3), 200, np.uint8)
    matte = np.zeros((64, 96), np.float32)
    matte[:, 40:] = 1
    blue = np.broadcast_to(np.array([0, 0, 99], np.uint8), (64, 96, 3))
    still = Backdrop(blue, matte, None).behind(frames)
    assert (still[:, :, :40] == [0, 0, 99]).all()
    assert (still[:, :, 40:] == 200).all()
    transparent = Backdrop(None, matte, None).behind(frames)
    assert transparent.shape == (2, 64, 96, 4)
    assert np.array_equal(transparent[1, ..., 3], (255 * matte).astype(np.uint8))
    seen = Backdrop(blue, matte, MattingNetwork(tmp_path / "modnet.onnx", CPU)).behind(frames)
    assert (seen[0, 2, 2] == [0, 0, 99]).all()  # MODNet finds the person in the middle instead
    assert (seen[0, 44, 48] > 190).all()


def test_the_regions_of_a_motion():
    assert motion_mask("all").all()
    assert motion_mask("pose").nonzero().flatten().tolist() == [0, 1, 2]
    assert not motion_mask("lips")[:3].any()
    assert motion_mask("lips").sum() == 6 * 3
    assert motion_mask("expression").sum() == 63


def test_a_folder_without_the_files_is_named(tmp_path):
    with pytest.raises(WeightsError, match=r"spade_generator, stitching_retargeting_module not found"):
        LivePortraitRenderer.from_folder(tmp_path, RenderConfig(), RuntimeConfig(), CPU)


def test_prepared_avatars_tell_motion_models_their_geometry(identity):
    shapes = {name: tuple(tensor.shape) for name, tensor in identity.anatomy.items()}
    assert shapes == {"canonical_keypoints": (21, 3), "rotation": (3, 3), "expression": (21, 3), "scale": (1,)}
    assert identity.size == (256, 256)
    assert identity.neutral.shape == (len(KEYPOINTS),)


def test_the_neutral_motion_is_the_portraits_own(identity):
    """LivePortrait's portrait keypoints, by AVTR-1's formula; the formulas differ in t's depth, which is 0 in faces."""
    rotation = matrix_of(identity.neutral[None, :3])
    driven = avtr1_keypoints(identity.kept.pose, rotation, identity.neutral[None, 3:].unflatten(1, (21, 3)))
    torch.testing.assert_close(driven[..., :2], identity.kept.keypoints[..., :2], rtol=0, atol=1e-5)


def test_frames_show_the_motion_inside_the_face_and_the_photo_around_it(renderer, identity, portrait):
    values = identity.neutral.repeat(2, 1)
    values[1, :3] += 0.2
    frames = renderer.draw(identity, Motion(KEYPOINTS, values)).copy()
    assert frames.shape == (2, 256, 256, 3)
    assert frames.dtype == np.uint8
    assert np.abs(frames[0].astype(int) - frames[1]).max() > 20
    photo = resample(portrait.photo, scaled(portrait.crop, 0.5), 256, 256)
    assert np.array_equal(frames[:, -20:], np.stack([photo[-20:]] * 2))  # below the crop
    again = renderer.draw(identity, Motion(KEYPOINTS, values[1:]))
    assert np.array_equal(again[0], frames[1])  # the same bits, whatever was drawn before


def test_with_the_lips_alone_a_turn_of_the_head_changes_nothing(renderer, identity, monkeypatch):
    monkeypatch.setattr(renderer, "_moves", motion_mask("lips"))
    values = identity.neutral.repeat(3, 1)
    values[1, :3] += 0.3
    values[2, 3 + 3 * 20 + 1] += 0.2  # keypoint 20 belongs to the lips
    frames = renderer.draw(identity, Motion(KEYPOINTS, values))
    assert np.array_equal(frames[0], frames[1])
    assert not np.array_equal(frames[0], frames[2])


def settle(renderer, monkeypatch, **settings):
    monkeypatch.setattr(renderer, "config", replace(renderer.config, **settings))


def test_the_expression_turns_with_the_head_or_as_livePortrait_has_it_does_not(renderer, identity, monkeypatch):
    monkeypatch.setattr(renderer, "_stitch", lambda x: torch.zeros(len(x), 65))
    avatar = identity.kept
    turned = identity.neutral[None].clone()
    turned[:, :3] += 0.3
    scale, expression_at_rest = identity.anatomy["scale"], identity.anatomy["expression"]
    points = scale * identity.anatomy["canonical_keypoints"] @ matrix_of(turned[:, :3])[0]
    shift = torch.cat([avatar.pose.t[0, :2], torch.zeros(1)])
    for driving in ("relative", "absolute"):
        settle(renderer, monkeypatch, driving=driving)
        expression = renderer._driven(avatar, turned)[0] - points - shift
        torch.testing.assert_close(expression, scale * expression_at_rest, rtol=0, atol=1e-5)
        at_rest = renderer._driven(avatar, identity.neutral[None])
        torch.testing.assert_close(at_rest, avatar.keypoints, rtol=0, atol=1e-5)
    settle(renderer, monkeypatch, driving="avtr1")
    expression = renderer._driven(avatar, turned)[0] - points - avatar.pose.t[0]
    assert not torch.allclose(expression, scale * expression_at_rest, atol=1e-3)


def test_absolute_driving_leaves_the_coordinates_that_carry_identity(renderer, identity, monkeypatch):
    monkeypatch.setattr(renderer, "_stitch", lambda x: torch.zeros(len(x), 65))
    moved = identity.neutral[None].clone()
    moved[:, 3:] += 0.05
    settle(renderer, monkeypatch, driving="relative")
    all_move = (renderer._driven(identity.kept, moved) - identity.kept.keypoints)[0].abs().amax(dim=1)
    settle(renderer, monkeypatch, driving="absolute")
    some_move = (renderer._driven(identity.kept, moved) - identity.kept.keypoints)[0].abs().amax(dim=1)
    assert (all_move > 1e-3).all()
    assert (some_move < 1e-5).nonzero().flatten().tolist() == [0, 7, 10]


def test_eyes_and_lips_open_as_the_settings_want(renderer, identity, portrait, monkeypatch):
    assert identity.kept.opening is None
    assert identity.kept.closing is None
    settle(renderer, monkeypatch, eyes_open=0.1, lips_open=0.4, close_lips=True)
    kept = renderer.prepare(portrait).kept
    points, x_s = portrait.landmarks[:, :2], identity.kept.keypoints
    eyes, lips = retargeting.eye_ratio(points), retargeting.lip_ratio(points)
    assert ((eyes > 0.15) & (eyes < 0.5)).all()  # the astronaut looks at us
    assert lips[0] >= retargeting.OPEN_LIPS  # and shows her teeth
    wanted = retargeting.opening_delta(renderer._open_eyes, x_s, torch.tensor([[*eyes, 0.1]]).float())
    wanted = wanted + retargeting.opening_delta(renderer._open_lips, x_s, torch.tensor([[*lips, 0.4]]).float())
    torch.testing.assert_close(kept.opening, wanted)
    assert kept.closing.shape == (1, 21, 3)
    driven = renderer._driven(kept, identity.neutral[None])
    plain = retargeting.stitched(renderer._stitch, x_s, avtr1_of(identity) + wanted) + kept.closing
    torch.testing.assert_close(driven, plain, rtol=0, atol=1e-5)


def avtr1_of(identity):
    """The portrait's own keypoints by AVTR-1's formula."""
    rotation = matrix_of(identity.neutral[None, :3])
    return avtr1_keypoints(identity.kept.pose, rotation, identity.neutral[None, 3:].unflatten(1, (21, 3)))


@pytest.mark.parametrize(("settings", "name"), [({"eyes_open": 0.3}, "eye"), ({"close_lips": True}, "lip")])
def test_a_file_without_the_small_network_that_a_setting_needs_is_named(settings, name):
    path = Path("stitching_retargeting_module.pth")
    _check_corrections({}, RenderConfig(), path)
    with pytest.raises(WeightsError, match=f"{path}: has no {name} network.*avtr weights pull"):
        _check_corrections({"stitching": {}}, RenderConfig(**settings), path)


@pytest.mark.parametrize("settings", [{"eyes_open": 0.9}, {"lips_open": -0.5}, {"driving": "ditto"}])
def test_settings_beyond_their_range_are_refused(settings):
    with pytest.raises(ConfigError, match=f"render.{next(iter(settings))} is"):
        RenderConfig(**settings)


def test_two_avatars_drawn_together_have_the_bits_of_each_alone(renderer, identity, portrait):
    other = renderer.prepare(replace(portrait, photo=np.ascontiguousarray(portrait.photo[..., ::-1])))
    motions = []
    for turn, one in ((0.1, identity), (-0.2, other)):
        values = one.neutral.repeat(1, 1)
        values[:, :3] += turn
        motions.append(Motion(KEYPOINTS, values))
    together = [frames.copy() for frames in renderer.draw_together([identity, other], motions, [FRONT, FRONT])]
    assert not np.array_equal(*together)
    for one, motion, frames in zip((identity, other), motions, together, strict=True):
        assert np.array_equal(renderer.draw(one, motion), frames)


def test_the_golden_landmarks_are_of_a_face():
    """Guards the anchors: both published schemes give an upright crop of the face they describe."""
    for points in (203, 106):
        landmarks = golden("crop")[f"in/landmarks{points}"]
        inside = crop.transformed(landmarks, crop.crop_matrix(landmarks))
        assert inside.min() > 0
        assert inside.max() < 512
