"""The renderer's parts, each against what it promises."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from avtr_cli.core.arrays import Points
from avtr_cli.core.motion_space import CONTROLS
from avtr_cli.core.shipped import shipped_folder
from avtr_cli.kernels import thinplate
from avtr_cli.kernels.sampling import OpenCVSampler, TorchSampler
from avtr_cli.perception.portrait import find_portrait
from avtr_cli.perception.template import template
from avtr_cli.perception.topology import (
    CHIN,
    INNER_LOWER_LIP,
    INNER_UPPER_LIP,
    MOUTH_CORNERS,
    OUTER_LOWER_LIP,
    OUTER_UPPER_LIP,
)
from avtr_cli.render.filling import fill_hole
from avtr_cli.render.mesh.controls import read_controls, seal_weights
from avtr_cli.render.mesh.field import FieldBasis, displacement, prepare_field
from avtr_cli.render.mesh.inverse import invert, lips_in_frame, mend_folds, residual
from avtr_cli.render.mesh.shapes import (
    JAW_DROP,
    LOWER,
    SHAPES,
    UPPER,
    agree_where_shared,
    layer_points,
    lip_thickness,
    shape_deltas,
)
from avtr_cli.render.mesh.stage import Stage, crop_stage
from avtr_cli.render.split import _grown, oversample, split_layers

CPU = torch.device("cpu")
PORTRAIT = shipped_folder("examples") / "portrait_drawn.png"


@pytest.fixture(scope="module")
def stage(photo: Path) -> Stage:
    return crop_stage(find_portrait(photo), 384)


@pytest.fixture(scope="module")
def field(stage: Stage) -> FieldBasis:
    return prepare_field(stage, CPU)[1]


def row(**values: float) -> np.ndarray:
    result = np.zeros(len(CONTROLS))
    for name, value in values.items():
        result[CONTROLS.index(name)] = value
    return result


def test_a_thin_plate_spline_meets_its_points_and_reproduces_planes():
    random = np.random.default_rng(2)
    centres = random.uniform(0, 3, (40, 2))
    values = np.column_stack([centres @ (0.5, -2.0) + 1, np.sin(centres[:, 0])])
    spline = thinplate.fit(centres, values, stiffness=0)
    assert np.allclose(thinplate.evaluate(centres, thinplate.kernel(centres, centres), spline), values, atol=1e-6)
    elsewhere = random.uniform(0, 3, (30, 2))
    read = thinplate.evaluate(elsewhere, thinplate.kernel(elsewhere, centres), spline)
    assert np.allclose(read[:, 0], elsewhere @ (0.5, -2.0) + 1, atol=1e-6)


def test_shapes_are_mirror_images_of_each_other():
    points, mirror = template()
    deltas = shape_deltas(points)
    flip = np.array([-1, 1, 1])
    for left, name in enumerate(SHAPES):
        other = name.replace("Left", "#").replace("Right", "Left").replace("#", "Right")
        right = SHAPES.index(other)
        assert np.allclose(deltas[:, left][:, mirror] * flip, deltas[:, right], atol=1e-6), name


def test_the_jaw_drops_the_lower_lip_and_hardly_the_upper():
    deltas = shape_deltas(template().points)[:, SHAPES.index("jawOpen")]
    assert np.isclose(deltas[LOWER, 14, 1], JAW_DROP, rtol=0.05)
    assert abs(deltas[UPPER, 13, 1]) < 0.02
    assert deltas[LOWER, CHIN, 1] > 0.8 * JAW_DROP


def test_layers_agree_on_every_point_they_share():
    points, _ = template()
    deltas = agree_where_shared(shape_deltas(points), points)
    upper, lower, _ = layer_points(points)
    shared = np.intersect1d(upper, lower)
    assert len(shared) > 200
    assert np.array_equal(deltas[UPPER][:, shared], deltas[LOWER][:, shared])


def test_the_seals_close_what_jaw_and_photo_open():
    points = template().points.copy()
    points[list(INNER_LOWER_LIP[1:-1]), 1] += 0.08
    deltas = shape_deltas(points)
    weights = dict(zip(("sealJaw", "sealPhoto"), seal_weights(0.4, 0.4), strict=True)) | {"jawOpen": 0.4}
    upper, lower = list(INNER_UPPER_LIP[1:-1]), list(INNER_LOWER_LIP[1:-1])
    top = points[upper, 1] + sum(w * deltas[UPPER, SHAPES.index(n), upper, 1] for n, w in weights.items())
    bottom = points[lower, 1] + sum(w * deltas[LOWER, SHAPES.index(n), lower, 1] for n, w in weights.items())
    assert (bottom - top < 0.02).all()


def pursed(head: Points) -> tuple[float, float, float]:
    """Width of the mouth and thickness of both lips of a pursed `head`, in shares of those at rest."""
    deltas = shape_deltas(head)[:, SHAPES.index("mouthPucker")]
    moved = head.copy()
    for layer, lip in ((UPPER, OUTER_UPPER_LIP + INNER_UPPER_LIP), (LOWER, OUTER_LOWER_LIP + INNER_LOWER_LIP)):
        moved[list(lip)] = (head + deltas[layer])[list(lip)]
    wide, wider = (float(np.ptp(of[list(MOUTH_CORNERS), 0])) for of in (moved, head))
    return wide / wider, *(now / was for now, was in zip(lip_thickness(moved), lip_thickness(head), strict=True))


def test_pursed_lips_are_narrow_and_full_and_the_more_so_the_wider_and_thinner_they_were():
    usual = template().points.copy()
    wide = usual.copy()
    lips = [*OUTER_UPPER_LIP, *OUTER_LOWER_LIP, *INNER_UPPER_LIP, *INNER_LOWER_LIP]
    wide[lips, 0] *= 1.25
    thin = usual.copy()
    for outer, inner in ((OUTER_UPPER_LIP, INNER_UPPER_LIP), (OUTER_LOWER_LIP, INNER_LOWER_LIP)):
        thin[list(outer), 1] = 0.5 * (thin[list(outer), 1] + thin[list(inner), 1])
    width, upper, lower = pursed(usual)
    assert 0.5 < width < 0.7
    assert 1.15 < upper < 1.6
    assert 1.1 < lower < 1.5
    assert pursed(wide)[0] < width - 0.02
    assert pursed(thin)[1] > upper + 0.3
    assert pursed(thin)[2] > lower + 0.2


def test_the_corners_of_pursed_lips_are_folded_in_so_that_their_red_fills_what_is_seen():
    head = template().points
    pursed = head + shape_deltas(head)[UPPER, SHAPES.index("mouthPucker")]
    corners, red = list(MOUTH_CORNERS), [40, 270]  # two thirds of the way out

    def share(of: Points) -> float:
        return float(np.ptp(of[red, 0]) / np.ptp(of[corners, 0]))

    assert share(pursed) > share(head) + 0.08
    across = pursed[list(OUTER_UPPER_LIP), 0]
    assert (np.diff(across) > 0).all() or (np.diff(across) < 0).all()  # nothing is turned inside out


def test_what_stays_open_of_pursed_lips_is_a_hole_in_the_middle():
    head = template().points.copy()
    upper, lower = list(INNER_UPPER_LIP[1:-1]), list(INNER_LOWER_LIP[1:-1])
    head[lower, 1] += 0.04
    deltas = 0.5 * shape_deltas(head)[:, SHAPES.index("mouthPucker")]
    gap = (head + deltas[LOWER])[lower, 1] - (head + deltas[UPPER])[upper, 1]
    shut = (head[lower, 1] - head[upper, 1]) - gap
    assert shut[4] == pytest.approx(0, abs=0.002)
    assert (shut[[0, 1, -2, -1]] > 0.008).all()


@pytest.mark.parametrize(
    "wanted",
    [
        {"jawOpen": 0.7},
        {"headYaw": 0.26},
        {"headPitch": 0.17, "jawOpen": 0.4},
        {"headRoll": -0.17, "mouthPucker": 1.0},
        {"browDownLeft": 1.0, "mouthSmileLeft": 1.0, "mouthSmileRight": 1.0},
    ],
)
def test_the_inverse_field_leads_back_to_where_skin_came_from(field: FieldBasis, wanted: dict[str, float]):
    controls = read_controls(row(**wanted), 0)
    moved = displacement(field, controls)
    back = invert(field, moved)
    missed = residual(field, moved, back)
    assert float(torch.quantile(missed.flatten(), 0.99)) < 0.1
    assert float((missed > 0.5).float().mean()) < 0.002
    assert torch.allclose(invert(field, moved, lips_in_frame(field, controls)), back, atol=0.05)


def test_the_inverse_of_a_shift_is_the_opposite_shift(field: FieldBasis):
    moved = torch.zeros(2, 2, *field.grid)
    moved[:, 0], moved[:, 1] = 5.5, -3.25
    back = invert(field, moved)
    assert torch.allclose(back[:, 0], torch.tensor(-5.5), atol=1e-3)
    assert torch.allclose(back[:, 1], torch.tensor(3.25), atol=1e-3)


def narrow_mouth(stage: Stage, share: float) -> Stage:
    """The stage with lips that are only `share` as wide: as many points on fewer cells of the grid."""
    points = stage.points.copy()
    lips = [*OUTER_UPPER_LIP, *OUTER_LOWER_LIP, *INNER_UPPER_LIP, *INNER_LOWER_LIP]
    middle = points[lips, 0].mean()
    points[lips, 0] = middle + share * (stage.points[lips, 0] - middle)
    return replace(stage, points=points)


@pytest.mark.slow
def test_beside_a_narrow_wide_open_mouth_the_field_still_has_its_inverse(stage: Stage):
    _, field = prepare_field(narrow_mouth(stage, 0.6), CPU)
    moved = displacement(field, read_controls(row(jawOpen=0.9), 0))
    assert float(residual(field, moved, invert(field, moved)).max()) < 1.0


def test_lips_that_part_wide_in_a_smile_are_not_torn():
    """What the model said at 44.6 s of the example: Newton's steps strayed by 29 px there, in specks and red lines."""
    said = row(
        jawOpen=0.57, mouthFunnel=0.15, mouthSmileLeft=0.53, mouthSmileRight=0.54, mouthLowerDownLeft=0.46,
        mouthLowerDownRight=0.46, mouthUpperUpLeft=0.33, mouthUpperUpRight=0.33, mouthDimpleLeft=0.16,
        mouthDimpleRight=0.16, headPitch=0.09, headYaw=0.07, headRoll=-0.13, headX=-0.13, headY=0.08,
    )  # fmt: skip
    _, field = prepare_field(crop_stage(find_portrait(PORTRAIT), 256), CPU)
    moved = displacement(field, read_controls(said, 0))
    assert float(residual(field, moved, invert(field, moved)).max()) < 1.0


