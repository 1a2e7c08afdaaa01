"""W, the warping module: moves a portrait's feature volume from its own keypoints to the driving ones.

Every keypoint proposes one shift of the whole volume; a 3D hourglass looks at the shifted volumes and decides, per
voxel, how much of which shift to believe. That mixture, the deformation, then moves the full volume, which is
flattened to a picture of features for the decoder G. Idea: Wang et al. 2021, arXiv:2011.15126, sections 3.2-3.3.

Coordinates are x right, y down, z inward, each in [-1, 1], in this order. The grid's outermost points lie **on** -1
and 1 while the sampling takes them to lie half a voxel inside (`align_corners=False`): the networks were trained so.
"""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avtr_cli.render.liveportrait.appearance import CHANNELS, DEPTH
from avtr_cli.render.liveportrait.layers import ConvNorm, DownBlock, UpBlock

KEYPOINTS = 21
CANDIDATES = KEYPOINTS + 1  # candidate 0 moves nothing: the background
COMPRESSED = 4  # channels of the volume that the hourglass looks at
STACKED = CANDIDATES * (1 + COMPRESSED)  # 110: per candidate one heat map and the shifted compressed volume
HEAT_VARIANCE = 0.01  # of the Gaussian around a keypoint, in units of the grid
HOURGLASS = (STACKED, 64, 128, 256, 512, 1024)  # channels going down
RETURNING = (1024, 512, 256, 128, 64, 32)  # channels going up, before each skip is appended
WARPED = 256  # channels of the picture of features


def identity_grid(depth: int, height: int, width: int, like: Tensor) -> Tensor:
    """Where every voxel is: (depth, height, width, 3) in x, y, z order, from -1 to 1 inclusive.

    At least float32, whatever `like` is: half a byte of mantissa less would move pixels.
    """
    dtype = torch.promote_types(like.dtype, torch.float32)
    axes = [torch.linspace(-1, 1, count, dtype=dtype, device=like.device) for count in (depth, height, width)]
    z, y, x = torch.meshgrid(*axes, indexing="ij")
    return torch.stack([x, y, z], dim=-1)


def candidate_flows(grid: Tensor, kp_source: Tensor, kp_driving: Tensor) -> Tensor:
    """Where each candidate would fetch every voxel from: (B, 22, D, H, W, 3); the first is the grid itself."""
    shift = (kp_source - kp_driving).to(grid.dtype)
    still = torch.zeros_like(shift[:, :1])
    return grid + torch.cat([still, shift], dim=1)[:, :, None, None, None]


def heat_maps(grid: Tensor, keypoints: Tensor) -> Tensor:
    """A Gaussian around each keypoint (B, K, 3): (B, K, D, H, W), 1 at the keypoint."""
    offset = grid - keypoints.to(grid.dtype)[:, :, None, None, None]
    return torch.exp(-0.5 * offset.square().sum(dim=-1) / HEAT_VARIANCE)


def sample(volume: Tensor, where: Tensor) -> Tensor:
    """Trilinear fetch of (B, C, D, H, W) at (B, D', H', W', 3); outside the volume is 0."""
    fetched = F.grid_sample(volume.to(where.dtype), where, padding_mode="zeros", align_corners=False)
    return fetched.to(volume.dtype)


class Encoder(nn.Module):
    """(B, 110, 16, 64, 64) to itself and five volumes, each of half the height and width of the one before."""

    def __init__(self) -> None:
        super().__init__()
        self.down_blocks = nn.ModuleList(DownBlock(3, inputs, outputs) for inputs, outputs in pairwise(HOURGLASS))

    def forward(self, x: Tensor) -> list[Tensor]:
        """(B, 110, D, H, W) and, after it, the output of every block, each of half the height and width."""
        skips = [x]
        for block in self.down_blocks:
            skips.append(block(skips[-1]))
        return skips


