"""Clicks on a body that moves, and is seen from elsewhere, are touches of the photo where they would have been."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from avtr_cli.core.config import load_preset
from avtr_cli.core.motion_space import FULL
from avtr_cli.core.protocols import FeelsContacts, KnowsPlaces
from avtr_cli.core.types import Identity, Motion
from avtr_cli.render.gaussian.avatar import photo_pixels
from avtr_cli.render.gaussian.locating import projected
from avtr_cli.streaming.engine import Engine

SIZE = 160  # px
SETTINGS = (f"render.size={SIZE}", "runtime.device=cpu", "render.breathing=0")
MOVED = {"headYaw": 0.25, "headRoll": 0.1, "jawOpen": 0.4, "spineRoll": 0.1, "hipX": 0.02}


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(load_preset("body", SETTINGS))


@pytest.fixture(scope="module")
def identity(engine: Engine, photo: Path) -> Identity:
    return engine.avatar(photo)[1]


def motion(**wanted: float) -> Motion:
    values = torch.zeros(2, len(FULL))
    for name, value in wanted.items():
        values[1, FULL.channels.index(name)] = value
    return Motion(FULL, values, 5)


def test_bodies_know_places_though_they_draw_no_touched_skin(engine):
    assert isinstance(engine.renderer, KnowsPlaces)
    assert not isinstance(engine.renderer, FeelsContacts)


@pytest.mark.parametrize("row", [0, 1], ids=["at rest", "moved"])
@pytest.mark.parametrize("settings", [(), ("render.camera=orbit:20",), ("render.framing=head",)])
def test_what_is_clicked_on_is_where_its_own_pixel_of_the_photo_is(photo, settings, row):
    engine = Engine(load_preset("body", (*SETTINGS, *settings)))
    _, identity = engine.avatar(photo)
    drawer, avatar, moved = engine.renderer, identity.kept.avatar, motion(**MOVED)
    view = avatar.camera.seen_by(drawer.camera(identity))
    one = Motion(FULL, moved.values[row : row + 1], moved.first)
    [shown] = drawer.gaussians(identity, one)
    pixels, _ = photo_pixels(avatar)
    means = shown.means[-len(pixels) :]
    (places, depth), (width, height) = projected(view, means), avatar.camera.size
    drawn = drawer.draw(identity, one, drawer.camera(identity))[0]
    assert drawn.shape[:2] == view.size[::-1]
    inside = (places > 3).all(1) & (places < np.array(view.size) - 3).all(1) & (pixels >= 0)
    far = np.full(view.size[::-1], np.inf)
    column, line = places[inside].astype(int).T
    np.minimum.at(far, (line, column), depth[inside])
    which = np.flatnonzero(inside)[depth[inside] < far[line, column] + 0.002][::400]
    assert len(which) > 10
    off = []
    for one_of in which:
        x, y = drawer.locate(identity, moved, row, tuple(places[one_of] / view.size))
        off.append(np.hypot(x * width - pixels[one_of] % width - 0.5, y * height - pixels[one_of] // width - 0.5))
    assert np.median(off) < 1.2  # px of the photo
    assert np.percentile(off, 80) < 4


def test_a_click_beside_the_person_touches_nobody_where_they_were_in_the_photo_too(engine, identity, photo):
    regions = engine.regions(photo)
    leaning = motion(spineRoll=0.35)
    width, height = identity.kept.avatar.camera.size
    at_rest, away = (engine.renderer.draw(identity, Motion(FULL, leaning.values[k : k + 1], 5))[0] for k in (0, 1))
    plate = identity.kept.behind
    left = (np.abs(away.astype(int) - plate).max(2) == 0) & (np.abs(at_rest.astype(int) - plate).max(2) > 60)
    y, x = np.nonzero(left)
    assert len(x) > 20
    touched = []
    for k in range(0, len(x), len(x) // 12):
        place = engine.renderer.locate(identity, leaning, 1, ((x[k] + 0.5) / width, (y[k] + 0.5) / height))
        touched.append(regions.at(*place) != ())
    assert np.mean(touched) < 0.1


def test_a_live_click_on_a_body_gives_the_frames_of_the_interaction_that_it_was(engine, identity, photo):
    sound = np.zeros((2, 28800), np.float32)
    sound[0, ::160] = 0.3  # a hum
    first, rest = sound[:, :16000], sound[:, 16000:]
    live, asked, untouched = (engine.session(photo, seed=3) for _ in range(3))
    frames = [one.pixels.copy() for one in live.push(first)]
    x, y = engine.regions(photo).centres["left_shoulder"]
    made = live.interact(x, y, "push", seen=len(frames) - 1)
    assert made.region == "left_shoulder"
    frames += [one.pixels.copy() for one in live.push(rest)]
    asked.ask([made])
    again = [one.pixels.copy() for one in asked.push(sound)]
    alone = [one.pixels.copy() for one in untouched.push(sound)]
    assert all(np.array_equal(one, other) for one, other in zip(frames, again, strict=True))
    assert any(not np.array_equal(one, other) for one, other in zip(frames, alone, strict=True))
    assert all(np.array_equal(one, other) for one, other in zip(frames[: made.frame], alone, strict=False))
