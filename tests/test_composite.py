"""What lies behind the person."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from avtr_cli.core.errors import ConfigError, PhotoError
from avtr_cli.render.composite import background, cover, parse_colour

OWN = np.random.default_rng(1).integers(0, 255, (90, 160, 3), dtype=np.uint8)


def test_none_keeps_the_photo_own_background():
    assert background("none", OWN) is OWN


def test_blur_keeps_the_mean_and_loses_the_detail():
    blurred = background("blur", OWN)
    assert abs(blurred.mean() - OWN.mean()) < 2
    assert blurred.std() < 0.3 * OWN.std()


def test_a_colour_fills_the_frame():
    assert (background("#204060", OWN) == (0x20, 0x40, 0x60)).all()
    assert background("#204060", OWN).shape == OWN.shape


@pytest.mark.parametrize("text", ["#12345", "#GGGGGG", "#1234567"])
def test_a_colour_that_is_none_gets_a_sentence(text: str):
    with pytest.raises(ConfigError, match="#RRGGBB"):
        parse_colour(text)


def test_a_picture_covers_the_frame_without_distortion(tmp_path: Path):
    square = np.zeros((100, 100, 3), np.uint8)
    square[:, 50:] = 200
    Image.fromarray(square).save(tmp_path / "room.png")
    result = background(str(tmp_path / "room.png"), OWN)
    assert result.shape == OWN.shape
    assert (result[:, :70] < 20).all()
    assert (result[:, 90:] > 180).all()


def test_a_missing_picture_gets_a_sentence():
    with pytest.raises(PhotoError, match="no such background"):
        background("nowhere.png", OWN)


def test_cover_cuts_the_longer_side_around_the_middle():
    tall = np.zeros((300, 100, 3), np.uint8)
    tall[100:200] = 255
    assert (cover(tall, 100, 100) == 255).all()
