"""Gestures noticed in finished motion: nods in a curve of head pitch, others where a curve rises and falls again.

All curves have a value a frame. The report page and the listening measures count nods by these very functions.
"""

from __future__ import annotations

import numpy as np

from avtr_cli.core.arrays import Doubles, Labels, Reals
from avtr_cli.core.timing import FPS

NOD_BAND_HZ = (1.2, 4.0)
RMS_FRAMES = 19  # 0.76 s: one slow nod
NOD_RISES, NOD_FALLS = 0.7, 0.35  # degrees rms between which nods are counted
SHORTEST = 24  # frames that the filter needs


def nod_band(pitch: Reals) -> Doubles:
    """Head pitch, degrees (T,), between 1.2 and 4 Hz, without delay; zeros for less than 24 frames."""
    if len(pitch) < SHORTEST:
        return np.zeros(len(pitch))
    from scipy.signal import butter, sosfiltfilt  # a second of loading, for pages and measures alone

    band: Doubles = sosfiltfilt(butter(2, NOD_BAND_HZ, "bandpass", fs=FPS, output="sos"), pitch)
    return band


def nod_envelope(pitch: Reals) -> Doubles:
    """Root mean square of the nod band over 0.76 s, degrees, (T,)."""
    from scipy.ndimage import uniform_filter1d

    envelope: Doubles = np.sqrt(np.maximum(uniform_filter1d(nod_band(pitch) ** 2, RMS_FRAMES), 0.0))
    return envelope


def spans(curve: Reals | Labels, falls: float, rises: float) -> list[tuple[int, int]]:
    """(first, end) of every stretch above `falls` that somewhere is above `rises`, end exclusive."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], (curve > falls).astype(np.int8), [0]])))
    stretches = zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
    return [(first, end) for first, end in stretches if curve[first:end].max() > rises]
