"""Tracks whose every number is planted, for the tests of comparisons."""

from __future__ import annotations

import numpy as np

from avtr_cli.evaluation.alike.tracks import CURVES, Tracks

STILL = {"aperture": 0.05, "width": 0.25, "outer": 0.15, "ear_l": 0.3, "ear_r": 0.3, "brow_l": 0.16, "brow_r": 0.16}


def tracks(frames: int = 250, fps: float = 25.0, **curves: np.ndarray) -> Tracks:
    """A face that keeps still but for `curves`; `brow` and `ear` mean both sides."""
    for pair in ("brow", "ear"):
        if pair in curves:
            curves |= dict.fromkeys((f"{pair}_l", f"{pair}_r"), curves.pop(pair))
    full = {name: np.full(frames, STILL.get(name, 0.0)) for name in CURVES} | curves
    return Tracks(full, np.ones(frames, bool), fps)


def wave(frames: int, period: float, amplitude: float = 1.0, fps: float = 25.0) -> np.ndarray:
    """A sine of `period` seconds."""
    return amplitude * np.sin(2 * np.pi * np.arange(frames) / fps / period)


def wander(frames: int, seed: int, slow: int = 3) -> np.ndarray:
    """Smooth noise of unit spread: its values a few frames apart have nothing to do with each other."""
    noise = np.random.default_rng(seed).standard_normal(frames + 2 * slow)
    smooth = np.convolve(noise, np.hanning(2 * slow + 1), "valid")
    return (smooth - smooth.mean()) / smooth.std()


def talking(frames: int = 400, seed: int = 0) -> Tracks:
    """Everything moves, each in its own way."""
    names = ("aperture", "width", "brow_l", "brow_r", "yaw", "pitch", "roll", "gaze_x", "x", "y")
    moved = {name: STILL.get(name, 0.0) + 0.01 * wander(frames, 100 * seed + at) for at, name in enumerate(names)}
    return tracks(frames, **moved)


def without(seen: Tracks, lost: slice) -> Tracks:
    """The same with no face in the frames `lost`."""
    found = seen.found.copy()
    found[lost] = False
    return Tracks({name: np.where(found, curve, np.nan) for name, curve in seen.curves.items()}, found, seen.fps)
