"""A hand that leaves the photo's pose: the photo's as long as it can be, then a painted one with lines and shade."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from avtr_cli.core.config import RenderConfig
from avtr_cli.core.motion_space import FULL
from avtr_cli.kernels import lighting
from avtr_cli.perception.portrait import find_portrait
from avtr_cli.render.gaussian import swap
from avtr_cli.render.gaussian.avatar import BodyAvatar, Scratch, pose
from avtr_cli.render.gaussian.body_model import LEFT_ARM, TRUNK, shipped_body
from avtr_cli.render.gaussian.driving import ARMS, read_moves
from avtr_cli.render.gaussian.fingers import fingers_of
from avtr_cli.render.gaussian.hand_relief import Relief, relief_of, warmth_of
from avtr_cli.render.gaussian.leaving import leaving
from avtr_cli.render.gaussian.limbs import LEAVES, PER_SIDE, UNCOVERS, left_photo
from avtr_cli.render.gaussian.renderer import BodyRenderer
from avtr_cli.render.gaussian.sleeves import Sleeves, seen_on_arm
from avtr_cli.render.gaussian.surface import View

pytestmark = pytest.mark.usefixtures("compiled_loops")

SKIN = np.array([0.85, 0.65, 0.55])


@pytest.fixture(scope="module")
def avatar(photo: Path) -> BodyAvatar:
    config = RenderConfig(renderer="body", view="photo", size=192)
    made: BodyAvatar = BodyRenderer(config, torch.device("cpu")).prepare(find_portrait(photo)).kept.avatar
    return made


def turned(radians: float) -> np.ndarray:
    row = np.zeros(PER_SIDE)
    row[1] = radians
    return row


def test_a_hand_that_sways_stays_the_photos_and_one_that_rises_is_painted():
    assert left_photo(turned(LEAVES[0])) == 0
    assert left_photo(turned(LEAVES[1])) == 1
    assert LEAVES[1] - LEAVES[0] < 0.25  # rarely is it half the one and half the other
    assert UNCOVERS[0] < LEAVES[0]
    assert left_photo(turned(0.5 * sum(LEAVES)), UNCOVERS) == 1  # what lies beside the arm is gone by then


def opacities(avatar: BodyAvatar, scratch: Scratch, *radians: float) -> np.ndarray:
    row = np.zeros(len(FULL))
    for number, one in enumerate(radians):
        row[ARMS + number * PER_SIDE :][:PER_SIDE] = turned(one)
    pose(avatar, *read_moves(avatar.model, avatar.rest, row[None], 0.0), scratch)
    return scratch.opacities[avatar.painted :].copy()


def test_what_has_gone_with_one_arm_comes_not_back_with_the_other_at_rest(avatar):
    scratch = Scratch(avatar)
    rest = opacities(avatar, scratch, 0, 0)
    for moved, hand in ((0, avatar.hands[0].own), (1, avatar.hands[1].own)):
        found = opacities(avatar, scratch, *(1.5 if side == moved else 0.0 for side in (0, 1)))
        assert not found[hand.fading].any()
        assert not found[hand.going].any()
        assert (found[hand.coming] > 0.5).all()
    np.testing.assert_array_equal(opacities(avatar, scratch, 0, 0), rest)


def test_hair_beside_an_arm_stays_as_it_leaves(photo, monkeypatch):
    asked = []

    def listening(*arguments):
        asked.append(arguments)
        return leaving(*arguments)

    monkeypatch.setattr(swap, "leaving", listening)
    config = RenderConfig(renderer="body", view="photo", size=192)
    BodyRenderer(config, torch.device("cpu")).prepare(find_portrait(photo))
    model, view, painted, loose, riding, number = asked[0]
    gone = leaving(model, view, painted, loose, riding, number)
    beside = gone.going[gone.going < len(loose.rest)]
    assert len(beside) > 20
    hair = beside[::2]
    carried_by, shares = loose.carried_by.copy(), loose.shares.copy()
    carried_by[hair], shares[hair] = model.bone("spine01"), 0
    assert np.isin(
        hair, leaving(model, view, painted, replace(loose, carried_by=carried_by, shares=shares), riding, number).going
    ).any()
    carried_by[hair, -1], shares[hair, -1] = model.bone("head"), 0.1
    kept = leaving(model, view, painted, replace(loose, carried_by=carried_by, shares=shares), riding, number)
    assert not np.isin(hair, np.concatenate([kept.fading, kept.going])).any()


def test_at_rest_the_body_beneath_an_arm_waits(avatar):
    rest = opacities(avatar, Scratch(avatar), 0, 0)
    for hand in avatar.hands:
        assert not rest[hand.own.coming].any()


def samples_of_a_hand() -> tuple[Relief, np.ndarray, np.ndarray]:
    """Relief, normals and main bones of the vertices of the mean adult's left hand."""
    model = shipped_body()
    joints, turns = model.joints.astype(np.float64), np.tile(np.eye(3), (len(model.bones), 1, 1))
    on = model.on_hand & (model.vertex_limb == LEFT_ARM)
    a, b, c = (model.mean[model.triangles[:, k]].astype(np.float64) for k in range(3))
    normals = np.zeros((len(model.mean), 3))
    for corner in range(3):
        np.add.at(normals, model.triangles[:, corner], np.cross(b - a, c - a))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    made = relief_of(
        model, joints, fingers_of(model, joints, turns, "L"), "L", model.mean[on].astype(np.float64), normals[on],
        model.main_bone[on], model.masks["nails"][on],
    )  # fmt: skip
    return made, normals[on], model.main_bone[on]


