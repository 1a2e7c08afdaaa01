"""A whole person from one photo: what is seen of it, the body that is fitted, and the pictures that are drawn."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from avtr_cli.core.camera import FRONT, Camera, orbit
from avtr_cli.core.config import RenderConfig, load_preset
from avtr_cli.core.errors import AvtrError, ConfigError, PhotoError
from avtr_cli.core.motion_space import CONTROLS, FULL
from avtr_cli.core.rotation import matrix_of
from avtr_cli.core.types import Identity, Motion, Portrait
from avtr_cli.perception.body import SeenBody, see_body
from avtr_cli.perception.landmarks import face_height
from avtr_cli.perception.portrait import find_portrait
from avtr_cli.perception.pose import Pose
from avtr_cli.perception.topology import NOSE_TIP
from avtr_cli.render.gaussian import fitting, freedoms
from avtr_cli.render.gaussian.body_model import shipped_body
from avtr_cli.render.gaussian.fitting import fit_body, lens_of
from avtr_cli.render.gaussian.lips import INNER
from avtr_cli.render.gaussian.renderer import BodyRenderer
from avtr_cli.render.gaussian.wrapping import face_places
from tests.drawn_people import person

CPU = torch.device("cpu")
SIZE = 256  # px
WHOLLY = 9  # px from the matte at which the background is the photo's own


@pytest.fixture(scope="module")
def portrait(photo: Path) -> Portrait:
    return find_portrait(photo)


@pytest.fixture(scope="module")
def config() -> RenderConfig:
    return RenderConfig(renderer="body", view="photo", size=SIZE)


@pytest.fixture(scope="module")
def renderer(config: RenderConfig) -> BodyRenderer:
    return BodyRenderer(config, CPU)


@pytest.fixture(scope="module")
def identity(renderer: BodyRenderer, portrait: Portrait) -> Identity:
    return renderer.prepare(portrait)


@pytest.fixture(scope="module")
def small(portrait: Portrait) -> np.ndarray:
    return cv2.resize(portrait.photo, (SIZE, SIZE), interpolation=cv2.INTER_AREA)


@pytest.fixture(scope="module")
def seen(portrait: Portrait, small: np.ndarray) -> SeenBody:
    half = portrait.landmarks * 0.5 - [0.25, 0.25, 0]
    return see_body(small, half, cv2.resize(portrait.matte, (SIZE, SIZE), interpolation=cv2.INTER_AREA))


def motion(*rows: dict[str, float], first: int = 0) -> Motion:
    values = torch.zeros(len(rows), len(CONTROLS))
    for number, row in enumerate(rows):
        for name, value in row.items():
            values[number, CONTROLS.index(name)] = value
    return Motion(CONTROLS, values, first)


def drawn(renderer: BodyRenderer, identity: Identity, camera: Camera = FRONT, first: int = 0, **controls: float):
    return renderer.draw(identity, motion(controls, first=first), camera)[0].copy()


def changed(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Where pictures differ by more than rounding, (H, W)."""
    return np.abs(one.astype(int) - other).max(2) > 6


def test_what_is_seen_is_one_person_with_the_face_in_the_matte(seen, small):
    x, y = seen.face[NOSE_TIP, :2].astype(int)
    assert seen.matte[y, x] > 0.99
    assert 0.3 < (seen.matte > 0.5).mean() < 0.9
    assert seen.matte[:20, :20].max() < 0.05
    assert seen.doubts == ()


@pytest.mark.slow
def test_a_drawn_person_is_seen_with_both_hands_in_reach_of_the_wrists(tmp_path):
    path = tmp_path / "person.png"
    cv2.imwrite(str(path), person()[..., ::-1])
    found = find_portrait(path)
    body = see_body(found.photo, found.landmarks, found.matte)
    assert body.sees(11, 12, 13, 14, 15, 16, 23, 24)
    for side, hand in body.hands.items():
        wrist = body.pose.points[15 if side == "L" else 16, :2]
        assert np.hypot(*(hand.points[0, :2] - wrist)) < 0.3 * body.unit


