"""Boxes of faces into tracks of one person, and tracks into the pictures of 224 px that SyncNet looks at."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from scipy.ndimage import median_filter

from avtr_cli.core.arrays import Doubles, Frames, Image, Reals

SIDE = 224  # px
SMOOTH_FRAMES = 13  # of a box's middle and size
MARGIN = 0.4  # of a box's half side, around it
GROUND = 110  # grey beyond the picture
LONGEST_GAP = 25  # frames without the face
LEAST_OVERLAP = 0.5  # intersection over union, with the box before
FEWEST = 100  # a track has more boxes than this
SMALLEST = 100.0  # px: its mean width or height is more

Box = Sequence[float]


def crops(frames: Frames, boxes: Reals) -> Frames:
    """(T, 224, 224, 3) around the boxes (x1, y1, x2, y2) of each frame, (T, 4), smoothed over time."""
    return np.stack([crop(frame, place) for frame, place in zip(frames, places(boxes), strict=True)])


def places(boxes: Reals) -> Doubles:
    """Where the boxes (T, 4) lie, smoothed over time, (T, 3): half of the larger side, and the middle's x and y."""
    table = np.asarray(boxes, np.float64)
    half = np.maximum(table[:, 3] - table[:, 1], table[:, 2] - table[:, 0]) / 2
    middle = (table[:, :2] + table[:, 2:]) / 2
    curves = (half, middle[:, 0], middle[:, 1])
    return np.stack([median_filter(curve, SMOOTH_FRAMES, mode="constant") for curve in curves], 1)


def crop(picture: Image, place: Reals) -> Image:
    """(224, 224, 3) around one of `places`; grey where the picture ends."""
    half, x, y = (float(number) for number in place)
    pad = int(half * (1 + 2 * MARGIN))
    padded = cv2.copyMakeBorder(picture, pad, pad, pad, pad, cv2.BORDER_CONSTANT, value=(GROUND,) * 3)
    x, y = x + pad, y + pad
    rows = slice(int(y - half), int(y + half * (1 + 2 * MARGIN)))
    columns = slice(int(x - half * (1 + MARGIN)), int(x + half * (1 + MARGIN)))
    return stretched(padded[rows, columns])


def stretched(picture: Image) -> Image:
    """A whole picture as (224, 224, 3), whatever its shape."""
    resized: Image = cv2.resize(picture, (SIDE, SIDE))
    return resized


def tracks(detections: Sequence[Sequence[Box]]) -> list[tuple[int, Doubles]]:
    """(first frame, boxes (n, 4) of every frame from there) of each face that stays, from the boxes of every frame."""
    free = [[np.asarray(box, np.float64) for box in boxes] for boxes in detections]
    found = []
    while track := _follow(free):
        at = np.array([frame for frame, _ in track])
        boxes = np.array([box for _, box in track])
        if len(track) > FEWEST:
            every = np.arange(at[0], at[-1] + 1)
            filled = np.stack([np.interp(every, at, side) for side in boxes.T], 1)
            if max((filled[:, 2:] - filled[:, :2]).mean(0)) > SMALLEST:
                found.append((int(at[0]), filled))
    return found


def _follow(free: list[list[Doubles]]) -> list[tuple[int, Doubles]]:
    """Takes the first free box and those that follow it out of `free`; nothing once there is none."""
    track: list[tuple[int, Doubles]] = []
    for frame, boxes in enumerate(free):
        if track and frame - track[-1][0] > LONGEST_GAP:
            break
        for place, box in enumerate(boxes):
            if not track or _overlap(box, track[-1][1]) > LEAST_OVERLAP:
                track.append((frame, boxes.pop(place)))
                break
    return track


def _overlap(one: Doubles, other: Doubles) -> float:
    sides = np.maximum(np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2]), 0)
    both = float(sides.prod())
    return both / float((one[2:] - one[:2]).prod() + (other[2:] - other[:2]).prod() - both)
