"""What reactions are made of: stretches in which a face, the head and the eyes do one thing, rising and falling.

Times are seconds after the touch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from avtr_cli.core.arrays import Doubles

SWELLS, SWELLS_LATE = 0.38, 1.2  # how far a beat with a rhythm falls and rises, and radians after its start

Gaze = tuple[float, float]
"""Where the eyes point: to the right of the picture, down; -1 .. 1. (0, 0) is the user."""


@dataclass(frozen=True)
class Head:
    """How far the head goes: degrees, EO; x to the right of the picture, y down, z away."""

    pitch: float = 0.0
    yaw: float = 0.0
    roll: float = 0.0
    x: float = 0.0
    y: float = 0.0
    z: float = 0.0

    @property
    def row(self) -> Doubles:
        """(6,) as the channels of the head lie."""
        return np.array([self.pitch, self.yaw, self.roll, self.x, self.y, self.z])


@dataclass(frozen=True)
class Beat:
    """One thing that the person does: it begins `at`, takes `rise` to be whole, holds, and is gone after `fall`.

    face      a name of faces.FACES, by `amount`; faces of several beats add up
    controls  single controls (name, weight); of several beats the largest counts, so that lids do not add up
    gaze      replaces where the eyes point; None leaves them alone
    hertz     a rhythm that it swells in; 0 is steady
    """

    at: float
    rise: float
    hold: float
    fall: float
    face: str = ""
    amount: float = 1.0
    controls: tuple[tuple[str, float], ...] = ()
    head: Head | None = None
    gaze: Gaze | None = None
    hertz: float = 0.0

    def level(self, t: Doubles) -> Doubles:
        """How far it is under way, 0 .. 1, at the times `t` (T,)."""
        level = lift(t - self.at, self.rise, self.hold, self.fall)
        if self.hertz:
            level *= 1 - SWELLS + SWELLS * np.sin(2 * np.pi * self.hertz * (t - self.at) - SWELLS_LATE)
        return level


def lift(t: Doubles, rise: float, hold: float, fall: float) -> Doubles:
    """0 -> 1 -> 0 with raised cosines at the times `t` (T,) since the start; 0 before it."""
    up = 0.5 - 0.5 * np.cos(np.pi * np.clip(t / rise, 0, 1))
    down = 0.5 + 0.5 * np.cos(np.pi * np.clip((t - rise - hold) / fall, 0, 1))
    return np.asarray(up * down, np.float64)


def both(**weights: float) -> tuple[tuple[str, float], ...]:
    """Controls of both sides of the face by names without a side: blink=0.5 is eyeBlinkLeft and eyeBlinkRight."""
    return tuple((f"{name}{side}", weight) for name, weight in weights.items() for side in ("Left", "Right"))
