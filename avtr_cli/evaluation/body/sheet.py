"""Rows of pictures to look at: one person at rest, from both sides, the head as it speaks, blinks and turns; acting."""

from __future__ import annotations

import cv2
import numpy as np

from avtr_cli.core.arrays import Image
from avtr_cli.core.camera import FRONT
from avtr_cli.evaluation.body.acting import ROWS, acted
from avtr_cli.evaluation.body.stage import BodyStage

HEIGHT = 300  # px
YAWS = (-30, -15, 15, 30)
FACES: dict[str, dict[str, float]] = {
    "rest": {},
    "jaw": {"jawOpen": 0.6},
    "smile": {"mouthSmile": 0.8},
    "blink": {"eyeBlink": 1},
    "look": {"eyeLookOutLeft": 0.8, "eyeLookInRight": 0.8},
    "yaw 15": {"yaw": 15},
    "yaw -15": {"yaw": -15},
    "nod": {"pitch": 8},
}


def sheet(stage: BodyStage) -> list[Image]:
    """Rows, uint8 (HEIGHT, w, 3): the photo, the person at rest and from YAWS, and FACES; then those of `acting`."""
    bodies = [("photo", stage.photo), ("rest", stage.frame())]
    bodies += [(f"{yaw} deg", stage.frame(stage.around(yaw))) for yaw in YAWS]
    heads = [(name, stage.head(stage.frame(FRONT, **said))) for name, said in FACES.items()]
    rows = [(*bodies, *heads), *(tuple(acted(stage, row)) for row in ROWS)]
    return [np.concatenate([_cell(picture, name) for name, picture in row], axis=1) for row in rows]


def stacked(rows: list[Image]) -> Image:
    """All rows, one below the other, white where one is shorter."""
    whole = np.full((sum(len(row) for row in rows), max(row.shape[1] for row in rows), 3), 255, np.uint8)
    for number, row in enumerate(rows):
        whole[number * HEIGHT : (number + 1) * HEIGHT, : row.shape[1]] = row
    return whole


def _cell(picture: Image, name: str) -> Image:
    size = (max(1, round(picture.shape[1] * HEIGHT / picture.shape[0])), HEIGHT)
    cell = np.ascontiguousarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))
    for colour, thick in (((0, 0, 0), 3), ((255, 255, 255), 1)):
        cv2.putText(cell, name, (4, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.42, colour, thick, cv2.LINE_AA)
    return cell
