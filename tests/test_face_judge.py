"""With MediaPipe 0.10.21 (`pip install '.[judge]'`): faces, mattes and networks are its own. Skipped without it."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from avtr_cli.core.shipped import asset
from avtr_cli.perception.detection import FAR, NEAR
from avtr_cli.perception.face_mesh import Follower, faces_in
from avtr_cli.perception.matting import person_probability
from tests.face_goldens import FAR_SURE, FOLLOWED_SURE, MOST, NEAR_SURE, SURE, Judge
from tests.test_face_mesh import distances

pytest.importorskip("mediapipe")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def judge() -> Judge:
    return Judge()


@pytest.fixture(scope="module", params=["as it is", "mirrored", "tilted", "four of them"])
def picture(request, photo) -> np.ndarray:
    opened = Image.open(photo).convert("RGB")
    pixels = np.array(opened.rotate(17) if request.param == "tilted" else opened)
    if request.param == "mirrored":
        pixels = pixels[:, ::-1]
    if request.param == "four of them":
        pixels = np.block([[[pixels], [pixels[:, ::-1]]], [[pixels[::-1]], [pixels]]])
    return np.ascontiguousarray(pixels)


def test_faces_and_their_points_are_the_judges(judge, picture):
    faces, wanted = faces_in(picture, MOST, SURE), judge.mesh(picture)
    assert len(faces) == len(wanted)
    assert all(distances(*both).max() < 0.1 for both in zip(faces, wanted, strict=True))


def test_detections_are_the_judges(judge, picture):
    for far, detector, least in ((False, NEAR, NEAR_SURE), (True, FAR, FAR_SURE)):
        faces, wanted = detector(picture, least), judge.detections(picture, far)
        assert len(faces) == len(wanted)
        for face, golden in zip(faces, wanted, strict=True):
            assert np.abs(np.concatenate([[face.score], face.box, face.points.ravel()]) - golden).max() < 2e-6


def test_the_matte_is_the_judges(judge, picture):
    assert np.abs(person_probability(picture) - judge.matte(picture)).max() < 2e-3


def test_two_faces_are_followed_as_the_judge_follows_them(judge, photo):
    one = np.array(Image.open(photo).convert("RGB"))[:400, 60:400]
    both = np.hstack([one, one[:, ::-1]])
    follow = Follower(2, FOLLOWED_SURE)
    with judge.following(2) as wanted:
        for shift in range(0, 30, 6):
            picture = np.ascontiguousarray(both[:, shift : shift + 640])
            ours, theirs = follow(picture), wanted(picture)
            assert len(ours) == len(theirs) == 2
            assert all(distances(*faces).max() < 0.5 for faces in zip(ours, theirs, strict=True))


def test_the_shipped_networks_are_what_the_wheels_files_become():
    pytest.importorskip("onnx")
    from tools.face_networks.__main__ import SOURCES, converted

    assert {path.stem for path in asset("faces").glob("*.onnx")} == SOURCES.keys()
    for name in SOURCES:
        assert converted(name) == (asset("faces") / f"{name}.onnx").read_bytes(), name