def test_a_finger_is_darker_towards_its_neighbour_and_the_hand_as_light_in_all():
    relief, normals, bones = samples_of_a_hand()
    model = shipped_body()
    joints = model.joints[0].astype(np.float64)
    middle = model.bone("finger3-1.L")
    aside = joints[model.bone("finger2-1.L")] - joints[middle]
    facing = normals @ (aside / np.linalg.norm(aside))
    here = bones == middle
    assert relief.light[here & (facing > 0.7)].mean() < 0.96 * relief.light[here & (np.abs(facing) < 0.3)].mean()
    assert relief.light.mean() == pytest.approx(1, abs=1e-6)
    assert (relief.light > 0.3).all()


def test_shade_on_skin_is_warm_and_on_grey_is_grey():
    half = Relief(np.array([0.6]), np.array([1.0]))
    warm = half.on(SKIN[None].astype(np.float32), warmth_of(SKIN))[0] / SKIN
    assert warm[0] > warm[1] > warm[2]
    grey = np.full((1, 3), 0.5, np.float32)
    np.testing.assert_allclose(np.ptp(half.on(grey, warmth_of(grey[0].astype(float)))), 0, atol=1e-6)


def test_light_falls_from_above_and_ends_towards_the_edge():
    axes = np.zeros((3, 3, 3), np.float32)
    axes[:, :, 2] = [[0, -0.6, -0.8], [0, 0.6, -0.8], [1, 0, 0]]  # looks up, down, and aside
    own, lit = np.full((3, 3), 0.5, np.float32), np.ones(3, np.float32)
    colours = np.empty_like(own)
    lighting.light(axes, own, lit, colours)
    above, below, aside = colours.copy()
    assert above[0] > below[0] > aside[0]
    lighting.light(axes, own, np.zeros(3, np.float32), colours)
    np.testing.assert_array_equal(colours, own)


