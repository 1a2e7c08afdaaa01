"""Gaussians are drawn as float64 arithmetic draws them, and the same bits whenever and however they are asked for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from avtr_cli.core.arrays import Floats
from avtr_cli.core.camera import Pinhole, orbit
from avtr_cli.kernels import compiling
from avtr_cli.render.gaussian import splatting_torch
from avtr_cli.render.gaussian.gaussians import Gaussians
from avtr_cli.render.gaussian.splatters import choose_splatter
from avtr_cli.render.gaussian.splatting import Splatter
from avtr_cli.render.gaussian.splatting_torch import TorchSplatter
from tests.gaussians import SCENES, camera, cloud, scene, wrong

CPU = torch.device("cpu")


def draw(gaussians: Gaussians, seen: Pinhole, threads: int = 1) -> Floats:
    splatter = Splatter(seen.size[1], seen.size[0], threads=threads)
    splatter.splat(gaussians, seen)
    return splatter.drawn


def plainly(gaussians: Gaussians, seen: Pinhole, dtype: torch.dtype = torch.float32) -> Floats:
    splatter = TorchSplatter(seen.size[1], seen.size[0], CPU, dtype=dtype)
    splatter.splat(gaussians, seen)
    return splatter.drawn


@pytest.mark.parametrize("name", SCENES)
def test_a_scene_is_drawn_as_it_should_be(name: str):
    asked = scene(name)
    drawn = draw(asked.gaussians, asked.camera)
    assert drawn.dtype == np.float32
    assert wrong(drawn, asked.drawn) == ""


def test_a_frame_is_the_same_after_any_other_of_its_splatter():
    sizes = {name: scene(name).camera.size for name in SCENES}
    splatters = {size: Splatter(size[1], size[0]) for size in sizes.values()}
    for name in [*SCENES, *reversed(SCENES)]:
        asked = scene(name)
        splatter = splatters[sizes[name]]
        splatter.splat(asked.gaussians, asked.camera)
        assert np.array_equal(splatter.drawn, draw(asked.gaussians, asked.camera)), name


def test_the_same_bits_for_any_number_of_threads():
    for name in ("cloud", "odd_size", "empty", "opaque_stack"):
        asked = scene(name)
        alone = draw(asked.gaussians, asked.camera)
        for threads in (2, 3, 7):
            assert np.array_equal(draw(asked.gaussians, asked.camera, threads), alone)


def test_the_order_of_the_input_counts_for_equal_depths_alone():
    gaussians = cloud(500)
    shuffled = gaussians.take(np.random.default_rng(1).permutation(500))
    assert len(np.unique(gaussians.means[:, 2])) == 500
    assert np.abs(draw(shuffled, camera()) - draw(gaussians, camera())).max() <= 1e-5
    flat = replace(gaussians, means=gaussians.means * np.array([1, 1, 0], np.float32) + np.array([0, 0, 3], np.float32))
    backwards = flat.take(slice(None, None, -1))
    assert np.abs(draw(backwards, camera()) - draw(flat, camera())).max() > 0.1


@settings(max_examples=15)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 30), st.integers(0, 99))
def test_any_size_is_drawn_and_a_part_of_a_frame_is_the_frames_part(width: int, height: int, n: int, seed: int):
    gaussians, whole = cloud(n, seed), camera(40, 40)
    # The slope of the projection is bounded by the frame, so only what lies within it is the same.
    part = replace(whole, size=(width, height))
    inside = gaussians.take(np.abs(gaussians.means[:, :2]).max(axis=1) < 0.2)
    drawn = draw(inside, part)
    assert drawn.shape == (height, width, 4)
    assert np.isfinite(drawn).all()
    if min(width, height) > 30:
        assert np.allclose(drawn, draw(inside, whole)[:height, :width], atol=2e-5)


def test_nothing_to_draw_is_transparent():
    none = cloud(0)
    behind = replace(cloud(9), means=-cloud(9).means)
    clear = replace(cloud(9), opacities=np.full(9, 1 / 256, np.float32))
    for gaussians in (none, behind, clear):
        assert not draw(gaussians, camera()).any()
        assert draw(gaussians, camera(1, 1)).shape == (1, 1, 4)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", ["means", "axes", "opacities", "colours"])
def test_what_is_not_finite_is_left_out_alone(where: str, bad: float):
    gaussians = cloud(40)
    spoiled = getattr(gaussians, where).copy()
    spoiled.reshape(40, -1)[3, 0] = bad
    rest = np.delete(np.arange(40), 3)
    assert np.array_equal(draw(replace(gaussians, **{where: spoiled}), camera()), draw(gaussians.take(rest), camera()))


def test_colours_may_be_anything_that_is_averaged():
    asked = cloud(200)
    distances = replace(asked, colours=np.repeat(asked.means[:, 2:], 3, axis=1))
    drawn = draw(distances, camera())
    seen = drawn[..., 3] > 0.5
    assert seen.any()
    assert np.abs(drawn[seen, 0] / drawn[seen, 3] - 3).max() < 1


def test_a_smaller_low_pass_draws_smaller_dots():
    dot = Gaussians(
        np.array([[0, 0, 3]], np.float32),
        np.zeros((1, 3, 3), np.float32),
        np.ones(1, np.float32),
        np.ones((1, 3), np.float32),
    )
    covered = []
    for low_pass in (0.06, 0.3, 1.0):
        splatter = Splatter(40, 48, low_pass)
        covered.append(splatter.splat(dot, camera())[1].sum())
    # The integral of a Gaussian over the frame is 2 pi of its variance.
    assert covered[1] == pytest.approx(2 * np.pi * 0.3, rel=0.05)
    assert covered[0] < covered[1] < covered[2] == pytest.approx(2 * np.pi, rel=0.05)


def test_over_a_plate_what_is_not_covered_stays_to_the_bit_and_the_rest_is_rounded_once():
    asked, random = scene("odd_size"), np.random.default_rng(0)
    width, height = asked.camera.size
    splatter = Splatter(height, width)
    colours, alpha = splatter.splat(asked.gaussians, asked.camera)
    plate, out = random.integers(0, 256, (height, width, 3), np.uint8), np.empty((height, width, 3), np.uint8)
    splatter.over(plate, out)
    wanted = 255.0 * colours + (1 - alpha[..., None].astype(float)) * plate
    assert np.abs(out - wanted).max() <= 0.5001
    assert (alpha == 0).any()
    assert np.array_equal(out[alpha == 0], plate[alpha == 0])


def test_cut_out_its_colours_are_those_of_what_covers():
    asked = scene("odd_size")
    width, height = asked.camera.size
    splatter, out = Splatter(height, width), np.empty((*asked.drawn.shape[:2], 4), np.uint8)
    colours, alpha = splatter.splat(asked.gaussians, asked.camera)
    splatter.cut_out(out)
    assert np.abs(out[..., 3] - 255.0 * alpha).max() <= 0.5001
    solid = alpha > 0.1
    assert np.abs(out[solid, :3] - np.minimum(255.0 * colours[solid] / alpha[solid, None], 255)).max() <= 0.5001
    assert not out[alpha == 0].any()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", SCENES)
def test_the_plain_form_draws_a_scene_as_it_should_be(name: str, dtype: torch.dtype):
    asked = scene(name)
    drawn = plainly(asked.gaussians, asked.camera, dtype)
    assert drawn.dtype == np.float32
    assert wrong(drawn, asked.drawn) == ""
    if dtype == torch.float64:
        assert np.abs(drawn - asked.drawn).max(initial=0) < 1e-6


@settings(max_examples=10)
@given(st.integers(0, 99), st.floats(-180, 180), st.floats(-60, 60), st.floats(0.05, 1))
def test_both_forms_agree_from_anywhere(seed: int, yaw: float, pitch: float, low_pass: float):
    asked, seen = cloud(300, seed), camera().seen_by(orbit(yaw, pitch, (0, 0, 3)))
    forms = (Splatter(40, 48, low_pass), TorchSplatter(40, 48, CPU, low_pass, torch.float64))
    for form in forms:
        form.splat(asked, seen)
    assert wrong(forms[0].drawn, forms[1].drawn) == ""


def test_the_plain_forms_bands_change_no_bit(monkeypatch: pytest.MonkeyPatch):
    asked = scene("cloud")
    whole = plainly(asked.gaussians, asked.camera)
    monkeypatch.setattr(splatting_torch, "_AT_ONCE", 1000)
    assert len(splatting_torch._bands(torch.tensor([[0, 0, 90, 90]]), 100)) == 9
    assert np.array_equal(plainly(asked.gaussians, asked.camera), whole)


def test_both_forms_lay_the_same_over_a_plate_and_cut_the_same_out():
    asked = scene("odd_size")
    width, height = asked.camera.size
    plate = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    laid, cut = [], []
    for form in (Splatter(height, width), TorchSplatter(height, width, CPU)):
        form.splat(asked.gaussians, asked.camera)
        laid.append(np.empty((height, width, 3), np.uint8))
        form.over(plate, laid[-1])
        cut.append(np.empty((height, width, 4), np.uint8))
        form.cut_out(cut[-1])
    assert np.abs(laid[0].astype(int) - laid[1]).max() <= 1
    assert np.abs(cut[0].astype(int) - cut[1]).max() <= 1


def test_a_cpu_draws_by_compiled_loops_unless_they_are_off_or_cannot_be(monkeypatch: pytest.MonkeyPatch, caplog):
    assert choose_splatter(8, 8, CPU).kernels == "compiled"
    assert choose_splatter(8, 8, CPU, "off").kernels == "plain"
    assert caplog.text == ""
    monkeypatch.setattr(compiling.config, "DISABLE_JIT", True)
    assert choose_splatter(8, 8, CPU).kernels == "plain"
    assert "Numba does not work here (NUMBA_DISABLE_JIT is set)" in caplog.text


def test_memory_grows_with_what_is_drawn_and_not_with_every_frame():
    splatter = Splatter(40, 48)
    splatter.splat(cloud(1000), camera())
    kept = splatter.scratch_bytes
    assert 1000 * 4 * 16 < kept < 1000 * 400
    for n in (10, 1000, 0):
        splatter.splat(cloud(n, n), camera())
    assert splatter.scratch_bytes == kept
    splatter.splat(cloud(4000), camera())
    assert splatter.scratch_bytes > 2 * kept
