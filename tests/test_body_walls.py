"""What a wall tells of a person before it: what is worn beside an arm, and what beside the body is no coat."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from avtr_cli.perception.plain_wall import worn_before
from avtr_cli.render.gaussian.beside_arms import wall_beside_arms
from avtr_cli.render.gaussian.body_model import LEFT_ARM, TRUNK
from avtr_cli.render.gaussian.plate import behind_person
from avtr_cli.render.gaussian.wall_colours import of_the_wall

pytestmark = pytest.mark.usefixtures("compiled_loops")

HEIGHT, WIDTH, UNIT = 160, 140, 100.0
WALL, COAT, RIBBON = np.array([230, 230, 228]), np.array([30, 30, 60]), np.array([150, 150, 165])
BODY, ARM, END = np.s_[20:160, 30:70], np.s_[40:110, 70:84], np.s_[96:112, 84:100]
CORNER = np.s_[70:84, 62:80]  # beside the forearm
FOREARM = [np.array([[77.0, 70.0], [77.0, 105.0]])]


def somebody(wall: np.ndarray = WALL) -> tuple[np.ndarray, np.ndarray]:
    """A picture, and a matte that knows nothing of the ribbon."""
    picture = np.broadcast_to(wall, (HEIGHT, WIDTH, 3)).astype(np.uint8).copy()
    matte = np.zeros((HEIGHT, WIDTH), np.float32)
    for where in (BODY, ARM):
        picture[where], matte[where] = COAT, 1
    picture[END] = RIBBON
    return picture, matte


def leaves() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH, 3))


def test_a_ribbon_before_a_plain_wall_is_the_persons():
    made, worn = worn_before(*somebody(), FOREARM, UNIT)
    assert worn[END].mean() > 0.95
    assert made[END].mean() > 0.9
    assert not made[120:, 100:].any()


def test_before_a_lively_wall_a_matte_stays():
    picture, matte = somebody(leaves())
    made, worn = worn_before(picture, matte, FOREARM, UNIT)
    assert made is matte
    assert not worn.any()


def test_a_table_is_not_worn():
    picture, matte = somebody()
    picture[96:112, 84:] = RIBBON  # it goes on to the edge
    assert not worn_before(picture, matte, FOREARM, UNIT)[1].any()


def test_what_is_far_from_a_forearm_or_touches_nobody_stays_where_it_is():
    picture, matte = somebody()
    picture[END], picture[60:70, 92:100], picture[150:158, 70:76] = WALL, RIBBON, RIBBON
    assert not worn_before(picture, matte, [np.array([[77.0, 40.0], [77.0, 60.0]])], UNIT)[1].any()


def test_a_wall_that_was_half_believed_is_a_wall():
    picture, matte = somebody()
    matte[100:110, 84:90] = 0.5
    picture[END] = WALL
    assert not worn_before(picture, matte, FOREARM, UNIT)[0][100:110, 84:90].any()


GAP = np.s_[60:90, 60:72]


def with_gap(wall: np.ndarray, gap: np.ndarray) -> np.ndarray:
    picture, matte = somebody(wall)
    picture[END] = wall[END] if wall.ndim == 3 else wall
    picture[GAP] = gap
    between = np.zeros_like(matte, bool)
    between[GAP] = True
    return of_the_wall(picture, matte, between, UNIT)[GAP]


def test_leaves_between_an_arm_and_a_coat_are_no_coat():
    green = np.array([60, 140, 40]) + np.random.default_rng(1).integers(-40, 40, (HEIGHT, WIDTH, 3))
    assert with_gap(green, green[GAP]).mean() > 0.9


def test_cloth_between_an_arm_and_the_body_stays_cloth():
    assert not with_gap(np.array([60, 140, 40]), COAT).any()
    assert not with_gap(COAT, COAT).any()  # before a wall of its own colour


def test_a_gap_that_was_given_back_shows_the_photo_but_at_its_edge():
    picture, matte = somebody()
    picture[GAP] = leaves()[GAP]
    given = np.zeros_like(matte, bool)
    given[GAP] = True
    left = np.where(given, 0, matte).astype(np.float32)
    edge = given & (cv2.distanceTransform((left <= 0.1).astype(np.uint8), cv2.DIST_L2, 5) < 1.5)
    picture[edge] = (255, 0, 0)  # which may have the person's colours
    plate = behind_person(picture, left, given)
    inside = given & (cv2.distanceTransform((left <= 0.1).astype(np.uint8), cv2.DIST_L2, 5) > 3)
    np.testing.assert_array_equal(plate[inside], picture[inside])
    assert not (plate[edge] == (255, 0, 0)).all(-1).any()


def test_light_of_an_even_gap_goes_on_a_little_behind_the_person():
    picture, matte = somebody()
    picture[GAP] = 190
    given = np.zeros_like(matte, bool)
    given[GAP] = True
    plate = behind_person(picture, np.where(given, 0, matte).astype(np.float32), given).astype(int)
    rows, left = slice(70, 80), GAP[1].start
    beside, further, far = (plate[rows, left - away].mean() for away in (2, 8, 25))
    assert beside < 200 < further < far
    assert abs(far - WALL.mean()) < 3


def corner(sleeve: np.ndarray = COAT, forearm: np.ndarray = COAT) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A wide sleeve above a thin forearm before a wall whose light changes; a matte that bridges the corner; limbs."""
    light = np.linspace(1, 0.75, WIDTH)[None, :, None]
    picture = (WALL * light).repeat(HEIGHT, 0).astype(np.uint8)
    matte, limb = np.zeros((HEIGHT, WIDTH), np.float32), np.full((HEIGHT, WIDTH), -1)
    picture[30:70, 50:80], picture[70:130, 50:62] = sleeve, forearm
    matte[30:70, 50:80], matte[70:130, 50:62], matte[CORNER] = 1, 1, 1
    limb[20:130, 20:45], limb[30:130, 50:64] = TRUNK, LEFT_ARM
    return picture, matte, limb


def test_wall_in_the_corner_below_a_sleeve_is_given_back():
    picture, matte, limb = corner()
    wall = wall_beside_arms(picture, matte, limb, UNIT)
    assert wall[CORNER].mean() > 0.85
    assert not wall[31:69, 51:79].any()
    assert not wall[71:129, 50:60].any()


def test_a_sleeve_of_the_walls_own_colour_stays():
    picture, matte, limb = corner(sleeve=WALL * 0.85, forearm=WALL * 0.85)
    assert not wall_beside_arms(picture, matte, limb, UNIT).any()


def test_where_a_matte_ends_with_the_person_nothing_is_given_back():
    picture, matte, limb = corner()
    matte[CORNER] = 0
    assert not wall_beside_arms(picture, matte, limb, UNIT).any()
