"""F, the appearance feature extractor: a picture of a face becomes a volume of features, once per portrait.

The volume has depth because the warp that follows moves it in three dimensions; the two-dimensional trunk makes its
512 channels, which are then read as 32 channels at 16 depths.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from avtr_cli.render.liveportrait.layers import ConvNorm, DownBlock

CHANNELS, DEPTH = 32, 16  # of the volume; its pixels are a quarter of the picture's
RESIDUAL_BLOCKS = 6


class ResidualBlock3d(nn.Module):
    """Pre-activation residual block on (B, C, D, H, W): norm, ReLU, convolution, twice, plus the input."""

    def __init__(self, channels: int):
        super().__init__()
        self.conv1 = nn.Conv3d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv3d(channels, channels, 3, padding=1)
        self.norm1 = nn.BatchNorm3d(channels)
        self.norm2 = nn.BatchNorm3d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 32, 16, H, W) to the same."""
        inner = self.conv1(F.relu(self.norm1(x)))
        y: Tensor = x + self.conv2(F.relu(self.norm2(inner)))
        return y


class AppearanceFeatureExtractor(nn.Module):
    """image (B, 3, 256, 256), RGB in [0, 1], to feature_3d (B, 32, 16, 64, 64)."""

    def __init__(self) -> None:
        super().__init__()
        self.first = ConvNorm(2, 3, 64)
        self.down_blocks = nn.ModuleList([DownBlock(2, 64, 128), DownBlock(2, 128, 256)])
        self.second = nn.Conv2d(256, CHANNELS * DEPTH, 1)
        self.resblocks_3d = nn.Sequential()
        for index in range(RESIDUAL_BLOCKS):
            self.resblocks_3d.add_module(f"3dr{index}", ResidualBlock3d(CHANNELS))

    def forward(self, image: Tensor) -> Tensor:
        """`image` (B, 3, 256, 256) in [0, 1] to the volume (B, 32, 16, 64, 64)."""
        x = self.first(image)
        for block in self.down_blocks:
            x = block(x)
        volume: Tensor = self.second(x).unflatten(1, (CHANNELS, DEPTH))
        features: Tensor = self.resblocks_3d(volume)
        return features
