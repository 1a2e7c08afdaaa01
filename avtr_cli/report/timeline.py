"""What happened when: both voices and the movement of every avatar, in at most some hundred bins, in constant memory.

Read from the sound and from the motion files of a work folder, for the report page.
"""

from __future__ import annotations

from dataclasses import dataclass

from avtr_cli.core.arrays import Floats

BINS = 800  # about the width of a chart in pixels
QUIETEST_DB = -60.0  # drawn as nothing
LONG_BIN_S = 0.5  # in a longer bin there is always a blink, so its mean says more than its widest
SMALLEST_MOVEMENT = 1e-3  # of keypoints; below it nothing has moved


@dataclass(frozen=True)
class Curves:
    """One avatar's movement, float32 (bins,) each: openings from 0 to 1, angles of the head in degrees."""

    mouth: Floats
    blink: Floats
    pitch: Floats
    yaw: Floats
    roll: Floats


@dataclass(frozen=True)
class Timeline:
    """`voices` are float32 (2, bins), rows (avatar, partner), 0 for silence and 1 for full scale, in decibels."""

    duration_s: float
    voices: Floats
    curves: tuple[Curves, ...]

    def speaking(self, time_s: float) -> tuple[bool, bool]:
        """Whether each side is heard around `time_s`."""
        bins = self.voices.shape[1]
        at = min(int(time_s / self.duration_s * bins), bins - 1)
        reach = max(1, round(0.3 / self.duration_s * bins))
        near = self.voices[:, max(0, at - reach) : at + reach + 1].max(1)
        return bool(near[0] > 0.3), bool(near[1] > 0.3)  # -42 dBFS
