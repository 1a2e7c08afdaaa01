"""One gesture (a nod, a blink, a look) as a curve over frames: amplitudes and times drawn, shapes by rule.

The trained model decides *when* a gesture starts; what it then looks like is drawn here, from the ranges
people show. The ground truth uses the same curves, and the model card says that they are drawn, not learned.

Sources: nods 1-3 cycles at 1.8-3.2 Hz, Hadar et al. 1985; blinks 80 ms shut, 50 ms held, 170 ms open,
VanderWerf et al. 2003; brow raises of some hundred ms on accents, Flecha-Garcia 2010; saccades of two
frames, Lee, Badler & Badler 2002.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from avtr_cli.core.arrays import Doubles, Floats
from avtr_cli.core.timing import FPS

CURVES = ("pitch", "yaw", "roll", "brow", "smile", "blink", "gazeX", "gazeY")
"""The gestures' sum: degrees, ARKit weights, and gaze in -1..1 (+x to the left of the picture, +y down)."""

EVENTS = ("nod", "brow", "smile", "blink", "gaze", "accent", "turn")
ROW = {event: row for row, event in enumerate(EVENTS)} | {"shake": EVENTS.index("turn")}
"""The event whose numbers and pauses a gesture shares: a shake of the head, which comes on cue alone, a turn's."""
NUMBERS = 6  # uniform numbers that one gesture takes
LONGEST = 64  # frames that any gesture may last

GAZE_CELLS = ((0.0, 0.0), (0.36, -0.05), (-0.36, -0.05), (0.2, -0.26), (-0.2, -0.26), (0.22, 0.24), (-0.22, 0.24))
"""Where the eyes may rest: on the partner (the camera), to a side, up or down to a side; gaze units."""

REFRACTORY = {"nod": 16, "brow": 14, "smile": 40, "blink": 11, "gaze": 8, "accent": 6, "turn": 22}
"""Frames after a start in which the same gesture cannot start again."""

_Look = tuple[float, float]  # where the eyes rest, gaze units
_COLUMN = {name: k for k, name in enumerate(CURVES)}


def draw(
    event: str,
    u: Doubles,
    strength: float = 1.0,
    target: tuple[float, float] | None = None,
    present: tuple[float, float] = (0.0, 0.0),
) -> Floats:
    """float32 (frames <= 64, 8), the curve from the frame on which the gesture starts.

    `u` holds 6 uniform numbers in [0, 1). For "gaze" the columns are steps per frame from `present` to
    `target` (to be summed over time), for all else values.
    """
    return _DRAWERS[event](u, strength, target or (0.0, 0.0), present)


def _empty(frames: int) -> Floats:
    return np.zeros((min(max(frames, 1), LONGEST), len(CURVES)), np.float32)


def _between(u: float, low: float, high: float) -> float:
    return low + (high - low) * float(u)


def _nod(u: Doubles, strength: float, target: _Look, present: _Look) -> Floats:
    """1-3 decaying cycles, downwards first; starts and ends at rest with no step in speed."""
    cycles = 1 + int(u[0] * 2.6)
    hertz, degrees = _between(u[1], 1.8, 3.2), _between(u[2], 3.0, 7.0) * strength
    curve = _empty(round(cycles / hertz * FPS) + 4)
    phase = np.arange(len(curve)) / FPS * hertz  # in cycles
    decay = np.exp(-0.45 * phase)
    fade = np.clip((cycles - phase) / 0.25, 0, 1)
    curve[:, _COLUMN["pitch"]] = degrees * decay * fade * 0.5 * (1 - np.cos(2 * np.pi * np.minimum(phase, cycles)))
    curve[:, _COLUMN["roll"]] = _between(u[3], -0.12, 0.12) * curve[:, _COLUMN["pitch"]]
    return curve


def _hump(rise: float, hold: float, fall: float) -> Doubles:
    """0 -> 1 -> 0 by raised cosines; times in seconds."""
    t = np.arange(round((rise + hold + fall) * FPS) + 2) / FPS
    up = 0.5 - 0.5 * np.cos(np.pi * np.clip(t / max(rise, 1e-3), 0, 1))
    down = 0.5 + 0.5 * np.cos(np.pi * np.clip((t - rise - hold) / max(fall, 1e-3), 0, 1))
    hump: Doubles = np.minimum(up, down)
    return hump


def _brow(u: Doubles, strength: float, target: _Look, present: _Look) -> Floats:
    shape = _hump(0.14, _between(u[0], 0.1, 0.3), 0.26)
    curve = _empty(len(shape))
    curve[:, _COLUMN["brow"]] = (0.16 + 0.6 * u[1] ** 1.6) * strength * shape[: len(curve)]  # many small, few large
    return curve


