"""Both voices of a call into what the avatar's face and head do: the ground truth besides the mouth, at 25 fps.

Stochastic rules, after what is known of people; none is fitted to recordings of people. Nods and brow raises
answer the partner's phrase ends and low-pitch regions (Ward & Tsukahara 2000), smiles mirror a lively partner
(Hess & Bourgeois 2010), gaze turns away while planning speech (Kendon 1967; Andrist et al. 2014), head and
brows beat on accents (Munhall et al. 2004; Flecha-Garcia 2010), blinks come in log-normal gaps, more at the
end of a phrase (Cummins 2012). Posture is a slow Ornstein-Uhlenbeck sway that never stops.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from scipy.ndimage import convolve1d
from scipy.signal import lfilter

from avtr_cli.audio.accents import RATE
from avtr_cli.core.arrays import Doubles, Floats, Indices, Mask, Reals
from avtr_cli.core.config import EMOTIONS
from avtr_cli.core.timing import FPS
from avtr_cli.motion import gestures
from avtr_cli.motion.gestures import CURVES
from avtr_cli.motion.lmfm.articulation import FACE
from avtr_cli.training.prosody import Prosody

STYLE = ("mouth", "head", "smile", "nod", "blink", "brow", "gaze", "posture")
"""How people differ: one normal number each, clipped to +-2; the model's identity condition."""
FLAGS = ("voice", "ended", "ended_long", "low_pitch", "lively", "accent")
"""What is to be heard in one side at one frame; the targets of the model's partner head."""

_PHRASE = 0.7  # s from which a unit is a phrase that a listener answers
_SETTLED = {
    "neutral": {"smile": 0.04},
    "happy": {"smile": 0.4, "squint": 0.2, "browOuter": 0.08},
    "serious": {"browDown": 0.34, "squint": 0.14, "frown": 0.08},
    "surprised": {"browInner": 0.5, "browOuter": 0.5, "wide": 0.4},
    "sad": {"browInner": 0.45, "frown": 0.34, "squint": 0.08, "pitch": 4.0},
}  # the face's resting place at full intensity
_RATES = {
    "neutral": {},
    "happy": {"smile": 1.7, "brow": 1.2},
    "serious": {"smile": 0.2, "nod": 0.8},
    "surprised": {"brow": 1.9},
    "sad": {"smile": 0.2, "nod": 0.7, "accent": 0.6},
}  # times the usual chance of a gesture
_WANDER = {  # (tau s, sd before smoothing by _SMOOTH frames)
    "pitch": (2.5, 1.0), "yaw": (2.5, 1.2), "roll": (2.5, 0.75), "x": (3.0, 1.2), "y": (3.0, 0.8), "z": (3.5, 2.0),
    "talkPitch": (0.4, 2.3), "talkYaw": (0.45, 2.7), "talkRoll": (0.4, 1.6), "smile": (3.0, 0.04),
    "smileSide": (3.0, 0.03), "browInner": (2.0, 0.05), "browOuter": (2.0, 0.04), "browDown": (2.5, 0.04),
    "squint": (2.5, 0.06), "wide": (2.5, 0.03), "frown": (3.0, 0.02), "mouthSide": (2.0, 0.06),
    "talkX": (1.5, 5.0), "talkY": (1.5, 3.6), "talkZ": (2.5, 3.0), "talkBrow": (0.5, 0.45), "talkInner": (0.8, 0.16),
    "browSide": (1.5, 0.09), "talkSmile": (1.6, 0.16), "lid": (1.1, 0.5),
}  # fmt: skip
_TRAVEL = {  # the same, of where talk takes them from phrase to phrase; added
    "talkPitch": (2.2, 4.7), "talkYaw": (2.5, 5.9), "talkRoll": (2.3, 4.1), "talkX": (2.8, 7.0), "talkY": (2.5, 4.5),
    "talkBrow": (1.8, 0.42),
}  # fmt: skip
_SMOOTH = {"talkPitch": 9, "talkYaw": 9, "talkRoll": 9, "talkBrow": 7, "talkInner": 9, "lid": 11}
_SLOW_SMOOTH, _TRAVEL_SMOOTH = 29, 19
_LIDS_AT_REST = 0.5  # of the lids' sway in speech
_STRESS = 0.26  # brow weight of a typical accent of the voice; accents differ by the exponent of a normal number

