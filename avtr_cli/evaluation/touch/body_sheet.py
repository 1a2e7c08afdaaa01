"""A picture to look at: whole people touched on cheeks and shoulders, a row for each touch, at some times after it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from avtr_cli.core.arrays import Image
from avtr_cli.evaluation.touch.clips import TOUCHED_AT, drawn, motion_of, silence
from avtr_cli.streaming.engine import Engine

HEIGHT = 300  # px of each picture
TOUCHES = (("left_cheek", "slap"), ("right_cheek", "punch"), ("right_shoulder", "push"), ("left_shoulder", "caress"))
SHOWN_AT = (0, 5, 10, 14, 18, 30, 60, 75, 90, 150)  # frames after the touch


def body_sheet(engine: Engine, photo: Path, seed: int = 0) -> Image:
    """uint8 (h, w, 3) of the TOUCHES whose region the photo shows."""
    _, identity = engine.avatar(photo)
    regions, frames = engine.regions(photo), [TOUCHED_AT + after for after in SHOWN_AT]
    rows = []
    for region, word in (one for one in TOUCHES if one[0] in regions.centres):
        touch = regions.touched(TOUCHED_AT, word, *regions.centre(region))
        motion = motion_of(engine, identity, (touch,), seed, silence(frames[-1] + 1))
        pictures = drawn(engine, identity, motion, frames)
        said = f"{word} {region.replace('_', ' ')}"
        rows.append(
            np.concatenate([_cell(one, f"{said} +{k}") for one, k in zip(pictures, SHOWN_AT, strict=True)], axis=1)
        )
    return np.concatenate(rows)


def _cell(frame: Image, text: str) -> Image:
    size = (max(1, round(frame.shape[1] * HEIGHT / frame.shape[0])), HEIGHT)
    picture = np.ascontiguousarray(cv2.resize(frame[..., :3], size, interpolation=cv2.INTER_AREA))
    for colour, thick in (((0, 0, 0), 3), ((255, 255, 255), 1)):
        cv2.putText(picture, text, (4, 12), cv2.FONT_HERSHEY_SIMPLEX, 0.38, colour, thick, cv2.LINE_AA)
    return picture
