"""G once more, as fast as it can be without changing more than rounding: `SpadeGenerator` (spade.py) judges it.

What it saves, beside cheaper convolutions (`winograd.py`):
- spectral norms are divided out once;
- scale and shift of a SPADE are one convolution, applied block by block while its outputs are in the cache;
- the 18 maps that steer the SPADEs are three convolutions, none of an enlarged map: where the published network
  repeats the feature picture's pixels, the convolution is that of the picture itself;
- the trunk is not enlarged either: it is normalised small (repeating pixels changes no mean and no deviation) and its
  pixels are repeated as they are modulated.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from avtr_cli.render.liveportrait.convolution import (
    Block,
    Convolution,
    DirectConvolution,
    Pointwise,
    Scratch,
    frames_together,
    inside,
    prefers_tiles,
    tiled,
    weight_and_bias,
)
from avtr_cli.render.liveportrait.spade import FEATURES, HIDDEN, SLOPE, WIDTH, Spade, SpadeBlock, SpadeGenerator
from avtr_cli.render.liveportrait.winograd import TiledConvolution, enlarged, winograd

FEATURE_SIDE = 64
TRUNK = torch.float32  # what nine blocks add up to and the norms see, also where convolutions are in half precision
_EPSILON = 1e-5  # of the instance norms
_WORTH_TILING = 128  # output channels from which fewer products outweigh the transforms (measured)


def convolution(weight: Tensor, bias: Tensor, side: int, scratch: Scratch) -> Convolution:
    """The faster form of a 3 x 3 convolution here: by tiles on a CPU, the library's on a GPU."""
    if prefers_tiles(scratch) and len(weight) >= _WORTH_TILING:
        return TiledConvolution(weight, bias, winograd(), side, scratch)
    return DirectConvolution(weight, bias, side, scratch)


class FastSpadeGenerator:
    """feature (B, 256, 64, 64) to pictures (B, 3, 512, 512), RGB in [0, 1], as `plain` gives them.

    On a CPU the pictures of a batch are made one by one: together they would only leave the cache.
    """

    def __init__(self, plain: SpadeGenerator, device: torch.device, dtype: torch.dtype = torch.float32):
        self.scratch = scratch = Scratch(device, dtype)
        middle = [block for block in plain.middle_blocks() if isinstance(block, SpadeBlock)]
        weight, bias = _steering(middle)
        own_weight, own_bias = weight_and_bias(plain.fc)
        weight, bias = torch.cat([own_weight, weight]), torch.cat([own_bias, bias])
        self._entry = convolution(weight, bias, FEATURE_SIDE, scratch)
        self._middle = [_Block(block, FEATURE_SIDE, 1, scratch) for block in middle]
        self._ups = []
        for level, block in enumerate((plain.up_0, plain.up_1), start=1):
            steering = TiledConvolution(*_steering([block]), enlarged(2**level), FEATURE_SIDE, scratch)
            self._ups.append((steering, _Block(block, FEATURE_SIDE * 2**level, 2, scratch)))
        self._exit = DirectConvolution(*weight_and_bias(plain.conv_img[0]), 4 * FEATURE_SIDE, scratch)

    def __call__(self, feature: Tensor) -> Tensor:
        return torch.cat([self._pictures(part) for part in feature.split(frames_together(self.scratch))])

    def _pictures(self, feature: Tensor) -> Tensor:
        scratch, batch = self.scratch, len(feature)
        features = scratch.bordered("features", batch, FEATURE_SIDE, FEATURE_SIDE, FEATURES)
        inside(features).copy_(feature.movedim(1, -1))

        x = scratch.take("trunk 64", batch, FEATURE_SIDE, FEATURE_SIDE, WIDTH, dtype=TRUNK)
        hidden = scratch.bordered("hidden 64", batch, FEATURE_SIDE, FEATURE_SIDE, 2 * len(self._middle) * HIDDEN)
        side = self._entry.tile
        for rows, y in self._entry.blocks(features):
            tiled(x, side)[:, rows] = y[..., :WIDTH]
            tiled(inside(hidden), side)[:, rows] = y[..., WIDTH:].relu_()
        for index, block in enumerate(self._middle):
            x = block(x, hidden[..., 2 * index * HIDDEN :])

        for steering, block in self._ups:
            sides = 2 * x.shape[1]
            hidden = scratch.bordered(f"hidden {sides}", batch, sides, sides, 3 * HIDDEN)
            for rows, y in steering.blocks(features):
                tiled(inside(hidden), steering.tile)[:, rows] = y.relu_()
            x = block(x, hidden)

        last = scratch.bordered("last", batch, *x.shape[1:])
        inside(last).copy_(F.leaky_relu(x, SLOPE))
        _, y = next(iter(self._exit.blocks(last)))
        subpixels = y.flatten(3, 4).flatten(1, 2).movedim(-1, 1)
        return torch.sigmoid(F.pixel_shuffle(subpixels, 2).to(TRUNK)).contiguous()


