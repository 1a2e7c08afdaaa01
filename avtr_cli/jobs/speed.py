"""What a job costs on this machine, as a micro-run measured it, and what a longer one will take."""

from __future__ import annotations

import math
from dataclasses import dataclass

from avtr_cli.core.timing import FPS

WHOLE_CALL_S = 4.0  # that models which hear a call whole make at once: UniLS's clips


@dataclass(frozen=True)
class Speed:
    """What a job costs here."""

    startup_s: float  # of every job with models loaded: portrait, first chunk, joining
    realtime_factor: float  # seconds of video per second, after that
    motion_s: float = 0.0  # and before it, for each WHOLE_CALL_S begun of a call that is heard whole

    def seconds(self, frames: int, makes_motion: bool = True) -> float:
        """Of wall time for a job of so many frames, whose motion is there already unless it `makes_motion`."""
        duration = frames / FPS
        motion = math.ceil(duration / WHOLE_CALL_S) * self.motion_s if makes_motion else 0.0
        return self.startup_s + motion + duration / self.realtime_factor