def test_a_painted_arm_has_the_folds_that_are_seen_on_it_and_rings_elsewhere():
    model = shipped_body()
    first = model.triangles[:, 0]
    which = np.full((40, 40), int(np.flatnonzero(model.vertex_limb[first] == TRUNK)[0]), np.int32)
    which[:, 10:30] = np.flatnonzero(model.vertex_limb[first] == LEFT_ARM)[0]
    view = View(which, np.zeros((40, 40, 3), np.float32), np.ones((40, 40), np.float32))
    ring = np.full((len(model.mean), 3), 0.4, np.float32)
    inside = np.zeros((40, 40), np.float32)
    inside[:, 13:27] = 5
    sleeves = Sleeves(
        np.ones(len(model.mean), np.float32), ring, np.zeros((2, 40, 40), bool), inside, np.zeros((40, 40), bool)
    )
    clean = np.full((40, 40, 3), 0.4, np.float32)
    clean[18:22] = 0.34  # a fold
    clean[30:, :] = [1.0, 0.2, 0.2]  # somebody else's
    places = np.array([[20.0, 20.0], [11.0, 20.0], [20.0, 5.0], [20.0, 39.0]])
    found = seen_on_arm(model, view, sleeves, clean, LEFT_ARM, places, np.full((4, 3), 0.7, np.float32))
    np.testing.assert_allclose(found[:2], 0.34, atol=0.01)
    np.testing.assert_allclose(found[2], 0.4, atol=0.01)
    np.testing.assert_allclose(found[3], 0.7)


def test_a_painted_forearm_that_nothing_is_beside_has_all_that_is_seen_on_it():
    model = shipped_body()
    first = model.triangles[:, 0]
    arm = int(np.flatnonzero(model.vertex_limb[first] == LEFT_ARM)[0])
    view = View(np.full((40, 40), arm, np.int32), np.zeros((40, 40, 3), np.float32), np.ones((40, 40), np.float32))
    ring, clean = np.full((len(model.mean), 3), 0.4, np.float32), np.full((40, 40, 3), 0.4, np.float32)
    clean[15:25] = [0.9, 0.9, 0.8]  # a bandage
    places, nothing = np.array([[20.0, 20.0]]), np.zeros((1, 3), np.float32)
    for alone in (False, True):
        sleeves = Sleeves(
            np.full(len(model.mean), 1.5, np.float32), ring, np.zeros((2, 40, 40), bool),
            np.full((40, 40), 5, np.float32), np.full((40, 40), alone),
        )  # fmt: skip
        found = seen_on_arm(model, view, sleeves, clean, LEFT_ARM, places, nothing)
        assert (np.abs(found[0] - [0.9, 0.9, 0.8]).max() < 0.02) == alone


def test_from_aside_a_seen_hand_is_a_painted_one_in_the_photos_shape(avatar):
    [still], scratch = read_moves(avatar.model, avatar.rest, np.zeros((1, len(FULL))), 0.0), Scratch(avatar)
    seen = replace(avatar, hands=(replace(avatar.hands[0], aside=True), replace(avatar.hands[1], aside=False)))
    pose(seen, still, scratch, aside=1.0)
    skin, left = scratch.posed.copy(), len(seen.hands[0].painted.on)
    assert (scratch.opacities[:left] > 0.5).all()
    assert not scratch.opacities[left : seen.painted].any()
    pose(seen, still, scratch)
    np.testing.assert_array_equal(skin, scratch.posed)


def test_from_aside_what_lies_between_an_arm_and_the_body_is_gone_and_what_it_hid_is_there(avatar):
    scratch, [still] = Scratch(avatar), read_moves(avatar.model, avatar.rest, np.zeros((1, len(FULL))), 0.0)
    left, right = (replace(hand, aside=side == 0) for side, hand in enumerate(avatar.hands))
    pose(replace(avatar, hands=(left, right)), still, scratch, aside=1.0)
    own = scratch.opacities[avatar.painted :]
    mine = {name: np.setdiff1d(getattr(left.own, name), getattr(right.own, name)) for name in ("going", "coming")}
    assert len(mine["going"])
    assert (own[mine["going"]] == 0).all()
    assert (own[mine["coming"]] == scratch.own[mine["coming"]]).all()
    others = np.setdiff1d(right.own.going, np.concatenate([left.own.going, left.own.fading]))
    np.testing.assert_array_equal(own[others], scratch.own[others])  # of a hand that holds a thing nothing goes
