"""Convolutions as the fast networks call them: weights made ready once, zero-bordered input, output in blocks of tiles.

Activations are kept channels-last, (layers, height, width, channels), where layers are the pictures of a batch, or all
depths of all volumes. What is to be convolved lies in a buffer with a border of zeros around each layer, so nothing is
padded or concatenated on the way: whoever computes an activation writes it into its place in the next buffer.

A convolution hands out its result in blocks of some rows while they are still in the cache; `fast_spade.py` and
`fast_warping.py` finish each block (activation, modulation, sum, mean of pixels) before the next is made. A block is
(layers, rows, m, columns, m, channels): rows and columns of tiles of m x m pixels; `tiled` shows a buffer that way.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

BATCH_NORM_EPSILON = 1e-5
FRAMES_TOGETHER = 20  # the chunks of four sessions
Block = tuple[slice, Tensor]  # which rows of tiles, and what they hold


class Convolution(Protocol):
    """A 3 x 3 convolution (x 3 in depth for volumes) with weights and bias."""

    tile: int  # m: pixels of a tile's side

    def blocks(self, x: Tensor) -> Iterator[Block]:
        """The convolution of a zero-bordered x (layers, H + 2, W + 2, in), some rows of tiles at a time.

        A block's memory is only lent: it is overwritten when the next one is asked for.
        """


class Scratch:
    """Memory used again on every call, by name: what is allocated anew every time is slow on first touch."""

    def __init__(self, device: torch.device, dtype: torch.dtype):
        self.device, self.dtype = device, dtype
        self._flat: dict[tuple[str, torch.dtype], Tensor] = {}
        self._bordered: dict[tuple[str, tuple[int, ...]], Tensor] = {}

    def take(self, name: str, *shape: int, dtype: torch.dtype | None = None) -> Tensor:
        """A tensor of this shape, of another dtype if asked; its content is whatever the last user of `name` left."""
        count, key = math.prod(shape), (name, dtype or self.dtype)
        if key not in self._flat or self._flat[key].numel() < count:
            self._flat[key] = torch.empty(count, device=self.device, dtype=key[1])
        return self._flat[key][:count].view(shape)

    def tensors(self) -> list[Tensor]:
        """All of it, for whoever relies on its addresses to stay."""
        return [*self._flat.values(), *self._bordered.values()]

    def bordered(self, name: str, layers: int, height: int, width: int, channels: int, border: int = 1) -> Tensor:
        """(layers, height + 2, width + 2, channels) whose border is zero; write only its `inside`."""
        shape = (layers, height + 2 * border, width + 2 * border, channels)
        if (name, shape) not in self._bordered:
            self._bordered[name, shape] = torch.zeros(shape, device=self.device, dtype=self.dtype)
        return self._bordered[name, shape]


def prefers_tiles(scratch: Scratch) -> bool:
    """Whether fewer products beat the library's convolutions here, and one picture at a time beats many at once.

    So on a CPU. A GPU's matrix units want large plain products, and half precision has no digits to spare.
    """
    return scratch.device.type == "cpu" and scratch.dtype == torch.float32


def frames_together(scratch: Scratch) -> int:
    """How many frames go through a network at once; more would only take more memory (0.25 GB each in half precision).

    On a CPU even two would leave the cache.
    """
    return 1 if prefers_tiles(scratch) else FRAMES_TOGETHER


def inside(bordered: Tensor) -> Tensor:
    """(layers, H + 2, W + 2, C) without its border: (layers, H, W, C)."""
    return bordered[:, 1:-1, 1:-1]


def tiled(x: Tensor, side: int) -> Tensor:
    """(layers, H, W, C) as blocks come: (layers, H / side, side, W / side, side, C)."""
    tiles: Tensor = x.unflatten(2, (-1, side)).unflatten(1, (-1, side))
    return tiles


def without_norm(conv: nn.Module, norm: nn.Module) -> tuple[Tensor, Tensor]:
    """Weight and bias of a convolution that does what `conv` and then the batch norm `norm` do in evaluation."""
    weight, bias = (tensor.double() for tensor in weight_and_bias(conv))
    state = {name: tensor.double() for name, tensor in norm.state_dict().items()}
    factor = state["weight"] / torch.sqrt(state["running_var"] + BATCH_NORM_EPSILON)
    folded = weight * factor.view(-1, *[1] * (weight.ndim - 1))
    return folded.float(), (state["bias"] + (bias - state["running_mean"]) * factor).float()


def weight_and_bias(conv: nn.Module) -> tuple[Tensor, Tensor]:
    """Of a convolution that has both."""
    state = conv.state_dict()
    return state["weight"], state["bias"]


class DirectConvolution:
    """Tap by tap, as the library does it; all of it is one block."""

    tile = 4

    def __init__(self, weight: Tensor, bias: Tensor, side: int, scratch: Scratch, depth: int = 0):
        """weight (out, in, 3, 3), or (out, in, 3, 3, 3) for volumes of `depth` layers; `side` is the output's."""
        self._depth = depth
        size = [depth, side + 2, side + 2] if depth else [side + 2, side + 2]
        self._product = Product(weight, bias, size, scratch, padding=[1, 0, 0] if depth else [0, 0])

    def blocks(self, x: Tensor) -> Iterator[Block]:
        """All of the output as one block of tiles; see `Convolution.blocks`."""
        volumes = x.unflatten(0, (-1, self._depth)) if self._depth else x
        y = self._product(volumes.movedim(-1, 1)).movedim(1, -1)
        y = y.flatten(0, 1) if self._depth else y
        yield slice(None), tiled(y, self.tile)


