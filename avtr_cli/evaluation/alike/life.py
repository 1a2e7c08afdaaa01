"""One video's tracks into how much is alive in it: spreads, speeds, what goes with what, blinks.

All at 25 fps. Lengths in % of the face's height, gaze in % of the eye's width, lids in % of their opening, angles in
degrees. Frames without a face count nowhere: speeds are of neighbours that both have one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.ndimage import binary_dilation, uniform_filter1d

from avtr_cli.core.arrays import Doubles, Mask
from avtr_cli.core.timing import FPS
from avtr_cli.evaluation.alike.tracks import Tracks
from avtr_cli.evaluation.motion.voice import runs
from avtr_cli.evaluation.stats import correlation

SLOW_FRAMES = 25  # a running mean over a second; what is left is faster
SHUT = 0.62  # of the median eye: below it the eye is shut
BLINK_REACH = 4  # frames around a shut eye in which the lids are on their way
FEWEST = 25  # frames with a face that a number needs


def aliveness(tracks: Tracks, level: Doubles | None = None) -> dict[str, float]:
    """Every number of one video alone, by name; NaN for what cannot be told.

    `level` is the voice's loudness in dB at 25 fps; without it `mouth.level_r` is left out.
    """
    tracks = tracks.at_25_fps()
    aperture, width, brow = (100 * curve for curve in (tracks["aperture"], tracks["width"], tracks.brow))
    speed = FPS * np.linalg.norm(np.diff(tracks.head, axis=0), axis=1)
    numbers = {
        "mouth.aperture_mean": _over(np.mean, aperture),
        "mouth.aperture_sd": _over(np.std, aperture),
        "mouth.aperture_speed": FPS * _over(np.mean, np.abs(np.diff(aperture))),
        "mouth.width_sd": _over(np.std, width),
        "mouth.width_aperture_r": together(width, aperture),
        "brow.sd": _over(np.std, brow),
        "brow.fast_sd": _over(np.std, fast(brow)),
        "brow.pitch_r": together(brow, tracks["pitch"]),
        **{f"head.{axis}_sd": _over(np.std, tracks[axis]) for axis in ("yaw", "pitch", "roll")},
        **{f"head.{axis}_fast_sd": _over(np.std, fast(tracks[axis])) for axis in ("yaw", "pitch", "roll")},
        "head.speed": _over(np.mean, speed),
        "head.speed_p95": _over(lambda values: np.percentile(values, 95), speed),
        "head.jitter": _over(np.mean, np.abs(np.diff(tracks["yaw"], 2))),
        "head.x_sd": 100 * _over(np.std, tracks["x"]),
        "head.y_sd": 100 * _over(np.std, tracks["y"]),
        "gaze.x_sd": 100 * _over(np.std, tracks["gaze_x"]),
        "lids.sd": _sway(tracks),
        "blink.per_minute": _blinks(tracks),
    }
    return numbers if level is None else {"mouth.level_r": together(level, tracks["aperture"])} | numbers


def together(one: Doubles, other: Doubles, lag: int = 0) -> float:
    """r of `other[t + lag]` with `one[t]` over the frames that both have; NaN where they are fewer than FEWEST."""
    one, other = one[max(0, -lag) :], other[max(0, lag) :]
    both = min(len(one), len(other))
    there = np.isfinite(one[:both]) & np.isfinite(other[:both])
    return correlation(one[:both][there], other[:both][there]) if there.sum() >= FEWEST else float("nan")


def fast(curve: Doubles) -> Doubles:
    """What of a track is faster than a second: it less its running mean; NaN where it is NaN.

    Near the ends, and around lost frames, the mean is over the frames that are there.
    """
    there = np.isfinite(curve)
    total = uniform_filter1d(np.where(there, curve, 0.0), SLOW_FRAMES, mode="constant")
    share = uniform_filter1d(there.astype(np.float64), SLOW_FRAMES, mode="constant")
    return np.where(there, curve - total / np.where(there, share, 1.0), np.nan)


def shut(tracks: Tracks) -> Mask:
    """bool (T,): the eyes are shut, as against the median eye of the video."""
    with np.errstate(invalid="ignore"):
        now: Mask = tracks.ear < SHUT * np.nanmedian(tracks.ear)
    return now


def _sway(tracks: Tracks) -> float:
    """Spread of the eyes' opening between blinks, % of the median opening."""
    between = ~binary_dilation(shut(tracks), iterations=BLINK_REACH)
    opening = tracks.ear[between & np.isfinite(tracks.ear)]
    return 100 * _over(np.std, opening) / float(np.median(opening)) if len(opening) >= FEWEST else float("nan")


def _blinks(tracks: Tracks) -> float:
    seen = int(tracks.found.sum())
    return len(runs(shut(tracks))) / seen * FPS * 60 if seen >= FEWEST else float("nan")


def _over(reduce: Callable[[Doubles], Any], curve: Doubles) -> float:
    there = curve[np.isfinite(curve)]
    return float(reduce(there)) if len(there) >= FEWEST else float("nan")
