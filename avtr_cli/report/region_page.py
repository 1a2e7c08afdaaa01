"""A page on which interactions are made: click the photo, choose word and time, copy the YAML or the command line.

One file that holds photo and regions and asks no network.
"""

from __future__ import annotations

import base64
import json
from html import escape
from string import Template

import cv2
import numpy as np

from avtr_cli import __version__
from avtr_cli.core.arrays import Image
from avtr_cli.core.interaction import STRENGTHS, TONES, WORDS
from avtr_cli.core.regions import ON_PERSON, RegionMap
from avtr_cli.core.shipped import asset

TEMPLATE = asset("regions.html")
SIDE = 720  # px of the photo's longer side


def region_page(name: str, photo: Image, regions: RegionMap) -> str:
    """The page of the photo (H, W, 3) that is called `name`."""
    high, wide = photo.shape[:2]
    scale = SIDE / max(high, wide)
    size = (max(1, round(wide * scale)), max(1, round(high * scale)))
    shown = cv2.resize(photo, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    labels = regions.shares.argmax(axis=0).astype(np.uint8) + 1  # 0 is the background
    labels[regions.person < ON_PERSON] = 0
    words = {tone: [word for word, meant in WORDS.items() if meant.tone == tone] for tone in TONES}
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        name=escape(name),
        generator=f"avtr {__version__}",
        photo=_data(".jpg", shown[..., ::-1]),
        facts=json.dumps(
            {"regions": regions.names, "labels": _data(".png", labels), "words": words, "strength": STRENGTHS}
        ).replace("<", "\\u003c"),
    )


def _data(suffix: str, picture: Image) -> str:
    """`picture`, as OpenCV writes it, as a data URL."""
    _, content = cv2.imencode(suffix, picture)
    kind = {".jpg": "jpeg", ".png": "png"}[suffix]
    return f"data:image/{kind};base64,{base64.b64encode(content.tobytes()).decode()}"
