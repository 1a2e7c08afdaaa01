"""A photo file becomes a portrait, or one sentence says why not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from avtr_cli.core.errors import PhotoError
from avtr_cli.core.types import Portrait
from avtr_cli.perception.crop import apply, invert
from avtr_cli.perception.landmarks import face_height
from avtr_cli.perception.photo import load_photo
from avtr_cli.perception.portrait import find_portrait
from avtr_cli.perception.template import fit_pose, head_shape, rotation_matrix, rotation_vector, template
from avtr_cli.perception.topology import CHIN, EYES, INNER_LOWER_LIP, INNER_UPPER_LIP, NOSE_TIP


@pytest.fixture(scope="module")
def picture(photo: Path) -> Image.Image:
    return Image.open(photo).convert("RGB")


@pytest.fixture(scope="module")
def portrait(photo: Path) -> Portrait:
    return find_portrait(photo)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "CMYK", "1"])
def test_every_pillow_mode_becomes_upright_rgb(tmp_path: Path, picture: Image.Image, mode: str):
    path = tmp_path / ("photo.jpg" if mode == "CMYK" else "photo.png")
    picture.convert(mode).save(path)
    loaded = load_photo(path)
    assert loaded.shape == (512, 512, 3)
    assert loaded.dtype == np.uint8
    if mode != "1":
        assert abs(loaded.mean() - np.asarray(picture).mean()) < 6


def test_webp_is_read(tmp_path: Path, picture: Image.Image):
    picture.save(tmp_path / "photo.webp", quality=95)
    assert np.abs(load_photo(tmp_path / "photo.webp").astype(int) - np.asarray(picture)).mean() < 3


def test_sixteen_bits_of_grey_become_eight(tmp_path: Path, picture: Image.Image):
    grey = np.asarray(picture.convert("L"))
    Image.fromarray(grey.astype(np.uint16) * 257).save(tmp_path / "deep.png")
    assert np.array_equal(load_photo(tmp_path / "deep.png")[..., 0], grey)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path: Path, picture: Image.Image, orientation: int):
    undo = {
        1: None, 2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]  # fmt: skip
    upright = picture.crop((100, 0, 400, 300)).resize((120, 100))
    exif = Image.Exif()
    exif[0x0112] = orientation
    (upright.transpose(undo) if undo is not None else upright).save(tmp_path / "photo.png", exif=exif)
    assert np.array_equal(load_photo(tmp_path / "photo.png"), np.asarray(upright))


def test_transparent_parts_are_laid_on_white(tmp_path: Path, picture: Image.Image):
    cut = picture.convert("RGBA")
    cut.putalpha(Image.new("L", cut.size, 0))
    cut.save(tmp_path / "photo.png")
    assert (load_photo(tmp_path / "photo.png") == 255).all()


def test_a_wide_gamut_profile_is_converted(tmp_path: Path, picture: Image.Image):

    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture.save(tmp_path / "profile.png", icc_profile=lab)
    assert np.abs(load_photo(tmp_path / "profile.png").astype(int) - np.asarray(picture)).max() <= 2


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "no such photo"),
        (b"", "not a picture"),
        (b"Dear diary, this is no picture at all.", "not a picture"),
        ("folder", "this is a folder"),
        ("truncated", "damaged"),
        ("tiny", "too small"),
    ],
)
def test_what_is_no_photo_is_named_in_one_sentence(tmp_path: Path, picture: Image.Image, content, says: str):
    path = tmp_path / "photo.jpg"
    if content == "folder":
        path.mkdir()
    elif content == "truncated":
        picture.save(path)
        path.write_bytes(path.read_bytes()[:9000])
    elif content == "tiny":
        picture.resize((40, 40)).save(path)
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(PhotoError, match=says) as caught:
        load_photo(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_points_lie_where_the_face_is(portrait: Portrait):
    points = portrait.landmarks
    assert points.shape == (478, 3)
    assert points[CHIN, 1] > points[NOSE_TIP, 1] > points[EYES[0].iris[0], 1]
    right, left = EYES
    assert points[right.iris[0], 0] < points[NOSE_TIP, 0] < points[left.iris[0], 0]
    # She smiles with parted lips.
    gap = points[list(INNER_LOWER_LIP[1:-1]), 1] - points[list(INNER_UPPER_LIP[1:-1]), 1]
    assert (gap > 0.01 * face_height(points)).all()


def test_the_crop_holds_the_head_and_lies_in_the_photo(portrait: Portrait):
    corners = apply(invert(portrait.crop), np.array([[-0.5, -0.5], [511.5, 511.5]]))
    assert (corners > -0.51).all()
    assert (corners < 511.51).all()
    inside = apply(portrait.crop, portrait.landmarks[:, :2])
    assert inside.min() > 40
    assert inside.max() < 470
    assert 0.35 * 512 < np.ptp(inside[:, 1]) < 0.65 * 512


def test_the_matte_covers_the_face_and_not_the_wall(portrait: Portrait):
    face = portrait.landmarks[list(EYES[0].upper + EYES[1].upper), :2].astype(int)
    assert portrait.matte[face[:, 1], face[:, 0]].min() > 0.95
    assert portrait.matte[5:60, 100:150].max() < 0.1
    assert portrait.matte.shape == portrait.photo.shape[:2]


@pytest.mark.slow
def test_points_agree_between_sizes_of_one_photo(tmp_path: Path, picture: Image.Image, portrait: Portrait):
    picture.resize((1500, 1500), Image.Resampling.LANCZOS).save(tmp_path / "large.png")
    large = find_portrait(tmp_path / "large.png")
    scale = 1500 / 512
    difference = (large.landmarks[:, :2] + 0.5) / scale - 0.5 - portrait.landmarks[:, :2]
    assert np.abs(difference).mean() < 0.01 * face_height(portrait.landmarks)


@pytest.mark.slow
def test_faces_are_numbered_from_left_to_right_and_the_largest_is_the_default(tmp_path: Path, picture: Image.Image):
    group = Image.new("RGB", (1100, 620), "grey")
    group.paste(picture.resize((400, 400)), (0, 220))
    group.paste(picture.resize((600, 600)), (450, 20))
    path = tmp_path / "group.png"
    group.save(path)
    assert find_portrait(path).landmarks[:, 0].mean() > 450
    assert find_portrait(path, face=1).landmarks[:, 0].mean() < 400
    assert find_portrait(path, face=2).landmarks[:, 0].mean() > 450
    with pytest.raises(PhotoError, match=r"no face 3.*2 faces"):
        find_portrait(path, face=3)


@pytest.mark.slow
def test_a_small_face_in_a_large_picture_is_found(tmp_path: Path, picture: Image.Image):
    scene = Image.new("RGB", (1600, 1200), (90, 110, 120))
    scene.paste(picture.resize((300, 300)), (900, 600))
    scene.save(tmp_path / "scene.png")
    found = find_portrait(tmp_path / "scene.png")
    assert 900 < found.landmarks[:, 0].mean() < 1200
    assert any("soft" in warning for warning in found.warnings)


@pytest.mark.slow
def test_no_face_is_said_plainly(tmp_path: Path):
    noise = np.random.default_rng(3).integers(0, 255, (300, 300, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    with pytest.raises(PhotoError, match="no face found; give a photo of a person"):
        find_portrait(tmp_path / "noise.png")


@pytest.mark.slow
def test_no_advice_is_made_up_for_a_picture_without_people(tmp_path: Path):
    import skimage.data

    for name in ("coffee", "rocket"):
        Image.fromarray(getattr(skimage.data, name)()).save(tmp_path / f"{name}.png")
        with pytest.raises(PhotoError, match="give a photo of a person"):
            find_portrait(tmp_path / f"{name}.png")


@pytest.mark.slow
def test_a_face_in_profile_is_refused(tmp_path: Path):
    import skimage.data

    Image.fromarray(skimage.data.camera()).save(tmp_path / "profile.png")
    with pytest.raises(PhotoError, match="turned"):
        find_portrait(tmp_path / "profile.png")


def test_a_photo_on_its_side_gets_the_advice_to_turn_it(tmp_path: Path, picture: Image.Image):
    picture.rotate(90).save(tmp_path / "side.png")
    with pytest.raises(PhotoError, match="turn it clockwise"):
        find_portrait(tmp_path / "side.png")


def test_a_face_of_a_few_pixels_is_refused(tmp_path: Path, picture: Image.Image):
    small = picture.resize((128, 128), Image.Resampling.LANCZOS)
    small.save(tmp_path / "small.png")
    with pytest.raises(PhotoError, match="px tall"):
        find_portrait(tmp_path / "small.png")


def test_finding_a_face_says_nothing(photo: Path, capfd: pytest.CaptureFixture[str]):
    find_portrait(photo)
    captured = capfd.readouterr()
    assert captured.out == ""
    assert captured.err == ""


def test_the_template_is_symmetric_and_in_eye_distances():
    points, mirror = template()
    assert np.array_equal(mirror[mirror], np.arange(478))
    assert np.abs(points[mirror] * (-1, 1, 1) - points).max() < 1e-6
    assert np.isclose(np.linalg.norm(points[33] - points[263]), 1, atol=1e-5)


def test_a_turned_head_measures_its_turn():
    turn = np.radians([4.0, -18.0, 7.0])
    points = 120 * template().points @ rotation_matrix(turn).T + (300, 200, 10)
    pose = fit_pose(points)
    assert np.allclose(pose.angles, (4, -18, 7), atol=1e-6)
    assert np.isclose(pose.scale, 120)
    assert np.allclose(head_shape(points, pose), template().points)


def test_rotation_vectors_and_matrices_are_inverse():
    for vector in np.random.default_rng(0).normal(0, 0.6, (20, 3)):
        assert np.allclose(rotation_vector(rotation_matrix(vector)), vector)
    assert np.allclose(rotation_matrix(np.zeros(3)), np.eye(3))
