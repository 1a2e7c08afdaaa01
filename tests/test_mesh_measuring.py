"""What the renderer finds out about a photo before its first frame: lip line, glasses, and its own gains."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from avtr_cli.core.arrays import Floats
from avtr_cli.core.config import RenderConfig
from avtr_cli.core.motion_space import CONTROLS
from avtr_cli.evaluation.mesh import face as renderer_face
from avtr_cli.evaluation.mesh import picture as renderer_picture
from avtr_cli.evaluation.mesh import workings as renderer_workings
from avtr_cli.evaluation.mesh.lip_band import LipBand
from avtr_cli.evaluation.mesh.renderer import BOUNDS, kept_share, renderer_table
from avtr_cli.evaluation.mesh.studio import Studio, command
from avtr_cli.perception.portrait import find_portrait
from avtr_cli.perception.template import template
from avtr_cli.perception.topology import CHIN, EYES, INNER_LOWER_LIP, INNER_UPPER_LIP, MOUTH_CORNERS
from avtr_cli.render.mesh.calibration import UNCALIBRATED, Calibration, calibrate
from avtr_cli.render.mesh.controls import read_controls
from avtr_cli.render.mesh.glasses import wears_glasses
from avtr_cli.render.mesh.lipline import snap_lips
from avtr_cli.render.mesh.renderer import MeshRenderer
from avtr_cli.render.mesh.shapes import SHAPES
from avtr_cli.render.mesh.stage import Stage, crop_stage

UNIT = 120.0


@pytest.fixture(scope="module")
def stage(photo: Path) -> Stage:
    return crop_stage(find_portrait(photo), 512)


@pytest.fixture(scope="module")
def studio(photo: Path) -> Studio:
    return Studio(find_portrait(photo), torch.device("cpu"))


def shut_mouth() -> tuple[np.ndarray, np.ndarray]:
    """A skin-coloured picture without a mouth, and the average head's points in it with lips that touch."""
    points = template().points * UNIT + (256, 200, 0)
    points[list(INNER_LOWER_LIP[1:-1])] = points[list(INNER_UPPER_LIP[1:-1])]
    return np.full((512, 512, 3), 180, np.uint8), points


def draw_line(picture: np.ndarray, points: np.ndarray, lower: float) -> None:
    line = points[list(INNER_UPPER_LIP), :2] + (0, lower)
    cv2.polylines(picture, [np.rint(line * 16).astype(np.int32)], False, (90, 60, 60), 3, cv2.LINE_AA, 4)


@pytest.mark.parametrize("lower", [-3.0, 0.0, 2.5])
def test_shut_lips_are_cut_where_the_photo_shows_the_line(lower: float):
    picture, points = shut_mouth()
    draw_line(picture, points, lower)
    snapped = snap_lips(picture, points, UNIT)
    moved = snapped[list(INNER_UPPER_LIP[3:-3]), 1] - points[list(INNER_UPPER_LIP[3:-3]), 1]
    assert np.abs(moved - lower).max() < 0.8
    untouched = np.setdiff1d(np.arange(478), INNER_UPPER_LIP + INNER_LOWER_LIP)
    assert np.array_equal(snapped[untouched], points[untouched])


def test_without_a_visible_line_lips_stay_where_they_were_found():
    picture, points = shut_mouth()
    assert np.abs(snap_lips(picture, points, UNIT) - points).max() < 1e-9


def test_a_moustache_with_a_valley_on_one_side_does_not_pull_the_lip_line_up():
    picture, points = shut_mouth()
    x, y = points[INNER_UPPER_LIP[9], :2]
    cv2.line(picture, (int(x) - 5, int(y) - 4), (int(x) + 5, int(y) - 4), (60, 50, 45), 2, cv2.LINE_AA)
    assert np.abs(snap_lips(picture, points, UNIT) - points).max() < 0.8


def test_parted_lips_are_left_alone(stage: Stage):
    assert np.array_equal(snap_lips(stage.image, stage.points, stage.unit), stage.points)