class Product:
    """One call of the library's convolution, its weights laid out beforehand where the library can do so.

    On a CPU, oneDNN lays weights out anew on every call, which costs as much as a small convolution; the operator that
    takes them laid out is the one `torch.compile` uses. Where it is missing, the ordinary call gives the same.
    """

    def __init__(
        self,
        weight: Tensor,
        bias: Tensor | None,
        size: list[int],
        scratch: Scratch,
        padding: list[int],
        groups: int = 1,
    ):
        """`size` is that of the inputs to come, [height, width] or with depth before; others work, but slowly."""
        self._bias = None if bias is None else bias.to(scratch.device, scratch.dtype)
        self._padding, self._groups = padding, groups
        dimensions = weight.ndim - 2
        formats = {2: torch.channels_last, 3: torch.channels_last_3d}
        self._weight = torch.empty(0)
        self._ones = [1] * dimensions
        self._packed: Tensor | None = None
        if scratch.device.type == "cpu" and scratch.dtype == torch.float32 and can_pack():
            reorder = getattr(torch._C._nn, f"mkldnn_reorder_conv{dimensions}d_weight")
            shape = [1, weight.shape[1] * groups, *size]
            self._packed = reorder(weight.to_mkldnn(), padding, self._ones, self._ones, groups, shape)
        else:
            self._weight = weight.to(scratch.device, scratch.dtype, memory_format=formats[dimensions])

    def __call__(self, x: Tensor) -> Tensor:
        """x (B, in, ...) to (B, out, ...), both channels-last in memory."""
        if self._packed is not None:
            sizes = (self._padding, self._ones, self._ones, self._groups)
            y: Tensor = torch.ops.mkldnn._convolution_pointwise(x, self._packed, self._bias, *sizes, "none", (), "")
            return y
        convolve = F.conv2d if len(self._ones) == 2 else F.conv3d
        return convolve(x, self._weight, self._bias, padding=self._padding, groups=self._groups)


def can_pack() -> bool:
    """Whether this torch has oneDNN and the operators that take weights laid out beforehand."""
    ready = torch.backends.mkldnn.is_available() and hasattr(torch._C._nn, "mkldnn_reorder_conv3d_weight")
    return ready and hasattr(torch.ops.mkldnn, "_convolution_pointwise")


class Pointwise:
    """A 1 x 1 convolution: (..., in) to (..., out)."""

    def __init__(self, weight: Tensor, bias: Tensor | None, pixels: int, scratch: Scratch):
        """weight (out, in); `pixels` is how many come at once."""
        self._product = Product(weight[:, :, None, None], bias, [pixels, 1], scratch, padding=[0, 0])

    def __call__(self, x: Tensor) -> Tensor:
        rows = x.reshape(1, -1, 1, x.shape[-1])
        return self._product(rows.movedim(-1, 1)).movedim(1, -1).view(*x.shape[:-1], -1)
