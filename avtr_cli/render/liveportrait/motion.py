"""M, the motion extractor: a picture of a face becomes its pose, its expression and its resting keypoints.

A ConvNeXt V2 of the "tiny" size (Woo et al. 2023, arXiv:2301.00808) with seven linear heads. What the heads say is
turned into degrees and keypoints by `pose.py`; here they are raw.
"""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

DEPTHS, WIDTHS = (3, 3, 9, 3), (96, 192, 384, 768)
EPSILON = 1e-6  # of every LayerNorm and of the response normalisation
POSE_BINS = 66

HEADS = {  # in state-dict order: output width of each linear head
    "kp": 63,
    "scale": 1,
    "pitch": POSE_BINS,
    "yaw": POSE_BINS,
    "roll": POSE_BINS,
    "t": 3,
    "exp": 63,
}


class ChannelLayerNorm(nn.LayerNorm):
    """LayerNorm over the channels of (B, C, H, W), each pixel by itself."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) normalised over C at every place."""
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


class GlobalResponseNorm(nn.Module):
    """ConvNeXt V2, equations 1-3: channels compete by their L2 norm over the positions; (B, H, W, C) in and out."""

    def __init__(self, channels: int):
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(1, 1, 1, channels))
        self.beta = nn.Parameter(torch.zeros(1, 1, 1, channels))

    def forward(self, x: Tensor) -> Tensor:
        """(B, H, W, C), each channel weighed by its share of the picture's response."""
        norm = x.norm(p=2, dim=(1, 2), keepdim=True)
        response = norm / (norm.mean(dim=-1, keepdim=True) + EPSILON)
        normed: Tensor = self.gamma * (x * response) + self.beta + x
        return normed


class ConvNextBlock(nn.Module):
    """(B, C, H, W) in and out: depthwise 7 x 7, norm, widen fourfold, exact GELU, response norm, narrow, add."""

    def __init__(self, channels: int):
        super().__init__()
        self.dwconv = nn.Conv2d(channels, channels, 7, padding=3, groups=channels)
        self.norm = nn.LayerNorm(channels, eps=EPSILON)
        self.pwconv1 = nn.Linear(channels, 4 * channels)
        self.grn = GlobalResponseNorm(4 * channels)
        self.pwconv2 = nn.Linear(4 * channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the same."""
        inner = self.norm(self.dwconv(x).movedim(1, -1))
        inner = self.pwconv2(self.grn(F.gelu(self.pwconv1(inner))))
        mixed: Tensor = x + inner.movedim(-1, 1)
        return mixed


class ConvNextV2(nn.Module):
    """The trunk and its heads: (B, 3, H, W) to a dict of `HEADS`, each (B, width)."""

    def __init__(self) -> None:
        super().__init__()
        stem = nn.Sequential(nn.Conv2d(3, WIDTHS[0], 4, stride=4), ChannelLayerNorm(WIDTHS[0], eps=EPSILON))
        halvings = [
            nn.Sequential(ChannelLayerNorm(narrow, eps=EPSILON), nn.Conv2d(narrow, wide, 2, stride=2))
            for narrow, wide in pairwise(WIDTHS)
        ]
        self.downsample_layers = nn.ModuleList([stem, *halvings])
        self.stages = nn.ModuleList(
            nn.Sequential(*(ConvNextBlock(width) for _ in range(depth)))
            for width, depth in zip(WIDTHS, DEPTHS, strict=True)
        )
        self.norm = nn.LayerNorm(WIDTHS[-1], eps=EPSILON)
        for head, width in HEADS.items():
            self.add_module(f"fc_{head}", nn.Linear(WIDTHS[-1], width))

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """`image` (B, 3, H, W) to the numbers of every head of HEADS, (B, width)."""
        x = image
        for reduce, stage in zip(self.downsample_layers, self.stages, strict=True):
            x = stage(reduce(x))
        summary = self.norm(x.mean(dim=(2, 3)))
        return {head: self.get_submodule(f"fc_{head}")(summary) for head in HEADS}


class MotionExtractor(nn.Module):
    """image (B, 3, 256, 256), RGB in [0, 1], to the raw heads.

    Returns pitch, yaw, roll (B, 66) logits over angle bins, t (B, 3), exp (B, 63), scale (B, 1), kp (B, 63).
    """

    def __init__(self) -> None:
        super().__init__()
        self.detector = ConvNextV2()

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """`image` (B, 3, 256, 256) in [0, 1] to the raw numbers of every head; `pose.py` reads them."""
        numbers: dict[str, Tensor] = self.detector(image)
        return numbers
