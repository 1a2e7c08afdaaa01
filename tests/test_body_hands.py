"""Painted hands have the person's own skin, lit as the face is, and the person's own size."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avtr_cli.perception.body import SeenBody
from avtr_cli.perception.hands import Hand
from avtr_cli.perception.pose import Pose
from avtr_cli.render.gaussian.body_model import COMPONENTS, shipped_body
from avtr_cli.render.gaussian.hand_colours import hand_colours
from avtr_cli.render.gaussian.hand_size import SEEN_LONGER, USUAL, _beside_face, with_own_hands
from avtr_cli.render.gaussian.painting import SEEN_SKIN, skin_colour
from avtr_cli.render.gaussian.sleeves import Sleeves, _rings

SKIN, CLOTH, GREY = np.array([0.8, 0.6, 0.5]), np.array([0.1, 0.15, 0.4]), np.array([0.4, 0.42, 0.45])
HEIGHT, WIDTH = 80, 100
FACE_TALL = 40.0  # px


def hand(x: float, long: float = 30.0) -> Hand:
    """Fingers that hang straight down from (`x`, 20), as long as `long` px, side by side."""
    points = np.zeros((21, 3))
    points[0, :2] = x, 20
    for finger in range(5):
        for joint in range(4):
            points[1 + 4 * finger + joint, :2] = x + 2 * finger - 4, 20 + long * (joint + 1) / 4
    points[[9, 10, 11, 12], 0] = x  # the middle finger is as long as it is said to be
    return Hand(points, np.zeros((21, 3)), 0.5)


def seen(**hands: Hand) -> SeenBody:
    face = np.zeros((478, 3))
    face[152, 1] = FACE_TALL
    pose = Pose(np.zeros((33, 3)), np.ones(33), np.zeros((33, 3)))
    return SeenBody(pose, hands, face, np.ones((HEIGHT, WIDTH), np.float32), 30.0, ())


def sleeves(wrist: np.ndarray = CLOTH) -> Sleeves:
    count = len(shipped_body().mean)
    none = np.zeros((HEIGHT, WIDTH))
    ring = np.tile(wrist, (count, 1)).astype(np.float32)
    return Sleeves(
        np.full(count, 1.6, np.float32), ring, np.zeros((2, HEIGHT, WIDTH), bool), none.astype(np.float32), none > 0
    )


def picture(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    made = np.empty((HEIGHT, WIDTH, 3), np.float32)
    made[:, :50], made[:, 50:] = right, left
    return made


def colours(person: SeenBody, clean: np.ndarray, wrist: np.ndarray = CLOTH) -> np.ndarray:
    return hand_colours(shipped_body(), SKIN, sleeves(wrist), person, clean)


def test_hands_keep_their_colour_as_far_as_the_face_has_it_too():
    redder = SKIN * [1.05, 0.97, 0.97]
    found = colours(seen(L=hand(75), R=hand(25)), picture(redder, SKIN))
    np.testing.assert_allclose(found[1], SKIN, atol=1e-3)
    assert SKIN[0] / SKIN.sum() < found[0, 0] / found[0].sum() < redder[0] / redder.sum()


@pytest.mark.parametrize("share", [0.95, 0.8, 0.7])
def test_a_hand_in_the_shade_is_lit_as_the_face(share):
    found = colours(seen(L=hand(75), R=hand(25)), picture(share * SKIN, share * SKIN))
    np.testing.assert_allclose(found.mean(1), SKIN.mean(), rtol=0.01)


def test_a_hand_in_deep_shade_has_the_faces_hue():
    redder = SKIN * [1.05, 0.97, 0.97]
    found = colours(seen(L=hand(75), R=hand(25)), picture(0.5 * redder, 0.5 * redder))
    np.testing.assert_allclose(found[0] / found[0].sum(), SKIN / SKIN.sum(), atol=1e-3)


def test_what_lies_in_folds_is_no_skins_colour():
    dark = picture(SKIN, SKIN)
    dark[::4] *= 0.8
    np.testing.assert_allclose(colours(seen(L=hand(75), R=hand(25)), dark), [SKIN, SKIN], atol=1e-3)


def test_beside_a_bare_forearm_in_the_shade_it_is_not_much_brighter_than_that():
    found = colours(seen(L=hand(75), R=hand(25)), picture(0.7 * SKIN, 0.7 * SKIN), 0.7 * SKIN)
    np.testing.assert_allclose(found.mean(1), 1.2 * 0.7 * SKIN.mean(), rtol=0.01)


def test_a_hand_in_the_sun_stays_bright():
    found = colours(seen(L=hand(75), R=hand(25)), picture(1.2 * SKIN, 1.2 * SKIN))
    np.testing.assert_allclose(found.mean(1), 1.2 * SKIN.mean(), rtol=0.01)


def test_a_glove_is_a_glove_and_the_other_hand_is_bare():
    found = colours(seen(L=hand(75), R=hand(25)), picture(GREY, SKIN))
    np.testing.assert_allclose(found, [GREY, SKIN], atol=1e-3)


def test_a_hand_that_is_not_seen_is_as_the_other_and_both_are_as_the_face():
    darker = 0.9 * SKIN * [1.03, 1, 1]
    one = colours(seen(L=hand(75)), picture(darker, CLOTH))
    np.testing.assert_array_equal(one[0], one[1])
    np.testing.assert_allclose(colours(seen(), picture(CLOTH, CLOTH)), [SKIN, SKIN], atol=1e-6)


@given(st.sampled_from(SEEN_SKIN), st.tuples(*[st.floats(0, 1)] * 3))
def test_no_single_place_of_a_half_lit_face_gives_skin_its_hue(place, odd):
    face, picture = np.zeros((478, 3)), np.zeros((2, 478, 3), np.float32)
    face[:, 0] = np.arange(478)
    picture[:, list(SEEN_SKIN)] = np.array([1.0, 0.7, 0.9, 0.5, 0.45, 0.6, 1.1])[:, None] * SKIN
    picture[:, place] = odd
    found = skin_colour(picture, face)
    np.testing.assert_allclose(found / found.sum(), SKIN / SKIN.sum(), atol=1e-3)
    assert 0.5 < found.mean() / SKIN.mean() < 1.0


def test_a_hand_beyond_the_picture_says_nothing():
    found = colours(seen(L=hand(900), R=hand(25)), picture(CLOTH, SKIN))
    np.testing.assert_allclose(found, [SKIN, SKIN], atol=1e-3)


def shape_of(hands: float) -> np.ndarray:
    model = shipped_body()
    shape = np.zeros(COMPONENTS + len(model.local))
    shape[COMPONENTS + model.local.index("hand-scale")] = hands
    return shape


def placed(nearer: float = 1.0) -> np.ndarray:
    model = shipped_body()
    made = np.ones((len(model.bones), 3))
    made[[model.bone(f"wrist.{side}") for side in "LR"], 2] = nearer
    return made


@given(st.floats(-1, 1))
def test_hands_are_no_longer_than_usual_beside_a_face_and_short_ones_stay(hands):
    model, shape = shipped_body(), shape_of(hands)
    before, after = (_beside_face(model, one) for one in (shape, with_own_hands(model, shape, placed(), seen())))
    assert after == pytest.approx(min(before, USUAL), abs=0.003)


def test_a_hand_that_is_seen_to_be_large_is_large():
    model, shape = shipped_body(), shape_of(1.0)
    large = seen(L=hand(75, 1.2 * FACE_TALL))
    assert _beside_face(model, with_own_hands(model, shape, placed(), large)) == pytest.approx(
        1.2 * SEEN_LONGER, abs=0.01
    )


def test_a_hand_that_is_nearer_only_looks_large():
    model, shape = shipped_body(), shape_of(1.0)
    near = seen(L=hand(75, 1.4 * FACE_TALL))
    got = _beside_face(model, with_own_hands(model, shape, placed(0.8), near))
    assert got == pytest.approx(0.8 * 1.4 * SEEN_LONGER, abs=0.01)


@pytest.mark.parametrize(("sleeve", "cuff", "kept"), [(SKIN, [0.9, 0.9, 0.95], False), (CLOTH, [0.9, 0.9, 0.95], True)])
def test_a_skirt_beside_a_bare_wrist_is_no_cuff_and_a_cuff_is_one(sleeve, cuff, kept):
    along = np.linspace(0, 2, 400)
    seen_there = np.where((along > 1.8)[:, None], cuff, sleeve)
    every = np.ones(400, bool)
    rings = _rings(along.astype(np.float32), seen_there.astype(np.float32), every, every, SKIN)
    np.testing.assert_allclose(rings[-1], cuff if kept else sleeve, atol=1e-3)
    np.testing.assert_allclose(rings[200], sleeve, atol=1e-3)


@pytest.mark.parametrize("share", [0.25, 0.6, 1.0])
def test_a_hand_that_the_fitted_wrist_lies_on_in_part_is_no_cuff(share):
    along = np.linspace(0, 2, 400)
    seen_there = np.where((along > 1.8)[:, None], share * SKIN + (1 - share) * CLOTH, CLOTH)
    every = np.ones(400, bool)
    rings = _rings(along.astype(np.float32), seen_there.astype(np.float32), every, every, SKIN)
    np.testing.assert_allclose(rings, np.tile(CLOTH, (400, 1)), atol=1e-3)
