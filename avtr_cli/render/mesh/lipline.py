"""The line between shut lips, moved from where Face Mesh guesses it to the dark valley that the photo shows.

Face Mesh places lips by habit: on moustaches, paintings and thin lips its line runs through one of them, and
when the mouth opens a rim of the upper lip would stay on the lower one. Parted lips are left as they are.
"""

from __future__ import annotations

import cv2
import numpy as np

from avtr_cli.core.arrays import Image, Points
from avtr_cli.perception.topology import INNER_LOWER_LIP, INNER_UPPER_LIP, LIP_CENTRES, MOUTH_CORNERS
from avtr_cli.render.mesh.shapes import JAW_DROP
from avtr_cli.render.split import LUMA

SHUT = 0.012  # EO: lips that Face Mesh sees closer than this are shut
REACH = 0.035  # EO up and down in which the valley is looked for
FLANK = 0.030  # EO from a valley to its banks: both must be lighter, as under a moustache only one is
STRAYING = 14.0  # luminance by which a valley must be deeper to be taken at the end of the reach
SHALLOW = 3.0  # luminance: flatter valleys say nothing
STEPS = 14  # samples from the guessed line to the end of the reach


def snap_lips(image: Image, points: Points, unit: float) -> Points:
    """`points` (478, 3) px of `image` (H, W, 3) with the inner lip points of a shut mouth on the valley between."""
    upper, lower = list(INNER_UPPER_LIP[1:-1]), list(INNER_LOWER_LIP[1:-1])
    across = points[MOUTH_CORNERS[1], :2] - points[MOUTH_CORNERS[0], :2]
    down = np.array([-across[1], across[0]]) / np.linalg.norm(across)
    gap = (points[lower, :2] - points[upper, :2]) @ down
    if gap.mean() > SHUT * unit:
        return points
    line = (points[upper, :2] + points[lower, :2]) / 2
    bank = round(FLANK / REACH * STEPS)
    steps = np.arange(-STEPS - bank, STEPS + bank + 1)
    offsets = steps * (REACH * unit / STEPS)
    places = line[:, None] + offsets[None, :, None] * down
    soft = cv2.GaussianBlur(image, (0, 0), max(0.7, 0.008 * unit)).astype(np.float32) @ LUMA.astype(np.float32)
    x, y = places[..., 0].astype(np.float32), places[..., 1].astype(np.float32)
    seen = cv2.remap(soft, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    seen = cv2.GaussianBlur(seen, (1, 9), sigmaX=0.1, sigmaY=2.0)  # a column is read with its neighbours
    depth = np.minimum(seen[:, : -2 * bank], seen[:, 2 * bank :]) - seen[:, bank:-bank]
    near = steps[bank:-bank] / STEPS
    score = depth - STRAYING * near**2
    # The mouth is believed or not as a whole: the hair of a moustache has its valleys, but here and there.
    trust = float(np.clip(np.median(score.max(axis=1)) / SHALLOW - 0.5, 0, 1))
    shift = near[score.argmax(axis=1)] * trust * REACH * unit
    shift = np.convolve(np.pad(shift, 2, mode="edge"), np.array([1, 2, 3, 2, 1]) / 9, mode="valid")
    result: Points = points.copy()
    valley = line + shift[:, None] * down
    result[upper, :2], result[lower, :2] = valley, valley
    return result


def parted_lips(points: Points, unit: float) -> float:
    """How far the lips of `points` (478, 3) px stand apart in the middle, as the jawOpen weight that parts them so."""
    upper, lower = LIP_CENTRES
    gap = float(np.linalg.norm(points[lower, :2] - points[upper, :2])) / unit
    return max(gap - SHUT, 0.0) / JAW_DROP
