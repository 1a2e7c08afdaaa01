"""Feature rows of one voice into what the model knows of it: articulation now, and events to listen for.

Strictly causal but for one convolution that sees 5 frames ahead, so training over whole windows and
streaming chunk by chunk compute the same. Both sides of a call pass through the same weights; the avatar's own
voice passes through a deeper net besides, because lips need to know more of a voice than a listener does.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avtr_cli.core.timing import LOOKAHEAD_FRAMES
from avtr_cli.motion.lmfm.log_mel import FEATURES, SILENCE

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


class Delays(nn.Module):
    """Frames t - 2 d, t - d and t into frame t, added to what it was: a time-delay layer (Peddinti et al. 2015)."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.dilation = dilation
        self.norm = nn.LayerNorm(width)
        self.mix = nn.Sequential(nn.Linear(3 * width, 3 * width // 2), nn.GELU(), nn.Linear(3 * width // 2, width))

    def forward(self, x: Tensor) -> Tensor:
        """(B, T + 2 d, W) -> (B, T, W)."""
        y, reach = self.norm(x), 2 * self.dilation
        taps = [y[:, :-reach], y[:, self.dilation : -self.dilation], y[:, reach:]]
        mixed: Tensor = x[:, reach:] + self.mix(torch.cat(taps, dim=-1))
        return mixed


class Diction(nn.Module):
    """The deeper net for the avatar's own voice; what it finds is added to what both sides are heard by."""

    def __init__(self, width: int, out: int) -> None:
        super().__init__()
        self.inlet = nn.Linear(FEATURES, width)
        self.delays = nn.Sequential(*(Delays(width, dilation) for dilation in (1, 2, 3)))  # 12 frames of history
        self.norm = nn.LayerNorm(width)
        self.ahead = nn.Linear((5 + LOOKAHEAD_FRAMES) * width, width)  # frames t-4 ... t+5
        self.after = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.GELU(), nn.Dropout(_DROPOUT),
            nn.Linear(2 * width, width),
        )  # fmt: skip
        self.out = nn.Linear(width, out)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, features: Tensor) -> Tensor:
        """(B, HISTORY + T + 5, 320) -> (B, T, out)."""
        x = F.gelu(self.inlet(F.dropout(features, _DROPOUT / 2, self.training)))
        x = F.dropout(self.norm(self.delays(x)), _DROPOUT, self.training)
        frames = x.unfold(1, 5 + LOOKAHEAD_FRAMES, 1).transpose(2, 3).flatten(2)
        y = F.gelu(self.ahead(frames))
        heard: Tensor = self.out(y + self.after(y))
        return heard


class Hearing(nn.Module):
    """The audio encoder, its phone head (free labels from the corpus), and the flags of a listener."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inlet = nn.Linear(FEATURES, 2 * width)
        self.squeeze = nn.Linear(2 * width, width)
        self.first = nn.Conv1d(width, width, _KERNEL, dilation=1)
        self.second = nn.Conv1d(width, width, _KERNEL, dilation=2)
        self.ahead = nn.Conv1d(width, width, 5 + LOOKAHEAD_FRAMES)  # frames t-4 ... t+5
        self.diction = Diction(2 * width, width)
        self.norm = nn.LayerNorm(width)
        self.articulate = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, SUBFRAMES * VISEMES + 3))
        self.back = nn.Linear(SUBFRAMES * VISEMES + 3, width)
        self.listen_near = nn.Conv1d(width, width // 2, _KERNEL, dilation=3)
        self.listen_far = nn.Conv1d(width // 2, width // 2, _KERNEL, dilation=8)
        self.flag = nn.Linear(width // 2 + width, FLAGS)

    def forward(self, features: Tensor) -> tuple[Tensor, Articulation]:
        """(B, 2, HISTORY + T + 5, 320), the avatar's side first -> encoded (B, 2, T, D), the avatar's articulation."""
        x = F.gelu(self.squeeze(self._forget(F.gelu(self.inlet(features.flatten(0, 1)))))).transpose(1, 2)
        y = x[:, :, 4:] + self._forget(F.gelu(self.first(x)))
        y = y[:, :, 8:] + self._forget(F.gelu(self.second(y)))
        y = y[:, :, 4:-LOOKAHEAD_FRAMES] + self.ahead(y)
        avatar, partner = y.transpose(1, 2).unflatten(0, (-1, 2)).unbind(1)
        encoded = self.norm(torch.stack([avatar + self.diction(features[:, 0]), partner], dim=1))
        logits = self.articulate(encoded)
        visemes, rest = logits[..., :-3].unflatten(-1, (SUBFRAMES, VISEMES)), logits[..., -3:]
        heard = torch.cat([visemes.softmax(-1).flatten(-2), rest.sigmoid()], dim=-1)
        said = Articulation(visemes[:, 0], rest[:, 0, :, :2], rest[:, 0, :, 2])
        return encoded + self.back(heard), said

    def _forget(self, x: Tensor) -> Tensor:
        """Dropout while training: a few synthetic voices are else known by heart."""
        return F.dropout(x, _DROPOUT, self.training)

    def flags(self, encoded: Tensor) -> Tensor:
        """Encoded frames (B, FLAG_HISTORY + T, D) -> flag logits (B, T, 6)."""
        x = encoded.transpose(1, 2)
        near = F.gelu(self.listen_near(x))
        far = F.gelu(self.listen_far(near))
        both = torch.cat([(far + near[:, :, 32:]).transpose(1, 2), encoded[:, FLAG_HISTORY:]], dim=-1)
        flags: Tensor = self.flag(both)
        return flags

    def of_silence(self) -> Tensor:
        """What every frame of endless digital silence is encoded as, on either side: (2, D)."""
        rows = self.back.weight.new_full((1, 2, HISTORY + 1 + LOOKAHEAD_FRAMES, FEATURES), SILENCE)
        voice: Tensor = self(rows)[0][0, :, 0]
        return voice
