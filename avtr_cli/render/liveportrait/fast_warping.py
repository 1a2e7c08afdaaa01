"""W once more, as fast as it can be without changing more than rounding: `WarpingModule` (warping.py) judges it.

What it saves, beside cheaper convolutions (`winograd.py`, `fourier.py`):
- what depends on the portrait alone is made once: compressed volume, its background sample, source heat maps;
- no volume is copied 22 times: a keypoint shifts the volume as a whole, and sampling a shifted volume is one small
  matrix along each axis; a Gaussian is a product of three one-dimensional ones; the mixture of shifts is their weighted
  sum, added to the grid once;
- nothing is concatenated: every stage writes into its channels of the buffer that the next one reads;
- batch norms are folded into their convolutions, enlarged maps are never made.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import torch
import torch.nn.functional as F
from torch import Tensor

from avtr_cli.render.liveportrait.appearance import CHANNELS, DEPTH
from avtr_cli.render.liveportrait.convolution import (
    Convolution,
    DirectConvolution,
    Pointwise,
    Scratch,
    frames_together,
    inside,
    prefers_tiles,
    tiled,
    weight_and_bias,
    without_norm,
)
from avtr_cli.render.liveportrait.fourier import BORDER, TAPS, FourierConvolution
from avtr_cli.render.liveportrait.layers import ConvNorm
from avtr_cli.render.liveportrait.warping import (
    CANDIDATES,
    COMPRESSED,
    HEAT_VARIANCE,
    HOURGLASS,
    KEYPOINTS,
    RETURNING,
    STACKED,
    WARPED,
    WarpingModule,
    identity_grid,
    sample,
)
from avtr_cli.render.liveportrait.winograd import TiledConvolution, enlarged, winograd

SIDE = 64
LEVELS = len(HOURGLASS)
_SAMPLED = CANDIDATES * COMPRESSED
_ROUNDED = -(-STACKED // 16) * 16  # the stacked channels, filled up with zeros for the vector units
_SEEN = RETURNING[-1] + _ROUNDED
_UP = (*RETURNING[:0:-1], 0)  # channels that come back up to each level, where they precede the skipped ones
_SKIPPED = (_ROUNDED, *HOURGLASS[1:])


@dataclass(frozen=True)
class WarpSource:
    """What of a portrait the warp needs: made once by `FastWarpingModule.prepare`."""

    feature: Tensor  # (1, 32, 16, 64, 64)
    keypoints: Tensor  # (1, 21, 3)
    compressed: Tensor  # (1, 4, 16, 64, 64)
    background: Tensor  # (1, 16, 64, 64, 4): the compressed volume sampled where it is
    heat: Tensor  # (1, 16, 64, 64, 21)

    @classmethod
    def joined(cls, sources: Sequence[WarpSource]) -> WarpSource:
        """Those of several frames one after the other; one portrait alone serves all its frames as it is."""
        if all(source is sources[0] for source in sources):
            return sources[0]
        return cls(*(torch.cat([getattr(source, part.name) for source in sources]) for part in fields(cls)))


class FastWarpingModule:
    """A prepared portrait and driving keypoints to what `plain` returns for them.

    On a CPU the frames of a batch are made one by one: together they would only leave the cache.
    """

    def __init__(self, plain: WarpingModule, device: torch.device, dtype: torch.dtype = torch.float32):
        self.scratch = scratch = Scratch(device, dtype)
        dense, hourglass = plain.dense_motion_network, plain.dense_motion_network.hourglass
        self._grid = identity_grid(DEPTH, SIDE, SIDE, torch.empty(0, device=device))
        weight, bias = without_norm(dense.compress, dense.norm)
        self._compress = Pointwise(weight.flatten(1), bias, DEPTH * SIDE * SIDE, scratch)

        self._down: list[Convolution] = []
        for level, block in enumerate(hourglass.encoder.down_blocks):
            weight, bias = _folded(block)
            weight = _reordered(weight, 0) if level == 0 else weight
            self._down.append(_volume_convolution(weight, bias, SIDE >> level, scratch))
        self._up = [
            TiledConvolution(*_folded(block), enlarged(2), SIDE >> level, scratch, DEPTH)
            for level, block in zip(range(LEVELS - 1, 0, -1), hourglass.decoder.up_blocks, strict=True)
        ]
        weight, bias = without_norm(hourglass.decoder.conv, hourglass.decoder.norm)
        weight = _filled(_reordered(weight, RETURNING[-1]), 0, _SEEN)
        self._last = _volume_convolution(weight, F.pad(bias, (0, _SEEN - len(bias))), SIDE, scratch)

        weight, bias = weight_and_bias(dense.mask)
        self._mask = _mask_convolution(_filled(weight, 1, _SEEN), bias, scratch)
        weight, bias = weight_and_bias(dense.occlusion)
        occlusion = weight.view(-1, DEPTH, TAPS * TAPS).permute(1, 0, 2)
        self._occlusion = _filled(occlusion, 1, _SEEN).to(device, dtype)  # (16, 144, 49)
        self._occlusion_bias = bias.to(device, torch.float32)
        self._third = _flat_convolution(*_folded(plain.third), scratch)
        self._slope = plain.third.slope
        self._fourth = Pointwise(plain.fourth.weight[:, :, 0, 0], plain.fourth.bias, SIDE * SIDE, scratch)

    def prepare(self, feature_3d: Tensor, kp_source: Tensor) -> WarpSource:
        """One portrait: feature_3d (1, 32, 16, 64, 64), kp_source (1, 21, 3)."""
        feature = feature_3d.to(self.scratch.device, self.scratch.dtype)
        keypoints = kp_source.to(self.scratch.device, torch.float32)
        compressed = self._compress(feature.movedim(1, -1)).relu_().movedim(-1, 1).contiguous()
        background = sample(compressed, self._grid[None]).movedim(1, -1).contiguous()
        return WarpSource(feature, keypoints, compressed.float(), background, self._heat(keypoints))

    def __call__(self, source: WarpSource | Sequence[WarpSource], kp_driving: Tensor) -> dict[str, Tensor]:
        """kp_driving (B, 21, 3) to `out` (B, 256, 64, 64), `deformation` and `occlusion_map`.

        `source` is the portrait of all frames, or a list of B: the portrait of each.
        """
        keypoints = kp_driving.to(self.scratch.device, torch.float32)
        sources = [source] * len(keypoints) if isinstance(source, WarpSource) else source
        together = frames_together(self.scratch)
        parts = [
            self._warped(WarpSource.joined(sources[at : at + together]), keypoints[at : at + together])
            for at in range(0, len(keypoints), together)
        ]
        return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}

    def _warped(self, source: WarpSource, keypoints: Tensor) -> dict[str, Tensor]:
        shift = source.keypoints - keypoints  # (B, 21, 3): where to fetch from
        seen = self._seen(self._stacked(source, keypoints, shift))
        belief = self._mask(seen).float().softmax(dim=-1)  # (B * 16, 64, 64, 22)
        mixed = belief[..., 1:].view(len(shift), -1, KEYPOINTS) @ shift
        deformation = self._grid + mixed.view(-1, *self._grid.shape)
        occlusion = self._occlusion_map(seen)

        moved = sample(source.feature.expand(len(shift), -1, -1, -1, -1), deformation)
        flat = self.scratch.bordered("moved", len(shift), SIDE, SIDE, CHANNELS * DEPTH)
        inside(flat).copy_(moved.flatten(1, 2).movedim(1, -1))
        third = self.scratch.take("third", len(shift), SIDE, SIDE, WARPED)
        for rows, y in self._third.blocks(flat):
            tiled(third, self._third.tile)[:, rows] = F.leaky_relu_(y, self._slope)
        out = self._fourth(third) * occlusion.movedim(1, -1)
        return {"out": out.movedim(-1, 1), "deformation": deformation, "occlusion_map": occlusion}

    def _stacked(self, source: WarpSource, keypoints: Tensor, shift: Tensor) -> list[Tensor]:
        """The hourglass's buffers, one per level; the first holds heat maps and shifted volumes behind `_UP[0]`."""
        batch = len(keypoints)
        levels = [
            self.scratch.bordered(f"level {level}", batch * DEPTH, SIDE >> level, SIDE >> level, up + skipped)
            for level, (up, skipped) in enumerate(zip(_UP, _SKIPPED, strict=True))
        ]
        stack = inside(levels[0])[..., _UP[0] :].unflatten(0, (batch, DEPTH))
        torch.sub(self._heat(keypoints), source.heat, out=stack[..., :KEYPOINTS])
        sampled = stack[..., KEYPOINTS : KEYPOINTS + _SAMPLED].unflatten(-1, (CANDIDATES, COMPRESSED))
        sampled[..., 0, :] = source.background
        sampled[..., 1:, :] = self._shifted(source.compressed, shift).permute(0, 3, 4, 5, 1, 2)
        return levels

    def _heat(self, keypoints: Tensor) -> Tensor:
        """A Gaussian around each keypoint (B, 21, 3): (B, 16, 64, 64, 21)."""
        x, y, z = (
            torch.exp(-0.5 * (axis[:, None] - keypoints[:, None, :, index]).square() / HEAT_VARIANCE)
            for index, axis in enumerate(self._axes())
        )
        heat = (z[:, :, None] * y[:, None])[:, :, :, None] * x[:, None, None]
        return heat.to(self.scratch.dtype)

    def _shifted(self, compressed: Tensor, shift: Tensor) -> Tensor:
        """The volume (1 or B, 4, 16, 64, 64) fetched from `shift` (B, 21, 3) further: (B, 21, 4, 16, 64, 64).

        Trilinear: along each axis, a matrix whose rows hold the two weights of a fetched point's neighbours, or fewer
        where it lies outside. Positions follow `align_corners=False` on a grid whose ends lie on -1 and 1, as trained.
        """
        matrices = []
        for index, axis in enumerate(self._axes()):
            count = len(axis)
            position = ((axis + shift[..., index, None] + 1) * count - 1) / 2
            neighbours = torch.arange(count, device=axis.device)
            matrices.append((1 - (position[..., None] - neighbours).abs()).clamp_min(0))
        along_x, along_y, along_z = matrices  # (B, 21, n, n)
        moved = compressed.flatten(1, 3)[:, None] @ along_x.mT
        moved = along_y[:, :, None] @ moved.unflatten(2, (-1, SIDE))
        moved = along_z[:, :, None] @ moved.unflatten(2, (-1, DEPTH)).flatten(4)
        frame: Tensor = moved.unflatten(-1, (SIDE, SIDE))
        return frame

    def _axes(self) -> tuple[Tensor, Tensor, Tensor]:
        """The grid's coordinates along x, y and z."""
        return self._grid[0, 0, :, 0], self._grid[0, :, 0, 1], self._grid[:, 0, 0, 2]

    def _seen(self, levels: list[Tensor]) -> Tensor:
        """The hourglass: (B * 16, 64 + 6, 64 + 6, 144), bordered for the 7-wide convolutions that follow."""
        for level, convolution in enumerate(self._down):
            place = tiled(inside(levels[level + 1])[..., _UP[level + 1] :], convolution.tile // 2)
            for rows, y in convolution.blocks(levels[level][..., _UP[level] :]):
                y.clamp_min_(0)
                wide = y[:, :, 0::2].add_(y[:, :, 1::2])
                place[:, rows] = wide[..., 0::2, :].add_(wide[..., 1::2, :]).mul_(0.25)
        for level, enlarging in zip(range(LEVELS - 1, 0, -1), self._up, strict=True):
            place = tiled(inside(levels[level - 1])[..., : _UP[level - 1]], enlarging.tile)
            for rows, y in enlarging.blocks(levels[level]):
                place[:, rows] = y.clamp_min_(0)
        seen = self.scratch.bordered("seen", len(levels[0]), SIDE, SIDE, _SEEN, border=BORDER)
        place = tiled(seen[:, BORDER:-BORDER, BORDER:-BORDER], self._last.tile)
        for rows, y in self._last.blocks(levels[0]):
            place[:, rows] = y.clamp_min_(0)
        return seen

    def _occlusion_map(self, seen: Tensor) -> Tensor:
        """(B, 1, 64, 64) in [0, 1]: every tap's product with the whole picture, then their sum, each in its place."""
        volumes = seen.unflatten(0, (-1, DEPTH))
        batch, side, taps = len(volumes), seen.shape[1], TAPS * TAPS
        products = volumes[:, 0].flatten(1, 2) @ self._occlusion[0]
        for depth in range(1, DEPTH):
            products.baddbmm_(volumes[:, depth].flatten(1, 2), self._occlusion[depth].expand(batch, -1, -1))
        row = side * taps
        strides = (side * row, row, taps, row + TAPS, taps + 1)
        aligned = products.as_strided((batch, SIDE, SIDE, TAPS, TAPS), strides)
        return torch.sigmoid(aligned.sum(dim=(3, 4), dtype=torch.float32) + self._occlusion_bias)[:, None]


def _volume_convolution(weight: Tensor, bias: Tensor, side: int, scratch: Scratch) -> Convolution:
    """By tiles on a CPU, but for the innermost level: there transformed weights take longer to read than to use."""
    if prefers_tiles(scratch) and side > 4:
        return TiledConvolution(weight, bias, winograd(), side, scratch, DEPTH)
    return DirectConvolution(weight, bias, side, scratch, DEPTH)


def _flat_convolution(weight: Tensor, bias: Tensor, scratch: Scratch) -> Convolution:
    if prefers_tiles(scratch):
        return TiledConvolution(weight, bias, winograd(), SIDE, scratch)
    return DirectConvolution(weight, bias, SIDE, scratch)


def _mask_convolution(weight: Tensor, bias: Tensor, scratch: Scratch) -> Callable[[Tensor], Tensor]:
    """(B * 16, 70, 70, 144) to (B * 16, 64, 64, 22): by spectra on a CPU, the library's convolution on a GPU."""
    if prefers_tiles(scratch):
        return FourierConvolution(weight, bias, scratch)
    weight, bias = (tensor.to(scratch.device, scratch.dtype) for tensor in (weight, bias))
    weight = weight.contiguous(memory_format=torch.channels_last_3d)

    def convolve(seen: Tensor) -> Tensor:
        volumes = seen.unflatten(0, (-1, DEPTH)).movedim(-1, 1)
        return F.conv3d(volumes, weight, bias, padding=(BORDER, 0, 0)).movedim(1, -1).flatten(0, 1)

    return convolve


def _folded(block: torch.nn.Module) -> tuple[Tensor, Tensor]:
    assert isinstance(block, ConvNorm)
    return without_norm(block.conv, block.norm)


def _reordered(weight: Tensor, before: int) -> Tensor:
    """Input channels from the published order, per candidate [heat map, 4 sampled], to ours, behind `before` others.

    Ours: 21 heat maps (the background's is always 0), 22 x 4 sampled, zeros to a round number.
    """
    first = before + (1 + COMPRESSED) * torch.arange(CANDIDATES)
    sampled = (first[:, None] + 1 + torch.arange(COMPRESSED)).flatten()
    order = torch.cat([torch.arange(before), first[1:], sampled])
    return _filled(weight[:, order], 1, before + _ROUNDED)


def _filled(weight: Tensor, dimension: int, size: int) -> Tensor:
    """`weight` with zeros appended along a dimension up to `size`."""
    missing = [*weight.shape]
    missing[dimension] = size - missing[dimension]
    return torch.cat([weight, weight.new_zeros(missing)], dim=dimension)
