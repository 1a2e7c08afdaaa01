"""A whole body's motion for a sound, without pictures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from avtr_cli.core.arrays import Mask, Sound
from avtr_cli.core.protocols import MotionGenerator
from avtr_cli.core.timing import CHUNK_FRAMES
from avtr_cli.core.types import Cue, Identity, Motion
from avtr_cli.streaming.windows import Windows


def perform(
    generator: MotionGenerator, identity: Identity, sound: Sound, seed: int, cues: Sequence[Cue] = ()
) -> tuple[Motion, Mask]:
    """What is made of a whole `sound`, float32 (2, n), and whether the left and the right hand are up, (T, 2)."""
    windows = Windows()
    state, values, up = generator.start(identity, seed), [], []
    for window in [*windows.push(sound), *windows.finish()]:
        first = window.index * CHUNK_FRAMES
        due = tuple(one for one in cues if first <= one.frame < first + CHUNK_FRAMES)
        motion, state = generator.step(window, state, due)
        values.append(motion.values)
        up += [state["body.up"].tolist()] * CHUNK_FRAMES
    return Motion(generator.space, torch.cat(values), 0), np.array(up, bool)