Chance = Callable[[str, float], bool]
"""(gesture, how likely it is with a person like all others) -> whether it happens, drawn."""


@dataclass
class Behaviour:
    """face (T, 26), curves (T, 8), starts bool (T, 7) in the order of gestures.EVENTS, gaze cell int (T,)."""

    face: Floats
    curves: Floats
    starts: Mask
    gaze_cell: Indices
    _next: Indices = field(default_factory=lambda: np.zeros(len(gestures.EVENTS), int))

    def begin(self, event: str, second: float, rng: np.random.Generator, strength: float = 1.0, cell: int = 0) -> bool:
        """Start a gesture unless the same is still in its refractory time; gaze columns hold steps until summed."""
        frame, row = round(second * FPS), gestures.EVENTS.index(event)
        if not 0 <= frame < len(self.curves) or frame < self._next[row]:
            return False
        present = self.curves[:frame, -2:].sum(0) if event == "gaze" else (0.0, 0.0)
        numbers = rng.random(gestures.NUMBERS)
        curve = gestures.draw(event, numbers, strength, gestures.GAZE_CELLS[cell], tuple(present))
        stop = min(frame + len(curve), len(self.curves))
        self.curves[frame:stop] += curve[: stop - frame]
        self.starts[frame, row] = True
        self._next[row] = frame + gestures.REFRACTORY[event]
        if event == "gaze":
            self.gaze_cell[frame] = cell
        return True


def flags(prosody: Prosody, frames: int) -> Floats:
    """float32 (frames, 6): what a listener could know of this side, frame by frame."""
    out = np.zeros((frames, len(FLAGS)), np.float32)
    t = (np.arange(frames) + 0.5) / FPS
    at = np.minimum((t * RATE).astype(int), len(prosody.speech) - 1)
    out[:, 0] = prosody.speech[at]
    out[:, 3] = prosody.low_pitch[at]
    for start, end, _, lively in prosody.units:
        if end - start > _PHRASE:
            out[(t >= end) & (t < end + 0.5), 1] = 1
            out[(t >= end) & (t < end + 1.5), 2] = 1
        if lively:
            out[(t >= start + 0.5) & (t < end + 1.0), 4] = 1
    for accent in prosody.accents:
        out[np.abs(t - accent) < 1.6 / FPS, 5] = 1
    return out


def behave(
    own: Prosody,
    partner: Prosody,
    frames: int,
    style: Reals,
    emotion: str,
    intensity: float,
    rng: np.random.Generator,
) -> Behaviour:
    """One avatar's face in one call. `style` (8,) in +-2; `intensity` in [0, 1] of the emotion."""
    made = Behaviour(
        _face(own, partner, frames, style, emotion, intensity, rng),
        np.zeros((frames, len(CURVES)), np.float32),
        np.zeros((frames, len(gestures.EVENTS)), bool),
        np.zeros(frames, np.int64),
    )
    rate = {name: 1 + intensity * (factor - 1) for name, factor in _RATES[emotion].items()}
    person = dict(zip(STYLE, style, strict=True))

    def chance(event: str, base: float) -> bool:
        return bool(rng.random() < min(base * rate.get(event, 1.0) * np.exp(0.25 * person.get(event, 0.0)), 0.95))

    for second, event, strength in sorted(_gestures(own, partner, chance, rng)):
        made.begin(event, second, rng, strength * float(np.exp(0.12 * person.get(event, 0.0))))
    _gaze(made, own, frames, person["gaze"], rng)
    _blinks(made, own, frames, person["blink"], rng)
    made.curves[:, -2:] = np.cumsum(made.curves[:, -2:], axis=0)
    return made


def _speaks(prosody: Prosody, second: float) -> bool:
    at = int(second * RATE)
    return bool(0 <= at < len(prosody.speech) and prosody.speech[at])


