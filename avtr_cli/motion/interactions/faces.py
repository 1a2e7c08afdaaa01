"""Faces that people make when they are touched, as controls at full strength; numbers in comments are FACS units.

Pain: Prkachin 1992, Prkachin and Solomon 2008 (4, 6, 7, 9, 10, 43). Embarrassment: Keltner 1995 (12 with 24, eyes
down). `mouthClose` shuts a photo's own parted lips: without it an annoyed face keeps its mouth ajar.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from avtr_cli.core.arrays import Doubles
from avtr_cli.core.motion_space import CONTROLS

_FACES: dict[str, dict[str, float]] = {
    "joy": {"mouthSmile": 0.62, "cheekSquint": 0.50, "eyeSquint": 0.28, "mouthDimple": 0.15},  # 6 12
    "tender": {"mouthSmile": 0.42, "cheekSquint": 0.30, "eyeSquint": 0.16, "browInnerUp": 0.16},  # 1 6 12
    "laugh": {
        "mouthSmile": 0.80, "cheekSquint": 0.70, "eyeSquint": 0.50, "jawOpen": 0.20, "mouthUpperUp": 0.16,
    },  # 6 7 12 25 26
    "pain": {
        "browDown": 0.85, "cheekSquint": 0.80, "eyeSquint": 0.70, "noseSneer": 0.60, "mouthUpperUp": 0.32,
        "mouthStretch": 0.42, "browInnerUp": 0.15,
    },  # 4 6 7 9 10 20
    "annoyed": {
        "browDown": 0.75, "eyeSquint": 0.40, "mouthPress": 0.55, "mouthFrown": 0.30, "noseSneer": 0.12,
        "mouthClose": 0.06,
    },  # 4 7 24
    "anger": {
        "browDown": 1.0, "eyeSquint": 0.45, "eyeWide": 0.10, "mouthPress": 0.70, "mouthFrown": 0.35, "noseSneer": 0.25,
        "mouthClose": 0.06,
    },  # 4 5 7 23
    "disgust": {
        "noseSneer": 0.85, "mouthUpperUp": 0.40, "browDown": 0.45, "mouthFrown": 0.35, "eyeSquint": 0.40,
        "cheekSquint": 0.30,
    },  # 9 10
    "surprise": {"browInnerUp": 0.65, "browOuterUp": 0.65, "eyeWide": 0.60, "jawOpen": 0.14},  # 1 2 5 26
    "fear": {
        "browInnerUp": 0.75, "browOuterUp": 0.35, "browDown": 0.30, "eyeWide": 0.55, "mouthStretch": 0.45,
        "jawOpen": 0.05,
    },  # 1 2 4 5 20
    "sad": {
        "browInnerUp": 0.75, "mouthFrown": 0.60, "mouthShrugLower": 0.35, "browDown": 0.15, "eyeSquint": 0.10,
        "mouthClose": 0.05,
    },  # 1 4 15 17
    "curious": {"browInnerUp": 0.40, "browOuterUp": 0.42, "eyeWide": 0.12, "mouthSmile": 0.05},  # 1 2
    "shy": {
        "mouthSmile": 0.38, "mouthPress": 0.45, "cheekSquint": 0.20, "browInnerUp": 0.18, "mouthClose": 0.035,
    },  # 12 24
    "warm": {"mouthSmile": 0.22, "cheekSquint": 0.14, "eyeSquint": 0.05},  # what a good mood leaves
    "sullen": {"browDown": 0.38, "mouthFrown": 0.22, "eyeSquint": 0.14, "mouthPress": 0.18},  # what a bad one leaves
}  # fmt: skip
FACES = tuple(_FACES)


@cache
def face(name: str) -> Doubles:
    """(58,) controls of one of FACES at full strength, both sides alike."""
    row = np.zeros(len(CONTROLS))
    for control, weight in _FACES[name].items():
        columns = [control] if control in CONTROLS.channels else [f"{control}Left", f"{control}Right"]
        row[[CONTROLS.index(column) for column in columns]] = weight
    return row


@cache
def controls_row(controls: tuple[tuple[str, float], ...]) -> Doubles:
    """(58,) of single controls by name."""
    row = np.zeros(len(CONTROLS))
    for name, weight in controls:
        row[CONTROLS.index(name)] = weight
    return row
