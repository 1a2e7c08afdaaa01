"""A livelier face: far nods, high brows, pursed lips and bared teeth, and heads that reach the photo's edges."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from avtr_cli.core.motion_space import SEAL_JAW
from avtr_cli.evaluation.mesh.studio import Studio, command
from avtr_cli.perception.portrait import find_portrait
from avtr_cli.perception.topology import CHIN, EARS, FOREHEAD, INNER_LOWER_LIP, INNER_UPPER_LIP
from avtr_cli.render.mesh import interior
from avtr_cli.render.mesh.beyond import mirrored, photo_part, trimmed
from avtr_cli.render.mesh.calibration import UNCALIBRATED
from avtr_cli.render.mesh.controls import read_controls
from avtr_cli.render.mesh.field import prepare_field
from avtr_cli.render.mesh.geometry import measure, outlines_away, skull
from avtr_cli.render.mesh.rectangle import Rectangle
from avtr_cli.render.mesh.shading import prepare_shading
from avtr_cli.render.mesh.shapes import SHAPES
from avtr_cli.render.mesh.stage import Stage, crop_stage

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def stage(photo: Path) -> Stage:
    return crop_stage(find_portrait(photo), 256)


@pytest.fixture(scope="module")
def studio(photo: Path) -> Studio:
    return Studio(find_portrait(photo), CPU)


def over_the_forehead(stage: Stage, height: float) -> np.ndarray:
    """A point `height` EO above the topmost face point, px (1, 2)."""
    top, chin = stage.points[FOREHEAD, :2], stage.points[CHIN, :2]
    return (top + height * stage.unit * (top - chin) / np.linalg.norm(top - chin))[None]


def depth_of_skull(stage: Stage, places: np.ndarray, matte: np.ndarray | None) -> np.ndarray:
    geometry = measure(stage)
    return skull(stage, geometry, places, outlines_away(stage, geometry, places), matte) / stage.unit


def test_the_hair_over_the_forehead_goes_back_as_a_dome(stage: Stage):
    heights = np.linspace(0.02, 1.5, 30)
    depth = depth_of_skull(stage, np.concatenate([over_the_forehead(stage, h) for h in heights]), None)
    assert depth[0] < -0.5  # EO in front of the plane of the hair
    assert depth[-1] == 0
    assert (np.diff(depth) >= 0).all()


def test_the_dome_ends_where_the_matte_says_the_head_ends(stage: Stage):
    row = int(over_the_forehead(stage, 0.25)[0, 1])
    matte = np.ones(stage.image.shape[:2], np.float32)
    matte[:row] = 0
    inside, outside = over_the_forehead(stage, 0.10), over_the_forehead(stage, 0.40)
    assert depth_of_skull(stage, inside, matte) < -0.2
    assert depth_of_skull(stage, outside, matte) == 0
    assert depth_of_skull(stage, outside, np.ones_like(matte)) < -0.2


def test_hair_beside_the_face_lies_flat(stage: Stage):
    ears = stage.points[list(EARS), :2]
    middle = ears.mean(axis=0)
    assert (depth_of_skull(stage, middle + 1.3 * (ears - middle), None) == 0).all()


@pytest.mark.slow
def test_a_nod_neither_squeezes_nor_stretches_the_hair_over_the_forehead(studio: Studio):
    points = studio.points
    up = points[FOREHEAD, :2] - points[CHIN, :2]
    strip = np.stack([points[FOREHEAD, :2], points[FOREHEAD, :2] + 0.25 * studio.unit * up / np.linalg.norm(up)])
    for pitch in (-11, 11):
        height = np.linalg.norm(np.diff(studio.taken(strip, pitch=pitch), axis=0)) / (0.25 * studio.unit)
        assert 0.75 < height < 1.3


def test_beyond_the_photo_the_picture_is_mirrored_and_inside_it_is_kept():
    canvas = np.arange(48, dtype=np.uint8).reshape(6, 8)
    known = Rectangle(2, 1, 4, 4)
    result = mirrored(canvas, known)
    assert np.array_equal(known.of(result), known.of(canvas))
    assert np.array_equal(result[:, 1], result[:, 2])
    assert np.array_equal(result[:, 0], result[:, 3])
    assert np.array_equal(result[5], result[4])


def test_all_of_the_frame_counts_as_photo():
    photo = np.zeros((100, 80, 3), np.uint8)
    shifted = np.array([[1.0, 0, 10], [0, 1.0, 20]])
    assert photo_part(photo, shifted, Rectangle(10, 20, 80, 100)) == Rectangle(10, 20, 80, 100)
    assert photo_part(photo, shifted, Rectangle(9, 20, 80, 100)).x == 9


def test_a_head_at_the_photos_upper_edge_ends_above_it_in_a_dome():
    person = np.full((60, 100, 4), 200, np.uint8)
    person[:, :30], person[:, 70:] = 0, 0  # 40 px wide
    known = Rectangle(0, 20, 100, 40)
    result = trimmed(person, known, unit=40)
    assert np.array_equal(result[20:], person[20:])
    assert result[17, 50].all()
    assert not result[17, 32].any()
    assert not result[:14].any()  # 4.5 px high, not up to the border


def test_what_does_not_touch_the_photos_side_does_not_go_on_beyond_it():
    person = np.full((100, 60, 4), 200, np.uint8)
    person[:50, 30:] = 0
    person[:50, 50:] = 200  # mirrored hair that touches nothing
    result = trimmed(person, Rectangle(0, 0, 40, 100), unit=40)
    assert not result[:40, 40:].any()
    assert (result[60:, 40:] == 200).all()
    assert np.array_equal(result[:, :40], person[:, :40])


def folds(stage: Stage, shape: str) -> np.ndarray:
    geometry, field = prepare_field(stage, CPU)
    shading = prepare_shading(stage, geometry, field, 1.0, CPU)
    return shading.folds[SHAPES.index(shape)].numpy().reshape(stage.grid)


def on_forehead(stage: Stage) -> tuple[slice, slice]:
    """Rows and columns of nodes between the brows' heights and the hair."""
    (left, low), (right, high) = stage.points[105, :2] / stage.cell, (stage.points[334, 0] / stage.cell, 0)
    high = stage.points[FOREHEAD, 1] / stage.cell
    return slice(int(high), int(low) - 1), slice(int(left), int(right))


