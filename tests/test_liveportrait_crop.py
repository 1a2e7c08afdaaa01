"""The crop around a face, and the face back in its frame, agree with the published code."""

import numpy as np
import pytest
import skimage.data
from liveportrait_goldens import golden

from avtr_cli.render.liveportrait import crop, paste

GOLDEN = golden("crop")
MATRIX_TOLERANCE = 2e-3  # absolute: the published code computes in float32
SPECS = {
    "dsize512_scale2.3_vy-0.125_rot1": crop.LIVEPORTRAIT,
    "dsize512_scale2.2_vy-0.1_rot1": crop.AVTR1,
    "dsize224_scale1.5_vy-0.1_rot1": crop.REFINEMENT,
    "dsize512_scale2.3_vy-0.125_rot0": crop.CropSpec(level=False),
}


@pytest.mark.parametrize("points", [203, 106])
@pytest.mark.parametrize("name", SPECS)
def test_crops_are_the_published_ones(points, name):
    landmarks = GOLDEN[f"in/landmarks{points}"]
    matrix = crop.crop_matrix(landmarks, SPECS[name])
    key = f"out/{points}/{name}"
    assert np.abs(matrix - GOLDEN[f"{key}/M_o2c"]).max() < MATRIX_TOLERANCE
    assert np.abs(np.linalg.inv(matrix) - GOLDEN[f"{key}/M_c2o"]).max() < MATRIX_TOLERANCE
    inside, expected = crop.transformed(landmarks, matrix), GOLDEN[f"{key}/points_in_crop"]
    assert np.abs(inside - expected).max() < 1e-4 * expected.std()


def test_a_crop_is_level_with_the_face_however_the_photo_is_turned():
    landmarks = GOLDEN["in/landmarks203"].astype(float)
    c, s = np.cos(1.0), np.sin(1.0)
    turned = landmarks @ np.array([[c, s], [-s, c]]) + (300, 20)
    upright = crop.transformed(landmarks, crop.crop_matrix(landmarks))
    np.testing.assert_allclose(crop.transformed(turned, crop.crop_matrix(turned)), upright, atol=1e-6)


def test_the_network_sees_the_mean_of_every_four_crop_pixels():
    photo = skimage.data.astronaut()
    small = crop.network_input(photo)
    assert small.shape == (1, 3, 256, 256)
    means = photo.reshape(256, 2, 256, 2, 3).mean(axis=(1, 3)).transpose(2, 0, 1)
    assert np.abs(small[0] * 255 - means).max() <= 0.5 + 1e-4  # the reduced picture is 8 bit


def test_the_mask_feathers_sixteen_pixels():
    mask = paste.liveportrait_mask()
    assert mask.shape == (512, 512)
    assert (mask[16:497, 16:497] == 255).all()
    assert (mask[0] == 0).all()
    assert mask[256, 511] == 15
    assert mask[256, 8] == 127
    assert mask[8, 8] == int(255 * (1 - np.hypot(8, 8) / 16))


def test_dittos_mask_ramps_over_twenty_six_pixels():
    mask = paste.ditto_mask()
    assert mask.max() == 1
    np.testing.assert_allclose(mask[256, :26], np.arange(26) / 25, atol=1e-6)
    np.testing.assert_array_equal(mask, mask[::-1, ::-1])
    assert (mask[26:486, 26:486] == 1).all()


def test_an_untouched_face_pasted_back_changes_its_photo_hardly():
    photo = skimage.data.astronaut()
    matrix = np.array([[1.9, 0.3, -250.0], [-0.3, 1.9, 30.0], [0, 0, 1]])
    face = crop.cropped(photo, matrix, 512)
    back = np.linalg.inv(matrix)
    mask = paste.warped_mask(paste.liveportrait_mask(), back, 512, 512)
    frame = paste.paste_back(face, photo, mask, back)
    assert frame.dtype == np.uint8
    assert np.abs(frame.astype(int) - photo)[100:200, 180:260].mean() < 3  # twice resampled
    outside = mask[..., 0] == 0
    assert np.array_equal(frame[outside], photo[outside])


def test_a_frame_is_truncated_not_rounded():
    face, frame = np.full((8, 8, 3), 3, np.uint8), np.zeros((8, 8, 3), np.uint8)
    half = np.full((8, 8, 1), 0.5, np.float32)
    assert (paste.paste_back(face, frame, half, np.eye(3)) == 1).all()