def _gestures(
    own: Prosody, partner: Prosody, chance: Chance, rng: np.random.Generator
) -> list[tuple[float, str, float]]:
    """(second, event, strength) of every answer to the partner and every beat of the own speech."""
    out = []
    for start, end, _, lively in partner.units:
        if end - start <= _PHRASE:
            continue
        if chance("nod", 0.75):
            delay = rng.normal(0.3, 0.1) if rng.random() < 0.7 else rng.normal(0.65, 0.12)
            out.append((end + max(delay, 0.04), "nod", 1.0))
        if chance("brow", 0.45 if lively else 0.2):
            out.append((end + max(rng.normal(0.25, 0.1), 0.04), "brow", 1.0))
        if chance("smile", 0.5 if lively else 0.18):
            out.append((end + max(rng.normal(0.3, 0.15), 0.04), "smile", 1.2 if lively else 1.0))
    for end in partner.low_pitch_ends:
        if chance("nod", 0.5):
            out.append((end + max(rng.normal(0.7, 0.1), 0.2), "nod", 0.8))
    out = [(t, event, strength) for t, event, strength in out if event == "smile" or not _speaks(own, t)]
    for start, _, feedback, lively in own.units:
        if feedback and chance("nod", 0.8):
            out.append((start + rng.uniform(-0.1, 0.1), "nod", 1.0))
        elif not feedback and chance("turn", 0.55):
            out.append((start - rng.uniform(0.05, 0.25), "turn", 1.0))
        if lively and chance("smile", 0.2):
            out.append((start + rng.uniform(0.3, 0.9), "smile", 0.9))
    for accent in own.accents:
        if chance("accent", 0.6):
            out.append((accent - 0.2, "accent", 1.0))
        if chance("brow", 0.22):
            out.append((accent - 0.16, "brow", 0.8))
        if chance("turn", 0.1):
            out.append((accent - 0.1, "turn", 0.7))
    return out


def _gaze(made: Behaviour, own: Prosody, frames: int, trait: float, rng: np.random.Generator) -> None:
    """Fixations of log-normal length; a planned look away at the start of a long turn."""
    turns = [start for start, end, _, _ in own.units if end - start > 1.5]
    second, away = 0.4, False
    while second < frames / FPS:
        speaking = _speaks(own, second) or _speaks(own, second + 0.3)
        starting = any(-0.1 < start - second < 0.6 for start in turns)
        share = (0.6 if starting else 0.36 if speaking else 0.13) * np.exp(0.25 * trait)
        away = not away and rng.random() < min(share, 0.9)
        cell = int(rng.integers(1, len(gestures.GAZE_CELLS))) if away else 0
        if made.begin("gaze", second, rng, cell=cell) and away and rng.random() < 0.12:
            made.begin("blink", second, rng)
        typical = 0.75 if away else 1.5
        second += max(rng.lognormal(np.log(typical), 0.5), 0.36)


def _blinks(made: Behaviour, own: Prosody, frames: int, trait: float, rng: np.random.Generator) -> None:
    """Log-normal gaps and half of the own phrase ends; those of gaze shifts are there already.

    People blink twice as often while they speak (Bentivoglio et al. 1997: 17 a minute at rest, 26 in conversation; 26
    to 53 in the clips of `targets`).
    """
    ends = {round(end, 2) for start, end, _, _ in own.units if end - start > _PHRASE and rng.random() < 0.5}
    regular, second = set(), float(rng.uniform(0.3, 3.0))
    while second < frames / FPS:
        regular.add(round(second, 2))
        median = (1.5 if _speaks(own, second) else 3.9) * np.exp(-0.25 * trait)
        second += max(rng.lognormal(np.log(median), 0.6), 0.5)
    taken = np.flatnonzero(made.starts[:, gestures.EVENTS.index("blink")]) / FPS
    made._next[:] = 0
    for second in sorted(ends | regular):
        if not len(taken) or np.abs(taken - second).min() > 0.5:
            made.begin("blink", second, rng)


