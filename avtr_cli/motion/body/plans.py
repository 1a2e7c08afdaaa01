"""Where arms will be: a plan of frames to come that every new gesture replaces, smoothly from how they move now.

Gestures of the face are added up; those of arms must not be, or three beats on each other throw a hand into the face.
A piece is a quintic that begins with the present place, speed and acceleration and ends at rest (minimum jerk, Flash
& Hogan 1985), so whatever is interrupted, nothing jerks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from avtr_cli.core.arrays import Doubles

LONGEST = 100  # frames that are planned
SHORTEST = 3  # frames of a piece
RECENT = 3  # frames that speed and acceleration are read from


class Key(NamedTuple):
    """Be at `target` (C,) after `frames`, and stay for `hold` more; or pass it with `speed` (C,) a frame."""

    target: Doubles
    frames: float
    hold: float = 0.0
    speed: Doubles | None = None


def quintic(
    place: Doubles, speed: Doubles, acceleration: Doubles, target: Doubles, frames: int, end: Doubles | None = None
) -> Doubles:
    """(frames, C): from `place` with `speed` and `acceleration`, per frame, to `target`, the last row.

    There it rests, or goes on with the speed `end` (C,).
    """
    n, t = float(frames), np.arange(1, frames + 1)[:, None]
    away, end = target - place, np.zeros_like(place) if end is None else end
    c3 = (20 * away - (12 * speed + 8 * end) * n - 3 * acceleration * n * n) / (2 * n**3)
    c4 = (-30 * away + (16 * speed + 14 * end) * n + 3 * acceleration * n * n) / (2 * n**4)
    c5 = (12 * away - 6 * (speed + end) * n - acceleration * n * n) / (2 * n**5)
    path: Doubles = place + speed * t + 0.5 * acceleration * t * t + c3 * t**3 + c4 * t**4 + c5 * t**5
    return path


@dataclass
class Plan:
    """`ahead` (LONGEST, C) of the frames to come, after which the last row stays, and `recent` (RECENT, C)."""

    ahead: Doubles
    recent: Doubles

    @classmethod
    def resting(cls, at: Doubles) -> Plan:
        """To stay at `at` (C,)."""
        return cls(np.tile(at, (LONGEST, 1)), np.tile(at, (RECENT, 1)))

    @property
    def now(self) -> Doubles:
        """(C,): the frame that was last."""
        now: Doubles = self.recent[-1]
        return now

    def lead(self, columns: slice, keys: Sequence[Key]) -> None:
        """From the next frame on, `columns` follow the `keys`; what was planned for them is given up."""
        oldest, before, place = self.recent[:, columns]
        speed, acceleration = 1.5 * place - 2 * before + 0.5 * oldest, place - 2 * before + oldest
        pieces = []
        for key in keys:
            path = quintic(place, speed, acceleration, key.target, max(int(key.frames), SHORTEST), key.speed)
            pieces += [path, np.tile(path[-1], (int(key.hold), 1))]
            still = np.zeros_like(place)
            place, speed, acceleration = path[-1], still if key.speed is None else key.speed, still
        path = np.concatenate(pieces)[:LONGEST]
        self.ahead[:, columns] = place
        self.ahead[: len(path), columns] = path

    def step(self) -> Doubles:
        """(C,): the next frame."""
        row: Doubles = self.ahead[0].copy()
        self.ahead = np.concatenate([self.ahead[1:], self.ahead[-1:]])
        self.recent = np.concatenate([self.recent[1:], row[None]])
        return row

    def copy(self) -> Plan:
        """Another, that may be led elsewhere."""
        return Plan(self.ahead.copy(), self.recent.copy())
