"""A picture to look at: one person touched at every region in every tone, where the answer is at its height."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from avtr_cli.core.arrays import Image
from avtr_cli.core.interaction import TONES
from avtr_cli.evaluation.touch.clips import REGIONS, TOUCHED_AT, drawn, motion_of, silence, touched
from avtr_cli.streaming.engine import Engine

SIDE = 200  # px of each picture
SHOWN_AT = {"affectionate": 30, "gentle": 26, "neutral": 14, "aggressive": 10}  # frames after the touch


def sheet(engine: Engine, photo: Path, seed: int = 0) -> Image:
    """uint8 (h, w, 3): a column for each region, a row for each tone; the picture at rest is the first column."""
    _, identity = engine.avatar(photo)
    regions = engine.regions(photo)
    places = [one for one in REGIONS if one in regions.centres]
    rows = []
    for tone in TONES:
        frame = TOUCHED_AT + SHOWN_AT[tone]
        still = drawn(engine, identity, motion_of(engine, identity, (), seed, silence(frame + 1)), [frame])[0]
        cells = [_cell(still, "untouched")]
        for region in places:
            touch = touched(regions, region, tone, seed)
            motion = motion_of(engine, identity, (touch,), seed, silence(frame + 1))
            cells.append(_cell(drawn(engine, identity, motion, [frame])[0], f"{touch.do} {region.replace('_', ' ')}"))
        rows.append(np.concatenate(cells, axis=1))
    return np.concatenate(rows, axis=0)


def _cell(frame: Image, text: str) -> Image:
    scale = SIDE / frame.shape[0]
    size = (max(1, round(frame.shape[1] * scale)), SIDE)
    picture = np.ascontiguousarray(cv2.resize(frame[..., :3], size, interpolation=cv2.INTER_AREA))
    for colour, thick in (((0, 0, 0), 3), ((255, 255, 255), 1)):
        cv2.putText(picture, text, (4, 12), cv2.FONT_HERSHEY_SIMPLEX, 0.38, colour, thick, cv2.LINE_AA)
    return picture
