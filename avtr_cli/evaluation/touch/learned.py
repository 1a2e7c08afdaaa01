"""Learned answers to touch beside drawn ones, in motion space: 13 channels from the touch on.

Truth is the drawn answer itself, of other seeds. Distances between means are without what chance makes of few seeds, so
that an answer which is always the mean gains nothing by it; 0 is as near as two draws of one thing are.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from avtr_cli.core.arrays import Doubles, Indices, Mask
from avtr_cli.core.interaction import TONES, Interaction
from avtr_cli.core.motion_space import CONTROLS, SEAL_JAW
from avtr_cli.evaluation.stats import correlation
from avtr_cli.evaluation.touch.speech import CLOSED, STAYS
from avtr_cli.evaluation.touch.tones import TOLD_AT, told

VISIBLE = {
    "pitch": 0.8, "yaw": 0.8, "roll": 0.8, "x": 0.012, "y": 0.012, "z": 0.05, "mouthSmile": 0.05, "mouthFrown": 0.06,
    "browInnerUp": 0.06, "browOuterUp": 0.06, "browDown": 0.08, "eyeSquint": 0.10, "eyeWide": 0.10,
}  # fmt: skip
"""The channels in their order, and of each the least change that is visible: degrees, EO, weights; judged by eye."""
UNITS = np.array(list(VISIBLE.values()))
LATERAL = 0.2  # EO from the nose: nearer, a touch has no side
SOON, LATER, AFTER_6_S = (6, 8, 14), (14, 22, 34), 150  # frames after the touch

NEEDED = {
    "tone": "told on another photo", "side": "head to the right side", "returned": "as untouched after 6 s",
    "mean_off": "mean answer from truth's, visible units", "together_off": "correlations of channels from truth's",
    "rough": "third differences over truth's", "spread": "between seeds over truth's",
}  # fmt: skip
"""What is told of an arm, in the order of the table."""


@dataclass(frozen=True)
class Touches:
    """Of n trials: the photo of each, the touch, and the group of those that differ in seed alone, int (n,)."""

    photos: Sequence[str]
    touches: Sequence[Interaction]

    @property
    def tones(self) -> Indices:
        """(n,) of TONES."""
        return np.array([TONES.index(touch.tone) for touch in self.touches])

    @property
    def groups(self) -> Indices:
        """(n,) the same number for the same touch of the same photo."""
        keys = [(photo, touch) for photo, touch in zip(self.photos, self.touches, strict=True)]
        numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
        return np.array([numbers[key] for key in keys])


def judged(trials: Touches, truth: Doubles, arm: Doubles) -> dict[str, float]:
    """The numbers of NEEDED of one arm (n, T, 13) beside the truth (n, T, 13)."""
    true, seen = truth / UNITS, arm / UNITS
    return {
        "tone": _tone(trials, true, seen),
        "side": _side(trials, seen),
        "returned": float((np.abs(seen[:, AFTER_6_S]) <= 1).all(axis=1).mean()),
        "mean_off": _mean_off(trials.groups, true, seen),
        "together_off": _together_off(trials.tones, true, seen),
        "rough": float(np.sqrt(_roughness(seen) / _roughness(true))),
        "spread": float(np.sqrt(_within(trials.groups, seen).mean() / _within(trials.groups, true).mean())),
    }


def _tone(trials: Touches, true: Doubles, seen: Doubles) -> float:
    """Share of tones told of each photo by what was learned from the truth of all others."""
    photos, tones, right = np.array(trials.photos), trials.tones, 0
    for photo in dict.fromkeys(trials.photos):
        here = photos == photo
        asked, learned = (one[:, list(TOLD_AT)].reshape(len(one), -1) for one in (seen[here], true[~here]))
        right += int((told(learned, tones[~here], asked) == tones[here]).sum())
    return right / len(tones)


def _side(trials: Touches, seen: Doubles) -> float:
    """Away from what hurts, into what is dear: share of lateral touches."""
    yaw, roll, right = seen[:, SOON, 1].mean(axis=1), seen[:, LATER, 2].mean(axis=1), []
    for at, touch in enumerate(trials.touches):
        if abs(touch.aside) >= LATERAL and touch.tone != "neutral":
            right.append(math.copysign(1, touch.aside) * (yaw if touch.tone == "aggressive" else roll)[at] > 0)
    return float(np.mean(right)) if right else math.nan


def _mean_off(groups: Indices, true: Doubles, seen: Doubles) -> float:
    """Root mean square distance between the means of a touch over its seeds, chance taken off; visible units."""
    squares = []
    for group in np.unique(groups):
        one, other = (values[groups == group][:, list(TOLD_AT)] for values in (true, seen))
        chance = one.var(axis=0, ddof=1) / len(one) + other.var(axis=0, ddof=1) / len(other)
        squares.append((np.square(one.mean(axis=0) - other.mean(axis=0)) - chance).mean())
    return math.sqrt(max(0.0, float(np.mean(squares))))


def _together_off(tones: Indices, true: Doubles, seen: Doubles) -> float:
    """Root mean square difference of the correlations between channels, of each tone by itself."""
    off = []
    for tone in np.unique(tones):
        one, other = (_correlations(values[tones == tone][:, list(TOLD_AT)]) for values in (true, seen))
        off.append(np.square(one - other)[np.triu_indices(len(one), 1)].mean())
    return math.sqrt(float(np.mean(off)))


def _correlations(values: Doubles) -> Doubles:
    """(n, times, C) -> (C, C); 0 with a channel that is still."""
    flat = values.reshape(-1, values.shape[-1])
    flat = flat - flat.mean(axis=0)
    norms = np.linalg.norm(flat, axis=0)
    return np.asarray(flat.T @ flat / np.maximum(np.outer(norms, norms), 1e-9), np.float64)


def _roughness(seen: Doubles) -> float:
    return float(np.square(np.diff(seen, 3, axis=1)).mean())


def _within(groups: Indices, seen: Doubles) -> Doubles:
    """(groups,) variance of a touch's answers over its seeds."""
    return np.array([seen[groups == group].var(axis=0, ddof=1).mean() for group in np.unique(groups)])


