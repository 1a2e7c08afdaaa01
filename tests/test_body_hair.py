"""Hair that hangs from the head goes along with it, ever less the further down."""

from __future__ import annotations

import numpy as np
import pytest

from avtr_cli.render.gaussian.body_model import HEAD, TRUNK, shipped_body
from avtr_cli.render.gaussian.hair import ENDS, follows_head, on_shoulders
from avtr_cli.render.gaussian.surface import View

HEIGHT, WIDTH = 120, 90
HAIR, WALL = np.array([0.1, 0.08, 0.07]), np.array([0.8, 0.8, 0.9])
TOP, CHIN = 30, 54  # rows of the face; its columns are 36 to 54


def view() -> View:
    """A head from row 16 to 56, and a trunk from 64 on."""
    model = shipped_body()
    first = model.vertex_limb[model.triangles[:, 0]]
    on = {limb: int(np.flatnonzero(first == limb)[0]) for limb in (HEAD, TRUNK)}
    which = np.full((HEIGHT, WIDTH), -1, np.int32)
    which[16:56, 36:54], which[64:, 25:65] = on[HEAD], on[TRUNK]
    return View(which, np.zeros((HEIGHT, WIDTH, 3), np.float32), np.ones((HEIGHT, WIDTH), np.float32))


def face() -> np.ndarray:
    points = np.zeros((478, 3))
    points[10, :2], points[152, :2], points[234, :2], points[454, :2] = (45, TOP), (45, CHIN), (36, 42), (54, 42)
    return points


def picture(beside: np.ndarray = HAIR) -> tuple[np.ndarray, np.ndarray]:
    """Hair above the face, something that hangs beside it, columns 28 to 36, down to row 100; and what is solid."""
    clean = np.tile(WALL, (HEIGHT, WIDTH, 1)).astype(np.float32)
    clean[10:28, 30:60] = HAIR
    clean[28:56, 36:54] = [0.8, 0.6, 0.5]
    clean[20:100, 28:36] = beside
    return clean, (clean != WALL).any(-1)


def shares(beside: np.ndarray = HAIR) -> np.ndarray:
    clean, solid = picture(beside)
    return follows_head(shipped_body(), view(), clean, solid, face())


def test_hair_at_the_mouth_is_the_heads_and_ever_less_further_down():
    share = shares()[20:64, 30]
    assert (share[: CHIN - 20 - 6] == 1).all()
    assert (np.diff(share) <= 0).all()
    assert (np.abs(np.diff(share)) < 0.08).all()  # no tear
    assert 0 < share[-1] < 0.7


def test_all_else_is_no_hair():
    share = shares()
    assert (share[:, 60:] == -1).all()
    assert (share[view().shown] == -1).all()
    assert ((share == -1) | ((share >= 0) & (share <= 1))).all()


@pytest.mark.parametrize("colour", [[0.6, 0.1, 0.1], [0.05, 0.08, 0.22], [0.9, 0.9, 0.9]])
def test_a_scarf_of_another_colour_is_no_hair(colour):
    assert (shares(np.array(colour))[40:, 28:36] == -1).all()


def test_who_shows_no_hair_has_none():
    clean, solid = picture()
    solid[:28] = False
    assert (follows_head(shipped_body(), view(), clean, solid, face()) == -1).all()


def ends(cloth: np.ndarray) -> np.ndarray:
    """What of hair that hangs to row 70 before the trunk, in columns 28 to 36, is the hair's above it."""
    clean, solid = picture()
    clean[64:, 25:65] = cloth
    clean[64:70, 28:36] = HAIR
    solid[64:] = True
    return on_shoulders(shipped_body(), view(), clean, solid, face())


def test_the_ends_of_hair_on_a_shoulder_are_the_hairs_too():
    found = ends(np.array([0.9, 0.9, 0.9]))
    reach = int(ENDS * (CHIN - TOP))
    assert found[64 : 64 + reach, 28:36].all()
    assert not found[:64].any()
    assert not found[70:].any()
    assert not found[:, 40:].any()


def test_what_is_as_dark_as_hair_on_dark_cloth_is_cloth():
    assert not ends(HAIR + 0.12).any()
