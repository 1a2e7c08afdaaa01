"""Motion of a whole call, smoothed over the borders of its 4 s clips, which the codec does not join."""

from __future__ import annotations

import torch
from scipy.signal import savgol_filter
from torch import Tensor

WINDOW_FRAMES, ORDER = 9, 3


def smooth(motion: Tensor) -> Tensor:
    """(B, T, C) through a Savitzky-Golay filter over time, polynomial at both ends; fewer than 9 frames stay."""
    if motion.shape[1] < WINDOW_FRAMES:
        return motion
    filtered = savgol_filter(motion.double().cpu().numpy(), WINDOW_FRAMES, ORDER, axis=1, mode="interp")
    return torch.from_numpy(filtered).to(motion)
