"""What comes to light behind the edge of a jaw, and how truly a body shows what an expression changes."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from avtr_cli.core.config import RenderConfig
from avtr_cli.core.motion_space import CONTROLS
from avtr_cli.core.types import Identity, Motion
from avtr_cli.perception.portrait import find_portrait
from avtr_cli.perception.topology import CHIN, FACE_OVAL, FOREHEAD
from avtr_cli.render.gaussian.avatar import Scratch, at_rest, photo_pixels, pose
from avtr_cli.render.gaussian.body_model import HEAD, SKIN, shipped_body
from avtr_cli.render.gaussian.expression import BELOW
from avtr_cli.render.gaussian.fitting import Lens
from avtr_cli.render.gaussian.jaw import DEEP, SHADE, behind_jaw, sources
from avtr_cli.render.gaussian.painting import below_ears
from avtr_cli.render.gaussian.renderer import BodyRenderer, Kept, looked_at
from avtr_cli.render.gaussian.surface import View
from avtr_cli.render.gaussian.wrapping import face_places
from avtr_cli.render.mesh.renderer import MeshRenderer

CPU, SIZE = torch.device("cpu"), 256


@pytest.fixture(scope="module")
def portrait(photo: Path):
    return find_portrait(photo)


@pytest.fixture(scope="module")
def renderer() -> BodyRenderer:
    return BodyRenderer(RenderConfig(renderer="body", view="photo", size=SIZE, breathing=0), CPU)


@pytest.fixture(scope="module")
def identity(renderer: BodyRenderer, portrait) -> Identity:
    return renderer.prepare(portrait)


def motion(**controls: float) -> Motion:
    values = torch.zeros(1, len(CONTROLS))
    for name, value in controls.items():
        values[0, CONTROLS.index(name)] = value
    return Motion(CONTROLS, values, 0)


@pytest.mark.parametrize(
    ("controls", "most"), [({"jawOpen": 1.0}, 2.6), ({"mouthSmileLeft": 1.0, "mouthSmileRight": 1.0}, 1.6)]
)
def test_a_body_changes_by_what_the_mesh_renderer_drew(renderer, identity, portrait, controls, most):
    kept: Kept = identity.kept
    mesh = MeshRenderer(RenderConfig(view="photo", size=SIZE, breathing=0), CPU, "auto")
    face = mesh.prepare(portrait)
    wanted = mesh.draw(face, motion(**controls))[0].astype(float) - face.kept.still
    said, rest = (renderer.draw(identity, motion(**row))[0].astype(float) for row in (controls, {}))
    _, seen = looked_at(portrait, SIZE)
    moved = (np.abs(wanted).max(2) > 3) & (seen.matte > 0.5)
    assert moved.sum() > 300
    assert kept.face.mixing is not None
    assert np.sqrt((((said - rest) - wanted)[moved] ** 2).mean()) < most  # of 255


def test_what_is_behind_the_edge_of_a_jaw_has_the_colour_of_that_edge_and_says_what_it_says(identity, portrait):
    kept: Kept = identity.kept
    avatar, (left, top, right, _) = kept.avatar, kept.face.box
    photo, seen = looked_at(portrait, SIZE)
    own, _ = photo_pixels(avatar)
    scratch = Scratch(avatar)
    pose(avatar, at_rest(avatar), scratch)
    deep = scratch.means[avatar.painted :, 2].copy()
    shown = np.full(seen.matte.size, np.inf)
    np.minimum.at(shown, own[own >= 0], deep[own >= 0])
    line, column = divmod(kept.face.at, right - left)
    said = (line + top) * seen.matte.shape[1] + column + left  # whose change of colour each takes
    behind = (own[kept.face.which] < 0) & (deep[kept.face.which] > shown[said] + BELOW) & np.isfinite(shown[said])
    assert behind.sum() > 100
    colours = np.concatenate([avatar.loose.colours, avatar.riding.colours])[kept.face.which[behind]]
    soft = SHADE * cv2.GaussianBlur(photo.astype(np.float32) / 255, (0, 0), 1.0).reshape(-1, 3)[said[behind]]
    assert np.abs(colours - soft).max(1).mean() < 0.06


def test_skin_goes_on_behind_a_jaw_from_well_inside_its_edge_and_no_deeper_than_to_the_neck(portrait):
    photo, seen = looked_at(portrait, SIZE)
    behind = behind_jaw(seen, photo.astype(np.float32) / 255)
    oval = np.zeros(seen.matte.shape, np.uint8)
    cv2.fillPoly(oval, [np.rint(seen.face[list(FACE_OVAL), :2]).astype(np.int32)], (1,))
    x, y = np.rint(seen.face[CHIN, :2]).astype(int)
    assert behind.pixels[y, x]
    assert not behind.pixels[int(seen.face[FOREHEAD, 1]), x]
    assert cv2.erode(oval, np.ones((3, 3), np.uint8)).reshape(-1)[behind.source[y, x]]
    lens, depth = Lens(500.0, 128.0, 128.0), np.full(seen.matte.shape, 2.0, np.float32)
    view = View(np.zeros(seen.matte.shape, np.int32), np.zeros((*seen.matte.shape, 3), np.float32), depth)
    way = np.array([(x - lens.x) / lens.focal, (y - lens.y) / lens.focal, 1.0])
    near, far = (way * (2 + share * DEEP) for share in (0.5, 1.5))
    assert sources(behind, view, lens, np.stack([near, far])).tolist() == [behind.source[y, x], -1]


def test_no_hair_grows_below_the_lobes_of_ears_or_on_cheeks():
    model = shipped_body()
    bare = below_ears(model, model.mean)
    head = (model.vertex_limb == HEAD) & (model.part == SKIN)
    face = face_places(model, model.mean)
    chin, forehead = face[CHIN], face[FOREHEAD]
    assert bare[np.argmin(np.linalg.norm(model.mean - chin, axis=1))]
    assert not bare[head & (model.mean[:, 1] < forehead[1])].any()
    cheek = face[[117, 346]]  # below the eyes, before the ears
    assert bare[[np.argmin(np.linalg.norm(model.mean - place, axis=1)) for place in cheek]].all()
    nape = head & (model.mean[:, 2] > model.mean[head, 2].max() - 0.06)
    assert not bare[nape].any()
