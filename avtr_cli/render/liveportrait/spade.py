"""G, the decoder: a picture of features becomes a picture, 512 pixels square.

The features enter once as the picture to refine and again, at every normalisation, as the map that says how bright
and how contrasted each place is to be: spatially adaptive normalisation (SPADE: Park et al. 2019, arXiv:1903.07291).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

FEATURES = 256  # channels that come in, and that steer every SPADE
WIDTH = 512  # channels of the trunk
HIDDEN = 128  # channels inside a SPADE
MIDDLE_BLOCKS = 6
SLOPE = 0.2  # of the leaky ReLUs below zero


class SpectralConv2d(nn.Module):
    """A convolution whose weight is divided by its spectral norm (Miyato et al. 2018, arXiv:1802.05957).

    The norm is u . (W v) with the **stored** u and v, W being `weight_orig` as (out, in * k * k): a trained network is
    neither iterated further nor decomposed. The division is done on every call, so the module is right whatever was
    loaded into it and whenever; `fast_spade.py` does it once.
    """

    def __init__(self, inputs: int, outputs: int, size: int, bias: bool = True):
        super().__init__()
        self.bias: nn.Parameter | None
        self.register_parameter("bias", nn.Parameter(torch.zeros(outputs)) if bias else None)
        self.weight_orig = nn.Parameter(torch.empty(outputs, inputs, size, size))
        nn.init.kaiming_uniform_(self.weight_orig)
        self.weight_u: Tensor
        self.weight_v: Tensor
        # Unit vectors, meaningless until loaded. On the meta device (networks.load) torch.randn and F.normalize would
        # import torch's compiler, which takes seconds.
        for name, count in (("weight_u", outputs), ("weight_v", inputs * size * size)):
            self.register_buffer(name, torch.full((count,), count**-0.5))
        self.padding = size // 2

    def normalized_weight(self) -> Tensor:
        """(out, in, k, k): `weight_orig` over its spectral norm."""
        sigma = torch.dot(self.weight_u, torch.mv(self.weight_orig.flatten(1), self.weight_v))
        return self.weight_orig / sigma

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C', H', W') under the normalised weight."""
        return F.conv2d(x, self.normalized_weight(), self.bias, padding=self.padding)


class Spade(nn.Module):
    """x (B, C, H, W), each channel normalised over its pixels, then scaled and shifted as the map says."""

    def __init__(self, channels: int):
        super().__init__()
        self.mlp_shared = nn.Sequential(nn.Conv2d(FEATURES, HIDDEN, 3, padding=1), nn.ReLU())
        self.mlp_gamma = nn.Conv2d(HIDDEN, channels, 3, padding=1)
        self.mlp_beta = nn.Conv2d(HIDDEN, channels, 3, padding=1)

    def forward(self, x: Tensor, features: Tensor) -> Tensor:
        """`x` (B, C, H, W) modulated by `features` (B, 256, h, w), whose pixels are repeated to its size."""
        hidden = self.mlp_shared(F.interpolate(features, size=x.shape[2:], mode="nearest"))
        modulated: Tensor = F.instance_norm(x) * (1 + self.mlp_gamma(hidden)) + self.mlp_beta(hidden)
        return modulated


class SpadeBlock(nn.Module):
    """A residual block with SPADEs, (B, in, H, W) to (B, out, H, W); the shortcut has weights if the width changes."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        middle = min(inputs, outputs)
        self.conv_0 = SpectralConv2d(inputs, middle, 3)
        self.conv_1 = SpectralConv2d(middle, outputs, 3)
        self.learned_shortcut = inputs != outputs
        if self.learned_shortcut:
            self.conv_s = SpectralConv2d(inputs, outputs, 1, bias=False)
        self.norm_0 = Spade(inputs)
        self.norm_1 = Spade(middle)
        if self.learned_shortcut:
            self.norm_s = Spade(inputs)

    def forward(self, x: Tensor, features: Tensor) -> Tensor:
        """`x` (B, C, H, W) to (B, C', H, W), steered by `features` (B, 256, h, w)."""
        shortcut = self.conv_s(self.norm_s(x, features)) if self.learned_shortcut else x
        inner = self.conv_0(F.leaky_relu(self.norm_0(x, features), SLOPE))
        inner = self.conv_1(F.leaky_relu(self.norm_1(inner, features), SLOPE))
        mixed: Tensor = shortcut + inner
        return mixed


class SpadeGenerator(nn.Module):
    """feature (B, 256, 64, 64) to a picture (B, 3, 512, 512), RGB in [0, 1]."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Conv2d(FEATURES, WIDTH, 3, padding=1)
        for index in range(MIDDLE_BLOCKS):
            self.add_module(f"G_middle_{index}", SpadeBlock(WIDTH, WIDTH))
        self.up_0 = SpadeBlock(WIDTH, WIDTH // 2)
        self.up_1 = SpadeBlock(WIDTH // 2, WIDTH // 8)
        self.conv_img = nn.Sequential(nn.Conv2d(WIDTH // 8, 3 * 4, 3, padding=1), nn.PixelShuffle(2))

    def middle_blocks(self) -> list[nn.Module]:
        """The blocks before the picture is first enlarged, in order."""
        return [self.get_submodule(f"G_middle_{index}") for index in range(MIDDLE_BLOCKS)]

    def forward(self, feature: Tensor) -> Tensor:
        """`feature` (B, 256, 64, 64) to the face (B, 3, 512, 512) in [0, 1]."""
        x = self.fc(feature)
        for block in self.middle_blocks():
            x = block(x, feature)
        x = self.up_0(F.interpolate(x, scale_factor=2, mode="nearest"), feature)
        x = self.up_1(F.interpolate(x, scale_factor=2, mode="nearest"), feature)
        return torch.sigmoid(self.conv_img(F.leaky_relu(x, SLOPE)))
