"""What happened when: both voices, the movement of every avatar, and the gestures noticed in it.

Curves have at most some hundred bins, however long the call is; jobs/timeline.py collects them for the report page.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from avtr_cli.core.arrays import Floats

BINS = 800  # about the width of a chart in pixels
QUIETEST_DB = -60.0  # drawn as nothing
LONG_BIN_S = 0.5  # in a longer bin there is always a blink, so its mean says more than its widest
HEARD = 0.3  # of a voice's height: -42 dBFS
NEAR_S = 0.2  # around a moment: shorter pauses are within speech

GESTURES = ("nod", "smile", "brow raise", "look away", "blink")


@dataclass(frozen=True)
class Gesture:
    """One gesture of an avatar: one of GESTURES, where it began, and whether the avatar was listening then."""

    name: str
    time_s: float
    listening: bool = False


@dataclass(frozen=True)
class Curves:
    """One avatar's movement, float32 (bins,) each; None where the motion does not tell.

    mouth, smile, brow, blink  how far from rest; 1 is as far as it goes, or the widest of this video where `relative`
    nod                        how strongly the head nods: degrees, root mean square of 1.2 to 4 Hz
    away                       degrees between the gaze and the camera
    pitch, yaw, roll           of the head, degrees; down, to the left of the picture, clockwise
    gestures                   in order of time
    listens                    (first, end) in seconds, wherever it says nothing or a word, and the partner is heard
    """

    mouth: Floats
    blink: Floats
    nod: Floats
    pitch: Floats
    yaw: Floats
    roll: Floats
    smile: Floats | None = None
    brow: Floats | None = None
    away: Floats | None = None
    relative: bool = False
    gestures: tuple[Gesture, ...] = ()
    listens: tuple[tuple[float, float], ...] = ()

    @property
    def listens_s(self) -> float:
        """Seconds in which it listens."""
        return sum(end - first for first, end in self.listens)

    def counts(self, listening: bool) -> Mapping[str, int]:
        """How many gestures of each kind that is known here began while it listened, or otherwise."""
        unknown = {"smile": self.smile is None, "brow raise": self.brow is None, "look away": self.away is None}
        unknown["blink"] = self.relative  # where nobody blinks, the widest of all is no blink either
        counts = {name: 0 for name in GESTURES if not unknown.get(name, False)}
        for gesture in self.gestures:
            counts[gesture.name] += gesture.listening == listening
        return counts


@dataclass(frozen=True)
class Timeline:
    """`voices` are float32 (2, bins), rows (avatar, partner), 0 for silence and 1 for full scale, in decibels.

    `moments` (s) are spread over the video, moved to where no eye is closing.
    """

    duration_s: float
    voices: Floats
    curves: tuple[Curves, ...]
    moments: tuple[float, ...] = field(default=())

    def speaking(self, time_s: float) -> tuple[bool, bool]:
        """Whether each side is heard around `time_s`."""
        bins = self.voices.shape[1]
        at = min(int(time_s / self.duration_s * bins), bins - 1)
        reach = max(1, round(NEAR_S / self.duration_s * bins))
        near = self.voices[:, max(0, at - reach) : at + reach + 1].max(1)
        return bool(near[0] > HEARD), bool(near[1] > HEARD)