def speech_kept(untouched: Doubles, touched: Doubles, speaking: Mask) -> dict[str, float]:
    """Of controls (T, 58) without and with answers: the mouth's opening in speech, r; closures that are kept."""
    neutral = np.zeros(len(CONTROLS))
    openings = [CONTROLS.readings(rows, neutral).mouth[speaking] for rows in (touched, untouched)]
    close, jaw = CONTROLS.index("mouthClose"), CONTROLS.index("jawOpen")
    shut = [rows[:, close] / np.maximum(rows[:, jaw], SEAL_JAW) for rows in (touched, untouched)]
    closed = speaking & (shut[1] > CLOSED)
    return {
        "aperture_r": correlation(np.asarray(openings[0]), np.asarray(openings[1])),
        "closures": float((shut[0][closed] > STAYS).mean()) if closed.any() else math.nan,
    }


def beats(learned: Mapping[str, float], late: Mapping[str, float], drawn: Mapping[str, float]) -> dict[str, bool]:
    """Whether a run beats its controls, by the three points of docs/interactions.md; `learned` has its speech too."""
    return {
        "late": learned["tone"] >= late["tone"] + 0.3 and learned["mean_off"] <= 0.5 * late["mean_off"],
        "drawn": all(learned[name] >= drawn[name] - 0.02 for name in ("tone", "side", "returned"))
        and all(learned[name] < drawn[name] for name in ("mean_off", "together_off"))
        and learned["rough"] <= 1.1,
        "speech": learned["aperture_r"] >= 0.98 and learned["closures"] >= 0.99,
    }
