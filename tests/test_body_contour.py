"""What is seen of the edge of a face: the photo's colours at rest, and the skin's once a turn opens it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from avtr_cli.core.config import RenderConfig
from avtr_cli.core.motion_space import CONTROLS
from avtr_cli.core.rotation import turn_matrix
from avtr_cli.core.types import Identity, Motion
from avtr_cli.perception.portrait import find_portrait
from avtr_cli.perception.topology import CHIN, FACE_OVAL, FOREHEAD
from avtr_cli.render.gaussian.avatar import Scratch
from avtr_cli.render.gaussian.body_model import HEAD, TRUNK, shipped_body
from avtr_cli.render.gaussian.contour import Contour, shade
from avtr_cli.render.gaussian.renderer import BodyRenderer, Kept
from avtr_cli.render.gaussian.slivers import slivers
from avtr_cli.render.gaussian.surface import View

CPU, SIZE = torch.device("cpu"), 256
SKIN, LINE, CLOTH = np.array([0.8, 0.6, 0.5]), np.array([0.1, 0.1, 0.1]), np.array([0.2, 0.2, 0.8])
MIDDLE, RADIUS, SIDE = 60, 40, 120  # of a round face in a square picture


def round_face(line: np.ndarray) -> tuple[np.ndarray, View, np.ndarray]:
    """A disc of skin with a `line` two pixels wide along its edge, before a trunk 5 cm behind it."""
    model = shipped_body()
    first = model.vertex_limb[model.triangles[:, 0]]
    y, x = np.mgrid[:SIDE, :SIDE]
    far = np.hypot(x - MIDDLE, y - MIDDLE)
    disc = far <= RADIUS
    which = np.where(disc, np.flatnonzero(first == HEAD)[0], np.flatnonzero(first == TRUNK)[0]).astype(np.int32)
    depth = np.where(disc, 2.0, 2.05).astype(np.float32)
    clean = np.where(disc[..., None], SKIN, CLOTH)
    clean[disc & (far > RADIUS - 2)] = line
    points = np.zeros((478, 3))
    turn = 2 * np.pi * np.arange(len(FACE_OVAL)) / len(FACE_OVAL)
    points[list(FACE_OVAL), :2] = MIDDLE + RADIUS * np.column_stack([np.sin(turn), -np.cos(turn)])
    points[FOREHEAD, :2], points[CHIN, :2] = (MIDDLE, MIDDLE - RADIUS), (MIDDLE, MIDDLE + RADIUS)
    points[[33, 263], :2] = [(MIDDLE - 20, MIDDLE - 5), (MIDDLE + 20, MIDDLE - 5)]
    return clean.astype(np.float32), View(which, np.zeros((SIDE, SIDE, 3), np.float32), depth), points


def test_a_line_along_a_jaw_is_skin_in_what_a_turn_opens():
    clean, view, points = round_face(LINE)
    found = slivers(shipped_body(), view, clean, points)
    assert found.which[MIDDLE + RADIUS, MIDDLE]
    assert np.abs(found.picture[MIDDLE + RADIUS, MIDDLE] - SKIN).max() < 0.02
    assert not found.which[: MIDDLE - 5].any()  # hair, and glasses
    assert not found.which[view.depth > 2.01].any()
    assert (found.picture[~found.which] == clean[~found.which]).all()


def test_an_edge_that_is_skin_is_left_as_it_is():
    clean, view, points = round_face(SKIN - 0.03)
    found = slivers(shipped_body(), view, clean, points)
    assert (found.picture == clean).all()
    assert not found.share.any()


def test_only_what_is_made_up_of_an_edge_is_shaded_anew():
    down, ahead = np.array([0.0, 1.0, 0.0]), np.array([0.0, 0.0, -1.0])
    bright = shade(np.stack([down, down, down, ahead]), np.array([0.0, 0.5, 1.0, 1.0]))[:, 0]
    assert bright[0] == bright[3] == 1
    assert bright[0] > bright[1] > bright[2] > 0.8


def opened(contour: Contour, yaw: float) -> list[float]:
    """How much of the colours of open edges, which are white, is there; closed ones are black."""
    closed, own, colours = (np.zeros((len(contour.which), 3), np.float32) for _ in range(3))
    contour.open(turn_matrix(np.array([0.0, yaw, 0.0])), contour.which, closed, own, colours)
    assert (own == colours).all()
    return [float(one) for one in own[:, 0]]


def test_slivers_open_where_the_head_turns_them_to_the_view_and_only_there(compiled_loops):
    left, right = np.array([-1.0, 0, 0]), np.array([1.0, 0, 0])
    contour = Contour(
        np.arange(2), np.stack([left, right]), np.ones((2, 3), np.float32), towards=np.array([0.0, 0.0, 1.0])
    )
    still, little, there, back = (opened(contour, yaw) for yaw in (0.0, 0.06, 0.3, -0.3))
    assert still == [0, 0]
    assert there == [0, 1]  # the right of the picture comes to the front
    assert back == [1, 0]
    assert 0 < little[1] < 1


@pytest.fixture(scope="module")
def renderer() -> BodyRenderer:
    return BodyRenderer(RenderConfig(renderer="body", view="photo", size=SIZE, breathing=0), CPU)


@pytest.fixture(scope="module")
def identity(renderer: BodyRenderer, photo: Path) -> Identity:
    return renderer.prepare(find_portrait(photo))


def motion(pitches: list[float]) -> Motion:
    values = torch.zeros(len(pitches), len(CONTROLS))
    values[:, CONTROLS.index("headPitch")] = torch.tensor(pitches)
    return Motion(CONTROLS, values, 0)


def test_at_rest_a_body_looks_as_it_would_without_and_raised_it_does_not(renderer, identity):
    kept: Kept = identity.kept
    contour = kept.avatar.contour
    empty = Contour(contour.which[:0], contour.normals[:0], contour.colours[:0], contour.towards)
    plain = replace(identity, kept=replace(kept, avatar=replace(kept.avatar, contour=empty)))
    (rest, raised), (plain_rest, plain_raised) = (renderer.draw(one, motion([0.0, -0.15])) for one in (identity, plain))
    assert (rest == plain_rest).all()
    assert np.abs(raised.astype(int) - plain_raised).max() > 20


def test_colours_of_an_edge_are_those_of_the_frame_alone(identity):
    avatar = identity.kept.avatar
    still, turned = np.eye(3), turn_matrix(np.array([-0.1, 0.1, 0.0]))
    fresh, used = Scratch(avatar), Scratch(avatar)
    for front, turn in ((True, turned), (False, still), (False, turned), (True, still), (True, turned)):
        used.own_colours(front, turn)
    assert (used.own_colours(True, turned) == fresh.own_colours(True, turned)).all()
    assert (used.colours == fresh.colours).all()
    assert (used.own_colours(True, still) == Scratch(avatar).own_colours(True, still)).all()