def wander(frames: int, tau: float, sd: float, smooth: int, rng: np.random.Generator) -> Doubles:
    """A stationary Ornstein-Uhlenbeck path at 25 fps, smoothed by a Hann window of `smooth` frames."""
    margin = smooth + int(4 * tau * FPS)
    keep = np.exp(-1 / (tau * FPS))
    path = lfilter([sd * np.sqrt(1 - keep**2)], [1, -keep], rng.standard_normal(frames + margin + smooth))
    window = np.hanning(smooth + 2)[1:-1]
    smoothed: Doubles = convolve1d(path, window / window.sum())[margin : margin + frames]
    return smoothed


def _face(
    own: Prosody,
    partner: Prosody,
    frames: int,
    style: Reals,
    emotion: str,
    intensity: float,
    rng: np.random.Generator,
) -> Floats:
    """Posture, where talk takes head and brows, and where the face rests: (frames, 26)."""
    person = dict(zip(STYLE, style, strict=True))
    t = np.minimum((np.arange(frames) + 0.5) / FPS * RATE, len(own.speech) - 1).astype(int)
    settle = np.hanning(51)[1:-1] / np.hanning(51)[1:-1].sum()
    listening = convolve1d((partner.speech[t] & ~own.speech[t]).astype(float), settle, mode="nearest")
    speaking = convolve1d(own.speech[t].astype(float), settle, mode="nearest")
    loud = np.where(own.speech[t], (own.level_db[t] + 30) / 12, 0.0)
    beat = convolve1d(loud, np.hanning(9)[1:-1] / np.hanning(9)[1:-1].sum(), mode="nearest")
    drift = beat - convolve1d(beat, settle, mode="nearest")
    out = np.zeros((frames, len(FACE)), np.float32)
    for column, name in enumerate(FACE):
        tau, sd = _WANDER[name]
        if name.startswith("talk"):
            sd *= np.exp(0.2 * person["head"])
        elif name in ("pitch", "yaw", "roll", "x", "y", "z"):
            sd *= np.exp(0.15 * person["posture"])
        out[:, column] = wander(frames, tau, sd, _SMOOTH.get(name, _SLOW_SMOOTH), rng)
        if name in _TRAVEL:
            tau, sd = _TRAVEL[name]
            sd *= np.exp(0.2 * person["head"])
            out[:, column] += wander(frames, tau, sd, _TRAVEL_SMOOTH, rng)
        out[:, column] += intensity * _SETTLED[emotion].get(name, 0.0)
    out[:, FACE.index("lid")] *= _LIDS_AT_REST + (1 - _LIDS_AT_REST) * speaking
    out[:, FACE.index("smile")] += 0.04 * person["smile"]
    out[:, FACE.index("z")] -= 2.5 * listening  # leaning in while listening
    out[:, FACE.index("roll")] += rng.normal(0, 1.2) * listening
    out[:, FACE.index("talkPitch")] += 1.6 * drift  # head height follows loudness and pitch (Munhall et al. 2004)
    out[:, FACE.index("talkBrow")] += np.exp(0.3 * person["brow"]) * _stressed(own, frames, rng)
    return out


def _stressed(own: Prosody, frames: int, rng: np.random.Generator) -> Doubles:
    """Brow raises on the accents of the own voice, of many sizes, some of them downwards: (frames,) weights."""
    out = np.zeros(frames)
    t = (np.arange(frames) + 0.5) / FPS
    for accent in own.accents:
        size = _STRESS * float(np.exp(0.6 * rng.standard_normal())) * (1 if rng.random() < 0.8 else -0.7)
        early, long = rng.uniform(0.0, 0.12), rng.uniform(0.09, 0.2)
        out += size * np.exp(-(((t - accent + early) / long) ** 2))
    return out


def draw_person(rng: np.random.Generator) -> tuple[Doubles, str, float]:
    """A style vector, an emotion and its intensity: four in ten people are neutral."""
    style = np.clip(rng.standard_normal(len(STYLE)), -2, 2)
    if rng.random() < 0.4:
        return style, "neutral", 0.0
    return style, EMOTIONS[rng.integers(1, len(EMOTIONS))], float(rng.uniform(0.2, 1.0))
