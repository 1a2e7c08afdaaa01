"""The embedded renderer: the photo at rest, and what each control does to it, measured on real frames."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from avtr_cli.core.config import RenderConfig
from avtr_cli.core.motion_space import CONTROLS
from avtr_cli.core.types import Identity, Motion, Portrait
from avtr_cli.evaluation.mesh.studio import command
from avtr_cli.kernels.sampling import TorchSampler
from avtr_cli.perception.crop import resample, scaled
from avtr_cli.perception.landmarks import face_points
from avtr_cli.perception.portrait import find_portrait
from avtr_cli.perception.template import fit_pose
from avtr_cli.perception.topology import (
    CHEEKS,
    EYES,
    INNER_LOWER_LIP,
    INNER_UPPER_LIP,
    LIP_CENTRES,
    MOUTH_CORNERS,
    OUTER_EYE_CORNERS,
)
from avtr_cli.render.mesh import mouth
from avtr_cli.render.mesh.renderer import MeshRenderer

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def portrait(photo: Path) -> Portrait:
    return find_portrait(photo)


@pytest.fixture(scope="module")
def renderer() -> MeshRenderer:
    return MeshRenderer(RenderConfig(breathing=0), CPU)


@pytest.fixture(scope="module")
def identity(renderer: MeshRenderer, portrait: Portrait) -> Identity:
    return renderer.prepare(portrait)


def controls(**wanted: float) -> torch.Tensor:
    """One row; `jawOpen=0.3`, `eyeBlink=1` for both sides, head angles as `pitch`, `yaw`, `roll` in degrees."""
    return torch.from_numpy(command(**wanted)).float()


def motion(*rows: torch.Tensor, first: int = 0) -> Motion:
    return Motion(CONTROLS, torch.stack(rows), first)


def eye_distance(points: np.ndarray) -> float:
    return float(np.linalg.norm(np.diff(points[list(OUTER_EYE_CORNERS), :2], axis=0)))


def lip_gap(frame: np.ndarray) -> float:
    points = face_points(frame)
    return float(points[LIP_CENTRES[1], 1] - points[LIP_CENTRES[0], 1]) / eye_distance(points)


def eye_opening(frame: np.ndarray) -> float:
    points = face_points(frame)[:, :2]
    ratios = []
    for eye in EYES:
        upper, lower = points[list(eye.upper)], points[list(eye.lower)]
        ratios.append(np.linalg.norm(upper - lower, axis=1)[2:7].mean() / np.linalg.norm(upper[0] - upper[8]))
    return float(np.mean(ratios))


@pytest.mark.slow
@pytest.mark.parametrize("size", [256, 500, 512, 640])
def test_zero_controls_return_the_crop_bit_for_bit(portrait: Portrait, size: int):
    renderer = MeshRenderer(RenderConfig(size=size, breathing=0), CPU)
    identity = renderer.prepare(portrait)
    frame = renderer.draw(identity, motion(controls()))[0]
    assert frame.shape == (size, size, 3)
    assert identity.size == (size, size)
    assert np.array_equal(frame, identity.kept.stage.frame.of(identity.kept.stage.canvas))
    plain = resample(portrait.photo, scaled(portrait.crop, size / portrait.crop_size), size, size)
    assert np.abs(frame.astype(int) - plain).mean() < 0.5


@pytest.mark.slow
@pytest.mark.parametrize("size", [300, 512, 1280])
def test_zero_controls_return_the_whole_photo_bit_for_bit(portrait: Portrait, size: int):
    renderer = MeshRenderer(RenderConfig(view="photo", size=size, breathing=0), CPU)
    identity = renderer.prepare(portrait)
    frame = renderer.draw(identity, motion(controls()))[0]
    assert frame.shape == (min(size, 512), min(size, 512), 3)
    assert np.array_equal(frame, identity.kept.stage.frame.of(identity.kept.stage.canvas))
    if size >= 512:
        assert np.array_equal(frame, portrait.photo)


@pytest.mark.slow
def test_the_photo_view_keeps_aspect_and_even_sides(portrait: Portrait):
    narrow = replace(portrait, photo=portrait.photo[:, 60:391], matte=portrait.matte[:, 60:391])
    narrow = replace(narrow, landmarks=portrait.landmarks - (60, 0, 0))
    identity = MeshRenderer(RenderConfig(view="photo", size=1000), CPU).prepare(narrow)
    assert identity.size == (330, 512)
    identity = MeshRenderer(RenderConfig(view="photo", size=301), CPU).prepare(narrow)
    assert identity.size == (194, 300) or identity.size == (194, 302)


@pytest.mark.slow
def test_the_jaw_opens_the_lips_as_far_as_told(renderer: MeshRenderer, identity: Identity):
    steps = np.array([0.0, 0.15, 0.3, 0.45, 0.6])
    frames = renderer.draw(identity, motion(*(controls(jawOpen=float(jaw)) for jaw in steps)))
    gaps = np.array([lip_gap(frame) for frame in frames])
    assert (np.diff(gaps) > 0).all()
    slope = np.polyfit(0.36 * steps, gaps, 1)[0]
    assert 0.8 < slope < 1.3


@pytest.mark.slow
def test_mouth_close_seals_lips_even_where_the_photo_smiles(renderer: MeshRenderer, identity: Identity):
    frames = renderer.draw(identity, motion(controls(), controls(jawOpen=0.4, mouthClose=0.4)))
    assert lip_gap(frames[0]) > 0.05
    assert lip_gap(frames[1]) < 0.025


@pytest.mark.slow
def test_a_blink_shuts_the_eyes_and_leaves_the_mouth(renderer: MeshRenderer, identity: Identity):
    frames = renderer.draw(identity, motion(controls(), controls(eyeBlink=0.5), controls(eyeBlink=1.0)))
    opened = [eye_opening(frame) for frame in frames]
    assert opened[0] > opened[1] > opened[2]
    assert opened[2] < 0.6 * opened[0]
    assert np.array_equal(frames[0][300:], frames[2][300:])


@pytest.mark.slow
def test_a_shut_lid_carries_the_grain_of_the_photo(renderer: MeshRenderer, portrait: Portrait):
    noise = np.random.default_rng(0).normal(0, 14, portrait.photo.shape[:2])[..., None]
    grainy = replace(portrait, photo=(portrait.photo + noise).clip(0, 255).astype(np.uint8))
    identity = renderer.prepare(grainy)
    stage = identity.kept.stage
    frame = renderer.draw(identity, motion(controls(eyeBlinkLeft=1.0, eyeBlinkRight=1.0)))[0].astype(np.float32)
    fine = (frame - cv2.GaussianBlur(frame, (0, 0), 1.5)).mean(axis=2)

    def grain(middle: np.ndarray) -> float:
        x, y = (middle[:2] - (stage.frame.x, stage.frame.y)).astype(int)
        return float(fine[y - 3 : y + 4, x - 8 : x + 9].std())

    for eye in EYES:
        lid = stage.points[list(eye.upper)].mean(axis=0)
        below = stage.points[list(eye.lower)].mean(axis=0)
        below[1] += 0.2 * stage.unit
        assert 0.62 < grain(lid) / grain(below) < 1.5


@pytest.mark.slow
def test_the_tongue_comes_up_between_the_teeth_when_told(renderer: MeshRenderer, identity: Identity):
    frames = renderer.draw(identity, motion(controls(jawOpen=0.3), controls(jawOpen=0.3, tongueOut=0.4)))
    points = face_points(frames[0])
    x, y = points[LIP_CENTRES[1], :2].astype(int)
    above_lip = np.s_[y - 10 : y - 3, x - 8 : x + 8]
    low, raised = (frame[above_lip].reshape(-1, 3).mean(axis=0) for frame in frames.astype(float))
    assert raised.mean() > low.mean() + 10
    assert raised[0] - raised[2] > low[0] - low[2]  # it is redder than the hollow


@pytest.mark.slow
@pytest.mark.parametrize(
    "wanted",
    [
        {"jawOpen": 0.7},
        {"jawOpen": 1.0, "mouthSmileLeft": 1.0, "mouthSmileRight": 1.0, "headYaw": 0.3},
        {"jawOpen": 0.4, "mouthFunnel": 1.0, "headRoll": 0.2, "headZ": -0.5},
        {"jawOpen": 0.3, "mouthClose": 0.3, "jawLeft": 1.0},
        {"jawOpen": 0.8, "mouthPucker": 1.0, "headYaw": -0.3},
    ],
)
def test_the_mouths_inside_is_drawn_wherever_the_lips_gap(
    renderer: MeshRenderer, identity: Identity, monkeypatch: pytest.MonkeyPatch, wanted: dict[str, float]
):
    frame = renderer.draw(identity, motion(controls(**wanted)))
    everywhere = slice(None), slice(None)
    monkeypatch.setattr(mouth, "around_gap", lambda *_: everywhere)
    assert np.array_equal(renderer.draw(identity, motion(controls(**wanted))), frame)


@pytest.mark.slow
def test_a_wide_open_mouth_is_filled_by_a_tongue_that_is_darker_towards_the_throat(
    renderer: MeshRenderer, identity: Identity
):
    frame = renderer.draw(identity, motion(controls(jawOpen=0.6)))[0]
    points = face_points(frame)
    x, upper = points[LIP_CENTRES[0], :2]
    lower = points[LIP_CENTRES[1], 1]

    def seen(share: float) -> np.ndarray:
        """Mean colour of a patch between the lips, at that share of the way down."""
        y = int(upper + share * (lower - upper))
        return frame[y - 2 : y + 3, int(x) - 6 : int(x) + 7].reshape(-1, 3).mean(axis=0)

    throat, tongue, cheek = seen(0.48), seen(0.78), frame[tuple(points[CHEEKS[0], 1::-1].astype(int))]
    assert throat.mean() < 0.55 * cheek.mean()
    assert 1.15 * throat.mean() < tongue.mean() < 0.9 * cheek.mean()
    assert tongue[0] > 1.15 * tongue[1]


@pytest.mark.slow
def test_the_mouth_of_a_sepia_photo_is_sepia_inside(renderer: MeshRenderer, portrait: Portrait):
    grey = cv2.cvtColor(portrait.photo, cv2.COLOR_RGB2GRAY)[..., None]
    identity = renderer.prepare(replace(portrait, photo=(grey * (1.0, 0.9, 0.7)).astype(np.uint8)))
    frame = renderer.draw(identity, motion(controls(jawOpen=0.6)))[0]
    points = face_points(frame)
    inside = np.zeros(frame.shape[:2], np.uint8)
    outline = points[[*INNER_UPPER_LIP, *INNER_LOWER_LIP[::-1]], :2]
    cv2.fillPoly(inside, [np.rint(outline).astype(np.int32)], (1,))
    red, green, _ = frame[inside > 0].mean(axis=0)
    assert 1.0 < red / green < 1.25


@pytest.mark.slow
def test_a_smile_widens_and_lifts_the_corners(renderer: MeshRenderer, identity: Identity):
    frames = renderer.draw(identity, motion(controls(), controls(mouthFrown=0.6), controls(mouthSmile=0.6)))
    rest, frown, smile = (face_points(frame)[list(MOUTH_CORNERS), :2] for frame in frames)
    assert np.ptp(smile[:, 0]) > 1.05 * np.ptp(rest[:, 0])
    assert smile[:, 1].mean() < rest[:, 1].mean() < frown[:, 1].mean()


@pytest.mark.slow
def test_eyes_look_where_they_are_told(renderer: MeshRenderer, identity: Identity):
    right_of_picture = controls(eyeLookOutLeft=0.8, eyeLookInRight=0.8)
    left_of_picture = controls(eyeLookInLeft=0.8, eyeLookOutRight=0.8)
    frames = renderer.draw(identity, motion(left_of_picture, controls(), right_of_picture))
    places = []
    for frame in frames:
        points = face_points(frame)
        places.append(np.mean([points[e.iris[0], 0] - points[[e.upper[0], e.upper[8]], 0].mean() for e in EYES]))
    assert places[0] < places[1] < places[2]


@pytest.mark.slow
@pytest.mark.parametrize(("axis", "name"), list(enumerate(("pitch", "yaw", "roll"))))
@pytest.mark.parametrize("degrees", [-8, 8])
def test_the_head_turns_about_the_axis_and_way_it_is_told(
    renderer: MeshRenderer, identity: Identity, axis: int, name: str, degrees: int
):
    frames = renderer.draw(identity, motion(controls(), controls(**{name: degrees})))
    before, after = (fit_pose(face_points(frame)).angles for frame in frames)
    turned = after - before
    assert 0.6 * 8 < turned[axis] * np.sign(degrees) < 1.4 * 8
    assert np.abs(np.delete(turned, axis)).max() < 3


@pytest.mark.slow
def test_the_background_stands_still(renderer: MeshRenderer, identity: Identity):
    rows = [controls(yaw=12), controls(pitch=-9), controls(roll=6), controls(jawOpen=0.6, mouthSmile=1, browInnerUp=1)]
    frames = renderer.draw(identity, motion(controls(), *rows)).astype(int)
    stage = identity.kept.stage
    matte = stage.frame.of(resample_matte(identity))
    far = cv2.dilate((matte > 0.05).astype(np.uint8), np.ones((81, 81), np.uint8)) == 0
    assert far.mean() > 0.08
    assert np.abs(frames[1:] - frames[0])[:, far].max() <= 1
    assert stage.frame.width == 512


def resample_matte(identity: Identity) -> np.ndarray:
    alpha = identity.kept.person
    fine = alpha if isinstance(alpha, np.ndarray) else alpha[0].permute(1, 2, 0).numpy()
    return np.ascontiguousarray(fine[::2, ::2, 3]).astype(np.float32) / 255


@pytest.mark.slow
def test_the_rest_of_the_photo_never_changes_in_the_photo_view(tmp_path: Path, portrait: Portrait):
    """A large scene with the person in its middle: everything outside the stage, and its border, is the photo."""
    scene = Image.effect_noise((1600, 1200), 60).convert("RGB")
    scene.paste(Image.fromarray(portrait.photo), (500, 500))
    scene.save(tmp_path / "scene.png")
    renderer = MeshRenderer(RenderConfig(view="photo", size=1600, breathing=1), CPU)
    identity = renderer.prepare(find_portrait(tmp_path / "scene.png"))
    place = identity.kept.stage.shown_at
    assert 0 < place.x < place.x + place.width < 1600
    frames = renderer.draw(
        identity, motion(controls(), controls(yaw=14, jawOpen=0.5), controls(roll=10, pitch=8), first=9)
    )
    border = np.ones((1200, 1600), bool)
    border[place.y + 2 : place.y + place.height - 2, place.x + 2 : place.x + place.width - 2] = False
    assert np.array_equal(frames[:, border], np.broadcast_to(np.asarray(scene)[border], frames[:, border].shape))


@pytest.mark.slow
def test_frames_depend_on_nothing_but_identity_controls_and_number(portrait: Portrait):
    renderer = MeshRenderer(RenderConfig(size=256, breathing=1), CPU)
    identity = renderer.prepare(portrait)
    random = torch.Generator().manual_seed(4)
    rows = [torch.rand(len(CONTROLS), generator=random) * 0.4 for _ in range(6)]
    together = renderer.draw(identity, motion(*rows, first=100)).copy()
    for number in (5, 0, 3):
        alone = renderer.draw(identity, motion(rows[number], first=100 + number))[0]
        assert np.array_equal(alone, together[number])
    again = MeshRenderer(RenderConfig(size=256, breathing=1), CPU)
    assert np.array_equal(again.draw(again.prepare(portrait), motion(*rows, first=100)), together)


@pytest.mark.slow
def test_breathing_starts_at_rest_and_moves_the_shoulders_a_little(portrait: Portrait):
    renderer = MeshRenderer(RenderConfig(size=256, breathing=1), CPU)
    identity = renderer.prepare(portrait)
    rest = controls()
    frames = renderer.draw(identity, motion(*[rest] * 28)).astype(int)
    still = identity.kept.stage.frame.of(identity.kept.stage.canvas)
    assert np.array_equal(frames[0], still)
    change = np.abs(frames[27] - still).mean(axis=2)
    assert change.max() > 3
    assert change.mean() < 4


@pytest.mark.slow
def test_both_samplers_draw_the_same_face(portrait: Portrait):
    rows = [controls(yaw=8, jawOpen=0.4, mouthSmile=0.3), controls(eyeBlink=0.7, pitch=-6), controls(mouthPucker=0.7)]
    fast = MeshRenderer(RenderConfig(size=256, breathing=0), CPU)
    plain = MeshRenderer(RenderConfig(size=256, breathing=0), CPU)
    plain.sampler = TorchSampler(CPU)
    quick, slow = fast.prepare(portrait), plain.prepare(portrait)
    slow = replace(slow, kept=replace(slow.kept, calibration=quick.kept.calibration))
    difference = np.abs(fast.draw(quick, motion(*rows)).astype(int) - plain.draw(slow, motion(*rows)))
    assert difference.mean() < 0.3
    assert np.percentile(difference, 99.9) <= 4


@pytest.mark.slow
def test_a_transparent_background_gives_alpha(portrait: Portrait):
    renderer = MeshRenderer(RenderConfig(size=256, background="transparent"), CPU)
    identity = renderer.prepare(portrait)
    frame = renderer.draw(identity, motion(controls(jawOpen=0.2)))[0]
    assert frame.shape == (256, 256, 4)
    assert frame[5, 5, 3] == 0
    assert frame[128, 128, 3] == 255


@pytest.mark.slow
def test_a_coloured_background_is_that_colour_behind_the_person(portrait: Portrait):
    renderer = MeshRenderer(RenderConfig(size=256, background="#10A020", breathing=0), CPU)
    frames = renderer.draw(renderer.prepare(portrait), motion(controls(), controls(yaw=9)))
    assert (frames[:, 3, 3] == (0x10, 0xA0, 0x20)).all()
    assert np.abs(frames[0, 128, 128].astype(int) - (0x10, 0xA0, 0x20)).max() > 40


@pytest.mark.slow
def test_any_controls_give_a_picture_of_a_face(renderer: MeshRenderer, identity: Identity):
    random = np.random.default_rng(11)
    rows = []
    for _ in range(12):
        row = torch.from_numpy(random.uniform(0, 1, len(CONTROLS)).astype(np.float32))
        row[52:55] = torch.from_numpy(np.radians(random.uniform(-15, 15, 3)).astype(np.float32))
        row[55:58] = torch.from_numpy(random.uniform(-0.2, 0.2, 3).astype(np.float32))
        rows.append(row)
    frames = renderer.draw(identity, motion(*rows))
    assert sum(face_points(frame) is not None for frame in frames) >= 11
