"""The acceptance list of interactions: clips, speech, bits and folds into numbers with their bounds and controls."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from avtr_cli.core.arrays import Doubles
from avtr_cli.core.interaction import TONES
from avtr_cli.evaluation.measure import Measure
from avtr_cli.evaluation.touch import tones
from avtr_cli.evaluation.touch.clips import LOOKED_AT, Clip
from avtr_cli.evaluation.touch.reading import NAMES, UNITS

LATERAL = 0.2  # EO from the nose: nearer, a touch has no side
SHUFFLES = 40
LOOKED_AT_MOST = 8  # clips that are named

BOUNDS: dict[str, Measure] = {
    "begins.median_frame": Measure("first frame after the touch with a visible change, median", high=4, line=1),
    "begins.share_by_4": Measure("share of clips in which that is the 4th at the latest", low=0.95, line=1),
    "begins.latest_frame": Measure("the latest of all clips", high=10, line=1),
    "returned.share": Measure("share of clips as their twins at +6 s, within a visible unit", low=0.85, line=2),
    "returned.worst": Measure("largest rest at +6 s, visible units", high=1.5, line=2),
    "side.head": Measure("share of lateral touches that the head answers to the right side", low=0.95, line=3),
    "side.gaze": Measure("share of lateral neutral touches that the eyes go to", low=0.90, line=3),
    "tone.left_out_photo": Measure("share of tones told on a photo that was not learned from", low=0.80, line=4),
    "tone.left_out_region": Measure("the same of a region", low=0.80, line=4),
    "tone.shuffled": Measure("the same with the tones that are learned mixed (chance .25)", high=0.40, line=4),
    "tone.shifted": Measure("the same from frames 3 s later than they are taken for (chance .25)", high=0.50, line=4),
    "place.rms_median": Measure("answers in one tone at two places, rms of visible units apart, median", line=5),
    "place.rms_p10": Measure("the same, 10th percentile", low=0.5, line=5),
    "faces.found": Measure("share of frames in which Face Mesh finds the face", low=0.98, line=6),
    "speech.aperture_r": Measure("mouth's opening in speech with the untouched one, least tone", low=0.98, line=7),
    "speech.closure_recall": Measure("closed lips of speech that stay closed, least tone", low=0.99, line=7),
    "speech.closure_gap": Measure("largest growth of the lips' gap at those in the picture, EO", high=0.025, line=7),
    "bits.without": Measure("frames that differ where nobody is touched, and before the touch", high=0, line=8),
    "bits.replayed": Measure("frames that differ: live, filed, in other packets, restored", high=0, line=8),
    "folds.slope": Measure("steepest field of any word and place at strength 1.6, px per px", high=0.75, line=9),
    "folds.area": Measure("least area that skin is squeezed to", low=0.2, line=9),
    "folds.missed_px": Measure("largest error of the inverted field, px", high=0.2, line=9),
}  # fmt: skip


def of_clips(clips: Sequence[Clip], seed: int = 0) -> tuple[dict[str, float], dict[str, Any]]:
    """Numbers by the names of BOUNDS, and more: the confusion of tones (rows true), and how often each was told."""
    in_units = np.stack([clip.change / UNITS for clip in clips])
    numbers = _timing(in_units) | _sides(clips, in_units) | _places(clips, in_units)
    photos, regions = [clip.photo for clip in clips], [clip.region for clip in clips]
    by_photo = tones.confusion(clips, photos) if len(set(photos)) > 1 else None
    by_region = tones.confusion(clips, regions)
    rng = np.random.default_rng(seed)
    shuffled = [tones.accuracy(tones.confusion(clips, regions, rng)) for _ in range(SHUFFLES)]
    numbers |= {
        "tone.left_out_photo": tones.accuracy(by_photo) if by_photo is not None else math.nan,
        "tone.left_out_region": tones.accuracy(by_region),
        "tone.shuffled": float(np.mean(shuffled)),
        "tone.shifted": tones.told_late(clips),
        "faces.found": float(np.isfinite(in_units[..., 0]).mean()),
    }
    told = by_photo if by_photo is not None else by_region
    more = {"tones": list(TONES), "confusion": told.tolist(), "shuffled_most": max(shuffled)}
    return numbers, more | _to_look_at(clips, in_units)


def _to_look_at(clips: Sequence[Clip], in_units: Doubles) -> dict[str, Any]:
    """The clips that begin last, and those that keep most of it, as (photo, region, tone, seed, value)."""
    names = [(clip.photo, clip.region, clip.tone, clip.seed) for clip in clips]
    rest = np.nanmax(np.abs(in_units[:, -1]), axis=1)
    return {
        name: [[*names[at], round(float(values[at]), 2)] for at in np.argsort(-values)[:LOOKED_AT_MOST]]
        for name, values in (("latest", _begins(in_units)), ("rests", rest))
    }


def _timing(in_units: Doubles) -> dict[str, float]:
    """When it begins, and whether all is as before six seconds on; (clips, 13, 17) in visible units."""
    first, rest = _begins(in_units), np.nanmax(np.abs(in_units[:, -1]), axis=1)
    return {
        "begins.median_frame": float(np.median(first)),
        "begins.share_by_4": float((first <= 4).mean()),
        "begins.latest_frame": float(first.max()),
        "returned.share": float((rest <= 1).mean()),
        "returned.worst": float(rest.max()),
    }


def _begins(in_units: Doubles) -> Doubles:
    """(clips,) the first frame with a visible change; infinite where there is none."""
    seen = np.nanmax(np.abs(in_units[:, 1:]), axis=2) > 1  # frame 0 is the touch's own
    return np.where(seen.any(axis=1), np.array(LOOKED_AT[1:], np.float64)[seen.argmax(axis=1)], math.inf)


def _sides(clips: Sequence[Clip], in_units: Doubles) -> dict[str, float]:
    """Away from what hurts, into what is dear, eyes to what is neither."""
    yaw, roll, gaze = (in_units[:, :, NAMES.index(name)] for name in ("yaw", "roll", "gaze_right"))
    soon, later = [LOOKED_AT.index(after) for after in (6, 8, 14)], [LOOKED_AT.index(after) for after in (14, 22, 34)]
    head, eyes = [], []
    for at, clip in enumerate(clips):
        side = math.copysign(1, clip.aside)
        if abs(clip.aside) < LATERAL:
            continue
        if clip.tone == "aggressive":  # +yaw turns to the left of the picture
            head.append(side * np.nanmean(yaw[at, soon]) > 0)
        elif clip.tone == "neutral":
            eyes.append(side * np.nanmax(side * gaze[at, soon]) * side > 0)
        else:  # +roll is clockwise: the crown goes to the right
            head.append(side * np.nanmean(roll[at, later]) > 0)
    return {"side.head": _share(head), "side.gaze": _share(eyes)}


def _places(clips: Sequence[Clip], in_units: Doubles) -> dict[str, float]:
    """How much answers to one tone differ between two places of one person, the same seed."""
    rows = [LOOKED_AT.index(after) for after in tones.TOLD_AT]
    kept = np.nan_to_num(in_units[:, rows]).reshape(len(clips), -1)
    groups: dict[tuple[str, str, int], list[int]] = {}
    for at, clip in enumerate(clips):
        groups.setdefault((clip.photo, clip.tone, clip.seed), []).append(at)
    apart = [
        float(np.sqrt(((kept[one] - kept[other]) ** 2).mean()))
        for group in groups.values()
        for number, one in enumerate(group)
        for other in group[:number]
    ]
    return {"place.rms_median": float(np.median(apart)), "place.rms_p10": float(np.percentile(apart, 10))}


def _share(found: Sequence[bool]) -> float:
    return float(np.mean(found)) if found else math.nan


def table(numbers: Mapping[str, float], more: Mapping[str, Any]) -> Iterator[str]:
    """A line for each number, broken bounds marked; then the confusion of tones."""
    for name, bound in BOUNDS.items():
        value = numbers.get(name, math.nan)
        text = "-" if math.isnan(value) else f"{value:.3g}"
        text += "*" if bound.met(value) is False else " "
        yield f"{bound.line:>2}  {name:24}{bound.needed:>10}{text:>10}  {bound.what}"
    kept, measured = kept_of(numbers)
    yield f"{kept} of {measured} bounds met"
    yield "tones told (rows: the true ones), " + ", ".join(TONES)
    for tone, row in zip(TONES, more["confusion"], strict=True):
        yield f"    {tone:14}" + "".join(f"{count:>6}" for count in row)


def kept_of(numbers: Mapping[str, float]) -> tuple[int, int]:
    """(bounds kept, bounds measured)."""
    met = [bound.met(numbers.get(name, math.nan)) for name, bound in BOUNDS.items()]
    return sum(one is True for one in met), sum(one is not None for one in met)
