"""Temporal measures: they read zero where nothing moves, the truth where something does, and they can fail."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity as reference_similarity

from avtr_cli.core.config import RenderConfig
from avtr_cli.core.motion_space import CONTROLS
from avtr_cli.diagnostics.render_timing import talking
from avtr_cli.evaluation.mesh import temporal
from avtr_cli.evaluation.pictures import similarity
from avtr_cli.perception.portrait import find_portrait
from avtr_cli.perception.topology import CHIN
from avtr_cli.render.mesh.renderer import MeshRenderer

CONFIG = RenderConfig(view="photo", size=384)
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def portrait(photo):
    return find_portrait(photo)


@pytest.fixture(scope="module")
def avatar(portrait):
    return MeshRenderer(CONFIG, CPU).prepare(portrait).kept


@pytest.fixture(scope="module")
def numbers(portrait):
    return temporal.measure_take(portrait, talking(15), CONFIG, CPU)


@pytest.mark.slow
def test_a_talking_breathing_photo_keeps_every_bound(numbers):
    kept = {name: bound.met(numbers[name]) for name, bound in temporal.TEMPORAL_BOUNDS.items()}
    assert all(kept.values()), numbers


@pytest.mark.slow
def test_a_photo_nobody_moves_is_itself(portrait):
    still = RenderConfig(view="photo", size=256, breathing=0)
    numbers = temporal.measure_take(portrait, np.zeros((11, len(CONTROLS))), still, CPU)
    assert numbers["identity.ssim"] == pytest.approx(1, abs=1e-4)
    assert numbers["background.flicker"] == numbers["shoulders.flicker"] == 0
    assert numbers["shoulders.swim_eo"] < 1e-3


@pytest.mark.slow
def test_noise_behind_the_person_is_flicker_and_a_drifting_picture_swims(portrait, monkeypatch):
    draw, random = temporal._draw, np.random.default_rng(0)

    def trembling(renderer, identity, row, index):
        frame = np.roll(draw(renderer, identity, row, index), 2 * (index > 0), axis=1)
        return np.clip(frame + random.integers(-4, 5, frame.shape), 0, 255).astype(np.uint8)

    monkeypatch.setattr(temporal, "_draw", trembling)
    numbers = temporal.measure_take(portrait, np.zeros((11, len(CONTROLS))), CONFIG, CPU)
    broken = [name for name, bound in temporal.TEMPORAL_BOUNDS.items() if bound.met(numbers[name]) is False]
    assert set(broken) >= {"background.flicker", "background.swim_px", "shoulders.flicker"}


@pytest.mark.slow
def test_regions_are_where_their_names_say(portrait, avatar):
    regions = temporal.find_regions(portrait, avatar, talking(15), CONFIG)
    height, width = avatar.still.shape[:2]
    matte = cv2.resize(portrait.matte, (width, height), interpolation=cv2.INTER_AREA)
    assert matte[regions.background].max() < 0.05
    assert matte[regions.shoulders].min() > 0.9
    chin = avatar.stage.points[CHIN, 1] + avatar.stage.place.y
    assert np.flatnonzero(regions.shoulders.any(axis=1)).min() > chin
    assert not regions.beyond_face[int(chin) - 5, int(avatar.stage.points[CHIN, 0] + avatar.stage.place.x)]


@pytest.mark.slow
def test_marks_are_followed_to_a_tenth_of_a_pixel(avatar):
    everywhere = np.ones(avatar.still.shape[:2], bool)
    still = cv2.cvtColor(avatar.still, cv2.COLOR_RGB2GRAY)
    shift = np.array([[1, 0, 1.5], [0, 1, -0.5]])
    moved = cv2.warpAffine(still, shift, still.shape[::-1], borderMode=cv2.BORDER_REFLECT)
    marks = temporal._Marks(still, everywhere, avatar)
    marks.follow(moved, 0.0)
    assert marks.swim() == pytest.approx(math.hypot(1.5, 0.5), abs=0.1)
    assert marks.wobble() < 0.1


@pytest.mark.slow
def test_where_nothing_can_be_followed_nothing_is_said(avatar):
    flat = np.full(avatar.still.shape[:2], 90, np.uint8)
    marks = temporal._Marks(flat, np.ones(flat.shape, bool), avatar)
    marks.follow(flat, 0.0)
    assert math.isnan(marks.swim())
    assert math.isnan(marks.wobble())


@pytest.mark.slow
def test_similarity_is_that_of_the_paper(photo):
    a = cv2.cvtColor(cv2.imread(str(photo)), cv2.COLOR_BGR2GRAY)[:200, :200]
    b = cv2.GaussianBlur(a, (0, 0), 1.2)
    _, wanted = reference_similarity(
        a, b, full=True, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255
    )
    ours = similarity(a, b)
    assert np.abs(ours - wanted)[8:-8, 8:-8].max() < 1e-12
