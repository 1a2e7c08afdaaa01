"""The plain baseline: a face that follows its own loudness and knows nothing else.

It needs no learning, so a number that does not beat it says nothing about a model. Jaw, head pitch and brows
rise with the level of the avatar's own frame; the partner is not heard, eyes neither move nor close.
"""

from __future__ import annotations

import numpy as np

from avtr_cli.core.arrays import Floats, Sound
from avtr_cli.core.motion_space import CONTROLS
from avtr_cli.evaluation.motion.voice import energy_db, loudness

RANGE_DB = 35.0  # below the loud frames, from where on the mouth is shut
JAW, PITCH_DEGREES, BROW = 0.5, 3.0, 0.2  # at the loud frames


def follow_loudness(sound: Sound, seed: int = 0) -> Floats:
    """A `Perform` without chance: the same for every seed."""
    levels = energy_db(sound[0])
    loud = np.clip((levels - loudness(levels) + RANGE_DB) / RANGE_DB, 0.0, 1.0)
    loud[levels < -60.0] = 0.0
    controls = np.zeros((len(levels), len(CONTROLS)), np.float32)
    controls[:, CONTROLS.index("jawOpen")] = JAW * loud
    controls[:, CONTROLS.index("headPitch")] = np.radians(PITCH_DEGREES) * loud
    for name in ("browInnerUp", "browOuterUpLeft", "browOuterUpRight"):
        controls[:, CONTROLS.index(name)] = BROW * loud
    return controls