def test_glasses_are_noticed_and_bare_eyes_are_not(stage: Stage):
    assert not wears_glasses(stage.image, stage.points, stage.unit)
    picture = stage.image.copy()
    middles = [stage.points[[eye.upper[0], eye.upper[-1]], :2].mean(axis=0) for eye in EYES]
    for middle in middles:
        size = (round(0.25 * stage.unit), round(0.22 * stage.unit))
        cv2.ellipse(picture, np.rint(middle).astype(int).tolist(), size, 0, 0, 360, (30, 25, 20), 3, cv2.LINE_AA)
    inner = [middles[0] + (0.25 * stage.unit, 0), middles[1] - (0.25 * stage.unit, 0)]
    ends = [np.rint(end).astype(int).tolist() for end in inner]
    cv2.line(picture, ends[0], ends[1], (30, 25, 20), 3, cv2.LINE_AA)
    assert wears_glasses(picture, stage.points, stage.unit)


def draw_rim(picture: np.ndarray, eye: np.ndarray, unit: float, colour: tuple[int, int, int], width: int) -> None:
    """A level line below the middle of an eye."""
    ends = np.rint(eye + unit * np.array([[-0.24, 0.2], [0.24, 0.2]])).astype(int).tolist()
    cv2.line(picture, ends[0], ends[1], colour, width)


def test_strong_rims_are_glasses_even_where_shade_hides_the_bridge(stage: Stage):
    picture = stage.image.copy()
    for eye in EYES:
        middle = stage.points[[eye.upper[0], eye.upper[-1]], :2].mean(axis=0)
        draw_rim(picture, middle, stage.unit, (20, 20, 20), 5)
    assert wears_glasses(picture, stage.points, stage.unit)


def test_one_faint_line_under_one_eye_is_no_glasses(stage: Stage):
    picture = stage.image.copy()
    middle = stage.points[[EYES[0].upper[0], EYES[0].upper[-1]], :2].mean(axis=0)
    line = picture.copy()
    draw_rim(line, middle, stage.unit, (90, 70, 60), 3)
    assert not wears_glasses(cv2.addWeighted(picture, 0.5, line, 0.5, 0), stage.points, stage.unit)