class Decoder(nn.Module):
    """The encoder's volumes back to (B, 142, 16, 64, 64): doubled five times, each time beside its skip."""

    def __init__(self) -> None:
        super().__init__()
        self.up_blocks = nn.ModuleList()
        skipped = 0
        for level, outputs in enumerate(RETURNING[1:], start=2):
            self.up_blocks.append(UpBlock(3, RETURNING[level - 2] + skipped, outputs))
            skipped = HOURGLASS[-level]
        channels = RETURNING[-1] + STACKED
        self.conv = nn.Conv3d(channels, channels, 3, padding=1)
        self.norm = nn.BatchNorm3d(channels)

    def forward(self, skips: list[Tensor]) -> Tensor:
        """What `Encoder` gave, which is used up, to (B, C, D, H, W) of the first's size."""
        x = skips.pop()
        for block in self.up_blocks:
            x = torch.cat([block(x), skips.pop()], dim=1)
        return F.relu(self.norm(self.conv(x)))


class Hourglass(nn.Module):
    """(B, 110, 16, 64, 64) to (B, 142, 16, 64, 64), seen at six scales."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = Encoder()
        self.decoder = Decoder()

    def forward(self, x: Tensor) -> Tensor:
        """(B, 110, D, H, W) to features (B, C, D, H, W) of the same size."""
        features: Tensor = self.decoder(self.encoder(x))
        return features


class DenseMotion(nn.Module):
    """Keypoints to a dense deformation (B, 16, 64, 64, 3) and an occlusion map (B, 1, 64, 64) in [0, 1]."""

    def __init__(self) -> None:
        super().__init__()
        channels = RETURNING[-1] + STACKED
        self.hourglass = Hourglass()
        self.mask = nn.Conv3d(channels, CANDIDATES, 7, padding=3)
        self.compress = nn.Conv3d(CHANNELS, COMPRESSED, 1)
        self.norm = nn.BatchNorm3d(COMPRESSED)
        self.occlusion = nn.Conv2d(channels * DEPTH, 1, 7, padding=3)

    def forward(self, feature: Tensor, kp_source: Tensor, kp_driving: Tensor) -> tuple[Tensor, Tensor]:
        """`feature` (B, 32, 16, 64, 64) and keypoints (B, 21, 3) to where voxels come from and what is occluded."""
        batch, _, depth, height, width = feature.shape
        grid = identity_grid(depth, height, width, feature)
        candidates = candidate_flows(grid, kp_source, kp_driving)

        compressed = F.relu(self.norm(self.compress(feature)))
        copies = compressed[:, None].expand(-1, CANDIDATES, -1, -1, -1, -1)
        shifted = sample(copies.flatten(0, 1), candidates.flatten(0, 1)).unflatten(0, (batch, CANDIDATES))

        heat = heat_maps(grid, kp_driving) - heat_maps(grid, kp_source)
        heat = torch.cat([torch.zeros_like(heat[:, :1]), heat], dim=1).to(feature.dtype)
        stacked = torch.cat([heat[:, :, None], shifted], dim=2).flatten(1, 2)

        seen = self.hourglass(stacked)
        belief = F.softmax(self.mask(seen).to(grid.dtype), dim=1)
        deformation = (candidates * belief[..., None]).sum(dim=1)
        occlusion = torch.sigmoid(self.occlusion(seen.flatten(1, 2)))
        return deformation, occlusion


class WarpingModule(nn.Module):
    """feature_3d (B, 32, 16, 64, 64) moved from kp_source to kp_driving, both (B, 21, 3).

    Returns `out` (B, 256, 64, 64), `deformation` (B, 16, 64, 64, 3) and `occlusion_map` (B, 1, 64, 64). Published code
    disagrees about the order of the two sets of keypoints: pass them by name.
    """

    def __init__(self) -> None:
        super().__init__()
        self.dense_motion_network = DenseMotion()
        self.third = ConvNorm(2, CHANNELS * DEPTH, WARPED, slope=0.01)
        self.fourth = nn.Conv2d(WARPED, WARPED, 1)

    def forward(self, feature_3d: Tensor, kp_source: Tensor, kp_driving: Tensor) -> dict[str, Tensor]:
        """`feature_3d` (B, 32, 16, 64, 64), keypoints (B, 21, 3) to `out` (B, 256, 64, 64) and what led to it."""
        deformation, occlusion = self.dense_motion_network(feature_3d, kp_source, kp_driving)
        moved = sample(feature_3d, deformation).flatten(1, 2)
        out = self.fourth(self.third(moved)) * occlusion
        return {"out": out, "deformation": deformation, "occlusion_map": occlusion}
