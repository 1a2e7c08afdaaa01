"""Two videos' tracks of one photo and one sound into rows: what goes together, and how alive each is.

Bounds are those of a comparison with the best published talking heads (docs/evaluation.md): some hold for the number
itself, those of spreads for ours over the reference's.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from avtr_cli.core.arrays import Doubles, Sound
from avtr_cli.core.errors import InputError
from avtr_cli.evaluation.alike.closures import kept_closures
from avtr_cli.evaluation.alike.life import FEWEST, aliveness, together
from avtr_cli.evaluation.alike.tracks import Tracks
from avtr_cli.evaluation.measure import Measure
from avtr_cli.evaluation.motion.voice import Voice, energy_db
from avtr_cli.evaluation.table import plain

REACH = 5  # frames of lag searched
ALIKE = 0.25  # a spread within so much of the reference's is alike


@dataclass(frozen=True)
class AlikeMeasure(Measure):
    """A measure whose bounds hold for ours, or, where `relative`, for ours over the reference's."""

    relative: bool = False


def _like(what: str) -> AlikeMeasure:
    return AlikeMeasure(what, 1 - ALIKE, 1 + ALIKE, relative=True)


ALIKE_MEASURES: dict[str, AlikeMeasure] = {
    "alike.aperture_r": AlikeMeasure("lips' aperture with the reference's, no lag", 0.60),
    "alike.aperture_lagged_r": AlikeMeasure("the same at the best lag within 5 frames"),
    "alike.aperture_lag": AlikeMeasure("frames by which our lips are late then"),
    "alike.width_r": AlikeMeasure("mouth width with the reference's, no lag", 0.50),
    "alike.width_lagged_r": AlikeMeasure("the same at the best lag within 5 frames"),
    "alike.width_lag": AlikeMeasure("frames by which our width is late then"),
    "alike.brow_r": AlikeMeasure("brow height with the reference's, no lag"),
    "closures.kept": AlikeMeasure("share of its closures that ours closes too, shut as often as it", 0.60),
    "closures.kept_chance": AlikeMeasure("the same, ours turned in time"),
    "closures.kept_plain": AlikeMeasure("share that ours closes too, shut below its threshold"),
    "closures.kept_plain_chance": AlikeMeasure("the same, ours turned in time"),
    "face.found": AlikeMeasure("share of frames in which Face Mesh finds the face", 0.99),
    "mouth.level_r": AlikeMeasure("aperture with the voice's level in dB, no lag", None, 0.30),
    "mouth.aperture_mean": _like("mean aperture, % of the face's height"),
    "mouth.aperture_sd": _like("its spread"),
    "mouth.aperture_speed": AlikeMeasure("its mean change, % a second"),
    "mouth.width_sd": _like("spread of the mouth's width, %"),
    "mouth.width_aperture_r": AlikeMeasure("width with aperture", 0.1),
    "brow.sd": _like("spread of the brows' height, %"),
    "brow.fast_sd": AlikeMeasure("the same faster than 1 s"),
    "brow.pitch_r": AlikeMeasure("brows with pitch; below 0 they rise as the head goes up", None, -0.2),
    "head.yaw_sd": _like("spread of yaw, degrees"),
    "head.pitch_sd": _like("spread of pitch"),
    "head.roll_sd": _like("spread of roll"),
    "head.yaw_fast_sd": AlikeMeasure("spread of yaw faster than 1 s"),
    "head.pitch_fast_sd": AlikeMeasure("spread of pitch faster than 1 s"),
    "head.roll_fast_sd": AlikeMeasure("spread of roll faster than 1 s"),
    "head.speed": _like("mean head speed, deg/s, tremble of Face Mesh included"),
    "head.speed_p95": AlikeMeasure("the same, 95 % below"),
    "head.jitter": AlikeMeasure("mean second difference of yaw, degrees", None, 0.5),
    "head.x_sd": AlikeMeasure("spread of the nose bridge's place, across, %"),
    "head.y_sd": AlikeMeasure("the same, up and down"),
    "gaze.x_sd": AlikeMeasure("spread of gaze to the sides, % of the eye's width"),
    "lids.sd": _like("spread of the eyes' opening between blinks, % of it"),
    "blink.per_minute": _like("blinks a minute"),
}

