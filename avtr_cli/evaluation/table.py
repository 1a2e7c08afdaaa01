"""Every measure by name: what it says, in which unit, between which bounds it should lie; and the table of results.

The bounds are judgements, most of them set from what prototypes reached and what people do; docs/evaluation.md
gives their grounds. A control is the same number from motion that heard a shifted or a silent partner.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from avtr_cli.evaluation.measure import Measure
from avtr_cli.evaluation.motion.takes import Finding

MEASURES: dict[str, Measure] = {
    "mouth.energy_r": Measure("aperture with own level in dB, all frames, at the best lag", 0.3, 0.8),
    "mouth.energy_r_speaking": Measure("the same within the own speech, no lag", None, 0.45),
    "mouth.lag_frames": Measure("frames by which the mouth is late", -1, 1),
    "mouth.quiet_over_speaking": Measure("aperture sd while silent / while speaking", None, 0.08),
    "mouth.closure_auc": Measure("lower aperture at p b m than at other consonants", 0.80),
    "mouth.closure_recall": Measure("share of p b m with aperture below 0.06"),
    "mouth.closure_recall_above_chance": Measure("the same, less that at random speech frames", 0.30),
    "mouth.truth_r": Measure("aperture with the true motion's", 0.85),
    "mouth.rounding_r": Measure("pucker with the true motion's", 0.65),
    "mouth.sd_over_truth": Measure("aperture sd / the true motion's", 0.85, 1.15),
    "mouth.peak_while_listening": Measure("highest aperture, own side digital silence", None, 0.06),
    "mouth.sd_while_listening": Measure("aperture sd, own side digital silence", None, 0.01),
    "head.speed_speaking": Measure("deg/s while speaking", 12, 28),
    "head.speed_listening": Measure("deg/s while listening"),
    "head.speed_rest": Measure("deg/s while nobody speaks, in the calls", 1.5, 3),
    "head.listening_over_rest": Measure("head speed listening / nobody speaking", 1.2),
    "head.listening_over_partner_silent": Measure("head speed listening / same frames, partner silent", 1.2),
    "head.jitter": Measure("mean second difference / first", None, 0.75),
    "nod.after_degrees": Measure("1.2-4 Hz pitch rms after the partner's phrases, degrees"),
    "nod.elsewhere_degrees": Measure("the same elsewhere in the avatar's silence, degrees"),
    "nod.ratio": Measure("after / elsewhere", 2.0, None, 1.2),
    "nod.ratio_p": Measure("p of that ratio under turned phrase ends", None, 0.05),
    "nod.hit": Measure("share of phrases followed by a nod above 1 degree"),
    "nod.hit_above_chance": Measure("the same, less that of windows elsewhere", 0.30),
    "nod.per_minute": Measure("nods a minute of the avatar's silence"),
    "brow.rise": Measure("brow raise after phrases less elsewhere", 0.01, None, 0.01),
    "brow.rise_p": Measure("p of that rise under turned phrase ends", None, 0.05),
    "smile.rise": Measure("smile after phrases less elsewhere", 0.01, None, 0.01),
    "smile.rise_p": Measure("p of that rise under turned phrase ends", None, 0.05),
    "gaze.on_partner_listening": Measure("share of listening frames looking at the camera, within 6 degrees", 0.6),
    "gaze.on_partner_speaking": Measure("the same while speaking"),
    "blink.per_minute": Measure("blinks a minute", 12, 40),
    "blink.gap_median_s": Measure("median gap between blinks, seconds", 1.5, 6),
    "blink.gap_log_sd": Measure("spread of the gaps' logarithm; 0 is a metronome", 0.35, 1.2),
    "life.longest_still_s": Measure("longest stretch with the head below 0.1 deg/s, seconds", None, 1.0),
    "silence.head_sd_degrees": Measure("head sd in a minute of silence, degrees, least seed", 0.2),
    "silence.head_drift_degrees": Measure("first against last 10 s of it, degrees, worst axis", None, 3.0),
    "silence.head_speed": Measure("deg/s in it", 1.5, 3),
    "silence.longest_still_s": Measure("longest stretch in it below 0.1 deg/s, seconds", None, 1.0),
    "silence.blinks_per_minute": Measure("blinks a minute in it", 10, 25),
    "silence.aperture_sd": Measure("aperture sd in it", None, 0.01),
    "border.head_ratio": Measure("median head step at chunk borders / inside", 0.8, 1.2),
    "border.mouth_ratio": Measure("the same of the articulation while speaking", 0.8, 1.2),
    "long.head_drift_degrees": Measure("first against last fifth of the long take, degrees", None, 3.0),
    "long.worst_drift_sd": Measure("the same of any curve, in its sd", None, 1.0),
    "long.seconds": Measure("length of the long take, seconds"),
    "seeds.head_r": Measure("head angles of two seeds", None, 0.3),
    "independence.mouth_change": Measure("articulation moved by another partner, in its sd", None, 0.05),
    "independence.head_change": Measure("head moved by another partner, in its sd", 0.25),
    "independence.brow_change": Measure("brows moved by another partner, in their sd", 0.25),
}

VIDEO_MEASURES: dict[str, Measure] = {
    "face.found": Measure("share of frames in which Face Mesh finds the face", 0.99),
    "mouth.energy_r": Measure("lip gap with own level in dB at the best lag", 0.1),
    "mouth.energy_r_speaking": Measure("the same within the own speech, no lag"),
    "mouth.lag_frames": Measure("frames by which the mouth is late", -1, 1),
    "mouth.quiet_over_speaking": Measure("lip gap sd while silent / while speaking", None, 0.3),
    "blink.per_minute": Measure("blinks a minute by the eye aspect ratio", 8, 45),
    "blink.gap_median_s": Measure("median gap between blinks, seconds"),
    "head.sd_listening": Measure("head sd while listening, degrees", 0.3),
    "head.sd_speaking": Measure("head sd while speaking, degrees"),
    "head.speed_listening": Measure("deg/s while listening, smoothed over 5 frames"),
    "head.speed_speaking": Measure("deg/s while speaking, smoothed over 5 frames"),
    "background.moved_mean": Measure("distance of background blocks from the first frame, of 255"),
    "background.moved_p999": Measure("the same, 99.9 % of them below", None, 2.0),
    "background.moved_max": Measure("the same, the farthest block of all frames"),
    "background.differs_from_photo": Measure("mean distance of background blocks from the photo, of 255"),
}


def report_row(measure: Measure, findings: Sequence[Finding], **controls: float) -> dict[str, Any]:
    """One measure's entry of a report: mean and spread over `findings` (of seeds), and numbers to hold it against.

    `controls` may name follower, shifted and silent. What was not measured is None.
    """
    values = [finding.value for finding in findings]
    finite = [value for value in values if math.isfinite(value)]
    mean = float(np.mean(finite)) if finite else math.nan
    chances = [finding.chance for finding in findings if math.isfinite(finding.chance)]
    row: dict[str, Any] = {
        "what": measure.what,
        "mean": mean,
        "sd": float(np.std(finite, ddof=1)) if len(finite) > 1 else math.nan,
        "values": values,
        "count": findings[0].count,
        "chance": float(np.mean(chances)) if chances else math.nan,
        **controls,
        "needed": None if measure.low is None and measure.high is None else [measure.low, measure.high],
        "met": measure.met(mean),
    }
    shifted = controls.get("shifted", math.nan)
    if measure.control_high is not None and row["met"] is not None and math.isfinite(shifted):
        row["control_needed"] = [None, measure.control_high]
        row["met"] = row["met"] and shifted <= measure.control_high
    cleaned: dict[str, Any] = plain(row)
    return cleaned


def plain(value: Any) -> Any:
    """As JSON knows it: None for NaN, five digits."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    if isinstance(value, float):
        return float(f"{value:.5g}") if math.isfinite(value) else None
    return value


