"""Touches into what a learned answer is told of them, frame by frame: where, how, how long ago, in which mood.

The layout is the recipe's: soft shares of the regions, tone, force, signed offset, three decays since the latest
contact, mood. The other encodings are its ablations, after those of the InterAvatar paper.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from avtr_cli.core.arrays import Doubles, Floats
from avtr_cli.core.interaction import BACKGROUND, TONES, WORDS, Interaction
from avtr_cli.core.regions import REGIONS
from avtr_cli.core.timing import FPS
from avtr_cli.motion.interactions import memory
from avtr_cli.motion.interactions.reactor import LONGEST

DECAYS_S = (0.12, 0.6, 3.0)  # time constants of what is known of how long ago the contact was
FARTHEST = 2.0  # EO: places of the body beyond are told as this far
AT_ONCE = 3  # touches that are answered at a time
PLACES = (*REGIONS, BACKGROUND)
POSITIONS = ("both", "regions", "offset", "neither")
WORDINGS = ("tone", "word")


@dataclass(frozen=True)
class Encoding:
    """position: how the place is told, of POSITIONS; wording: tone and force, or the word alone."""

    position: str = "both"
    wording: str = "tone"

    @property
    def size(self) -> int:
        """Numbers a frame."""
        where = len(PLACES) * (self.position in ("both", "regions")) + 2 * (self.position in ("both", "offset"))
        return where + (len(TONES) + 1 if self.wording == "tone" else len(WORDS)) + len(DECAYS_S) + 1


def condition(touches: Sequence[Interaction], frames: Doubles, encoding: Encoding) -> Floats:
    """float32 (T, size) at `frames` (T,), of the latest touch that is there; zeros while none is answered."""
    out = np.zeros((len(frames), encoding.size), np.float32)
    for touch in sorted(touches, key=lambda one: one.frame):
        ago = (frames - touch.frame) / FPS
        felt = (ago >= 0) & (ago < LONGEST / FPS)
        told = _told(touch, encoding)
        out[felt, : len(told)] = told
        out[felt, len(told) : -1] = np.exp(-ago[felt, None] / np.array(DECAYS_S))
    out[:, -1] = memory.mood(touches, frames) * (out[:, -2] > 0)
    return out


def apart(touches: Sequence[Interaction], frames: Doubles, encoding: Encoding) -> Floats:
    """float32 (T, 3, size): what `condition` would be of each touch alone, of three that are answered at a time."""
    out = np.zeros((len(frames), AT_ONCE, encoding.size), np.float32)
    for number, touch in enumerate(sorted(touches, key=lambda one: one.frame)):
        alone = condition([touch], frames, encoding)
        felt = alone.any(axis=1)
        out[felt, number % AT_ONCE] = alone[felt]
    return out


def _told(touch: Interaction, encoding: Encoding) -> Floats:
    """What of a touch does not change: place and word."""
    parts: list[Sequence[float]] = []
    if encoding.position in ("both", "regions"):
        shares = dict(touch.regions or ((BACKGROUND, 1.0),))
        parts.append([shares.get(place, 0.0) for place in PLACES])
    if encoding.position in ("both", "offset"):
        parts.append(np.clip((touch.aside, touch.below), -FARTHEST, FARTHEST).tolist())
    if encoding.wording == "tone":
        parts.append([*(float(tone == touch.tone) for tone in TONES), touch.force])
    else:
        parts.append([float(word == touch.do) for word in WORDS])
    return np.concatenate([np.asarray(part, np.float32) for part in parts])