Numbers = Mapping[str, float]


@dataclass(frozen=True)
class Compared:
    """One clip's numbers by measure: `reference` has only what one video alone tells, `ours` all."""

    reference: Numbers
    ours: Numbers
    frames: int  # at 25 fps, of the part that both show
    closures: int  # of the reference


def compare(reference: Tracks, ours: Tracks, voice: Sound | None = None, name: str = "ours") -> Compared:
    """Hold `ours` against `reference`; `voice` is float32 (n,) at 16 kHz, None where nobody knows the sound.

    Raises InputError, about the video called `name`, where fewer than a second shows a face in both.
    """
    level = level_of(voice) if voice is not None else None
    own = {name: _alone(tracks, level) for name, tracks in (("reference", reference), ("ours", ours))}
    one, other = reference.at_25_fps(), ours.at_25_fps()
    both = min(len(one), len(other))
    common = one.found[:both] & other.found[:both]
    if common.sum() < FEWEST:
        raise InputError(
            f"{name}: shows a face in only {int(common.sum())} of the reference's frames, but {FEWEST} are needed; "
            "are they of the same sound?"
        )
    kept = kept_closures(one["aperture"][:both][common], other["aperture"][:both][common])
    pair = {
        **_agreement("aperture", one["aperture"], other["aperture"]),
        **_agreement("width", one["width"], other["width"]),
        "alike.brow_r": together(one.brow, other.brow),
        "closures.kept": kept.share,
        "closures.kept_chance": kept.chance,
        "closures.kept_plain": kept.plain_share,
        "closures.kept_plain_chance": kept.plain_chance,
    }
    return Compared(own["reference"], pair | own["ours"], both, kept.count)


def level_of(voice: Sound) -> Doubles:
    """Loudness in dB of every frame at 25 fps of (n,) samples at 16 kHz, nothing lower than 50 dB below the loud."""
    energy = energy_db(voice)
    return Voice(energy, np.zeros(len(energy), bool), ()).level()


def rows_of(clips: Sequence[Compared]) -> dict[str, dict[str, Any]]:
    """Medians over clips (of one clip: its numbers) as rows of a report, each against its bounds.

    A row has `what`, `reference`, `ours`, `ratio` (ours over the reference's), `needed` and `relative` (what of, ours
    or the ratio), `met`; what was not measured is None.
    """
    return {name: _row(name, measure, clips) for name, measure in ALIKE_MEASURES.items()}


def _row(name: str, measure: AlikeMeasure, clips: Sequence[Compared]) -> dict[str, Any]:
    reference = _median([clip.reference.get(name, math.nan) for clip in clips])
    ours = _median([clip.ours.get(name, math.nan) for clip in clips])
    ratio = ours / reference if reference > 0 and not name.endswith("_r") else math.nan
    row: dict[str, Any] = plain(
        {
            "what": measure.what,
            "reference": reference,
            "ours": ours,
            "ratio": ratio,
            "needed": None if measure.low is None and measure.high is None else [measure.low, measure.high],
            "relative": measure.relative,
            "met": measure.met(ratio if measure.relative else ours),
        }
    )
    return row


def _alone(tracks: Tracks, level: Doubles | None) -> dict[str, float]:
    return {"face.found": float(tracks.found.mean())} | aliveness(tracks, level)


def _agreement(name: str, reference: Doubles, ours: Doubles) -> dict[str, float]:
    """r without a lag, the highest within REACH frames, and its lag: positive where ours is late."""
    lagged = {lag: together(reference, ours, lag) for lag in sorted(range(-REACH, REACH + 1), key=abs)}
    there = {lag: r for lag, r in lagged.items() if math.isfinite(r)}
    best = max(there, key=lambda lag: there[lag], default=None)
    return {
        f"alike.{name}_r": lagged[0],
        f"alike.{name}_lagged_r": there[best] if best is not None else math.nan,
        f"alike.{name}_lag": float(best) if best is not None else math.nan,
    }


def _median(values: Sequence[float]) -> float:
    finite = [value for value in values if math.isfinite(value)]
    return float(np.median(finite)) if finite else math.nan
