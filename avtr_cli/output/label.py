"""A visible label on every frame: drawn once, then blended over a few thousand pixels of each.

The label belongs to the frames: it is in them before they are hashed and encoded.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from avtr_cli.core.arrays import Grey, Image
from avtr_cli.core.errors import ConfigError

LONGEST = 120  # characters
_HEIGHT = 1 / 26  # of the text, as a share of the frame's shorter side
_SMALLEST_PX = 10  # below it letters cannot be read
_PLATE = 0.55  # opacity of the dark plate behind the text


class Label:
    """`text` in white on a dark plate in the lower left corner. `size` is (width, height) of the frames.

    Raises ConfigError where the text has letters that the built-in font lacks, or does not fit the frame.
    """

    def __init__(self, text: str, size: tuple[int, int]):
        self._where, pixels, alpha = _draw(check_label(text), size)
        self._keep = 255 - alpha.astype(np.uint16)
        self._add = pixels.astype(np.uint16) * alpha + 127  # rounds to nearest when divided by 255
        self._opaque = alpha[..., 0]

    def burn(self, frame: Image) -> None:
        """Blend the label over one frame, uint8 (H, W, 3 or 4), in place. An alpha channel grows to the plate's."""
        patch = frame[self._where]
        patch[..., :3] = (patch[..., :3] * self._keep + self._add) // 255
        if frame.shape[2] == 4:
            np.maximum(patch[..., 3], self._opaque, out=patch[..., 3])


def check_label(text: str) -> str:
    """The text without outer space. Raises ConfigError where it is empty, too long, or cannot be drawn."""
    text = " ".join(text.split())
    if not text or len(text) > LONGEST:
        raise ConfigError(f"--label must have between 1 and {LONGEST} characters, not {len(text)}")
    font = _font(32)
    unknown = bytes(font.getmask("\uffff"))
    missing = sorted({letter for letter in text if not letter.isspace() and bytes(font.getmask(letter)) == unknown})
    if missing:
        raise ConfigError(f"--label: the built-in font has no '{''.join(missing)}'; write the label in Latin letters")
    return text


def _draw(text: str, size: tuple[int, int]) -> tuple[tuple[slice, slice], Image, Grey]:
    """Where the plate lies, its pixels uint8 (h, w, 3) and their alpha uint8 (h, w, 1)."""
    from PIL import Image, ImageDraw

    width, height = size
    font = _font(max(_SMALLEST_PX, round(min(size) * _HEIGHT)))
    left, top, right, bottom = font.getbbox(text)
    pad = round(font.size * 0.5)
    plate = (int(right - left) + 2 * pad, int(bottom - top) + 2 * pad)
    if plate[0] + 2 * pad > width or plate[1] + 2 * pad > height:
        raise ConfigError(f"--label '{text}' is too long for frames of {width}x{height}; shorten it")
    alpha = Image.new("L", plate, round(255 * _PLATE))
    ink = Image.new("L", plate, 0)
    ImageDraw.Draw(ink).text((pad - left, pad - top), text, fill=255, font=font)
    letters = np.asarray(ink, np.uint8)[..., None]
    opacity = np.maximum(np.asarray(alpha, np.uint8)[..., None], letters)
    where = (slice(height - pad - plate[1], height - pad), slice(pad, pad + plate[0]))
    return where, np.repeat(letters, 3, axis=2), opacity


def _font(size: int) -> Any:
    from PIL import ImageFont

    return ImageFont.load_default(size)
