"""What both voices said lately into the chance that a gesture starts now: a learned hazard per frame and event.

Timing as a classification is learned in minutes where a small flow does not learn it at all (the project's
notes tell how that was measured). The head sees few and robust inputs: the flags of both sides, how long ago each
gesture last started, and who the avatar is.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avtr_cli.motion.gestures import EVENTS, GAZE_CELLS
from avtr_cli.motion.lmfm.hearing import FLAGS

HISTORY = 48  # flag frames before the first one asked for
SINCE_LONGEST = 250.0  # frames; "never" counts as this
HALF_LIVES = (8.0, 25.0, 75.0)  # frames
_RARE = -5.0  # log odds of a start before anything is learned: about ten a minute


class EventHead(nn.Module):
    """Flags of both sides, times since the last gestures, identity -> hazards and gaze cells."""

    def __init__(self, person: int, width: int = 48) -> None:
        super().__init__()
        self.width = width + 2 * FLAGS  # of the memory
        self.first = nn.Conv1d(2 * FLAGS, width, 5, dilation=1)
        self.second = nn.Conv1d(width, width, 5, dilation=3)
        self.third = nn.Conv1d(width, width, 5, dilation=8)
        seen = width + 2 * FLAGS + len(HALF_LIVES) * len(EVENTS) + person
        last = nn.Linear(96, len(EVENTS) + len(GAZE_CELLS))
        self.decide = nn.Sequential(nn.Linear(seen, 96), nn.GELU(), last)
        with torch.no_grad():
            last.bias[: len(EVENTS)] = _RARE

    def history_memory(self, flags: Tensor) -> Tensor:
        """Flag probabilities (B, HISTORY + T, 12) -> memory (B, T, 60)."""
        x = flags.transpose(1, 2)
        y = F.gelu(self.first(x))
        y = y[:, :, 12:] + F.gelu(self.second(y))
        y = y[:, :, 32:] + F.gelu(self.third(y))
        return torch.cat([y.transpose(1, 2), flags[:, HISTORY:]], dim=-1)

    def forward(self, memory: Tensor, since: Tensor, person: Tensor) -> tuple[Tensor, Tensor]:
        """(..., 60), frames since each event (..., 7), (..., P) -> hazard logits (..., 7), gaze logits (..., 7)."""
        ages = torch.cat([torch.exp(-since / life) for life in HALF_LIVES], dim=-1)
        out = self.decide(torch.cat([memory, ages, person], dim=-1))
        return out[..., : len(EVENTS)], out[..., len(EVENTS) :]
