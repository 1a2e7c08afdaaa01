"""A camera is told relative to the photo's; in full it projects, and an orbit keeps in place what it goes about."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avtr_cli.core.camera import FRONT, Camera, Pinhole, orbit

PHOTO = Pinhole(focal_px=(900.0, 880.0), centre_px=(210.0, 300.0), size=(400, 640))
ANGLES = st.floats(-180, 180)
PLACES = st.tuples(st.floats(-1, 1), st.floats(-1, 1), st.floats(2, 5))


def seen(camera: Pinhole, place: tuple[float, float, float]) -> tuple[float, float, float]:
    """Where a place of the world is seen, px, and how far away."""
    x, y, z = camera.view @ (*place, 1.0)
    return camera.focal_px[0] * x / z + camera.centre_px[0], camera.focal_px[1] * y / z + camera.centre_px[1], z


def test_straight_ahead_lies_the_centre_and_right_and_down_are_positive():
    assert seen(PHOTO, (0, 0, 3)) == (210, 300, 3)
    x, y, _ = seen(PHOTO, (0.1, 0.1, 3))
    assert (x, y) == pytest.approx((240, 300 + 88 / 3))


def test_the_front_is_the_photos_own_view():
    assert PHOTO.seen_by(FRONT) == PHOTO


@given(ANGLES, ANGLES, PLACES)
def test_an_orbit_keeps_its_pivot_where_it_is(yaw: float, pitch: float, pivot: tuple[float, float, float]):
    camera = PHOTO.seen_by(orbit(yaw, pitch, pivot))
    assert seen(camera, pivot) == pytest.approx(seen(PHOTO, pivot), abs=1e-6)
    assert np.allclose(camera.view[:, :3] @ camera.view[:, :3].T, np.eye(3))


def test_an_orbit_goes_right_with_yaw_and_up_with_pitch():
    pivot = (0.0, 0.0, 3.0)
    right, above = orbit(20, 0, pivot), orbit(0, 20, pivot)
    assert right.position[0] > 0.9
    assert above.position[1] < -0.9  # y goes down
    x, y, _ = seen(PHOTO, (0, 0, 2.9))  # the tip of a nose
    assert seen(PHOTO.seen_by(right), (0, 0, 2.9))[0] < x
    assert seen(PHOTO.seen_by(above), (0, 0, 2.9))[1] > y
    assert orbit(0, 0, pivot) == FRONT


@given(ANGLES, ANGLES, PLACES, PLACES)
def test_a_view_of_a_view_is_relative_to_it(yaw: float, pitch: float, pivot: tuple[float, float, float], place):
    first, then = orbit(yaw, 10, pivot), orbit(-20, pitch / 4, pivot)
    turned = PHOTO.seen_by(first)
    both = turned.seen_by(then)
    # What `then` sees of a place told in the first camera's axes.
    inside = turned.view @ (*place, 1.0)
    assert np.allclose(PHOTO.seen_by(then).view @ (*inside, 1.0), both.view @ (*place, 1.0))


def test_a_frame_of_another_size_has_its_centre_at_the_same_share_unless_it_is_told():
    wide = PHOTO.seen_by(Camera(size=(800, 320)))
    assert (wide.size, wide.centre_px, wide.focal_px) == ((800, 320), (420, 150), PHOTO.focal_px)
    close = PHOTO.seen_by(Camera(focal_px=1800, centre_px=(10, 20)))
    assert (close.size, close.centre_px, close.focal_px) == (PHOTO.size, (10, 20), (1800, 1800))