@pytest.mark.slow
@pytest.mark.parametrize("shape", ["browInnerUp", "browOuterUpLeft", "browOuterUpRight"])
def test_raised_brows_draw_lines_across_a_bare_forehead_and_none_over_a_fringe(stage: Stage, shape: str):
    part = on_forehead(stage)
    picture = stage.canvas.copy()
    top, low = (int(node * stage.cell) for node in (part[0].start - 12, part[0].stop))
    skin = picture[stage.points[[50, 280], 1].astype(int), stage.points[[50, 280], 0].astype(int)].mean(axis=0)
    bare, fringe = picture.copy(), picture.copy()
    bare[top:low], fringe[top:low] = skin, skin * 0.2
    lines = folds(replace(stage, canvas=bare), shape)[part]
    middle = lines[:, lines.shape[1] // 2 + {"browOuterUpLeft": 6, "browOuterUpRight": -6}.get(shape, 0)]
    assert middle.min() < -0.03
    assert middle.max() > 0
    assert np.abs(folds(replace(stage, canvas=fringe), shape)[part]).max() < 0.25 * np.abs(lines).max()


@pytest.mark.slow
def test_lowered_brows_are_darker_between_and_raised_ones_are_not(stage: Stage):
    x, y = (stage.points[[55, 285], :2].mean(axis=0) / stage.cell).astype(int)
    around = slice(y - 3, y + 4), slice(x - 4, x + 5)
    assert folds(stage, "browDownLeft")[around].min() < -0.08
    assert folds(stage, "browInnerUp")[around].min() > -0.03


@pytest.mark.slow
def test_raised_brows_stay_as_thick_as_they_are(studio: Studio):
    brows = studio.points[[63, 105, 66, 293, 334, 296], :2]
    above = brows - (0, 0.08 * studio.unit)
    low, high = (studio.taken(places, browInnerUp=1, browOuterUp=1) for places in (brows, above))
    assert 0.8 < (low - high)[:, 1].mean() / (0.08 * studio.unit) < 1.25
    assert ((brows - low)[:, 1] > 0.08 * studio.unit).all()


def seal(**wanted: float) -> float:
    weights = read_controls(command(**wanted), 0, 0, UNCALIBRATED).weights
    return float(weights[SHAPES.index("sealPhoto")])


def test_pursed_lips_meet_though_the_photo_has_them_parted_unless_the_jaw_opens():
    assert seal() == 0
    assert seal(mouthPucker=0.1) == 0
    assert seal(mouthPucker=0.85) > 0.8
    assert seal(mouthPucker=0.85, jawOpen=0.4) == 0
    assert seal(mouthFunnel=0.85) == 0


def light_in_the_mouth(studio: Studio, low: float = 0.5, **wanted: float) -> float:
    """Mean luma in the gap below the share `low` of its height, of 255."""
    frame = studio.frame(**wanted)
    geometry, controls = studio.avatar.geometry, read_controls(command(**wanted), 0, 0, studio.avatar.calibration)
    upper = geometry.moved_points(INNER_UPPER_LIP, 0, controls) - studio.offset
    lower = geometry.moved_points(INNER_LOWER_LIP, 1, controls) - studio.offset
    gap = np.zeros(frame.shape[:2], np.uint8)
    outline = np.concatenate([upper + low * (lower - upper), lower[::-1]])
    cv2.fillPoly(gap, [np.rint(outline).astype(np.int32)], (1,))
    inside = cv2.erode(gap, np.ones((3, 3), np.uint8)) > 0
    return float(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)[inside].mean())