_COLUMNS = ("value", "sd", "chance", "follower", "shifted", "silent")
_SPARED = ("sd", "silent", "shifted", "follower", "chance")  # which go first where a terminal is narrow


def table_lines(report: Mapping[str, Any], width: int = 80) -> Iterator[str]:
    """The report's measures for a terminal of `width` columns: one line each, `ok` or `NO` where bounds are given.

    Columns that hold nothing are left out, and those that do not fit, which the report has all the same. The last line
    counts the bounds that are met.
    """
    rows = {name: _cells(row) for name, row in report["measures"].items()}
    columns = [name for at, name in enumerate(_COLUMNS) if at == 0 or any(cells[at] for cells in rows.values())]
    needed = {name: _bounds(row["needed"]) for name, row in report["measures"].items()}
    first = max((len(name) for name in rows), default=0) + 1
    left = width - first - 3 - 2 - max((len(text) for text in needed.values()), default=0)
    for spared in _SPARED:
        if sum(_wide(name) for name in columns) > left and spared in columns:
            columns.remove(spared)
    yield " " * (first + 3) + "".join(f"{name:>{_wide(name)}}" for name in columns) + "  needed"
    for name, cells in rows.items():
        mark = {True: "ok", False: "NO", None: ""}[report["measures"][name]["met"]]
        shown = "".join(f"{cells[_COLUMNS.index(column)] or '-':>{_wide(column)}}" for column in columns)
        yield f"{name:{first}}{mark:3}{shown}  {needed[name]}".rstrip()
    yield from _told_apart(report.get("told_apart"))
    met = [row["met"] for row in report["measures"].values() if row["met"] is not None]
    yield f"{sum(met)} of {len(met)} bounds met"


def _cells(row: Mapping[str, Any]) -> list[str]:
    """A measure's numbers, in the order of _COLUMNS; empty for what was not measured."""
    values = (row["mean"], *(row.get(column) for column in _COLUMNS[1:]))
    return ["" if value is None else _number(value) for value in values]


def _wide(column: str) -> int:
    return max(8, len(column) + 1)


def _told_apart(apart: Mapping[str, Any] | None) -> Iterator[str]:
    if apart:
        low, high = apart["interval_95"]
        yield (
            f"real partner told from another: AUC {_number(apart['auc'])} ({_number(low)} to {_number(high)}, "
            f"chance 0.5),"
        )
        yield (
            f"  p {_number(apart['p'])}, {apart['dialogues']} dialogues"
            + ("" if apart["enough_dialogues"] else " (30 are needed to show it)")
        )


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


def _bounds(needed: list[float | None] | None) -> str:
    if needed is None:
        return ""
    low, high = needed
    return (
        f"{low:g} .. {high:g}"
        if low is not None and high is not None
        else f">= {low:g}"
        if low is not None
        else f"<= {high:g}"
    )