@pytest.mark.slow
def test_a_head_alone_is_refused_in_one_sentence(portrait):
    top, left = 20, 140
    head = np.ascontiguousarray(portrait.photo[top:240, left:320])
    face = portrait.landmarks - [left, top, 0]
    with pytest.raises(PhotoError, match=r"only a head is seen.*down to the waist"):
        see_body(head, face, np.ascontiguousarray(portrait.matte[top:240, left:320]))


@pytest.mark.slow
@pytest.mark.parametrize("larger", [1.5, 2.41, 4.0])
def test_a_person_is_seen_the_same_in_a_picture_of_any_size(portrait: Portrait, larger: float):
    height, width = portrait.matte.shape
    size = round(larger * width), round(larger * height)
    seen = see_body(portrait.photo, portrait.landmarks, portrait.matte)
    enlarged = see_body(
        cv2.resize(portrait.photo, size, interpolation=cv2.INTER_CUBIC),
        larger * portrait.landmarks,
        cv2.resize(portrait.matte, size),
    )
    assert enlarged.matte.shape == size[::-1]
    assert enlarged.unit == pytest.approx(larger * seen.unit, rel=0.08)
    upper = [0, 11, 12, 13, 14]
    apart = np.hypot(*(enlarged.pose.points[upper, :2] / larger - seen.pose.points[upper, :2]).T)
    assert apart.max() < 0.12 * seen.unit
    whole = cv2.resize(enlarged.matte, (width, height), interpolation=cv2.INTER_AREA)
    assert np.abs(whole - seen.matte).mean() < 0.03


def test_a_face_without_a_body_is_refused(portrait, small, seen):
    elsewhere = seen.face + np.array([0, 4 * face_height(seen.face), 0])
    with pytest.raises(PhotoError, match="no body is seen with this face"):
        see_body(small, elsewhere, seen.matte)
    nobody = np.full_like(small, 120)
    with pytest.raises(PhotoError, match="no body is seen"):
        see_body(nobody, seen.face, seen.matte)


@pytest.mark.slow
def test_someone_else_in_the_picture_is_told(tmp_path):
    path = tmp_path / "person.png"
    cv2.imwrite(str(path), person()[..., ::-1])
    found = find_portrait(path)
    both = np.hstack([found.photo, found.photo])
    doubts = see_body(both, found.landmarks, np.hstack([found.matte, np.zeros_like(found.matte)])).doubts
    assert any("other people" in doubt for doubt in doubts)
    assert not any("other people" in doubt for doubt in see_body(found.photo, found.landmarks, found.matte).doubts)


def crossed(seen: SeenBody, left: float, right: float) -> tuple[str, ...]:
    """What is told of that person with wrists at `left` and `right` px, all else as it was and visible."""
    points, visibility = seen.pose.points.copy(), np.ones(33)
    points[[15, 16], 0] = left, right
    points[[15, 16], 1] = 200
    from avtr_cli.perception import body

    return tuple(body._doubts(replace(seen, pose=replace(seen.pose, points=points, visibility=visibility)), 0))


def test_arms_that_cross_the_body_are_told(seen):
    assert any("crossed" in doubt for doubt in crossed(seen, 60, 150))
    assert not any("crossed" in doubt for doubt in crossed(seen, 200, 20))


