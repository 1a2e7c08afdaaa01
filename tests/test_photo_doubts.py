"""Faces that stand on their heads are refused with the right advice; what hides a face is named, and left as it is."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from avtr_cli.core.config import RenderConfig
from avtr_cli.core.errors import PhotoError
from avtr_cli.core.motion_space import CONTROLS
from avtr_cli.core.shipped import shipped_folder
from avtr_cli.core.types import Motion, Portrait
from avtr_cli.perception.photo import load_photo
from avtr_cli.perception.portrait import find_portrait
from avtr_cli.perception.topology import CHEEKS, EYES, MOUTH_CORNERS
from avtr_cli.render.mesh.renderer import MeshRenderer

Draw = Callable[[np.ndarray, np.ndarray], np.ndarray]


@pytest.fixture(scope="module", params=["photograph", "painting"])
def portrait(request: pytest.FixtureRequest, photo: Path) -> Portrait:
    return find_portrait(photo if request.param == "photograph" else shipped_folder("examples") / "portrait_drawn.png")


def found(picture: np.ndarray) -> Portrait:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG", compress_level=1)
    return find_portrait("photo.png", None, file.getvalue())


def told(picture: np.ndarray) -> str:
    return "\n".join(found(picture).warnings)


def unit(points: np.ndarray) -> float:
    return float(np.linalg.norm(points[33, :2] - points[263, :2]))


def masked(photo: np.ndarray, points: np.ndarray) -> np.ndarray:
    sides = [93, 132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361, 323]
    outline = points[[*sides, 346, 279, 195, 49, 117], :2]
    return cv2.fillPoly(photo.copy(), [np.rint(outline).astype(np.int32)], (150, 190, 215), cv2.LINE_AA)


def fingers(photo: np.ndarray, points: np.ndarray) -> np.ndarray:
    drawn, eo, mouth = photo.copy(), unit(points), points[list(MOUTH_CORNERS), :2].mean(axis=0)
    x, y = points[list(CHEEKS), :2].astype(int).T
    skin = 0.95 * np.median(photo[y, x], axis=0)
    for row in range(4):
        left = mouth + np.array([-0.55, -0.3 + 0.24 * row]) * eo
        right = left + np.array([1.6, 0.0]) * eo
        ends = tuple(left.astype(int).tolist()), tuple(right.astype(int).tolist())
        cv2.line(drawn, *ends, (0.6 * skin).tolist(), max(2, int(0.235 * eo)), cv2.LINE_AA)
        cv2.line(drawn, *ends, skin.tolist(), max(2, int(0.215 * eo)), cv2.LINE_AA)
    return drawn


def microphone(photo: np.ndarray, points: np.ndarray) -> np.ndarray:
    middle = points[list(MOUTH_CORNERS), :2].mean(axis=0).astype(int).tolist()
    return cv2.circle(photo.copy(), tuple(middle), int(0.42 * unit(points)), (38, 38, 40), -1, cv2.LINE_AA)


def dark_glasses(photo: np.ndarray, points: np.ndarray) -> np.ndarray:
    drawn, eo = photo.copy(), unit(points)
    for eye in EYES:
        x, y = points[[eye.upper[0], eye.upper[-1]], :2].mean(axis=0).astype(int).tolist()
        cv2.ellipse(drawn, (x, y), (int(0.29 * eo), int(0.24 * eo)), 0, 0, 360, (14, 12, 16), -1, cv2.LINE_AA)
    return drawn


def hair(photo: np.ndarray, points: np.ndarray) -> np.ndarray:
    eo, eye = unit(points), points[[263, 362], :2].mean(axis=0)
    outline = eye + np.array([(-0.25, -1.1), (0.6, -1.1), (0.6, 0.5), (0.2, 0.6), (-0.22, 0.3)]) * eo
    return cv2.fillPoly(photo.copy(), [np.rint(outline).astype(np.int32)], (70, 40, 30), cv2.LINE_AA)


def test_a_good_portrait_is_told_nothing(portrait: Portrait):
    assert not [warning for warning in portrait.warnings if "px tall" not in warning]


@pytest.mark.parametrize(
    ("quarters", "advice"),
    [(2, "stands upside down; turn it round"), (1, "turn it counter-clockwise"), (3, "turn it clockwise")],
)
def test_a_photo_that_does_not_stand_upright_is_refused_with_the_right_advice(
    portrait: Portrait, quarters: int, advice: str
):
    with pytest.raises(PhotoError, match=advice):
        found(np.ascontiguousarray(np.rot90(portrait.photo, -quarters)))


@pytest.mark.slow
def test_a_tilted_head_stands_upright(photo: Path):
    picture = Image.open(photo).convert("RGB")
    for degrees in (-35, 35):
        assert found(np.asarray(picture.rotate(degrees, Image.Resampling.BICUBIC, fillcolor="grey"))) is not None


def mouth_moves(portrait: Portrait) -> bool:
    """Whether the picture changes when the mouth is told to."""
    renderer = MeshRenderer(RenderConfig(size=256, breathing=0), torch.device("cpu"))
    identity = renderer.prepare(portrait)
    rows = torch.zeros(2, len(CONTROLS))
    for name in ("jawOpen", "mouthPucker", "mouthSmileLeft", "mouthUpperUpLeft", "tongueOut"):
        rows[1, CONTROLS.index(name)] = 0.6
    rest, moved = renderer.draw(identity, Motion(CONTROLS, rows, 0)).astype(int)
    return bool(np.abs(moved - rest).max() > 30)


@pytest.mark.slow
def test_a_mouth_that_shows_moves(portrait: Portrait):
    assert mouth_moves(portrait)


@pytest.mark.slow
@pytest.mark.parametrize("draw", [masked, fingers, microphone])
def test_a_covered_mouth_is_named_and_stays_as_it_is(portrait: Portrait, draw: Draw):
    covered = found(draw(portrait.photo, portrait.landmarks))
    assert "the mouth seems to be covered" in "\n".join(covered.warnings)
    assert "it will not move" in "\n".join(covered.warnings)
    assert not mouth_moves(covered)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("draw", "says", "eyes"),
    [(dark_glasses, "dark glasses", 0), (hair, "the left eye is covered", 1)],
)
def test_an_eye_that_does_not_show_is_named_and_stays_as_it_is(portrait: Portrait, draw: Draw, says: str, eyes: int):
    covered = found(draw(portrait.photo, portrait.landmarks))
    assert says in "\n".join(covered.warnings)
    renderer = MeshRenderer(RenderConfig(size=256, breathing=0), torch.device("cpu"))
    identity = renderer.prepare(covered)
    row = torch.zeros(len(CONTROLS))
    rest = renderer.draw(identity, Motion(CONTROLS, row[None], 0))[0]
    for name in ("eyeBlinkLeft", "eyeBlinkRight", "eyeLookDownLeft", "eyeLookDownRight"):
        row[CONTROLS.index(name)] = 1.0
    changed = np.abs(renderer.draw(identity, Motion(CONTROLS, row[None], 0))[0].astype(int) - rest).max(axis=2) > 8
    middle = round(float(identity.kept.stage.points[1, 0] - identity.kept.stage.frame.x))
    sides = changed[:, :middle].any(), changed[:, middle:].any()  # of the picture: right eye, left eye
    assert sides == (eyes == 1, False)


@pytest.mark.parametrize(
    ("cut", "says"),
    [
        (lambda p, q: p[: int(q[17, 1]) + 2], "lower border"),
        (lambda p, q: p[int(q[9, 1]) :], "upper border"),
        (lambda p, q: p[:, int(q[[33, 133], 0].mean()) :], "left border"),
        (lambda p, q: p[:, : int(q[[263, 362], 0].mean())], "right border"),
    ],
)
def test_a_face_that_the_picture_cuts_off_is_told_with_the_side(portrait: Portrait, cut: Draw, says: str):
    cut_off = np.ascontiguousarray(cut(portrait.photo, portrait.landmarks))
    assert f"cut off by the picture's {says}" in told(cut_off)


@pytest.mark.slow
def test_too_little_and_too_much_light_are_told(portrait: Portrait):
    assert "very dark" in told(np.rint(portrait.photo * 0.12).astype(np.uint8))


def test_too_much_light_is_told():
    photo = load_photo(shipped_folder("examples") / "portrait_drawn.png")
    assert "overexposed" in told(np.clip(photo * 1.9 + 20, 0, 255).astype(np.uint8))
