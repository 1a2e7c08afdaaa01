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

LONGEST = 120  # frames that are planned; the longest way, to a cheek and back, takes 100
SHORTEST = 3  # frames of a piece


class Key(NamedTuple):
    """Be at `target` (C,) after `frames`, and stay for `hold` more; or pass it with `speed` (C,) a frame."""

    target: Doubles
    frames: float
    hold: float = 0.0
    speed: Doubles | None = None


def quintic(begins: Doubles, target: Doubles, frames: int, end: Doubles | None = None) -> Doubles:
    """(3, frames, C): place, speed and acceleration, per frame, from `begins` (3, C), all three, to `target`.

    There it rests, or goes on with the speed `end` (C,).
    """
    place, speed, acceleration = begins
    n, t = float(frames), np.arange(1, frames + 1)[:, None]
    away, end = target - place, np.zeros_like(place) if end is None else end
    c3 = (20 * away - (12 * speed + 8 * end) * n - 3 * acceleration * n * n) / (2 * n**3)
    c4 = (-30 * away + (16 * speed + 14 * end) * n + 3 * acceleration * n * n) / (2 * n**4)
    c5 = (12 * away - 6 * (speed + end) * n - acceleration * n * n) / (2 * n**5)
    return np.stack([
        place + speed * t + 0.5 * acceleration * t**2 + c3 * t**3 + c4 * t**4 + c5 * t**5,
        speed + acceleration * t + 3 * c3 * t**2 + 4 * c4 * t**3 + 5 * c5 * t**4,
        acceleration + 6 * c3 * t + 12 * c4 * t**2 + 20 * c5 * t**3,
    ])  # fmt: skip


@dataclass
class Plan:
    """`ahead` (3, LONGEST, C): place, speed and acceleration of the frames to come, after which the last place stays.

    `last` (3, C) are those of the frame that was last. They are the pieces' own, not differences of frames, so that a
    plan which is interrupted goes on with the very acceleration that it had.
    """

    ahead: Doubles
    last: Doubles

    @classmethod
    def resting(cls, at: Doubles) -> Plan:
        """To stay at `at` (C,)."""
        last = np.stack([at, np.zeros_like(at), np.zeros_like(at)])
        return cls(np.repeat(last[:, None], LONGEST, axis=1), last)

    @property
    def now(self) -> Doubles:
        """(C,): the frame that was last."""
        now: Doubles = self.last[0]
        return now

    @property
    def end(self) -> Doubles:
        """(C,): where it leads at last."""
        end: Doubles = self.ahead[0, -1]
        return end

    def lead(self, columns: slice, keys: Sequence[Key]) -> None:
        """From the next frame on, `columns` follow the `keys`; what was planned for them is given up."""
        at, pieces = self.last[:, columns], []
        for key in keys:
            path = quintic(at, key.target, max(int(key.frames), SHORTEST), key.speed)
            at = np.stack([path[0, -1], np.zeros_like(at[0]) if key.speed is None else key.speed, np.zeros_like(at[0])])
            path[:, -1] = at
            pieces += [path, np.repeat(at[:, None], int(key.hold), axis=1)]
        path = np.concatenate(pieces, axis=1)
        assert path.shape[1] <= LONGEST
        self.ahead[:, :, columns] = at[:, None]
        self.ahead[:, : path.shape[1], columns] = path

    def step(self) -> Doubles:
        """(C,): the next frame."""
        self.last = self.ahead[:, 0].copy()
        self.ahead = np.concatenate([self.ahead[:, 1:], self.ahead[:, -1:]], axis=1)
        row: Doubles = self.last[0].copy()
        return row

    def copy(self) -> Plan:
        """Another, that may be led elsewhere."""
        return Plan(self.ahead.copy(), self.last.copy())