def posed_points(seed: int, size: float) -> tuple[SeenBody, np.ndarray]:
    """A made-up person of our own body, posed at random, seen without error; the picture is 400 x 600 px."""
    model, random = shipped_body(), np.random.default_rng(seed)
    lens = lens_of(400, 600)
    empty = Pose(np.zeros((33, 3)), np.ones(33), np.zeros((33, 3)))
    seen = SeenBody(empty, {}, np.zeros((478, 3)), np.zeros((600, 400), np.float32), 150.0, ())
    task = fitting._Task(model, seen, lens)
    turns = torch.zeros(len(task.names), 3)
    for name in ("upper arm.L", "upper arm.R", "elbow.L", "elbow.R", "hip.L", "hip.R", "neck"):
        turns[task.names.index(name)] = torch.from_numpy(random.normal(0, size, 3)).float()
    turns[0, 1] = float(random.normal(0, size))
    shape = torch.zeros(len(model.changes))
    heads, _ = task._joints(shape)
    turned, placed = model.posed(heads, matrix_of(task.shares @ turns), torch.tensor([0.0, 0.0, 3.0]))
    points = task._points(heads, turned, placed)
    pose = replace(empty, points=np.zeros((33, 3)), metres=np.zeros((33, 3)), visibility=np.zeros(33))
    pose.points[task.numbers, :2] = task._project(points).numpy()
    pose.metres[task.numbers] = (points - (points[10] + points[11]) / 2).numpy()
    pose.visibility[task.numbers] = 1
    face = np.zeros((478, 3))
    places = task._face(shape, heads, turned, placed)
    face[list(freedoms.FACE_POINTS), :2] = task._project(places).numpy()
    face[list(freedoms.FACE_POINTS), 2] = places[:, 2] * lens.focal / 3
    return replace(seen, pose=pose, face=face), placed.numpy()


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_a_body_that_is_posed_by_ourselves_is_found_again(seed):
    seen, placed = posed_points(seed, 0.3)
    fit = fit_body(shipped_body(), seen)
    assert fit.body_error < 0.02
    assert fit.face_error < 0.02
    model = shipped_body()
    heads = torch.from_numpy(model.joints_of(fit.shape)[0]).double()
    _, found = model.posed(heads, torch.from_numpy(fit.turns), torch.from_numpy(fit.shift))
    elbows = [model.bone(f"{name}.{side}") for name in ("lowerarm01", "wrist") for side in "LR"]
    assert np.linalg.norm(found.numpy()[elbows, :2] - placed[elbows, :2], axis=1).max() < 0.08  # m


@pytest.mark.slow
def test_the_same_photo_gives_the_same_body(seen):
    first, second = fit_body(shipped_body(), seen), fit_body(shipped_body(), seen)
    assert (first.turns == second.turns).all()
    assert (first.shape == second.shape).all()
    assert first.body_error < 0.012
    assert first.face_error < 0.02


def test_a_body_at_rest_is_the_photo(renderer, identity, small, seen):
    frame = drawn(renderer, identity)
    assert frame.shape == (SIZE, SIZE, 3)
    error = ((frame.astype(float) - small) / 255) ** 2
    assert -10 * np.log10(error[seen.matte > 0.5].mean()) > 28  # dB in the person
    away = cv2.distanceTransform((seen.matte <= 0.02).astype(np.uint8), cv2.DIST_L2, 5)
    assert (frame == small)[away > WHOLLY].all()


def test_teeth_between_parted_lips_are_those_of_the_photo(renderer, identity, small, seen):
    teeth = np.zeros(small.shape[:2], np.uint8)
    cv2.fillPoly(teeth, [np.rint(seen.face[list(INNER), :2]).astype(np.int32)], (1,))
    off = np.abs(drawn(renderer, identity).astype(int) - small)[teeth > 0]
    assert (teeth > 0).sum() > 30
    assert off.mean() < 3


def test_frames_are_the_same_bits_whenever_and_wherever_they_are_drawn(renderer, identity, config, portrait):
    rows = [{"jawOpen": 0.5}, {}, {"headYaw": 0.3, "eyeBlinkLeft": 1.0}]
    together = renderer.draw(identity, motion(*rows, first=7)).copy()
    alone = [drawn(renderer, identity, first=7 + k, **row) for k, row in reversed(list(enumerate(rows)))]
    assert (together == np.array(alone[::-1])).all()
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1 if threads > 1 else 2)
        other = BodyRenderer(config, CPU)
        assert (other.draw(other.prepare(portrait), motion(*rows, first=7)) == together).all()
    finally:
        torch.set_num_threads(threads)


def face_box(seen: SeenBody, low: int, high: int) -> tuple[slice, slice]:
    """Rows from the face's point `low` to `high`, and all columns of the face."""
    left, right = int(seen.face[234, 0]), int(seen.face[454, 0])
    return slice(int(seen.face[low, 1]), int(seen.face[high, 1])), slice(left, right)


