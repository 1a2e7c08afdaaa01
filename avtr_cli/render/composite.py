"""What lies behind the person: the photo's own background, blurred, one colour, another picture, or nothing.

Backgrounds are uint8 (height, width, 3). `transparent` has none: frames then carry an alpha channel.
"""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np

from avtr_cli.core.arrays import Image
from avtr_cli.core.errors import ConfigError, PhotoError
from avtr_cli.perception.photo import load_photo

OWN, BLUR, STUDIO, TRANSPARENT = "none", "blur", "studio", "transparent"
BLUR_SHARE = 0.022  # of the picture's longer side: sigma of a wide open lens
WALL, FLOOR = (214, 168), (176, 196)  # greys of a studio's wall from top to bottom, and of the floor towards us
HORIZON, CURVE = 0.74, 0.10  # of the height: where the wall becomes the floor, and over how much
CORNERS = 0.16  # by which the light falls off towards a studio's corners


def is_transparent(wanted: str) -> bool:
    """Whether the frames shall carry an alpha channel: the background `wanted` is the word transparent."""
    return wanted == TRANSPARENT


def background(wanted: str, own: Image) -> Image:
    """The picture behind the person. `own`, uint8 (H, W, 3), is the photo's background, filled in behind the person.

    `wanted` is none, blur, studio (grey wall and floor), transparent (black, to be covered by alpha), #RRGGBB or the
    name of a picture file, which is scaled to cover the frame. Raises ConfigError for a colour that is none,
    PhotoError for a picture that cannot be read.
    """
    height, width = own.shape[:2]
    if wanted == OWN:
        return own
    if wanted == BLUR:
        soft: Image = cv2.GaussianBlur(own, (0, 0), BLUR_SHARE * max(height, width), borderType=cv2.BORDER_REPLICATE)
        return soft
    if wanted == STUDIO:
        return studio(width, height)
    if wanted == TRANSPARENT:
        return np.zeros_like(own)
    if wanted.startswith("#"):
        plain: Image = np.broadcast_to(np.array(parse_colour(wanted), np.uint8), own.shape).copy()
        return plain
    if not Path(wanted).exists():
        raise PhotoError(
            f"{wanted}: no such background; write none, blur, studio, transparent, a colour like #204060, or a picture "
            "file"
        )
    return cover(load_photo(wanted), width, height)


def studio(width: int, height: int) -> Image:
    """A grey wall that curves into a floor, lit in the middle: uint8 (height, width, 3)."""
    down = (np.arange(height) + 0.5) / height
    wall = WALL[0] + (WALL[1] - WALL[0]) * (down / HORIZON).clip(0, 1)
    floor = FLOOR[0] + (FLOOR[1] - FLOOR[0]) * ((down - HORIZON) / (1 - HORIZON)).clip(0, 1)
    is_floor = ((down - HORIZON) / CURVE + 0.5).clip(0, 1)
    is_floor = is_floor**2 * (3 - 2 * is_floor)
    grey = wall + (floor - wall) * is_floor
    across = 2 * (np.arange(width) + 0.5) / width - 1
    light = 1 - CORNERS * (across[None] ** 2 + (2 * down[:, None] - 1) ** 2) / 2
    drawn = np.rint(grey[:, None] * light).astype(np.uint8)
    return np.repeat(drawn[..., None], 3, axis=2)


def parse_colour(text: str) -> tuple[int, int, int]:
    """(red, green, blue) of `#RRGGBB`."""
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", text):
        raise ConfigError(f"--background {text}: write a colour as #RRGGBB, as in #204060")
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


def cover(picture: Image, width: int, height: int) -> Image:
    """`picture` scaled to cover `width` x `height`, cut to it around the middle."""
    scale = max(width / picture.shape[1], height / picture.shape[0])
    size = max(width, round(picture.shape[1] * scale)), max(height, round(picture.shape[0] * scale))
    scaled = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    left, top = (size[0] - width) // 2, (size[1] - height) // 2
    return np.ascontiguousarray(scaled[top : top + height, left : left + width])
