"""With MediaPipe 0.10.21 (`pip install '.[judge]'`): what we see, and the networks, are its own. Skipped without it."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from avtr_cli.core.shipped import asset
from avtr_cli.perception import pose
from avtr_cli.perception.detection import FAR, NEAR
from avtr_cli.perception.face_mesh import Follower, faces_in
from avtr_cli.perception.hands import Follower as HandFollower
from avtr_cli.perception.hands import hands_in
from avtr_cli.perception.matting import person_probability
from avtr_cli.perception.pose import poses_in
from tests import body_goldens
from tests.body_goldens import MOST as BODY_MOST
from tests.body_goldens import PEOPLE, RATE, pictures, video
from tests.body_goldens import SURE as BODY_SURE
from tests.face_goldens import FAR_SURE, FOLLOWED_SURE, MOST, NEAR_SURE, SURE, Judge
from tests.test_face_mesh import distances
from tests.test_hands import distances as hand_distances
from tests.test_pose import distances as pose_distances

pytest.importorskip("mediapipe")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def judge() -> Judge:
    return Judge()


@pytest.fixture(scope="module")
def bodies() -> body_goldens.Judge:
    return body_goldens.Judge()


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


@pytest.mark.parametrize("name", PEOPLE)
def test_poses_are_the_judges(bodies, name):
    picture = pictures()[name]
    people, wanted = poses_in(picture, 1, BODY_SURE, mattes=True), bodies.pose(picture)
    assert len(people) == len(wanted["pose"])
    for person, golden, metres in zip(people, wanted["pose"], wanted["metres"], strict=True):
        assert pose_distances(person.points, golden[:, :3]).max() < 0.1
        assert np.abs(person.metres - metres).max() < 1e-3
        assert np.abs(person.matte - wanted["matte"]).mean() < 1e-3


@pytest.mark.parametrize("name", list(pictures()))
def test_hands_are_the_judges(bodies, name):
    picture = pictures()[name]
    found, wanted = hands_in(picture, BODY_MOST, BODY_SURE), bodies.hands(picture)
    assert len(found) == len(wanted["hands"])
    for hand, golden, right in zip(found, wanted["hands"], wanted["right"], strict=True):
        assert hand_distances(hand.points, golden).max() < 0.3
        assert hand.right == pytest.approx(right, abs=5e-3)


def test_a_person_and_their_hands_are_followed_as_the_judge_follows_them(bodies):
    person, hands = pose.Follower(BODY_SURE, RATE), HandFollower(2, BODY_SURE)
    with bodies.following() as follow:
        for picture in video():
            theirs = follow(picture)
            ours, found = person(picture), hands(picture)
            assert (ours is None) == (len(theirs["pose"]) == 0)
            assert ours is None or pose_distances(ours.points, theirs["pose"][0, :, :3]).max() < 0.5
            assert len(found) == len(theirs["hands"])
            assert all(hand_distances(h.points, g).max() < 1 for h, g in zip(found, theirs["hands"], strict=True))


def test_the_shipped_networks_are_what_the_wheels_files_become():
    pytest.importorskip("onnx")
    from tools.networks.__main__ import SOURCES, converted

    assert {path.stem for path in asset("networks").glob("*.onnx")} == SOURCES.keys()
    for name in SOURCES:
        assert converted(name) == (asset("networks") / f"{name}.onnx").read_bytes(), name
