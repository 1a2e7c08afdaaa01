"""What a user may ask of the embedded model, turned into what the model takes: identity, emotion, cues.

A cue is a gesture at a frame of the user's choosing; it is drawn like any other, so the network hears of it.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from avtr_cli.core.config import EMOTIONS, MotionConfig
from avtr_cli.core.types import Cue
from avtr_cli.motion.lmfm.articulation import Manner

STYLE_NUMBERS = 8
_MANNERS = {  # (face, head, brows) where natural is 1: calm stays still as on a video call, lively as on a stage
    "calm": (0.9, 0.5, 0.6),
    "natural": (1.0, 1.0, 1.0),
    "lively": (1.1, 1.3, 1.3),
}
_LOOK = {
    "look_left": (0.5, 0.0),
    "look_right": (-0.5, 0.0),
    "look_up": (0.0, -0.42),
    "look_down": (0.0, 0.42),
    "look_ahead": (0.0, 0.0),
}  # in the picture's own left and right; gaze units


def person_vector(config: MotionConfig, style: Sequence[float] = (0.0,) * STYLE_NUMBERS) -> Tensor:
    """float32 (13,): the manner of a person (8 numbers in +-2, 0 = average) and the emotion asked for."""
    out = torch.zeros(STYLE_NUMBERS + len(EMOTIONS))
    out[:STYLE_NUMBERS] = torch.tensor(tuple(style))
    if config.emotion != "neutral":
        out[STYLE_NUMBERS + EMOTIONS.index(config.emotion)] = config.emotion_intensity
    return out


def manner_of(config: MotionConfig) -> Manner:
    """How much of its motion this avatar shows: the named manner times the user's own factors."""
    face, head, brows = _MANNERS[config.manner]
    return Manner(face * config.expressiveness, head * config.head_gain, brows, config.gaze, config.smile)


def event_of_cue(cue: Cue) -> tuple[str, tuple[float, float] | None]:
    """The gesture that a cue starts, and where it looks if it is a look."""
    return ("gaze", _LOOK[cue.name]) if cue.name in _LOOK else (cue.name, None)
