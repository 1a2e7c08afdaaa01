"""Feature rows of one voice into what the model knows of it: articulation now, and events to listen for.

Strictly causal but for one convolution that sees 5 frames ahead, so training over whole windows and
streaming chunk by chunk compute the same. Both sides of a call pass through the same weights.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avtr_cli.motion.encoders import FEATURES, SILENCE
from avtr_cli.timing import LOOKAHEAD_FRAMES

VISEMES = 14
SUBFRAMES = 4
FLAGS = 6  # voice, phrase ended < 0.5 s, < 1.5 s ago, low pitch, lively, accent
HISTORY = 16  # feature frames before the first one asked for: 12 of the causal convolutions, 4 of the look-ahead one
FLAG_HISTORY = 44  # encoded frames before the first one that the flags need
_KERNEL = 5
_DROPOUT = 0.1


class Articulation(NamedTuple):
    """Per frame: viseme logits (..., 4, 14), closure logits (..., 2: bilabial, labiodental), activity logit (...)."""

    visemes: Tensor
    closures: Tensor
    activity: Tensor


class Hearing(nn.Module):
    """The audio encoder, its phone head (free labels from the corpus), and the flags of a listener."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inlet = nn.Linear(FEATURES, 2 * width)
        self.squeeze = nn.Linear(2 * width, width)
        self.first = nn.Conv1d(width, width, _KERNEL, dilation=1)
        self.second = nn.Conv1d(width, width, _KERNEL, dilation=2)
        self.ahead = nn.Conv1d(width, width, 5 + LOOKAHEAD_FRAMES)  # frames t-4 ... t+5
        self.norm = nn.LayerNorm(width)
        self.articulate = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, SUBFRAMES * VISEMES + 3))
        self.back = nn.Linear(SUBFRAMES * VISEMES + 3, width)
        self.listen_near = nn.Conv1d(width, width // 2, _KERNEL, dilation=3)
        self.listen_far = nn.Conv1d(width // 2, width // 2, _KERNEL, dilation=8)
        self.flag = nn.Linear(width // 2 + width, FLAGS)

    def forward(self, features: Tensor) -> tuple[Tensor, Articulation]:
        """(B, HISTORY + T + 5, 320) -> encoded (B, T, D) and the articulation of those T frames."""
        x = F.gelu(self.squeeze(self._forget(F.gelu(self.inlet(features))))).transpose(1, 2)
        y = x[:, :, 4:] + self._forget(F.gelu(self.first(x)))
        y = y[:, :, 8:] + self._forget(F.gelu(self.second(y)))
        y = y[:, :, 4:-LOOKAHEAD_FRAMES] + self.ahead(y)
        encoded = self.norm(y.transpose(1, 2))
        logits = self.articulate(encoded)
        visemes, rest = logits[..., :-3].unflatten(-1, (SUBFRAMES, VISEMES)), logits[..., -3:]
        heard = torch.cat([visemes.softmax(-1).flatten(-2), rest.sigmoid()], dim=-1)
        return encoded + self.back(heard), Articulation(visemes, rest[..., :2], rest[..., 2])

    def _forget(self, x: Tensor) -> Tensor:
        """Dropout while training: a few synthetic voices are else known by heart."""
        return F.dropout(x, _DROPOUT, self.training)

    def flags(self, encoded: Tensor) -> Tensor:
        """Encoded frames (B, FLAG_HISTORY + T, D) -> flag logits (B, T, 6)."""
        x = encoded.transpose(1, 2)
        near = F.gelu(self.listen_near(x))
        far = F.gelu(self.listen_far(near))
        both = torch.cat([(far + near[:, :, 32:]).transpose(1, 2), encoded[:, FLAG_HISTORY:]], dim=-1)
        return self.flag(both)

    def of_silence(self) -> Tensor:
        """What every frame of endless digital silence is encoded as: (D,)."""
        rows = self.back.weight.new_full((1, HISTORY + 1 + LOOKAHEAD_FRAMES, FEATURES), SILENCE)
        return self(rows)[0][0, 0]
