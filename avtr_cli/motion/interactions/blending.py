"""A reaction laid over the motion that goes on: speech goes on and its lips shut, heads are held, eyes follow.

Rows are controls (T, 58), float64. `speaking` (T,) in 0 .. 1 is how far the own voice moves the mouth.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from avtr_cli.core.arrays import Doubles, Indices
from avtr_cli.core.motion_space import ARKIT_BLENDSHAPES, CONTROLS, EYE_RANGE_DEGREES, HEAD_CHANNELS, SEAL_JAW

FURTHEST = np.array([9.0, 14.0, 9.0, 0.16, 0.12, 0.40])  # of what a reaction adds to the head: degrees, EO
WIDEST_SMILE = 0.62
CLOSES_MOST = 0.07  # of mouthClose: what shuts a photo's own parted lips
EYES_STAY = 0.75  # share of an added turn that the eyes take back
SPEECH_KEEPS_SMILE, SPEECH_KEEPS_MOUTH = 0.45, 0.8  # shares of a reaction that speech takes back
SATURATES = 0.35  # share of a reaction's weight that a control which is up already takes back
SOUR_ENDS_SMILES = 0.85  # share of a smile that frown and lowered brows take back
PURSED_KEEPS = 0.6  # share of a smile that pursed lips take back
LEAST_SHUT = 0.02  # share of shut lips below which they are not shut by speech


def _columns(*names: str) -> Indices:
    return np.array([CONTROLS.index(name) for name in names])


def _pairs(*names: str) -> Indices:
    return _columns(*(f"{name}{side}" for name in names for side in ("Left", "Right")))


_HEAD = _columns(*HEAD_CHANNELS)
_MOUTH = _columns(*(name for name in ARKIT_BLENDSHAPES if name.startswith(("jaw", "mouth", "tongue"))))
_JAW, _CLOSE, _PUCKER = (CONTROLS.index(name) for name in ("jawOpen", "mouthClose", "mouthPucker"))
_SMILE, _SMILES = _pairs("mouthSmile"), _pairs("mouthSmile", "mouthDimple")
_CORNERS = _pairs("mouthSmile", "mouthDimple", "mouthFrown")
_REST_OF_MOUTH = np.setdiff1d(_MOUTH, [*_CORNERS, _JAW, _CLOSE])
_PARTING = _pairs("mouthUpperUp", "mouthLowerDown", "mouthStretch")
_UPPER_UP, _BLINK, _WIDE = _pairs("mouthUpperUp"), _pairs("eyeBlink"), _pairs("eyeWide")
_FROWN, _BROW_DOWN = CONTROLS.index("mouthFrownLeft"), CONTROLS.index("browDownLeft")
_WEIGHTS = np.arange(len(ARKIT_BLENDSHAPES))
_ADDED = np.setdiff1d(_WEIGHTS, _BLINK)
_LOOK_RIGHT, _LOOK_LEFT = _columns("eyeLookOutLeft", "eyeLookInRight"), _columns("eyeLookInLeft", "eyeLookOutRight")
_LOOK_DOWN, _LOOK_UP = _pairs("eyeLookDown"), _pairs("eyeLookUp")
_LEAST = np.where(np.isin(_WEIGHTS, _SMILE), -1.0, 0.0)  # a photo's own smile is taken back by one below zero


@dataclass(frozen=True)
class Overlay:
    """What a reaction adds to T frames.

    added   (T, 58) weights that add up                head  (T, 6) degrees and EO
    peak    (T, 58) weights of which the largest counts
    gaze    (T, 2) weighted sums of where the eyes are wanted, to the right of the picture and down
    wanted  (T,) the sum of those weights
    unsmile (T,) in 0 .. 1: how much of the photo's own smile is gone
    """

    added: Doubles
    peak: Doubles
    head: Doubles
    gaze: Doubles
    wanted: Doubles
    unsmile: Doubles


def blend(rows: Doubles, overlay: Overlay, speaking: Doubles) -> Doubles:
    """`rows` with the reaction over them; within [0, 1], smiles within [-1, 1]."""
    rows, weights = rows.copy(), np.maximum(overlay.added, overlay.peak)
    shut = np.minimum(1, rows[:, _CLOSE].clip(0) / np.maximum(rows[:, _JAW], SEAL_JAW))  # by speech
    _let_speak(weights, rows, speaking, shut)
    _end_smiles(rows, weights, overlay, speaking)
    over = rows[:, _ADDED], weights[:, _ADDED]
    rows[:, _ADDED] = over[0] + over[1] * np.where(over[1] > 0, 1 - SATURATES * over[0].clip(0, 1), 1.0)
    rows[:, _BLINK] = np.maximum(rows[:, _BLINK], weights[:, _BLINK])
    rows[:, _WIDE] *= 1 - rows[:, _BLINK].max(axis=1, keepdims=True).clip(0, 1)
    sealed = np.maximum(rows[:, _CLOSE], shut * rows[:, _JAW])
    rows[:, _CLOSE] = np.where(shut > LEAST_SHUT, sealed, rows[:, _CLOSE])
    _turn(rows, overlay)
    rows[:, _WEIGHTS] = np.clip(rows[:, _WEIGHTS], _LEAST, 1)
    return rows


def _let_speak(weights: Doubles, rows: Doubles, speaking: Doubles, shut: Doubles) -> None:
    """Speech takes its mouth back: the more, the more it moves it, and lips that it shuts are not parted."""
    quiet = 1 - speaking
    weights[:, _JAW] *= quiet
    closes = np.minimum(weights[:, _CLOSE], CLOSES_MOST) * quiet
    weights[:, _CLOSE] = closes * (1 - np.minimum(1, 8 * weights[:, _JAW]))
    weights[:, _CORNERS] *= (1 - SPEECH_KEEPS_SMILE * speaking)[:, None]
    weights[:, _REST_OF_MOUTH] *= (1 - SPEECH_KEEPS_MOUTH * speaking)[:, None]
    weights[:, _PARTING] *= (1 - shut)[:, None]
    weights[:, _SMILE] *= (1 - PURSED_KEEPS * rows[:, _PUCKER].clip(0, 1))[:, None]


def _end_smiles(rows: Doubles, weights: Doubles, overlay: Overlay, speaking: Doubles) -> None:
    """Nobody goes on smiling at a slap, nor does a photo that smiles; and smiles that add up stretch no lips."""
    sour = np.minimum(1, overlay.added[:, _FROWN] + overlay.added[:, _BROW_DOWN])
    rows[:, _SMILES] *= (1 - SOUR_ENDS_SMILES * sour)[:, None]
    gone = overlay.unsmile
    weights[:, _SMILE] -= gone[:, None]
    weights[:, _JAW] *= 1 - 0.8 * gone
    weights[:, _UPPER_UP] *= (1 - 0.8 * gone)[:, None]
    weights[:, _CLOSE] = np.maximum(weights[:, _CLOSE], CLOSES_MOST * gone * (1 - speaking))
    smiles = weights[:, _SMILE]
    weights[:, _SMILE] = np.where(smiles > 0, WIDEST_SMILE * np.tanh(smiles / WIDEST_SMILE), smiles)


def _turn(rows: Doubles, overlay: Overlay) -> None:
    """The head, within what a warp of one photo can show; eyes stay where they look, or go where they are wanted."""
    head = FURTHEST * np.tanh(overlay.head / FURTHEST)
    rows[:, _HEAD[:3]] += np.radians(head[:, :3])
    rows[:, _HEAD[3:]] += head[:, 3:]
    looks = np.stack(
        [rows[:, _LOOK_RIGHT[0]] - rows[:, _LOOK_LEFT[0]], rows[:, _LOOK_DOWN[0]] - rows[:, _LOOK_UP[0]]], axis=1
    )
    # The picture's left is where +yaw turns to: eyes that stay go right. +pitch nods down: they go up.
    back = np.array([1.0, -1.0]) * (EYES_STAY / EYE_RANGE_DEGREES)
    stay = looks + back * head[:, [1, 0]]
    wish = overlay.gaze / np.maximum(overlay.wanted, 1e-9)[:, None] + back * np.degrees(rows[:, _HEAD[[1, 0]]])
    share = np.minimum(overlay.wanted, 1)[:, None]
    x, y = np.clip(stay * (1 - share) + wish * share, -1, 1).T[:, :, None]
    rows[:, _LOOK_RIGHT], rows[:, _LOOK_LEFT] = x.clip(0), (-x).clip(0)
    rows[:, _LOOK_DOWN], rows[:, _LOOK_UP] = y.clip(0), (-y).clip(0)
