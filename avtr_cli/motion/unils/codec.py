"""UniLS's motion codec: 4 s of motion become rows of bits at several time scales, coarse first, and motion again.

Binary spherical quantization of a residual, one time scale after the other: each scale says the sign of what the
coarser ones have left over. Everything in float32: half precision flips bits.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from avtr_cli.motion.unils.attention import SelfAttention, rotation
from avtr_cli.motion.unils.config import CLIP_FRAMES, MOTION_WIDTH, CodecConfig

NORM_EPS = 1e-5
LEAK = 0.2  # of the leaky ReLU at both towers' entrance
WIDENING = 1.5  # of the feed-forward layers
STD_EPS = 1e-8  # added to the deviation when motion is normalised, and not when it is turned back


class Tower(nn.Module):
    """A linear layer in, attention and feed-forward layers (which have no norm) in turn; the way out is the owner's."""

    def layers(self, into: int, config: CodecConfig) -> tuple[nn.Sequential, nn.ModuleList]:
        """The entrance and the layers, for the owner to keep under the published names."""
        entrance = nn.Sequential(nn.Linear(into, config.width), nn.LeakyReLU(LEAK))
        layers: list[nn.Module] = []
        wide = int(WIDENING * config.width)
        for _ in range(config.depth):
            layers.append(SelfAttention(config.width, NORM_EPS))
            layers.append(nn.Sequential(nn.Linear(config.width, wide), nn.GELU("tanh"), nn.Linear(wide, config.width)))
        return entrance, nn.ModuleList(layers)

    def through(self, tokens: Tensor, layers: nn.ModuleList) -> Tensor:
        """(B, 100, width) through all layers."""
        at = rotation(torch.arange(CLIP_FRAMES, device=tokens.device))
        for layer in layers:
            tokens = tokens + (layer(tokens, at) if isinstance(layer, SelfAttention) else layer(tokens))
        return tokens


class Encoder(Tower):
    """Normalised motion (B, 100, 108) -> latent (B, 100, 32)."""

    def __init__(self, config: CodecConfig):
        super().__init__()
        self.inp_mapping, self.encoder_transformer = self.layers(MOTION_WIDTH, config)
        self.code_mapping = nn.Linear(config.width, config.code_width)

    def forward(self, motion: Tensor) -> Tensor:
        """(B, 100, 108) -> (B, 100, 32)."""
        latent: Tensor = self.code_mapping(self.through(self.inp_mapping(motion), self.encoder_transformer))
        return latent


class Decoder(Tower):
    """Features (B, 100, 32) -> normalised motion (B, 100, 108)."""

    def __init__(self, config: CodecConfig):
        super().__init__()
        self.inp_mapping, self.decoder_transformer = self.layers(config.code_width, config)
        self.out_mapping = nn.Linear(config.width, MOTION_WIDTH)

    def forward(self, features: Tensor) -> Tensor:
        """(B, 100, 32) -> (B, 100, 108)."""
        motion: Tensor = self.out_mapping(self.through(self.inp_mapping(features), self.decoder_transformer))
        return motion


class Codec(nn.Module):
    """Motion (B, 100, 108), in the channels of `core.motion_space.FLAME`, and bits (B, rows, 32) of 0 and 1.

    Rows of bits are those of all scales, coarse ones first.
    """

    motion_mean: Tensor
    motion_std: Tensor

    def __init__(self, config: CodecConfig):
        super().__init__()
        self.config = config
        self.register_buffer("motion_mean", torch.zeros(MOTION_WIDTH))
        self.register_buffer("motion_std", torch.ones(MOTION_WIDTH))
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)

    def encode(self, motion: Tensor) -> Tensor:
        """Motion -> bits, int32."""
        rest = self.encoder((motion - self.motion_mean) / (self.motion_std + STD_EPS))
        found = []
        for rows in self.config.scales:
            bits = (shortened(rest, rows) > 0).int()
            rest = rest - lengthened(self.codes(bits))
            found.append(bits)
        return torch.cat(found, 1)

    def codes(self, bits: Tensor) -> Tensor:
        """Bits of any shape (..., 32) as points of the unit sphere."""
        return (2 * bits.float() - 1) / math.sqrt(self.config.code_width)

    def by_scale(self, bits: Tensor) -> Iterator[Tensor]:
        """The codes of each scale, (B, rows of the scale, 32)."""
        yield from self.codes(bits).split(self.config.scales[: _scales_of(bits, self.config)], 1)

    def features(self, bits: Tensor) -> Tensor:
        """The codes of all scales, as long as the clip and added up: (B, 100, 32)."""
        total: Tensor = sum((lengthened(codes) for codes in self.by_scale(bits)), torch.zeros(()))
        return total.expand(len(bits), CLIP_FRAMES, -1)

    def next_inputs(self, bits: Tensor) -> Tensor:
        """What is known before each scale but the first, as short as that scale: (B, rows - 1, 32)."""
        known = torch.zeros(())
        inputs = []
        for codes, rows in zip(self.by_scale(bits), self.config.scales[1:], strict=False):
            known = known + lengthened(codes)
            inputs.append(shortened(known, rows))
        return torch.cat(inputs, 1)

    def decode(self, bits: Tensor) -> Tensor:
        """Bits -> motion."""
        motion: Tensor = self.decoder(self.features(bits)) * self.motion_std + self.motion_mean
        return motion


def _scales_of(bits: Tensor, config: CodecConfig) -> int:
    """How many scales, from the first, the rows of `bits` are of."""
    rows = 0
    for count, scale in enumerate(config.scales, 1):
        rows += scale
        if rows == bits.shape[1]:
            return count
    raise AssertionError(f"{bits.shape[1]} rows are not whole scales of {config.scales}")


def shortened(rows: Tensor, to: int) -> Tensor:
    """(B, 100, C) -> (B, to, C): row j is the mean of rows floor(100 j / to) .. ceil(100 (j + 1) / to) - 1."""
    if to == rows.shape[1]:
        return rows
    return _averages(rows.shape[1], to).to(rows) @ rows


@lru_cache(maxsize=32)
def _averages(length: int, to: int) -> Tensor:
    matrix = torch.zeros(to, length)
    for j in range(to):
        first, end = length * j // to, -(-length * (j + 1) // to)
        matrix[j, first:end] = 1 / (end - first)
    return matrix


def lengthened(rows: Tensor, to: int = CLIP_FRAMES) -> Tensor:
    """(B, n, C) -> (B, to, C), linear between half-pixel centres, the ends held."""
    if rows.shape[1] == to:
        return rows
    return interpolate(rows.mT, size=to, mode="linear", align_corners=False).mT