def test_lip_layers_are_one_beyond_the_corners_of_the_mouth(stage: Stage, field: FieldBasis):
    moved = displacement(field, read_controls(row(jawOpen=0.6, mouthSmileLeft=1), 0))
    corners = stage.points[list(MOUTH_CORNERS), :2]
    middle, half = corners.mean(axis=0), np.ptp(corners[:, 0]) / 2
    aside = np.abs(stage.nodes()[:, 0] - middle[0]).reshape(stage.grid) > 1.4 * half
    assert float((moved[UPPER] - moved[LOWER])[:, torch.from_numpy(aside)].abs().max()) < 0.01


def test_a_far_turned_head_keeps_a_smooth_outline(field: FieldBasis):
    controls = read_controls(row(headYaw=0.42), 0)
    moved = displacement(field, controls)
    back = invert(field, moved)
    mended = mend_folds(field, moved, back)

    missed = residual(field, moved, back)[UPPER]
    lost = (missed > 0.4)[1:-1]

    def raggedness(source: torch.Tensor) -> float:
        return float(source[UPPER, 0].diff(n=2, dim=0).abs()[lost].mean())

    assert controls.pose.turn > 20
    assert lost.sum() > 10
    assert raggedness(mended) < 0.6 * raggedness(back)
    assert float((mended - back)[UPPER][:, missed < 0.01].abs().median()) == 0