@pytest.mark.slow
@pytest.mark.parametrize(("stretch", "down"), [(1.0, 0.0), (1.0, 6.0), (0.8, -3.0), (1.25, 4.0)])
def test_a_lip_is_found_again_by_its_pixels_moved_and_stretched(studio: Studio, stretch: float, down: float):
    band = LipBand(studio, upper=True)
    middle = (band.top + band.bottom) / 2
    rest = studio.frame()
    moved = np.array([[1, 0, 0], [0, stretch, middle * (1 - stretch) + down]])
    frame = cv2.warpAffine(rest, moved, rest.shape[1::-1], flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    seen_down, seen_stretch = band.found(frame, np.arange(0.6, 1.5, 0.02).tolist())
    assert seen_down == pytest.approx(down, abs=0.5)
    assert seen_stretch == pytest.approx(stretch, abs=0.07)


@pytest.mark.slow
def test_a_dark_line_beside_the_open_mouth_counts_as_a_whisker(studio: Studio, monkeypatch: pytest.MonkeyPatch):
    honest = studio.frame

    def whiskered(**wanted: float) -> np.ndarray:
        frame = honest(**wanted).copy()
        if "jawOpen" in wanted:
            corners = studio.points[list(MOUTH_CORNERS), :2]
            ends = studio.taken(corners + (corners - corners[::-1]) * 0.5, **wanted)
            for start, end in zip(studio.taken(corners, **wanted), ends, strict=True):
                cv2.line(frame, start.astype(int).tolist(), end.astype(int).tolist(), (60, 20, 20), 5)
        return frame

    assert renderer_picture.whiskers(studio)["lips.whisker"] < 6
    monkeypatch.setattr(studio, "frame", whiskered)
    assert renderer_picture.whiskers(studio)["lips.whisker"] > 6


@pytest.mark.slow
def test_the_collar_under_an_opening_jaw_stays(studio: Studio):
    down = np.array([[0.0, 0.0], [0.0, 0.55]]) * studio.unit
    places = studio.points[CHIN, :2] + down
    chin, throat = studio.taken(places, jawOpen=0.5)[:, 1] - places[:, 1]
    assert chin > 0.1 * studio.unit
    assert abs(throat) < 0.2


def test_a_calibration_changes_jaw_turn_and_blink_of_a_command():
    row = np.zeros(len(CONTROLS))
    row[CONTROLS.index("jawOpen")], row[CONTROLS.index("headYaw")] = 0.4, 0.1
    row[CONTROLS.index("eyeBlinkLeft")], row[CONTROLS.index("browInnerUp")] = 0.25, 0.6
    plain = read_controls(row, 0)
    told = read_controls(row, 0, 0, Calibration(np.diag([1.0, 1.3, 1.0]), jaw=1.2, blink=0.5, brows=0.5))
    jaw, brow = SHAPES.index("jawOpen"), SHAPES.index("browInnerUp")
    assert told.weights[jaw] == pytest.approx(1.2 * plain.weights[jaw])
    assert told.weights[brow] == pytest.approx(0.5 * plain.weights[brow])
    assert told.eyes["Left"].blink == pytest.approx(0.5)
    assert np.arcsin(told.pose.rotation[0, 2]) == pytest.approx(0.13)


def test_a_smiling_photo_speaks_with_less_of_its_smile():
    row = np.zeros(len(CONTROLS))
    smile = SHAPES.index("mouthSmileLeft")
    smiling = Calibration(np.eye(3), smile=1.0)
    assert read_controls(row, 0, 0, smiling).weights[smile] == 0
    row[CONTROLS.index("jawOpen")] = 0.5
    assert read_controls(row, 0, 0, smiling).weights[smile] < -0.3
    assert read_controls(row, 0, 0, UNCALIBRATED).weights[smile] == 0


def test_a_smiling_photo_s_mouth_keeps_its_width_from_one_syllable_to_the_next():
    smiling = Calibration(np.eye(3), smile=1.0)
    stretch, pucker = SHAPES.index("mouthStretchLeft"), SHAPES.index("mouthPucker")

    def weights(**wanted: float) -> Floats:
        return read_controls(command(**wanted), 0, 0, smiling).weights

    half, wide = weights(jawOpen=0.12, mouthUpperUp=0.3, mouthLowerDown=0.3), weights(jawOpen=0.6)
    assert half[stretch] == pytest.approx(wide[stretch], abs=0.1)
    assert wide[stretch] < -0.3
    rounded = weights(jawOpen=0.1, mouthPucker=1.0)  # narrow enough by itself
    assert rounded[stretch] == 0
    assert rounded[pucker] == 1


def test_a_picture_without_a_face_leaves_everything_uncalibrated():
    assert calibrate(lambda row: np.zeros((128, 128, 3), np.uint8)) is UNCALIBRATED


@pytest.mark.slow
def test_after_calibration_the_head_turns_as_far_as_told(studio: Studio):
    numbers = renderer_face.pose(studio)
    for name, value in numbers.items():
        assert BOUNDS[name].met(value), f"{name} {value:.3f}, needed {BOUNDS[name].needed}"


@pytest.mark.slow
@pytest.mark.parametrize(
    "check",
    [
        renderer_picture.neutral,
        renderer_face.lips,
        renderer_face.lids,
        renderer_picture.background,
        renderer_workings.flow,
        renderer_picture.sharpness,
        renderer_picture.colour,
    ],
)
def test_the_acceptance_list_holds_on_the_astronaut(studio: Studio, check):
    broken = {name: value for name, value in check(studio).items() if BOUNDS[name].met(value) is False}
    assert broken == {}


def test_the_table_marks_what_is_broken():
    numbers = dict.fromkeys(BOUNDS, float("nan")) | {"neutral.max_difference": 0.0, "lips.gap_r": 0.5}
    lines = list(renderer_table({"someone": numbers}))
    assert kept_share({"someone": numbers}) == (1, 2)
    assert next(line for line in lines if "lips.gap_r" in line).rstrip().endswith("*")
    assert "1 of 2 bounds met" in lines[-1]


@pytest.mark.slow
def test_a_render_uses_the_calibration_it_measured(photo: Path):
    identity = MeshRenderer(RenderConfig(size=256), torch.device("cpu")).prepare(find_portrait(photo))
    calibration = identity.kept.calibration
    assert not np.array_equal(calibration.turn, np.eye(3))
    assert calibration.smile > 0.2  # she smiles
