"""Life: blinks, gaze, and a face that neither freezes, drifts away, nor steps where one chunk meets the next."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from avtr_cli.core.arrays import Doubles, Indices, Mask
from avtr_cli.core.timing import CHUNK_FRAMES, FPS
from avtr_cli.evaluation.motion.face import Face, step_lengths
from avtr_cli.evaluation.motion.head import listens
from avtr_cli.evaluation.motion.takes import Finding, Findings, Take
from avtr_cli.evaluation.motion.voice import runs

SHUT, OPEN = 0.5, 0.3  # lid weights: a blink begins above the one and is over below the other
ON_PARTNER_DEGREES = 6.0  # from the line to the camera, about the width of a face at arm's length
STILL_DEGREES_A_SECOND = 0.1  # slower than this a head looks like a photograph
ENDS_SECONDS = 10  # first and last stretch compared for drift
_VARIES = 1e-3  # standard deviation from which a channel's drift is looked at


def measure(takes: Sequence[Take]) -> Findings:
    """Blinks, gaze and freezing of these takes, pooled."""
    return _blinks(takes) | _gaze(takes) | {"life.longest_still_s": _longest_still(takes)}


def blink_frames(lids: Doubles) -> Indices:
    """First frames of the blinks in (T,) lid weights; one shut eye is one blink however long it lasts."""
    return np.array([first for first, end in runs(lids > OPEN) if lids[first:end].max() > SHUT], int)


def in_silence(takes: Sequence[Take]) -> Findings:
    """Of takes of a minute of digital silence on both sides: alive, yet where it began."""
    heads = [take.face.head for take in takes]
    ends = ENDS_SECONDS * FPS
    frames = sum(len(head) for head in heads)
    drift = [np.abs(head[-ends:].mean(0) - head[:ends].mean(0)).max() for head in heads if len(head) >= 3 * ends]
    spread = [float(np.sqrt(head.var(axis=0).mean())) for head in heads]
    minutes = frames / FPS / 60
    aperture = np.concatenate([take.face.aperture for take in takes])
    speed = np.concatenate([take.face.head_speed for take in takes])
    return {
        "silence.head_sd_degrees": Finding(float(np.min(spread)), count=frames),
        "silence.head_drift_degrees": Finding(float(np.max(drift)) if drift else float("nan"), count=frames),
        "silence.head_speed": Finding(float(speed.mean()), count=frames),
        "silence.longest_still_s": _longest_still(takes),
        "silence.blinks_per_minute": Finding(sum(len(blink_frames(t.face.blink)) for t in takes) / minutes),
        "silence.aperture_sd": Finding(float(aperture.std()), count=frames),
    }


def over_minutes(take: Take) -> Findings:
    """Of one long take: steps at chunk borders against steps inside, and what has wandered off by its end.

    Drift is the last fifth's mean against the first fifth's, head in degrees, all curves in their own standard
    deviations.
    """
    face = take.face
    fifth = len(face) // 5
    curves = _curves(face)
    moved = np.abs(curves[-fifth:].mean(0) - curves[:fifth].mean(0))
    varies = curves.std(0) > _VARIES
    head = np.abs(face.head[-fifth:].mean(0) - face.head[:fifth].mean(0)).max()
    worst = (moved[varies] / curves[:, varies].std(0)).max() if varies.any() else float("nan")
    return {
        "border.head_ratio": Finding(border_ratio(face.head), 1.0, len(face) // CHUNK_FRAMES),
        "border.mouth_ratio": Finding(border_ratio(face.articulation, take.own.active), 1.0, len(face) // CHUNK_FRAMES),
        "long.head_drift_degrees": Finding(float(head), count=len(face)),
        "long.worst_drift_sd": Finding(float(worst), count=len(face)),
        "long.seconds": Finding(len(face) / FPS),
    }


def border_ratio(series: Doubles, where: Mask | None = None) -> float:
    """Median step onto the first frame of a chunk over the median step inside chunks, for (T, C)."""
    steps = step_lengths(series)
    frames = np.arange(len(steps))
    kept = frames > 0 if where is None else where & (frames > 0)
    border = frames % CHUNK_FRAMES == 0
    if not (kept & border).any() or not (kept & ~border).any():
        return float("nan")
    inside = np.median(steps[kept & ~border])
    return float(np.median(steps[kept & border]) / inside) if inside > 1e-9 else float("nan")


def _blinks(takes: Sequence[Take]) -> Findings:
    starts = [blink_frames(take.face.blink) for take in takes]
    gaps = np.concatenate([np.diff(frames) / FPS for frames in starts])
    minutes = sum(len(take.face) for take in takes) / FPS / 60
    count = sum(len(frames) for frames in starts)
    return {
        "blink.per_minute": Finding(count / minutes, count=count),
        "blink.gap_median_s": Finding(float(np.median(gaps)) if len(gaps) else float("nan"), count=len(gaps)),
        # People's gaps are near log-normal with a spread of 0.5 to 1; a metronome's is 0.
        "blink.gap_log_sd": Finding(
            float(np.log(gaps).std(ddof=1)) if len(gaps) > 2 else float("nan"), count=len(gaps)
        ),
    }


def _gaze(takes: Sequence[Take]) -> Findings:
    on_partner = np.concatenate([np.linalg.norm(take.face.gaze, axis=1) < ON_PARTNER_DEGREES for take in takes])
    found = {}
    for name, states in (("listening", [listens(t) for t in takes]), ("speaking", [t.own.active for t in takes])):
        where = np.concatenate(states)
        share = float(on_partner[where].mean()) if where.sum() >= FPS else float("nan")
        found[f"gaze.on_partner_{name}"] = Finding(share, count=int(where.sum()))
    return found


def _longest_still(takes: Sequence[Take]) -> Finding:
    longest = max(
        (end - first for take in takes for first, end in runs(take.face.head_speed < STILL_DEGREES_A_SECOND)),
        default=0,
    )
    return Finding(longest / FPS)


def _curves(face: Face) -> Doubles:
    single = np.stack([face.aperture, face.blink, face.brow, face.smile], 1)
    return np.concatenate([face.head, face.gaze, face.articulation, single], axis=1)
