"""Speech that goes on while somebody is touched: the mouth's opening, and the lips that speech shuts."""

from __future__ import annotations

from itertools import cycle
from pathlib import Path

import numpy as np

from avtr_cli.audio.levels import VOICE_DBFS, frame_powers
from avtr_cli.core.arrays import Doubles, Indices, Sound
from avtr_cli.core.interaction import TONES, Interaction
from avtr_cli.core.motion_space import CONTROLS, SEAL_JAW
from avtr_cli.core.regions import RegionMap
from avtr_cli.core.timing import FPS
from avtr_cli.core.types import Identity, Motion
from avtr_cli.evaluation.stats import correlation
from avtr_cli.evaluation.touch.clips import REGIONS, drawn, motion_of, touched
from avtr_cli.perception.landmarks import face_points
from avtr_cli.render.mesh.calibration import lip_gap
from avtr_cli.streaming.engine import Engine

EVERY = 4 * FPS  # frames from one touch to the next
CLOSED = 0.9  # of mouthClose over the jaw: lips that speech shuts
STAYS = 0.85  # of the same: they stay so
PICTURES = 40  # closures looked at in the picture, at most


def evaluate_speech(engine: Engine, photo: Path, sound: Sound, seed: int = 0) -> dict[str, float]:
    """Numbers of `measures.BOUNDS` from a call, float32 (2, n) at 16 kHz, that is touched all the time in each tone."""
    _, identity = engine.avatar(photo)
    regions = engine.regions(photo)
    plain = motion_of(engine, identity, (), seed, sound)
    frames = len(plain.values)
    speaking = (10 * np.log10(frame_powers(sound)[0] + 1e-12) > VOICE_DBFS)[:frames]
    speaking = np.pad(speaking, (0, frames - len(speaking)))
    shut = speaking & (_closure(plain) > CLOSED)
    found: dict[str, list[float]] = {"aperture_r": [], "closure_recall": [], "closure_gap": []}
    looked_at = np.flatnonzero(shut)[:: max(1, int(shut.sum()) // PICTURES)]
    gaps = _gaps(engine, identity, plain, looked_at)
    for tone in TONES:
        touches = _often(regions, tone, frames)
        motion = motion_of(engine, identity, touches, seed, sound)
        found["aperture_r"].append(correlation(_opening(motion)[speaking], _opening(plain)[speaking]))
        found["closure_recall"].append(float((_closure(motion)[shut] > STAYS).mean()))
        found["closure_gap"].append(float(np.nanmax(_gaps(engine, identity, motion, looked_at) - gaps)))
    return {
        "speech.aperture_r": min(found["aperture_r"]),
        "speech.closure_recall": min(found["closure_recall"]),
        "speech.closure_gap": max(found["closure_gap"]),
    }


def _often(regions: RegionMap, tone: str, frames: int) -> tuple[Interaction, ...]:
    """A touch every few seconds, of one region after the other."""
    places = cycle(one for one in REGIONS if one in regions.centres)
    return tuple(
        touched(regions, next(places), tone, number, frame)
        for number, frame in enumerate(range(EVERY // 2, frames, EVERY))
    )


def _opening(motion: Motion) -> Doubles:
    values = motion.values.double().numpy()
    return np.asarray(CONTROLS.readings(values, np.zeros(len(CONTROLS))).mouth, np.float64)


def _closure(motion: Motion) -> Doubles:
    """(T,) how far speech shuts the lips over the jaw that it opens."""
    close, jaw = (motion.values[:, CONTROLS.index(name)].double().numpy() for name in ("mouthClose", "jawOpen"))
    return np.asarray(close / np.maximum(jaw, SEAL_JAW), np.float64)


def _gaps(engine: Engine, identity: Identity, motion: Motion, frames: Indices) -> Doubles:
    """Gap between the lips in the picture, EO, of some frames; NaN where no face is found."""
    points = [face_points(frame[..., :3]) for frame in drawn(engine, identity, motion, frames.tolist())]
    return np.array([np.nan if one is None else lip_gap(one) for one in points])