def test_a_head_that_hardly_turns_has_nothing_to_mend(field: FieldBasis):
    moved = displacement(field, read_controls(row(headYaw=0.15, jawOpen=0.2), 0))
    back = invert(field, moved)
    assert torch.equal(mend_folds(field, moved, back), back)


def test_layers_put_together_are_the_photo(stage: Stage):
    random = np.random.default_rng(5)
    matte = random.uniform(0, 1, stage.canvas.shape[:2]).astype(np.float32)
    layers = split_layers(stage.canvas, matte, stage.unit)
    cover = 1 - layers.person[..., 3:].astype(np.float32) / 255
    assert np.array_equal(np.floor(layers.person[..., :3] + cover * layers.plate + 0.5), stage.canvas)


@pytest.mark.parametrize("by", [0.2, 1.5, 7, 18.6, 40])
@pytest.mark.parametrize("kind", ["silhouette", "specks", "point", "nothing", "all"])
def test_a_mask_grows_as_opencv_dilates_it(by, kind):
    noise = np.random.default_rng(0).random((90, 130)).astype(np.float32)
    masks = {
        "silhouette": cv2.GaussianBlur(noise, (0, 0), 6) > 0.5,
        "specks": noise > 0.999,
        "point": noise == noise.max(),
        "nothing": noise > 1,
        "all": noise >= 0,
    }
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * max(1, round(by)) + 1,) * 2)
    assert np.array_equal(_grown(masks[kind], by), cv2.dilate(masks[kind].astype(np.uint8), disc))


