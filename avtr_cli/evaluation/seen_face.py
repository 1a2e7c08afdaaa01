"""Lengths and angles that Face Mesh saw of a face, in the head's own frame, into the curves that measures speak of.

The same for a video of ours, held against its photo, and for anybody's, held against its own usual face.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import uniform_filter1d

from avtr_cli.core.arrays import Doubles
from avtr_cli.evaluation.motion.face import ARTICULATION, Face

JAW_EO = 0.36  # inner lip gap of a jaw weight of 1, in eye distances
SHUT_EAR = 0.5  # Face Mesh's eye aspect ratio of a shut eye over that of the open one, about
BROW_EO = 0.12  # rise of a brow weight of 1
SMILE_EO = 0.18  # widening of the mouth at a smile weight of 1
SMOOTH_FRAMES = 5  # of head angles: a chunk; the tremble of single frames goes, nods stay


@dataclass(frozen=True)
class Lengths:
    """Over T frames, in EO: lips apart, mouth width, height of the brows (down is positive)."""

    gap: Doubles
    width: Doubles
    brows: Doubles


def seen_face(lengths: Lengths, head: Doubles, ears: Doubles, still_width: float, still_brows: float) -> Face:
    """Curves from lengths, head angles (T, 3) in degrees and eye aspect ratios (T,), against a still face's own."""
    count = len(head)
    opening = ears / np.percentile(ears, 90)
    return Face(
        aperture=np.maximum(lengths.gap, 0.0) / JAW_EO,
        articulation=np.zeros((count, len(ARTICULATION))),
        rounding=np.maximum(still_width - lengths.width, 0.0) / SMILE_EO,
        head=uniform_filter1d(head, SMOOTH_FRAMES, axis=0),
        gaze=np.zeros((count, 2)),
        blink=np.clip((1 - opening) / (1 - SHUT_EAR), 0.0, 1.0),
        brow=(still_brows - lengths.brows) / BROW_EO,
        smile=np.maximum(lengths.width - still_width, 0.0) / SMILE_EO,
    )
