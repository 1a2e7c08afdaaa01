"""Small faces read many times by the judge of bodies: less noise, and nothing smoothed over time."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from avtr_cli.evaluation.body import face
from avtr_cli.evaluation.body.reading import read_often
from avtr_cli.evaluation.mesh.studio import found
from avtr_cli.perception.portrait import find_portrait
from avtr_cli.perception.template import rotation_matrix, template
from avtr_cli.render.mesh.calibration import lip_gap

SIDE = 384  # px, as the stage of bodies reads heads
FACE = 70.0  # px of the face that is enlarged to it
SHIFTS = np.random.default_rng(0).uniform(-0.5, 0.5, (8, 2))  # of its pixels


@pytest.fixture(scope="module")
def heads(photo: Path) -> list[np.ndarray]:
    """One head of few pixels, drawn at places that differ by parts of a pixel, lips shut by no more than that."""
    portrait = find_portrait(photo)
    points = portrait.landmarks[:, :2]
    scale = FACE / np.ptp(points[:, 1])
    small, middle = 2 * FACE, points.mean(0)
    drawn = []
    for shift in SHIFTS:
        onto = np.column_stack([scale * np.eye(2), small / 2 - scale * middle + shift])
        head = cv2.warpAffine(cv2.GaussianBlur(portrait.photo, (0, 0), 0.5 / scale), onto, (round(small),) * 2)
        drawn.append(cv2.resize(head, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC))
    return drawn


def test_one_face_at_several_places_has_lips_as_wide_apart(heads):
    often, once = (np.array([lip_gap(read(head)) for head in heads]) for read in (read_often, found))
    assert often.std() < 0.5 * once.std()
    assert abs(often.mean() - once.mean()) < 0.04


def test_what_is_read_hangs_on_no_other_picture(heads):
    alone = read_often(heads[3])
    for other in heads[:3]:
        read_often(other)
    assert np.array_equal(read_often(heads[3]), alone)


def test_lips_that_do_not_move_are_not_seen_to_move_and_those_that_do_are(heads):
    still = read_often(heads[0])
    lower = np.rint(still[[61, 291, 14, 17], :2]).astype(int)  # corners of the mouth, the lower lip's edges
    top, bottom = lower[2, 1], lower[3, 1] + 60
    left, right = lower[0, 0], lower[1, 0]
    gaps = []
    for down in (0, 6, 12):
        moved = heads[0].copy()
        moved[top + down : bottom + down, left:right] = heads[0][top:bottom, left:right]
        moved[top : top + down, left + 12 : right - 12] = (45, 15, 15)
        gaps.append(lip_gap(read_often(moved)))
    assert gaps[0] == lip_gap(still)
    assert (np.diff(gaps) > 0).all()
    assert gaps[-1] > gaps[0] + 0.05


def test_a_mirrored_face_is_read_as_the_mirror_image(heads):
    one, mirrored = read_often(heads[0]), read_often(np.ascontiguousarray(heads[0][:, ::-1]))
    assert abs(lip_gap(one) - lip_gap(mirrored)) < 0.01
    assert abs((SIDE - mirrored[1, 0]) - one[1, 0]) < 2


def test_where_there_is_no_face_nothing_is_read():
    assert np.isnan(read_often(np.full((SIDE, SIDE, 3), 120, np.uint8))).all()


class Tilted:
    """A stage whose head is turned in the photo already, and does just what it is told."""

    rest = rotation_matrix(np.radians([19.0, 14.0, -22.0]))

    def face(self, **wanted: float) -> np.ndarray:
        asked = np.radians([wanted.get(axis, 0.0) for axis in ("pitch", "yaw", "roll")])
        return 100 * template().points @ (rotation_matrix(asked) @ self.rest).T


def test_a_head_that_the_photo_has_tilted_is_read_as_turning_by_what_it_turns():
    slopes = face.head(Tilted())  # type: ignore[arg-type]
    assert all(abs(slope - 1) < 1e-6 for slope in slopes.values())
    assert set(slopes) == {"head.pitch_slope", "head.yaw_slope", "head.roll_slope"}
