"""UniLS's measures to their golden values in both protocols, and which of its traps ours avoids."""

from __future__ import annotations

import math

import numpy as np
import pytest

from avtr_cli.evaluation import encoder, pictures, unils
from tests.evaluation_goldens import arrays, assert_numbers, results

GIVEN = ("pred", "true", "head_pred", "head_true", "jaw_pred", "jaw_true", "own", "partner")


def given(**other) -> dict:
    return {name: arrays()[f"unils/{name}"] for name in GIVEN} | other


def measured(protocol: str, **other) -> dict:
    lists = results()["unils"]
    return unils.measure(**given(**other), lips=lists["lips"], upper=lists["upper"], protocol=protocol)


@pytest.mark.parametrize("protocol", unils.PROTOCOLS)
def test_every_measure_is_the_golden_one(protocol):
    assert_numbers(measured(protocol), results()["unils"][protocol])


def test_a_face_one_millimetre_aside_is_one_millimetre_wrong_and_moves_as_much():
    moved = given()["true"].astype(np.float64) + np.array([1, 0, 0])
    found = measured("unils", pred=moved, head_pred=given()["head_true"], jaw_pred=given()["jaw_true"])
    assert [found[f"S_{name}"] for name in ("LVE", "MHD", "FDD", "PDD", "JDD")] == pytest.approx([1, 1, 0, 0, 0])


def test_truth_in_random_order_is_perfect_to_the_released_protocol_and_not_to_ours():
    order = np.random.default_rng(1).permutation(np.flatnonzero(given()["own"]))
    shuffled = {}
    for name, truth in (("pred", "true"), ("head_pred", "head_true"), ("jaw_pred", "jaw_true")):
        shuffled[name] = given()[truth].astype(np.float64)
        shuffled[name][given()["own"]] = shuffled[name][order]
    found = measured("unils", **shuffled)
    assert [found[f"S_{name}"] for name in ("FDD", "PDD", "JDD")] == pytest.approx([0, 0, 0], abs=1e-9)
    assert measured("avtr", **shuffled)["S_PDD"] > 0.01


def test_what_was_not_given_and_what_has_no_frames_is_not_measured():
    found = measured("avtr", pred=None, head_pred=None, own=np.ones(120, bool))
    assert found["S_LVE"] is None
    assert found["S_PDD"] is None
    assert found["S_JDD"] is not None
    assert found["rest_JDD"] is None


@pytest.mark.parametrize("name", ["frames", "windows"])
def test_the_motion_distance_is_the_golden_one(name):
    sides = [[arrays()[f"ffid/{side}/{at}"] for at in range(4)] for side in "xy"]
    assert unils.motion_frechet(*sides, windows=name == "windows") == pytest.approx(results()["ffid"][name], rel=1e-8)
    assert math.isnan(unils.motion_frechet([], sides[1]))


def test_picture_measures_are_the_papers():
    a, b = arrays()["picture/a"], arrays()["picture/b"]
    assert pictures.psnr(a, b) == pytest.approx(results()["picture"]["psnr"], rel=1e-9)
    assert pictures.psnr(a, a) == math.inf
    luma = [picture @ np.array(pictures.LUMA) for picture in (a, b)]
    assert pictures.ssim(*luma) == pytest.approx(results()["picture"]["ssim_luma"], rel=1e-9)
    assert math.isnan(pictures.ssim(a[:9, :9, 0], b[:9, :9, 0]))


def test_the_embedded_encoder_gives_the_golden_vectors():
    e = {name.removeprefix("encoder/"): array for name, array in arrays().items() if name.startswith("encoder/")}
    phrases = [(int(first), int(end)) for first, end in e["phrases"]]
    np.testing.assert_allclose(
        encoder.audio_vector(e["level"].astype(float), e["active"], phrases), e["audio_vector"], atol=1e-8
    )
    face = encoder.face_vector(*(e[name].astype(float) for name in ("head", "brow", "smile", "blink")))
    np.testing.assert_allclose(face, e["face_vector"], atol=1e-8)
    assert_numbers(encoder.lag_scores(e["aperture"].astype(float), e["level"].astype(float)), results()["lag"], 1e-8)


def test_what_is_heard_looks_back_alone():
    e = arrays()
    level, active = e["encoder/level"].astype(float), e["encoder/active"]
    phrases = [(int(first), int(end)) for first, end in e["encoder/phrases"]]
    whole = encoder.audio_vector(level, active, phrases)
    level[200:] = level.min()
    np.testing.assert_array_equal(encoder.audio_vector(level, active, phrases)[:200, 3:], whole[:200, 3:])


def test_lips_that_never_move_are_in_no_time_with_the_voice():
    assert encoder.lag_scores(np.zeros(100), np.random.default_rng(1).standard_normal(100)) == {
        "lag": None, "r": None, "margin": None,
    }  # fmt: skip