def test_a_filled_hole_keeps_what_is_known_and_stays_within_its_range():
    picture = np.zeros((60, 80, 3), np.uint8)
    picture[:, 40:] = 200
    hole = np.zeros((60, 80), bool)
    hole[20:40, 20:60] = True
    filled = fill_hole(picture, hole)
    assert np.array_equal(filled[~hole], picture[~hole])
    assert filled.min() >= -0.01
    assert filled.max() <= 200.01
    assert filled[30, 24].mean() < 60
    assert filled[30, 56].mean() > 140


def test_oversampling_keeps_every_pixel(stage: Stage):
    fine = oversample(stage.canvas)
    assert np.array_equal(fine[::2, ::2], stage.canvas)
    height, width = stage.canvas.shape[:2]
    assert fine.shape == (2 * height - 1, 2 * width - 1, 3)


def test_samplers_agree_between_pixels_and_outside(stage: Stage):
    y, x = torch.meshgrid(torch.linspace(-9, 395, 200), torch.linspace(-9, 395, 210), indexing="ij")
    fast, plain = OpenCVSampler(), TorchSampler(CPU)
    smooth = np.ascontiguousarray(oversample(stage.canvas))
    a = fast.sample(fast.texture(smooth), x.contiguous(), y.contiguous())
    b = plain.sample(plain.texture(smooth), x, y)
    assert float((a - b).abs().mean()) < 0.5
    assert float((a - b).abs().max()) <= 4


def test_enlarging_a_grid_is_linear_between_nodes():
    grid = torch.arange(12.0).reshape(1, 3, 4)
    for sampler in (OpenCVSampler(), TorchSampler(CPU)):
        large = sampler.enlarge(grid, 4)[0]
        assert large.shape == (12, 16)
        assert torch.allclose(large[1:3, 1:3].mean(), grid[0, 0, 0], atol=2)
        middle = large[5, 5:9]
        assert torch.allclose(middle.diff(), torch.full((3,), 0.25), atol=1e-5)


def test_mouth_close_equal_to_jaw_open_is_a_full_seal():
    assert seal_weights(0.4, 0.4) == (0.4, 1.0)
    assert seal_weights(0.0, 0.4) == (0.0, 0.0)
    assert seal_weights(0.2, 0.4) == (0.2, 0.5)


def test_breath_is_a_function_of_the_frame_number():
    zero = np.zeros(len(CONTROLS))
    assert read_controls(zero, 0).breath == 0
    assert read_controls(zero, 1000).breath == read_controls(zero, 1000).breath
    cycle = [read_controls(zero, frame).breath for frame in range(2500)]
    assert abs(np.mean(cycle)) < 0.01
    assert max(cycle) > 0.99
    assert read_controls(zero, 33, breathing=0).breath == 0


def test_far_commands_saturate_and_small_ones_are_exact():
    small = read_controls(row(headYaw=0.2), 0).pose.rotation
    assert np.isclose(np.arcsin(small[0, 2]), 0.2)
    far = read_controls(row(headYaw=2.0), 0).pose.rotation
    assert np.degrees(np.arcsin(far[0, 2])) < 26.1
