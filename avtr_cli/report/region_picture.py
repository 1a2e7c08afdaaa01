"""The regions of a photo drawn on it: a hue each under their names, borders, the background dimmed.

Where the head is too small for its names, it is shown once more beside the photo, enlarged.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from avtr_cli.core.arrays import Image
from avtr_cli.core.regions import HEAD, ON_PERSON, REGIONS, RegionMap

SIDE = 900  # px of the longer side
LEAST_HEAD = 520  # px that the head's regions need to be told apart by their names
SHARE, DIM, BORDER = 0.45, 0.55, 150  # of the hues over the photo; of the background's light; light of the borders
FONT, SCALE = cv2.FONT_HERSHEY_SIMPLEX, 0.38

Part = tuple[float, float, float, float]
"""Left, top, right and bottom of a part of the photo, in shares of it."""
_Value = TypeVar("_Value", bound=np.generic)


def region_picture(photo: Image, regions: RegionMap) -> Image:
    """uint8 (h, w, 3): the photo (H, W, 3) under its regions, and where it helps the enlarged head beside it."""
    high, wide = photo.shape[:2]
    whole = (0.0, 0.0, 1.0, 1.0)
    left, top, right, bottom = head = _head(regions)
    scale = SIDE / max(high, wide)
    head_px = (bottom - top) * high * scale
    names = regions.names if head_px >= LEAST_HEAD else [name for name in regions.names if name not in HEAD]
    picture = _part(photo, regions, whole, scale, names)
    if head_px >= LEAST_HEAD:
        return picture
    enlarged = picture.shape[0] / ((bottom - top) * high)
    beside = _part(photo, regions, head, enlarged, [name for name in regions.names if name in HEAD])
    beside = cv2.resize(beside, (beside.shape[1], picture.shape[0]), interpolation=cv2.INTER_LINEAR)
    box = (int(left * picture.shape[1]), int(top * picture.shape[0]))
    end = (int(right * picture.shape[1]), int(bottom * picture.shape[0]))
    cv2.rectangle(picture, box, end, (255, 255, 255), 1, cv2.LINE_AA)
    return np.concatenate([picture, np.full((picture.shape[0], 8, 3), 255, np.uint8), beside], axis=1)


def hue(region: str) -> tuple[int, int, int]:
    """The colour (red, green, blue) of a region, the same in every picture."""
    at = REGIONS.index(region)
    colour = np.array([[[(at * 71) % 180, 110 + 60 * (at % 3), 255 - 40 * (at % 2)]]], np.uint8)
    red, green, blue = cv2.cvtColor(colour, cv2.COLOR_HSV2RGB)[0, 0].tolist()
    return red, green, blue


def _head(regions: RegionMap) -> Part:
    """The head with its hair."""
    wide, high = regions.size
    places = np.array([regions.centres[name] for name in HEAD if name in regions.centres]) * (wide, high)
    margin = 0.45 * regions.unit
    low, most = places.min(axis=0) - margin, places.max(axis=0) + margin
    left, top = np.clip(low / (wide, high), 0, 1)
    right, bottom = np.clip(most / (wide, high), 0, 1)
    return float(left), float(top), float(right), float(bottom)


def _part(photo: Image, regions: RegionMap, part: Part, scale: float, names: Sequence[str]) -> Image:
    """`part` of the photo, `scale` times as large, with `names` written into it."""
    left, top, right, bottom = part

    def cut(picture: NDArray[_Value]) -> NDArray[_Value]:
        high, wide = picture.shape[:2]
        rows = slice(int(top * high), math.ceil(bottom * high))
        return picture[rows, int(left * wide) : math.ceil(right * wide)]

    seen = cut(photo)
    size = (max(1, round(seen.shape[1] * scale)), max(1, round(seen.shape[0] * scale)))
    picture = cv2.resize(seen, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR).astype(np.float32)
    shares = cv2.resize(np.ascontiguousarray(cut(regions.shares.transpose(1, 2, 0))), size)
    person = cv2.resize(np.ascontiguousarray(cut(regions.person)), size) > ON_PERSON
    colours = np.array([hue(name) for name in regions.names], np.float32)
    picture = np.where(person[..., None], picture * (1 - SHARE) + shares @ colours * SHARE, picture * DIM)
    largest = shares.argmax(axis=-1).astype(np.uint8)
    border = (cv2.morphologyEx(largest, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0) & person
    picture[border] = picture[border] * 0.4 + BORDER
    drawn = np.ascontiguousarray(picture.clip(0, 255).astype(np.uint8))
    for name in names:
        x, y = regions.centres[name]
        at = (int((x - left) / (right - left) * size[0]), int((y - top) / (bottom - top) * size[1]))
        _write(drawn, name.replace("left_", "L ").replace("right_", "R "), at)
    return drawn


def _write(picture: Image, text: str, at: tuple[int, int]) -> None:
    """`text` above a dot at a place of `picture`, wholly inside of it."""
    cv2.circle(picture, at, 3, (0, 0, 0), -1, cv2.LINE_AA)
    (wide, high), _ = cv2.getTextSize(text, FONT, SCALE, 1)
    x = min(max(at[0] - wide // 2, 2), max(picture.shape[1] - wide - 2, 2))
    place = (x, max(at[1] - 6, high + 2))
    for colour, thick in (((0, 0, 0), 3), ((255, 255, 255), 1)):
        cv2.putText(picture, text, place, FONT, SCALE, colour, thick, cv2.LINE_AA)