def test_lips_drawn_off_the_lower_teeth_show_them_and_rounded_ones_do_not(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
):
    def light(**wanted: float) -> float:
        return light_in_the_mouth(studio, **wanted)

    drawn_off, rounded = {"jawOpen": 0.15, "mouthLowerDown": 0.5}, {"jawOpen": 0.15, "mouthFunnel": 1.0}
    with_teeth, kissing = light(**drawn_off), light(**drawn_off | rounded)
    monkeypatch.setattr(interior, "_bared", lambda controls: 0.0)
    assert with_teeth > light(**drawn_off) + 15
    assert kissing == light(**drawn_off | rounded)


def test_the_hole_of_pursed_lips_is_dark(studio: Studio):
    drawn_off = {"jawOpen": 0.15, "mouthLowerDown": 0.5, "mouthUpperUp": 0.3}
    light = [light_in_the_mouth(studio, 0.1, **drawn_off, mouthPucker=by) for by in (0.1, 0.3, 0.5)]
    assert light[0] > light[1] + 10
    assert light[1] > light[2] + 5
    assert light[2] < 0.75 * light[0]


def test_an_open_mouth_that_is_round_is_a_dark_hole(studio: Studio):
    opened = {"jawOpen": 0.4}
    spread, half, round_ = (light_in_the_mouth(studio, 0.4, **opened, mouthFunnel=by) for by in (0.0, 0.4, 0.8))
    assert spread > half + 3
    assert half > round_ + 3
    assert round_ < 0.75 * spread


@given(light=st.floats(0, 1), warmth=st.floats(0, 1))
def test_shade_on_teeth_is_as_red_as_the_flesh_around_them_and_grey_where_the_photo_is(light: float, warmth: float):
    red, green, blue = interior._warm(torch.full((1, 1), light), warmth).flatten().tolist()
    assert red >= green >= blue >= 0
    assert interior._warm(torch.full((1, 1), light), 0.0).flatten().tolist() == pytest.approx([light] * 3)
    assert interior._warm(torch.ones(1, 1), warmth).flatten().tolist() == pytest.approx([1.0] * 3)


def test_a_jaw_that_hangs_open_in_the_photo_brings_the_teeth_together_before_the_lips_meet(studio: Studio):
    avatar = studio.avatar
    hanging = replace(avatar.mouth.interior, upper_bite=0.0, lower_bite=0.12)

    def apart(**wanted: float) -> float:
        """EO from the upper teeth's edge down to the lower ones'."""
        controls = read_controls(command(**wanted), 0, 0, avatar.calibration)
        at_rest = interior.look(hanging, avatar.geometry, read_controls(command(), 0, 0, avatar.calibration))
        shown = interior.look(hanging, avatar.geometry, controls)
        rows = shown.lower_edge + hanging.lower_bite - shown.upper_edge - hanging.upper_bite
        return rows - float(shown.jaw[1] - at_rest.jaw[1])

    fully = SEAL_JAW
    assert apart() > 0.08
    assert apart(mouthClose=0.3 * fully) < apart(mouthClose=0.1 * fully) < apart()
    assert apart(mouthClose=interior.BITES * fully) == pytest.approx(0, abs=0.02)
    assert apart(mouthClose=fully) == pytest.approx(0, abs=0.02)


@pytest.mark.slow
def test_a_photo_that_ends_at_the_hair_is_returned_bit_for_bit_and_its_head_can_move(photo: Path, tmp_path: Path):
    whole = find_portrait(photo)
    top, chin = whole.landmarks[[FOREHEAD, CHIN], 1]
    cut = tmp_path / "cut.png"
    cv2.imwrite(str(cut), cv2.cvtColor(whole.photo[int(top - 0.2 * (chin - top)) :], cv2.COLOR_RGB2BGR))
    studio = Studio(find_portrait(cut), CPU)
    assert np.array_equal(studio.frame(), studio.photo)
    column = int(studio.points[FOREHEAD, 0])
    lowered = studio.frame(headY=0.2)[: int(0.05 * studio.unit), column - 3 : column + 4]
    assert np.abs(lowered.astype(int) - studio.photo[0, column]).mean() > 8  # no streak of the hair at the edge
