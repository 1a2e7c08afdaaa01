"""Touched skin: both forms of the renderer dent and redden it alike, there and nowhere else, and find clicks again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from avtr_cli.core.config import RenderConfig
from avtr_cli.core.interaction import STRENGTHS, Contact
from avtr_cli.core.motion_space import CONTROLS
from avtr_cli.core.protocols import FeelsContacts
from avtr_cli.core.types import Identity, Motion, Portrait
from avtr_cli.evaluation.mesh.studio import command
from avtr_cli.evaluation.touch.exact import evaluate_folds
from avtr_cli.perception.portrait import find_portrait
from avtr_cli.render.mesh.contact import BLOOD, GREY, blood_shares
from avtr_cli.render.mesh.controls import read_controls
from avtr_cli.render.mesh.field import displacement
from avtr_cli.render.mesh.renderer import MeshRenderer

SIZE = 160  # px
STILL: dict[str, float] = {}
TURNED = {"yaw": 11.0, "pitch": -6.0, "roll": 7.0, "headX": 0.05, "jawOpen": 0.3, "eyeBlink": 0.5}
DENT = Contact(0.49, 0.26, 0.0, 0.10, 0.40, 0.03, -0.02, 1.0, 0.1, 0.12)  # of the astronaut's left cheek
SLAP = Contact(0.41, 0.26, 0.0, 0.23, 0.02, 0.10, 0.03, 0.3, 0.45, 0.20)  # beside the right one, at the outline
RED = Contact(0.46, 0.24, 0.0, 0.10, 0.0, 0.0, 0.0, 0.0, 0.4, 0.10)  # a mark alone, on the nose


@pytest.fixture(scope="module")
def portrait(photo: Path) -> Portrait:
    return find_portrait(photo)


@pytest.fixture(scope="module", params=["crop", "photo", "transparent"])
def drawn(portrait: Portrait, request: pytest.FixtureRequest) -> tuple[MeshRenderer, Identity]:
    kind: str = request.param
    config = RenderConfig(size=SIZE, **({"view": kind} if kind in ("crop", "photo") else {"background": kind}))
    renderer = MeshRenderer(config, torch.device("cpu"))
    return renderer, renderer.prepare(portrait)


def motion(row: dict[str, float], *contacts: Contact) -> Motion:
    values = torch.from_numpy(command(**row)).float()[None]
    return Motion(CONTROLS, values, 0, (contacts,) if contacts else ())


def frame(drawn, row: dict[str, float], *contacts: Contact) -> np.ndarray:
    renderer, identity = drawn
    return renderer.draw(identity, motion(row, *contacts))[0].copy()


def on_frame(drawn, contact: Contact) -> np.ndarray:
    """Pixels of the frame at rest."""
    renderer, identity = drawn
    return np.array(renderer.at_rest(identity, (contact.x, contact.y))) * identity.size - 0.5


@pytest.mark.slow
@pytest.mark.parametrize("row", [STILL, TURNED], ids=["still", "turned"])
@pytest.mark.parametrize("contacts", [(SLAP,), (DENT, RED)], ids=["one", "two at once"])
def test_compiled_loops_draw_what_the_plain_form_draws(drawn, row, contacts):
    renderer, identity = drawn
    plainly = replace(identity, kept=replace(identity.kept, tables=None))
    compiled, plain = frame(drawn, row, *contacts), frame((renderer, plainly), row, *contacts)
    # Where next to nothing is seen, any colour is; what is burnt out reddens before it is cut, or after.
    compared = (plain[..., :3].max(axis=2) < 250) & (plain[..., -1] > 64 if plain.shape[2] == 4 else True)
    assert np.abs(compiled.astype(int) - plain)[compared].max() <= 4
    assert compared.mean() > 0.3
    assert np.array_equal(compiled, frame(drawn, row, *contacts))


def test_a_frame_that_nothing_touches_keeps_its_bits(drawn):
    renderer, identity = drawn
    for row in (STILL, TURNED):
        asked = motion(row)
        untouched = replace(asked, contacts=((),))
        touched = replace(asked, contacts=((DENT,),))
        before = renderer.draw(identity, asked).copy()
        renderer.draw(identity, touched)
        assert np.array_equal(renderer.draw(identity, untouched), before)


def test_a_dent_is_seen_there_and_nowhere_else(drawn):
    _, identity = drawn
    change = np.abs(frame(drawn, STILL, DENT).astype(int) - frame(drawn, STILL)).max(axis=2)
    y, x = np.mgrid[: change.shape[0], : change.shape[1]]
    far = np.hypot(*(np.stack([x, y], -1) - on_frame(drawn, DENT)).transpose(2, 0, 1)) / identity.kept.stage.unit
    assert change[far < DENT.width].max() > 10
    assert change[far > 6 * DENT.width].max() == 0


def test_a_mark_reddens_skin_and_moves_nothing(drawn):
    before, after = (frame(drawn, STILL, *some).astype(int)[..., :3] for some in ((), (RED,)))
    x, y = np.rint(on_frame(drawn, RED)).astype(int)
    red, green, blue = (after - before)[y, x]
    assert red >= 0 > green
    assert blue < 0
    assert np.abs(after[y, x] / before[y, x] - 1 - RED.red * np.array(BLOOD)).max() < 0.03


@pytest.mark.slow
def test_background_beside_a_slapped_cheek_does_not_redden(portrait):
    renderer = MeshRenderer(RenderConfig(size=SIZE, background="#4080C0"), torch.device("cpu"))
    drawn = renderer, renderer.prepare(portrait)
    painted, slapped = frame(drawn, STILL), frame(drawn, STILL, SLAP._replace(pinch=0.0, shift_x=0.0, shift_y=0.0))
    background = (painted == (0x40, 0x80, 0xC0)).all(axis=2)
    assert background.mean() > 0.1
    assert np.array_equal(painted[background], slapped[background])
    assert np.abs(painted.astype(int) - slapped).max() > 20


def test_a_photo_without_colours_darkens_a_little_instead():
    assert blood_shares((0.75, 1.05, 1.25)) == pytest.approx(BLOOD)
    assert blood_shares((1.0, 1.0, 1.0)) == pytest.approx([GREY] * 3)


def test_a_place_of_the_photo_is_found_again_in_the_frame_at_rest(drawn):
    renderer, identity = drawn
    assert isinstance(renderer, FeelsContacts)
    for place in ((0.5, 0.3), (0.41, 0.22), (0.47, 0.35)):
        shown = renderer.at_rest(identity, place)
        assert renderer.locate(identity, motion(STILL), 0, shown) == pytest.approx(place, abs=1e-4)


def test_a_click_on_a_turned_head_is_a_place_of_its_skin(drawn):
    renderer, identity = drawn
    avatar, asked = identity.kept, motion(TURNED)
    stage = avatar.stage
    row = asked.values[0].numpy().astype(np.float64)
    moved = displacement(avatar.field, read_controls(row, 0, 1.0, avatar.calibration)).mean(dim=0).numpy()
    for place in ((0.46, 0.2), (0.49, 0.27), (0.43, 0.25), (0.47, 0.13)):
        on_photo = np.array(place) * avatar.photo_size - 0.5
        on_stage = stage.affine @ [*on_photo, 1.0] - (stage.place.x, stage.place.y)
        node = ((on_stage + 0.5) / stage.cell - 0.5).astype(np.float32)
        by = [cv2.remap(plane, node[:1], node[1:], cv2.INTER_LINEAR)[0, 0] for plane in moved]
        shown = on_stage + by + (stage.place.x - stage.frame.x, stage.place.y - stage.frame.y)
        clicked = (shown + 0.5) / (stage.frame.width, stage.frame.height)
        found = np.array(renderer.locate(identity, asked, 0, tuple(clicked)))
        assert np.abs((found - place) * avatar.photo_size).max() * stage.affine[0, 0] / stage.unit < 0.01
        assert np.abs(clicked - renderer.at_rest(identity, place)).max() > 0.01  # the head has moved away


@pytest.mark.slow
def test_no_word_folds_the_skin_anywhere_even_at_its_strongest(engine, photo):
    found = evaluate_folds(engine, photo, ("left_cheek", "mouth", "nose", "hair"))
    assert STRENGTHS[1] == 1.6
    assert found["folds.slope"] <= 0.75
    assert found["folds.area"] >= 0.2
    assert found["folds.missed_px"] <= 0.2
