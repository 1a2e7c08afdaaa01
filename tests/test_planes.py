"""Pictures as H.264 keeps them: what brightness and colours become, and that both forms make the same bytes of them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from avtr_cli.core.config import OutputConfig
from avtr_cli.core.errors import OutputError
from avtr_cli.kernels import compiling
from avtr_cli.kernels.yuv_measures import planes_size
from avtr_cli.output import planes
from avtr_cli.output.formats import format_of
from avtr_cli.output.video import SegmentWriter, frames_hash
from tests import videos

SIZES = [(1, 1), (1, 2), (2, 1), (2, 2), (3, 5), (16, 16), (33, 64), (64, 31), (97, 101)]
RED, GREEN, BLUE, ROUNDED = (200, 30, 40), (20, 180, 60), (30, 50, 190), 0.51


def made(picture: np.ndarray, convert: planes.ToPlanes) -> np.ndarray:
    into = np.full(planes_size(*picture.shape[:2]), 77, np.uint8)
    convert(picture, into)
    return into


def exact(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """BT.709 as it is defined, in float64: brightness of every pixel, differences of every pixel."""
    red, green, blue = np.moveaxis(picture.astype(np.float64) / 255, -1, 0)
    light = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return 16 + 219 * light, 128 + 224 * (blue - light) / 1.8556, 128 + 224 * (red - light) / 1.5748


@pytest.mark.parametrize("size", SIZES)
def test_the_loop_and_the_plain_form_make_the_same_bytes(size):
    picture = np.random.default_rng(sum(size)).integers(0, 256, (*size, 3), np.uint8)
    loop = planes.converter("auto")
    assert loop is not planes.plain
    assert (made(picture, loop) == made(picture, planes.plain)).all()
    assert (made(picture, loop) == made(picture, loop)).all()


@pytest.mark.parametrize("convert", ["auto", "off"])
def test_every_plane_is_the_nearest_to_the_exact_one_at_every_corner_of_the_colours(convert):
    levels = np.array([0, 1, 2, 64, 127, 128, 254, 255], np.uint8)
    colours = np.stack(np.meshgrid(levels, levels, levels), -1).reshape(16, 32, 3)
    picture = colours.repeat(2, 0).repeat(2, 1)  # squares of one colour: its own differences
    got = made(picture, planes.converter(convert)).astype(np.float64)
    light, blueness, redness = exact(picture)
    assert np.abs(got[:2048].reshape(32, 64) - light).max() < ROUNDED
    assert np.abs(got[2048:2560].reshape(16, 32) - blueness[::2, ::2]).max() < ROUNDED
    assert np.abs(got[2560:].reshape(16, 32) - redness[::2, ::2]).max() < ROUNDED


def test_a_grey_has_no_colour_and_black_and_white_are_the_ends():
    for grey, light in ((0, 16), (255, 235)):
        got = made(np.full((4, 6, 3), grey, np.uint8), planes.plain)
        assert (got[:24] == light).all()
        assert (got[24:] == 128).all()
    ramp = np.arange(256, dtype=np.uint8).repeat(3).reshape(1, 256, 3)
    assert (made(ramp, planes.converter())[256:] == 128).all()


def test_the_colour_of_four_pixels_is_their_mean_and_of_a_lone_one_its_own():
    picture = np.zeros((3, 3, 3), np.uint8)
    picture[:2, :2] = [[RED, GREEN], [BLUE, RED]]
    picture[2, 2] = BLUE
    got = made(picture, planes.plain)
    _, blueness, redness = exact(picture)
    assert abs(got[9] - blueness[:2, :2].mean()) < ROUNDED
    assert abs(got[13] - redness[:2, :2].mean()) < ROUNDED
    assert abs(got[12] - blueness[2, 2]) < ROUNDED
    assert abs(got[16] - redness[2, 2]) < ROUNDED


def test_where_numba_does_not_work_the_plain_form_stands_in(monkeypatch):
    monkeypatch.setattr(compiling.config, "DISABLE_JIT", 1)
    assert planes.converter("auto") is planes.plain
    assert planes.converter("off") is planes.plain


def written(out: Path, frames: list[np.ndarray], kernels: str) -> SegmentWriter:
    writer = SegmentWriter(out, frames[0].shape, format_of(out.with_suffix(".mp4"), OutputConfig(crf=4)), None, kernels)
    for frame in frames:
        writer.write(frame)
    writer.close()
    return writer


@pytest.mark.slow
@pytest.mark.parametrize("size", [(32, 48), (66, 130)])
def test_colours_come_back_from_the_video_as_they_went_in(tmp_path, size):
    height, width = size
    shown = [RED, GREEN, BLUE, (0, 0, 0), (255, 255, 255), (128, 128, 128), (230, 180, 150)]
    frames = [np.full((height, width, 3), colour, np.uint8) for colour in shown]
    frames.append(np.linspace(0, 255, width).astype(np.uint8)[None, :, None].repeat(height, 0).repeat(3, 2))
    written(tmp_path / "a.mkv", frames, "auto")
    seen = videos.decode(tmp_path / "a.mkv").astype(int)
    assert "bt709" in videos.describe(tmp_path / "a.mkv")
    for frame, back in zip(frames[:-1], seen, strict=False):
        assert np.abs(back.mean((0, 1)) - frame[0, 0]).max() <= 2.5  # brightness has 220 steps, and differences 225
    assert np.abs(exact(seen[-1])[0] - exact(frames[-1])[0]).mean() <= 2


@pytest.mark.slow
def test_the_hash_is_of_the_frames_as_drawn_and_the_file_the_same_by_either_form(tmp_path):
    rng = np.random.default_rng(0)
    frames = [rng.integers(0, 256, (32, 48, 3), np.uint8) for _ in range(4)]
    loop, plain = written(tmp_path / "a.mkv", frames, "auto"), written(tmp_path / "b.mkv", frames, "off")
    digests = b"".join(hashlib.sha256(frame.tobytes()).digest() for frame in frames)
    assert frames_hash(loop.digests) == frames_hash(plain.digests) == hashlib.sha256(digests).hexdigest()
    assert (videos.decode(tmp_path / "a.mkv") == videos.decode(tmp_path / "b.mkv")).all()


@pytest.mark.slow
def test_an_odd_size_which_h264_does_not_take_is_an_error_of_one_sentence(tmp_path):
    with pytest.raises(OutputError, match="the video cannot be written"):
        written(tmp_path / "a.mkv", [np.zeros((33, 48, 3), np.uint8)] * 2, "auto")
