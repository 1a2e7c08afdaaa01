"""Convolutions with fewer multiplications: tile by tile, as sums of products of transformed pixels and weights.

Per axis, a tile of outputs y is A [(G w) * (B x)], w the three weights, x the tile's inputs, * element by element
(Winograd 1980; for convolutional networks Lavin & Gray 2016, arXiv:1509.09308). In two dimensions every matrix is used
along both axes. Over all channels the products are matrix products, one for each of the n x n points, and nearly all
of the work; depth, where there is one, stays an ordinary sum over three layers inside them.

Two algorithms are used. F(4, 3) makes 4 x 4 outputs from 6 x 6 inputs with 36 products instead of 144. A map enlarged
by repeating pixels is cheaper still: there the three weights w of a row act as (w0 + w1 + w2) on the pixel, w0 on the
step down to the pixel before and w2 on the step to the one after. So 9 products make all f x f outputs of a pixel,
whatever the factor f, and the enlarged map is never made. Both change nothing but rounding.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from avtr_cli.core.arrays import Doubles
from avtr_cli.render.liveportrait.convolution import Block, Product, Scratch, can_pack

# Rounding grows with the points; these give a third of the error of 0, 1, -1, 2, -2 (Barabasz et al. 2018,
# arXiv:1803.10986). The point at infinity comes on top.
_POINTS = (0.0, 1.0, -1.0, 0.5, -2.0)
_CONSTANT = 1  # the point whose product reaches every output with factor 1, in both algorithms: the bias goes there
_BLOCK_BYTES = 16 << 20  # of the largest intermediate: two of them stay in a server's last-level cache


@dataclass(frozen=True)
class Algorithm:
    """y = A [(G w) * (B x)]: A (outputs, points), G (points, 3), B (points, window); `step` inputs to the next tile."""

    A: Doubles
    G: Doubles
    B: Doubles
    step: int

    @property
    def outputs(self) -> int:
        """How many outputs one tile has along a side."""
        return int(self.A.shape[0])

    @property
    def window(self) -> int:
        """How many inputs one tile reads along a side."""
        return int(self.B.shape[1])


def winograd(outputs: int = 4) -> Algorithm:
    """F(outputs, 3) by the Toom-Cook construction: products of polynomials by their values at points."""
    points = outputs + 2

    def values(degree: int) -> Doubles:
        table = np.zeros((points, degree))
        table[:-1] = np.power.outer(_POINTS[: points - 1], np.arange(degree))
        table[-1, -1] = 1  # at infinity, the leading coefficient
        return table

    inverse = np.linalg.inv(values(points)).T
    size = np.abs(inverse).sum(axis=1, keepdims=True)  # shared out so that transformed pixels stay as large as pixels
    return Algorithm(A=values(outputs).T, G=values(3) * size, B=inverse / size, step=outputs)


def enlarged(factor: int) -> Algorithm:
    """The convolution of a map whose every pixel is repeated `factor` times, from the map itself."""
    spread = np.zeros((factor, 3))
    spread[:, 1] = 1
    spread[0, 0] = spread[-1, 2] = 1
    return Algorithm(
        A=spread,
        G=np.array([[1.0, 0, 0], [1, 1, 1], [0, 0, 1]]),
        B=np.array([[1.0, -1, 0], [0, 1, 0], [0, -1, 1]]),
        step=1,
    )


class TiledConvolution:
    """A `Convolution` by an `Algorithm`: x (layers, H + 2, W + 2, in), H and W multiples of the step."""

    def __init__(self, weight: Tensor, bias: Tensor, algorithm: Algorithm, side: int, scratch: Scratch, depth: int = 0):
        """weight (out, in, 3, 3), or (out, in, 3, 3, 3) for volumes of `depth` layers; `side` is that of x.

        On a CPU, in and out must be multiples of 16.
        """
        self.tile = algorithm.outputs
        self._algorithm, self._scratch = algorithm, scratch
        self._depth = depth or 1
        self._outputs, self._inputs = weight.shape[:2]
        self._into, self._out_of = (
            torch.from_numpy(np.kron(matrix, matrix)).to(scratch.device, scratch.dtype)
            for matrix in (algorithm.B, algorithm.A)
        )
        points = len(algorithm.G)
        self._points = points * points
        on_weights = torch.from_numpy(np.kron(algorithm.G, algorithm.G)).float()
        flat = weight.float().flatten(-2)  # (out, in, [3,] 9)
        # Transposed as a table: torch copies those five times faster than a moved dimension.
        transformed = (flat.reshape(-1, 9) @ on_weights.T).T.contiguous().view(self._points, *flat.shape[:-1])
        biases = torch.zeros(self._points, self._outputs)
        biases[_CONSTANT * points + _CONSTANT] = bias
        if transformed.ndim == 3:
            transformed = transformed[..., None]
        rows = side // algorithm.step
        self._grouped: Product | None = None
        if scratch.device.type == "cpu" and scratch.dtype == torch.float32 and can_pack():
            kernel = transformed.flatten(0, 1)[..., None].contiguous()  # (points * out, in, layers, 1)
            padding = [kernel.shape[2] // 2, 0]
            size = [self._depth, self._rows_at_once(self._depth, rows) * rows]
            self._grouped = Product(kernel, biases.flatten(), size, scratch, padding, groups=self._points)
        else:
            matrices = transformed.permute(3, 0, 2, 1).contiguous()  # (layers, points, in, out)
            self._matrices = matrices.to(scratch.device, scratch.dtype)
            self._biases = biases[:, None].to(scratch.device, scratch.dtype)

    def blocks(self, x: Tensor) -> Iterator[Block]:
        """As many rows of tiles at once as the cache holds; see `Convolution.blocks`."""
        a, scratch = self._algorithm, self._scratch
        tiles = x.unfold(1, a.window, a.step).unfold(2, a.window, a.step).permute(0, 1, 2, 4, 5, 3)
        layers, rows, columns = tiles.shape[:3]
        at_once = self._rows_at_once(layers, rows)
        for first in range(0, rows, at_once):
            part = tiles[:, first : first + at_once]
            count = layers * part.shape[1] * columns
            gathered = scratch.take("tiles", *part.shape).copy_(part).view(count, a.window**2, self._inputs)
            pixels = scratch.take("pixels", count, self._points, self._inputs)
            torch.bmm(self._into.expand(count, -1, -1), gathered, out=pixels)
            products = self._products(pixels.view(layers, -1, self._points, self._inputs))
            y = scratch.take("tiles", count, a.outputs**2, self._outputs)
            torch.bmm(self._out_of.expand(count, -1, -1), products.reshape(count, self._points, -1), out=y)
            y = y.view(layers, -1, columns, a.outputs, a.outputs, self._outputs)
            yield slice(first, first + part.shape[1]), y.transpose(2, 3)

    def _rows_at_once(self, layers: int, rows: int) -> int:
        """How many rows of tiles make a block: a divisor of `rows`, as many as there are columns."""
        if self._scratch.device.type != "cpu":
            return rows
        widest = self._points * max(self._inputs, self._outputs)
        fitting = _BLOCK_BYTES // (layers * rows * widest * self._scratch.dtype.itemsize)
        return next(count for count in range(max(1, min(rows, fitting)), 0, -1) if rows % count == 0)

    def _products(self, pixels: Tensor) -> Tensor:
        """(layers, tiles, points, in) times the weights of each point: (layers, tiles, points, out)."""
        tiles = pixels.shape[1]
        if self._grouped is not None:
            image = pixels.view(-1, self._depth, tiles, self._points * self._inputs)
            return self._grouped(image.movedim(-1, 1)).movedim(1, -1)
        volumes = pixels.view(-1, self._depth, tiles, self._points, self._inputs)
        reach = len(self._matrices) // 2
        volumes = F.pad(volumes, [0] * 6 + [reach, reach])
        total = self._biases
        for layer, matrices in enumerate(self._matrices):
            shifted = volumes[:, layer : layer + self._depth].flatten(0, 2)
            total = total + torch.bmm(shifted.transpose(0, 1), matrices)
        return total.transpose(0, 1)
