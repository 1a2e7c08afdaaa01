"""Sounds and motions whose every property is planted, for the tests of the measures."""

from __future__ import annotations

import numpy as np

from avtr_cli.core.motion_space import CONTROLS
from avtr_cli.core.timing import FPS, SAMPLE_RATE, SAMPLES_PER_FRAME
from avtr_cli.evaluation.motion.takes import Dialogue

HEAD = ("headPitch", "headYaw", "headRoll")
BROWS = ("browInnerUp", "browOuterUpLeft", "browOuterUpRight")
SMILE = ("mouthSmileLeft", "mouthSmileRight")
LIDS = ("eyeBlinkLeft", "eyeBlinkRight")
BLINK = (0.6, 1.0, 1.0, 0.7, 0.3, 0.1)
Spans = list[tuple[float, float]]


def voice(seconds: float, spans: Spans, seed: int = 0, level: float = 0.1) -> np.ndarray:
    """Noise in syllables of 4 a second within `spans` (seconds), digital silence elsewhere; float32 (n,)."""
    rng = np.random.default_rng(seed)
    n = round(seconds * SAMPLE_RATE)
    t = np.arange(n) / SAMPLE_RATE
    syllables = 0.35 + 0.65 * np.abs(np.sin(np.pi * 4 * t + 0.7 * np.sin(2.1 * t)))
    gate = np.zeros(n)
    for start, end in spans:
        gate[round(start * SAMPLE_RATE) : round(end * SAMPLE_RATE)] = 1
    return (rng.standard_normal(n) * level * syllables * gate).astype(np.float32)


def call(seconds: float, own: Spans, partner: Spans, name: str = "call") -> Dialogue:
    return Dialogue(name, np.stack([voice(seconds, own, 1), voice(seconds, partner, 2)]))


def telling_partner(seconds: float, seed: int = 0) -> Spans:
    """A partner's phrases of 1.2 to 3 s with pauses of 1 to 3.5 s, to the end of the call."""
    rng = np.random.default_rng(seed)
    spans, at = [], 0.5
    while at + 3 < seconds:
        end = at + rng.uniform(1.2, 3.0)
        spans.append((at, end))
        at = end + rng.uniform(1.0, 3.5)
    return spans


def frames_of(dialogue: Dialogue) -> int:
    return -(-dialogue.sound.shape[1] // SAMPLES_PER_FRAME)


def still(frames: int) -> np.ndarray:
    return np.zeros((frames, len(CONTROLS)), np.float32)


def put(values: np.ndarray, names: tuple[str, ...] | str, curve: np.ndarray | float) -> np.ndarray:
    """Add `curve` to channels of `values`, in place."""
    for name in (names,) if isinstance(names, str) else names:
        values[:, CONTROLS.index(name)] += curve
    return values


def sway(frames: int, seed: int, degrees: float = 0.6) -> np.ndarray:
    """Slow smooth head wander, (frames, 3) radians."""
    rng = np.random.default_rng(seed)
    rough = rng.standard_normal((frames + 200, 3))
    kernel = np.hanning(61)
    smooth = np.stack([np.convolve(column, kernel, "same") for column in rough.T], 1)[100 : 100 + frames]
    return np.radians(degrees) * smooth / smooth.std(0)


def swaying(frames: int, seed: int = 0) -> np.ndarray:
    values = still(frames)
    values[:, [CONTROLS.index(name) for name in HEAD]] = sway(frames, seed)
    return values


def add_nod(values: np.ndarray, frame: int, degrees: float = 4.0) -> None:
    """Two decaying cycles at 2.4 Hz from `frame` on."""
    t = np.arange(22) / FPS
    curve = np.radians(degrees) * np.exp(-1.2 * t) * 0.5 * (1 - np.cos(2 * np.pi * 2.4 * t))
    stop = min(frame + len(curve), len(values))
    if 0 <= frame < stop:
        values[frame:stop, CONTROLS.index("headPitch")] += curve[: stop - frame]


def add_hump(values: np.ndarray, names: tuple[str, ...], frame: int, height: float) -> None:
    """A raised cosine of 0.8 s from `frame` on."""
    curve = height * np.hanning(20)
    stop = min(frame + len(curve), len(values))
    if 0 <= frame < stop:
        for name in names:
            values[frame:stop, CONTROLS.index(name)] += curve[: stop - frame]


def add_blinks(values: np.ndarray, starts: np.ndarray | range | list[int]) -> np.ndarray:
    for start in starts:
        for k, weight in enumerate(BLINK[: len(values) - start]):
            values[start + k, [CONTROLS.index(name) for name in LIDS]] = weight
    return values


def phrase_ends(sound: np.ndarray) -> list[int]:
    """Frames at which the partner's phrases end, from the sound that a performer hears."""
    from avtr_cli.evaluation.motion.voice import hear

    return [end for _, end in hear(sound)[1].phrases]


def attentive(sound: np.ndarray, seed: int) -> np.ndarray:
    """A `Perform` that nods, raises its brows and smiles 0.3 s after the phrases of the partner it hears."""
    values = swaying(-(-sound.shape[1] // SAMPLES_PER_FRAME), seed)
    for end in phrase_ends(sound):
        add_nod(values, end + 7)
        add_hump(values, BROWS, end + 6, 0.3)
        add_hump(values, SMILE, end + 8, 0.3)
    return values


def fidgety(sound: np.ndarray, seed: int) -> np.ndarray:
    """A `Perform` that nods and smiles about as often, but whenever it likes."""
    frames = -(-sound.shape[1] // SAMPLES_PER_FRAME)
    values = swaying(frames, seed)
    rng = np.random.default_rng(seed + 1000)
    for frame in range(10, frames, 100):
        add_nod(values, frame + int(rng.integers(90)))
        add_hump(values, BROWS, frame + int(rng.integers(90)), 0.3)
        add_hump(values, SMILE, frame + int(rng.integers(90)), 0.3)
    return values
