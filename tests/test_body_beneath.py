"""Where an arm leaves the body, cloth is below it, no hand, and no thread is drawn between them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from avtr_cli.core.rotation import turn_matrix
from avtr_cli.perception.body import SeenBody
from avtr_cli.perception.pose import Pose
from avtr_cli.render.gaussian.beneath import beneath_arms
from avtr_cli.render.gaussian.body_model import HEAD, LEFT_ARM, RIGHT_ARM, TRUNK, BodyModel, shipped_body
from avtr_cli.render.gaussian.fitting import BodyFit, lens_of
from avtr_cli.render.gaussian.outline import GOES, Outline, carriers
from avtr_cli.render.gaussian.sleeves import Sleeves
from avtr_cli.render.gaussian.surface import Surface, View
from avtr_cli.render.gaussian.wrapping import face_places, wrap

pytestmark = pytest.mark.usefixtures("compiled_loops")

HEIGHT, WIDTH, UNIT = 120, 90, 60.0
BELTS = np.array([[0.7, 0.2, 0.2], [0.2, 0.3, 0.6]])


def triangle_of(limb: int, on_hand: bool = False) -> int:
    model = shipped_body()
    first = model.triangles[:, 0]
    return int(np.flatnonzero((model.vertex_limb[first] == limb) & (model.on_hand[first] == on_hand))[0])


def a_view(**limbs: tuple[slice, slice]) -> View:
    """What is told later hides what is told before."""
    numbers = {"trunk": TRUNK, "head": HEAD, "left": LEFT_ARM, "right": RIGHT_ARM}
    which = np.full((HEIGHT, WIDTH), -1, np.int32)
    for name, where in limbs.items():
        which[where] = triangle_of(numbers[name], name in ("left", "right"))
    return View(which, np.zeros((HEIGHT, WIDTH, 3), np.float32), np.ones((HEIGHT, WIDTH), np.float32))


def sleeves(along: float = 2.0) -> Sleeves:
    model = shipped_body()
    arms = np.isin(model.vertex_limb, (LEFT_ARM, RIGHT_ARM))
    nothing = np.zeros((HEIGHT, WIDTH))
    return Sleeves(
        np.where(arms, along, -1).astype(np.float32), np.zeros((len(arms), 3), np.float32),
        np.zeros((2, HEIGHT, WIDTH), bool), nothing.astype(np.float32), nothing > 0,
    )  # fmt: skip


def belts() -> np.ndarray:
    rows = np.arange(HEIGHT) // 10 % 2
    grain = 0.02 * np.random.default_rng(0).standard_normal((HEIGHT, WIDTH, 1))
    return (BELTS[rows][:, None].repeat(WIDTH, 1) + grain).clip(0, 1).astype(np.float32)


TRUNK_IS, HAND_IS, HEAD_IS = np.s_[20:115, 10:80], np.s_[50:90, 35:50], np.s_[2:22, 35:55]


def test_belts_go_on_below_a_hand():
    clean = belts()
    clean[HAND_IS] = [0.9, 0.7, 0.6]
    clean[52:90, 30:35] *= 0.6  # its shade
    matte = np.zeros((HEIGHT, WIDTH), np.float32)
    matte[TRUNK_IS] = 1
    found = beneath_arms(
        shipped_body(), a_view(trunk=TRUNK_IS, left=HAND_IS), a_view(trunk=TRUNK_IS), sleeves(), clean, matte, UNIT * 2
    )
    assert found.shown[HAND_IS].all()
    assert np.abs(found.picture[found.shown] - belts()[found.shown]).mean() < 0.04
    np.testing.assert_array_equal(found.picture[~found.shown], clean[~found.shown])


def test_a_zone_is_of_one_arm_and_never_of_the_head():
    view = a_view(trunk=TRUNK_IS, head=HEAD_IS, right=np.s_[30:70, 60:70], left=np.s_[15:60, 40:50])
    bare = a_view(trunk=TRUNK_IS, head=HEAD_IS)
    found = beneath_arms(shipped_body(), view, bare, sleeves(), belts(), np.ones((HEIGHT, WIDTH), np.float32), UNIT)
    assert found.zone[0, 30:60, 40:50].all()
    assert found.zone[1, 30:70, 60:70].all()
    assert not found.zone[0, :, 58:].any()
    assert not found.zone[:, HEAD_IS[0], HEAD_IS[1]][:, :18].any()


def test_without_arms_nothing_is_made_up():
    view, clean = a_view(trunk=TRUNK_IS), belts()
    found = beneath_arms(shipped_body(), view, view, sleeves(), clean, np.ones((HEIGHT, WIDTH), np.float32), UNIT)
    assert not found.zone.any()
    assert not found.between.any()
    np.testing.assert_array_equal(found.picture, clean)


def test_between_an_arm_and_the_body_is_neither():
    view = a_view(trunk=np.s_[20:115, 40:80], right=np.s_[30:90, 10:25])
    found = beneath_arms(
        shipped_body(), view, a_view(trunk=np.s_[20:115, 40:80]), sleeves(), belts(),
        np.ones((HEIGHT, WIDTH), np.float32), UNIT,
    )  # fmt: skip
    assert found.between[1, 40:80, 27:38].all()
    assert not found.between[1, :, :10].any()
    assert not found.between[0].any()
    assert not found.between[:, view.shown].any()


def two_sides() -> Outline:
    """An arm's edge in column 0, the trunk's in column 40; bone 0 carries the arm, 1 the trunk, 2 is the head."""
    rows = np.arange(30.0)
    places = np.concatenate([np.column_stack([rows, 0 * rows]), np.column_stack([rows, 0 * rows + 40])])
    shares = np.zeros((60, 3), np.float32)
    shares[:30, 0] = shares[30:, 1] = 1
    limb = np.repeat([LEFT_ARM, TRUNK], 30).astype(np.uint8)
    return Outline(places, shares, np.repeat([2.0, 3.0], 30).astype(np.float32), limb, np.zeros(60, bool))


ROW = np.column_stack([np.full(39, 15.0), np.arange(1.0, 40.0)])
NO_HAIR, NOT_BETWEEN = np.full(39, -1, np.float32), np.zeros((2, 39), bool)


def test_what_hangs_beside_a_body_follows_one_limb():
    shares, depth = carriers(two_sides(), ROW, 2, NO_HAIR, NOT_BETWEEN)
    assert set(np.unique(shares.round(4))) <= {0.0, 1.0}
    np.testing.assert_allclose(depth, np.where(shares[:, 0] > 0.5, 2, 3), atol=1e-4)


def test_what_is_between_goes_from_the_arm_to_the_body_without_a_step():
    between = NOT_BETWEEN.copy()
    between[0] = True
    shares, depth = carriers(two_sides(), ROW, 2, NO_HAIR, between)
    np.testing.assert_allclose(shares.sum(1), 1, atol=1e-5)
    assert (np.diff(shares[:, 0]) <= 1e-6).all()
    assert np.abs(np.diff(shares[:, 0])).max() < 0.1
    assert shares[0, 0] == pytest.approx(1)
    assert (shares[ROW[:, 1] > 40 * (1 - GOES[0]) + 1, 0] == 0).all()
    np.testing.assert_allclose(depth, 3 - shares[:, 0], atol=1e-4)


def test_hair_has_the_heads_share_and_the_rest_of_the_trunk():
    shares, _ = carriers(two_sides(), ROW, 2, np.linspace(0, 1, 39).astype(np.float32), NOT_BETWEEN)
    np.testing.assert_allclose(shares[:, 2], np.linspace(0, 1, 39), atol=1e-5)
    np.testing.assert_allclose(shares[:, 1], 1 - np.linspace(0, 1, 39), atol=1e-5)


def hanging_arms(model: BodyModel) -> np.ndarray:
    turns = np.tile(np.eye(3), (len(model.bones), 1, 1))
    for side, sign in (("L", 1), ("R", -1)):
        turns[model.bone(f"upperarm01.{side}")] = turn_matrix(np.array([0, 0, sign * 0.72]))
    return turns


def test_a_hand_beside_the_hip_makes_no_hip_of_it():
    model, width, height = shipped_body(), 240, 400
    surface, lens = Surface(model), lens_of(width, height)
    shape = np.zeros(len(model.changes))
    fit = BodyFit(shape, hanging_arms(model), np.array([0, 0, 2.7]), lens, 0.0, 0.0)

    def seen(wider: int) -> SeenBody:
        """The body before a wall, whose hands and forearms reach `wider` px further than the fit has them."""
        heads = model.joints_of(shape)[0].astype(np.float64)
        turned, placed = (one.numpy() for one in model.posed(*map(_tensor, (heads, fit.turns, fit.shift))))
        posed = model.skinned(_tensor(model.vertices(shape)), *map(_tensor, (heads, turned, placed))).numpy()
        view = surface.seen(posed.astype(np.float32), lens, width, height)
        first = model.triangles[np.maximum(view.which, 0), 0]
        hands = (view.shown & model.on_hand[first]).astype(np.uint8)
        matte = view.shown | (cv2.dilate(hands, np.ones((2 * wider + 1,) * 2, np.uint8)) > 0)
        face = np.zeros((478, 3))
        face[:468, :2] = lens.project(face_places(model, posed.astype(np.float32)))
        face[:468, 2] = face_places(model, posed.astype(np.float32))[:, 2] * lens.focal / 2.7
        pose = Pose(np.zeros((33, 3)), np.ones(33), np.zeros((33, 3)))
        return SeenBody(pose, {}, face, matte.astype(np.float32), 75.0, ())

    hips = np.isin(model.main_bone, model.bones_called("pelvis", "upperleg01", "spine05"))
    narrow, wide = (wrap(model, surface, fit, seen(wider)).posed[hips] for wider in (0, 6))
    aside = np.abs(wide[:, 0]) - np.abs(narrow[:, 0])
    pixel = 2.7 / lens.focal
    assert aside.max() < 1.5 * pixel  # the hand reaches 6 px further


def _tensor(values: np.ndarray):
    import torch

    return torch.from_numpy(np.asarray(values, np.float64))


def test_what_touches_an_arm_alone_is_carried_by_it_however_near_the_body():
    held = np.ones(39, bool)
    shares, depth = carriers(two_sides(), ROW, 2, NO_HAIR, NOT_BETWEEN, held)
    assert (shares[:, 0] > 1 - 1e-6).all()
    np.testing.assert_allclose(depth, 2, atol=1e-6)