class _Block:
    """One `SpadeBlock` on a trunk (B, h, w, in), enlarged `factor` times on the way: (B, H, W, out).

    Its SPADEs are steered by successive `HIDDEN` channels of a bordered map: norm_0, norm_1, then norm_s if any.
    """

    def __init__(self, plain: SpadeBlock, side: int, factor: int, scratch: Scratch):
        self._scratch, self._side, self._factor = scratch, side, factor
        self._modulate_0 = _Modulation(plain.norm_0, side, scratch)
        self._modulate_1 = _Modulation(plain.norm_1, side, scratch)
        self._conv_0, self._conv_1 = (
            convolution(conv.normalized_weight(), conv.state_dict()["bias"], side, scratch)
            for conv in (plain.conv_0, plain.conv_1)
        )
        self._outputs, self._between = plain.conv_1.weight_orig.shape[:2]
        self._shortcut: tuple[_Modulation, Pointwise] | None = None
        if plain.learned_shortcut:
            weight = plain.conv_s.normalized_weight()[:, :, 0, 0]
            self._shortcut = _Modulation(plain.norm_s, side, scratch), Pointwise(weight, None, side * 4, scratch)

    def __call__(self, x: Tensor, hidden: Tensor) -> Tensor:
        scratch, side, batch, inputs = self._scratch, self._side, len(x), x.shape[-1]
        normal = _normalized(x, scratch.take(f"normal {x.shape[1]}", *x.shape))
        out = x
        if self._shortcut is not None:
            out = scratch.take(f"trunk {side}", batch, side, side, self._outputs, dtype=TRUNK)
            modulate, project = self._shortcut
            for rows, modulated in modulate.blocks(normal, hidden[..., 2 * HIDDEN :], self._factor):
                tiled(out, modulate.tile)[:, rows] = project(modulated)

        modulated = scratch.bordered(f"modulated {side}", batch, side, side, inputs)
        self._modulate_0(normal, hidden, modulated, self._factor)
        between = scratch.take(f"between {side}", batch, side, side, self._between)
        for rows, y in self._conv_0.blocks(modulated):
            tiled(between, self._conv_0.tile)[:, rows] = y

        modulated = scratch.bordered(f"modulated {side}", batch, side, side, self._between)
        self._modulate_1(_normalized(between, between), hidden[..., HIDDEN:], modulated)
        for rows, y in self._conv_1.blocks(modulated):
            tiled(out, self._conv_1.tile)[:, rows] += y
        return out


class _Modulation:
    """What a SPADE does to a normalised trunk: (1 + gamma) x + beta, both from one convolution of its hidden map."""

    def __init__(self, plain: Spade, side: int, scratch: Scratch):
        (gamma_weight, gamma_bias), (beta_weight, beta_bias) = map(weight_and_bias, (plain.mlp_gamma, plain.mlp_beta))
        weight, bias = torch.cat([gamma_weight, beta_weight]), torch.cat([1 + gamma_bias, beta_bias])
        self._convolution = convolution(weight, bias, side, scratch)
        self.tile = self._convolution.tile

    def blocks(self, normal: Tensor, hidden: Tensor, factor: int = 1) -> Iterator[Block]:
        """Blocks of the modulated trunk, the pixels of `normal` repeated `factor` times both ways."""
        small = tiled(normal, self.tile // factor)
        small = small[:, :, :, None, :, :, None]  # (B, rows, m / f, 1, columns, m / f, 1, C)
        channels = normal.shape[-1]
        for rows, y in self._convolution.blocks(hidden[..., :HIDDEN]):
            gamma, beta = y[..., :channels], y[..., channels:]
            split = (self.tile // factor, factor)
            gamma, beta = (part.unflatten(4, split).unflatten(2, split) for part in (gamma, beta))
            torch.addcmul(beta, gamma, small[:, rows], out=gamma)
            yield rows, y[..., :channels]

    def __call__(self, normal: Tensor, hidden: Tensor, out: Tensor, factor: int = 1) -> None:
        """The modulated trunk through the leaky ReLU into the bordered map `out`."""
        place = tiled(inside(out), self.tile)
        for rows, y in self.blocks(normal, hidden, factor):
            place[:, rows] = F.leaky_relu_(y, SLOPE)


def _normalized(x: Tensor, out: Tensor) -> Tensor:
    """Each channel of each picture of (B, H, W, C) with mean 0 and deviation 1, written to `out`."""
    mean = x.mean(dim=(1, 2), keepdim=True, dtype=TRUNK)
    centred = torch.sub(x, mean, out=out if out.dtype == TRUNK else None)
    variance = centred.square().mean(dim=(1, 2), keepdim=True)  # torch.var_mean is ten times slower over these axes
    centred.mul_(torch.rsqrt(variance + _EPSILON))
    return centred if out.dtype == TRUNK else out.copy_(centred)


def _steering(blocks: list[SpadeBlock]) -> tuple[Tensor, Tensor]:
    """Weight and bias of one convolution that makes the hidden maps of all SPADEs of these blocks."""
    norms = [module for block in blocks for module in block.children() if isinstance(module, Spade)]
    weights, biases = zip(*(weight_and_bias(norm.mlp_shared[0]) for norm in norms), strict=True)
    return torch.cat(weights), torch.cat(biases)
