"""Controls (T, 58) into the curves that measures speak of: lips, head in degrees, lids, gaze, brows, smile."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from avtr_cli.core.motion_space import CONTROLS, EYE_RANGE_DEGREES
from avtr_cli.core.timing import FPS

ARTICULATION = (
    "jawOpen", "mouthClose", "mouthFunnel", "mouthPucker", "mouthStretchLeft", "mouthStretchRight", "mouthRollLower",
    "mouthRollUpper", "mouthPressLeft", "mouthPressRight", "mouthLowerDownLeft", "mouthLowerDownRight",
    "mouthUpperUpLeft", "mouthUpperUpRight", "tongueOut",
)  # fmt: skip
"""The weights that form speech; smile, frown and dimple belong to the mood and may follow the partner."""

_COLUMN = {name: k for k, name in enumerate(CONTROLS.channels)}


@dataclass(frozen=True)
class Face:
    """One motion over T frames, float64.

    aperture      (T,) how far the lips are parted, in ARKit weights (about 0.5 at an open vowel, 0 or less shut)
    articulation  (T, 15) the weights of ARTICULATION
    rounding      (T,) pucker
    head          (T, 3) pitch, yaw, roll in degrees away from the photo
    gaze          (T, 2) where the eyes point, head included, in degrees from the photo's; +x is left, +y down
    blink, brow, smile  (T,) weights, left and right averaged
    """

    aperture: np.ndarray
    articulation: np.ndarray
    rounding: np.ndarray
    head: np.ndarray
    gaze: np.ndarray
    blink: np.ndarray
    brow: np.ndarray
    smile: np.ndarray

    def __len__(self) -> int:
        return len(self.aperture)

    @property
    def head_speed(self) -> np.ndarray:
        """(T,) degrees a second since the frame before; the first frame takes the second's."""
        return step_lengths(self.head) * FPS


def read_face(values: np.ndarray) -> Face:
    """The curves of controls (T, 58)."""
    assert values.shape[1:] == (len(CONTROLS),), f"controls are (T, {len(CONTROLS)})"
    table = values.astype(np.float64)

    def get(name: str) -> np.ndarray:
        return table[:, _COLUMN[name]]

    def both(name: str) -> np.ndarray:
        return 0.5 * (get(name + "Left") + get(name + "Right"))

    head = np.degrees(np.stack([get("headPitch"), get("headYaw"), get("headRoll")], 1))
    # A right eye that looks out and a left eye that looks in both turn towards the left of the picture.
    across = 0.5 * (get("eyeLookOutRight") + get("eyeLookInLeft") - get("eyeLookInRight") - get("eyeLookOutLeft"))
    down = both("eyeLookDown") - both("eyeLookUp")
    return Face(
        aperture=lip_aperture(table),
        articulation=table[:, [_COLUMN[name] for name in ARTICULATION]],
        rounding=get("mouthPucker"),
        head=head,
        gaze=EYE_RANGE_DEGREES * np.stack([across, down], 1) + head[:, [1, 0]],
        blink=both("eyeBlink"),
        brow=(get("browInnerUp") + get("browOuterUpLeft") + get("browOuterUpRight")) / 3,
        smile=both("mouthSmile"),
    )


def lip_aperture(table: np.ndarray) -> np.ndarray:
    """jaw - close + 0.4 (lower lip down + upper lip up) - 0.15 (press + roll), (T, 58) -> (T,)."""

    def mean(*names: str) -> np.ndarray:
        return sum((table[:, _COLUMN[name]] for name in names), np.zeros(len(table))) / len(names)

    parted = mean("mouthLowerDownLeft", "mouthLowerDownRight") + mean("mouthUpperUpLeft", "mouthUpperUpRight")
    pressed = mean("mouthPressLeft", "mouthPressRight") + mean("mouthRollLower", "mouthRollUpper")
    return mean("jawOpen") - mean("mouthClose") + 0.4 * parted - 0.15 * pressed


def step_lengths(series: np.ndarray) -> np.ndarray:
    """Euclidean length of each frame's step since the one before, (T, C) -> (T,)."""
    if len(series) < 2:
        return np.zeros(len(series))
    steps = np.linalg.norm(np.diff(series, axis=0), axis=1)
    return np.concatenate([steps[:1], steps])
