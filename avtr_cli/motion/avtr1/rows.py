"""HuBERT's rows at 50 Hz into one row a video frame."""

from __future__ import annotations

from torch import Tensor

from avtr_cli.core.timing import NEW_FRAMES

ROWS_PER_FRAME = 2  # 50 Hz to 25


def frame_rows(rows: Tensor) -> Tensor:
    """The last 20 of (B, T, 1024) at 50 Hz, averaged in pairs: (B, 10, 1024) at 25 Hz."""
    new: Tensor = rows[:, -NEW_FRAMES * ROWS_PER_FRAME :].unflatten(1, (NEW_FRAMES, ROWS_PER_FRAME)).mean(2)
    return new