@pytest.mark.parametrize(
    ("controls", "low", "high"),
    [
        ({"jawOpen": 0.6}, 2, 152),
        ({"mouthSmileLeft": 0.8, "mouthSmileRight": 0.8}, 168, 152),
        ({"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0}, 10, 2),
        ({"browInnerUp": 1.0}, 10, 5),
    ],
    ids=["jaw", "smile", "blink", "brows"],
)
def test_each_control_moves_its_part_of_the_face(renderer, identity, seen, controls, low, high):
    moved = changed(drawn(renderer, identity), drawn(renderer, identity, **controls))
    rows, columns = face_box(seen, low, high)
    inside = np.zeros_like(moved)
    inside[max(rows.start - 3, 0) : rows.stop + 6, columns] = True
    assert moved[inside].sum() > 8
    assert moved[~inside].sum() <= 0.4 * moved.sum()  # hair is drawn along by brows, the neck by the jaw


@pytest.mark.parametrize(
    ("control", "axis", "sign"), [("headYaw", 0, -1), ("headPitch", 1, 1), ("headX", 0, 1), ("headY", 1, 1)]
)
def test_a_head_goes_where_the_controls_say(renderer, identity, control, axis, sign):
    avatar = identity.kept.avatar
    (memory,) = renderer._memory().of(avatar, 1)

    def nose() -> np.ndarray:
        return face_places(avatar.model, memory.posed)[NOSE_TIP].copy()

    still = drawn(renderer, identity)
    before = nose()
    assert changed(still, drawn(renderer, identity, **{control: 0.3})).sum() > 30
    assert sign * (nose() - before)[axis] > 0.008  # m
    drawn(renderer, identity, **{control: -0.3})
    assert sign * (nose() - before)[axis] < -0.008


def test_whoever_breathes_moves_the_shoulders_and_not_the_photo(renderer, identity, portrait, config, small, seen):
    still = drawn(renderer, identity)
    assert changed(still, drawn(renderer, identity, first=27)).sum() > 20  # a quarter of a breath later
    away = cv2.distanceTransform((seen.matte <= 0.02).astype(np.uint8), cv2.DIST_L2, 5) > WHOLLY
    assert (drawn(renderer, identity, first=27) == small)[away].all()
    held = BodyRenderer(replace(config, breathing=0.0), CPU)
    assert (drawn(held, identity) == drawn(held, identity, first=27)).all()


@pytest.mark.parametrize("yaw", [-30, 15, 30])
def test_seen_from_the_side_a_person_has_no_holes(renderer, identity, yaw):
    shown = replace(identity, kept=identity.kept)
    around = tuple(float(v) for v in identity.kept.avatar.pivot)
    cut = BodyRenderer(RenderConfig(renderer="body", view="photo", size=SIZE, background="transparent"), CPU)
    alpha = (drawn(cut, shown, orbit(yaw, 0, around))[..., 3] > 127).astype(np.uint8)
    edges, inside = cv2.findContours(alpha, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    areas = [cv2.contourArea(edge) for edge, row in zip(edges, inside[0], strict=True) if row[3] >= 0]
    assert sum(area for area in areas if area < 60) < 0.006 * alpha.sum()
    assert alpha.sum() > 0.2 * alpha.size


def test_a_camera_of_its_own_size_gives_frames_of_that_size(renderer, identity):
    assert drawn(renderer, identity, Camera(size=(120, 90), focal_px=160.0)).shape == (90, 120, 3)


@pytest.mark.slow
def test_other_backgrounds_stand_behind_the_person(portrait, seen, small, config):
    green = BodyRenderer(replace(config, background="#00ff00"), CPU)
    identity = green.prepare(portrait)
    frame = drawn(green, identity)
    assert (frame[seen.matte < 0.01] == [0, 255, 0]).all(1).mean() > 0.9
    inside = cv2.erode((seen.matte > 0.97).astype(np.uint8), np.ones((5, 5))) > 0
    assert np.abs(frame.astype(int) - small)[inside].mean() < 6
    around = np.array(identity.kept.avatar.pivot)
    aside = drawn(green, identity, orbit(20, 0, tuple(map(float, around))))
    assert (aside[0, 0] == [0, 255, 0]).all()


def test_what_is_left_out_of_the_front_view_is_not_seen_there(renderer, identity):
    avatar = identity.kept.avatar
    every = len(avatar.riding.on)
    assert avatar.riding.front < avatar.riding.turning < every
    whole = replace(avatar, riding=replace(avatar.riding, front=every, turning=every))
    other = replace(identity, kept=replace(identity.kept, avatar=whole))
    for controls in ({}, {"headYaw": 0.4, "jawOpen": 0.5}, {"headYaw": -0.4, "eyeBlinkLeft": 1.0}):
        apart = np.abs(drawn(renderer, identity, **controls).astype(int) - drawn(renderer, other, **controls))
        assert (apart.max(2) > 12).sum() < 20
    raised = torch.zeros(6, len(FULL))  # arms turn, and show their backs
    for row, (channel, angle) in enumerate(
        (c, a) for c in ("ShoulderX", "ShoulderY", "ShoulderZ") for a in (-1.3, 1.3)
    ):
        for side in ("left", "right"):
            raised[row, FULL.index(f"{side}{channel}")], raised[row, FULL.index(f"{side}Elbow")] = angle, 1.0
    one, two = (renderer.draw(who, Motion(FULL, raised, 0)).astype(int) for who in (identity, other))
    assert ((np.abs(one - two).max(3) > 12).sum((1, 2)) < 20).all()


def test_motion_that_is_not_finite_is_refused_with_its_frame(renderer, identity):
    rows = motion({}, {}, first=40)
    rows.values[1, 3] = float("nan")
    with pytest.raises(AvtrError, match="frame 41"):
        renderer.draw(identity, rows)


@settings(max_examples=8)
@given(seed=st.integers(0, 2**31), size=st.floats(0, 20))
def test_no_motion_tears_the_person_apart(renderer, identity, seed, size):
    values = torch.from_numpy(np.random.default_rng(seed).normal(0, size, (1, len(CONTROLS)))).float()
    frame = renderer.draw(identity, Motion(CONTROLS, values, 3))[0]
    assert frame.shape == (SIZE, SIZE, 3)
    (means,) = (found.means.copy() for found in renderer.gaussians(identity, Motion(CONTROLS, values, 3)))
    assert np.isfinite(means).all()
    spread = np.linalg.norm(means - np.median(means, axis=0), axis=1)
    assert spread.max() < 2.5  # m


def test_a_crop_of_a_body_is_refused(config):
    with pytest.raises(ConfigError, match=r"render\.view=photo"):
        BodyRenderer(replace(config, view="crop"), CPU)


@pytest.mark.slow
def test_a_call_is_the_same_however_its_sound_is_cut(photo, dialogue):
    from avtr_cli.streaming.engine import Engine

    engine = Engine(load_preset("body", [f"render.size={SIZE}", "runtime.device=cpu"]))
    sound = dialogue[:, : 6480 + 3200]
    whole = [frame.pixels.copy() for frame in engine.session(photo, 3).push(sound)]
    assert len(whole) == 10
    cut, session = [], engine.session(photo, 3)
    for begin, end in ((0, 1), (1, 7000), (7000, sound.shape[1])):
        cut += [frame.pixels.copy() for frame in session.push(sound[:, begin:end])]
    assert all((a == b).all() for a, b in zip(whole, cut, strict=True))


@pytest.mark.slow
def test_the_command_renders_a_body_and_the_report_says_so(avtr, photo, wav, tmp_path):
    out, report = tmp_path / "body.mp4", tmp_path / "body.json"
    arguments = ("--preset", "body", "--set", f"render.size={SIZE}", "-o", out, "--report", report)
    code, said, told = avtr("render", photo, wav(1.0), *arguments)
    assert code == 0, told
    assert "256x256" in said + told
    assert json.loads(report.read_text())["settings"]["render"]["renderer"] == "body"


@pytest.mark.slow
def test_a_photo_without_a_body_is_refused_by_the_command(avtr, photo, wav, tmp_path):
    path = tmp_path / "head.png"
    cv2.imwrite(str(path), cv2.imread(str(photo))[20:240, 140:320])
    code, _, told = avtr("render", path, wav(1.0), "--preset", "body", "-o", tmp_path / "never.mp4")
    assert code == PhotoError.exit_code
    assert "head.png" in told
    assert "down to the waist" in told
    assert "Traceback" not in told
    assert not (tmp_path / "never.mp4").exists()
