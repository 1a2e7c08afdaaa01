"""The blocks that several LivePortrait networks share: convolution, batch norm, activation, and a change of size.

Plain eager form: one call per operation, in the order the networks were trained with. Attribute names are those of
the published state dicts, so that a checkpoint loads without renaming. Written from the words and shapes of
`tests/data/liveportrait/README.md`; LivePortrait itself: Guo et al. 2024, arXiv:2407.03168.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

_CONVOLUTIONS = {2: nn.Conv2d, 3: nn.Conv3d}
_BATCH_NORMS = {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}
_DOUBLED = {2: (2.0, 2.0), 3: (1.0, 2.0, 2.0)}  # volumes keep their depth


class ConvNorm(nn.Module):
    """3-wide convolution, batch norm, (leaky) ReLU: (B, in, ..., H, W) to (B, out, ..., H, W).

    `slope` is the activation's slope below zero; 0 is the ReLU.
    """

    def __init__(self, dimensions: int, inputs: int, outputs: int, slope: float = 0.0):
        super().__init__()
        self.conv: nn.Module = _CONVOLUTIONS[dimensions](inputs, outputs, 3, padding=1)
        self.norm: nn.Module = _BATCH_NORMS[dimensions](outputs)
        self.dimensions = dimensions
        self.slope = slope

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, ...) to (B, C', ...) of the same size."""
        return F.leaky_relu(self.norm(self.conv(x)), self.slope)


class DownBlock(ConvNorm):
    """`ConvNorm`, then the mean of every 2 x 2 pixels: (B, in, ..., H, W) to (B, out, ..., H/2, W/2)."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, ..., H, W) to (B, C', ..., H / 2, W / 2); a volume keeps its depth."""
        y = super().forward(x)
        halved = F.avg_pool2d(y.flatten(1, -3), 2)  # a volume's depths as channels: pooled each by itself
        return halved.view(*y.shape[:-2], *halved.shape[-2:])


class UpBlock(ConvNorm):
    """Every pixel doubled in both directions, then `ConvNorm`: (B, in, ..., H, W) to (B, out, ..., 2H, 2W)."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, ..., H, W) to (B, C', ..., 2 H, 2 W); a volume keeps its depth."""
        return super().forward(F.interpolate(x, scale_factor=_DOUBLED[self.dimensions], mode="nearest"))
