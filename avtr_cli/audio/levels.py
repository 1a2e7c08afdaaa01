"""How loud each frame of a call is: the power of what varies, so that a microphone's constant offset is silence."""

from __future__ import annotations

import numpy as np

from avtr_cli.core.arrays import Doubles, Sound
from avtr_cli.core.timing import SAMPLES_PER_FRAME

VOICE_DBFS = -45.0  # a frame above this may be voice


def frame_powers(samples: Sound) -> Doubles:
    """float (2, n) at 16 kHz into float64 (2, whole frames): the variance of each; a part frame is not counted."""
    whole = samples.shape[1] // SAMPLES_PER_FRAME
    frames = samples[:, : whole * SAMPLES_PER_FRAME].reshape(2, whole, SAMPLES_PER_FRAME)
    powers: Doubles = frames.astype(np.float64).var(2)
    return powers