def _smile(u: Doubles, strength: float, target: _Look, present: _Look) -> Floats:
    shape = _hump(0.4, _between(u[0], 0.4, 1.1), _between(u[2], 0.6, 0.9))
    curve = _empty(len(shape))
    curve[:, _COLUMN["smile"]] = _between(u[1], 0.2, 0.45) * strength * shape[: len(curve)]
    curve[:, _COLUMN["roll"]] = _between(u[3], -1.5, 1.5) * strength * shape[: len(curve)]
    return curve


def _blink(u: Doubles, strength: float, target: _Look, present: _Look) -> Floats:
    """Two frames shut, one held (sometimes two), four to open; the phase within a frame is drawn."""
    t = (np.arange(10) + _between(u[0], 0.3, 0.9)) / FPS
    held = 0.13 + (0.04 if u[1] > 0.8 else 0.0)
    shape = np.where(t < 0.08, t / 0.08, np.where(t < held, 1.0, np.exp(-((np.maximum(t - held, 0) / 0.085) ** 1.6))))
    curve = _empty(10)
    curve[:, _COLUMN["blink"]] = shape * (1.0 if u[2] > 0.12 else 0.75) * min(strength, 1.0)
    curve[-1] = 0.0
    return curve


def _gaze(u: Doubles, strength: float, target: _Look, present: _Look) -> Floats:
    """A saccade in two frames to `target`, with the scatter that fixations have."""
    curve = _empty(2)
    for axis, (column, number) in enumerate((("gazeX", u[0]), ("gazeY", u[1]))):
        goal = target[axis] * _between(u[2], 0.7, 1.2) * strength + _between(number, -0.035, 0.035)
        curve[:, _COLUMN[column]] = (goal - present[axis]) * np.array([0.65, 0.35])
    return curve


def _accent(u: Doubles, strength: float, target: _Look, present: _Look) -> Floats:
    """The head's beat on a stressed word: a small move up, then down and back."""
    degrees = _between(u[0], 1.0, 2.7) * strength
    curve = _empty(22)
    t = np.arange(22) / FPS
    wave = -0.3 * np.exp(-(((t - 0.08) / 0.07) ** 2)) + np.exp(-(((t - 0.26) / 0.12) ** 2))
    wave *= np.clip(t / 0.08, 0, 1) * np.clip((0.84 - t) / 0.2, 0, 1)
    curve[:, _COLUMN["pitch"]] = degrees * wave
    if u[1] < 0.3:
        curve[:, _COLUMN["yaw"]] = _between(u[2], -3.0, 3.0) * strength * np.maximum(wave, 0)
    if u[3] < 0.3:
        curve[:, _COLUMN["roll"]] = _between(u[4], -2.2, 2.2) * strength * np.maximum(wave, 0)
    return curve


def _turn(u: Doubles, strength: float, target: _Look, present: _Look) -> Floats:
    """A shift of the head held for a second or two, as at the start of a turn."""
    shape = _hump(_between(u[0], 0.5, 0.8), _between(u[1], 0.2, 0.8), 0.8)
    curve = _empty(len(shape))
    shape = shape[: len(curve)] * strength
    curve[:, _COLUMN["yaw"]] = _between(u[2], -4.5, 4.5) * shape
    curve[:, _COLUMN["roll"]] = _between(u[3], -2.5, 2.5) * shape
    curve[:, _COLUMN["pitch"]] = _between(u[4], -2.0, 1.0) * shape
    return curve


def _shake(u: Doubles, strength: float, target: _Look, present: _Look) -> Floats:
    """2 or 3 turns from side to side, swelling and fading, as for a no."""
    cycles = 2 + int(u[0] * 2)
    hertz, degrees = _between(u[1], 1.6, 2.4), _between(u[2], 4.0, 8.0) * strength
    curve = _empty(round(cycles / hertz * FPS) + 2)
    phase = np.minimum(np.arange(len(curve)) / FPS * hertz, cycles)
    swell = 0.5 * (1 - np.cos(2 * np.pi * phase / cycles))
    curve[:, _COLUMN["yaw"]] = (1 if u[3] < 0.5 else -1) * degrees * swell * np.sin(2 * np.pi * phase)
    return curve


_DRAWERS: dict[str, Callable[[Doubles, float, _Look, _Look], Floats]] = {
    "nod": _nod, "brow": _brow, "smile": _smile, "blink": _blink, "gaze": _gaze, "accent": _accent, "turn": _turn,
    "shake": _shake,
}  # fmt: skip
