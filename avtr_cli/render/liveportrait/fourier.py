"""A 7 x 7 x 7 convolution as products of spectra: what the warping module's mask costs most of its time for.

Directly it takes 343 products per output and pair of channels; on tiles of 22 x 22 x 22 frequencies, of which 16 x 16
pixels at all depths come out right (overlap-save), it takes 8. With 142 channels in and 22 out, the transforms of the
inputs then dominate. They are small enough to be matrix products with the Fourier matrix, which leave the channels
side by side in memory, as the products of the spectra want them; a library's FFT would move everything twice.
"""

from __future__ import annotations

import torch
from torch import Tensor

from avtr_cli.render.liveportrait.convolution import Scratch

TAPS = 7
BORDER = TAPS // 2
_STEP = 16  # pixels of a tile that are kept; also the depth of the volumes
_SIZE = _STEP + TAPS - 1
_HALF = _SIZE // 2 + 1  # frequencies along the last axis; the others follow by symmetry


class FourierConvolution:
    """x (16, S + 6, S + 6, in), one volume with a border of three zeros, to (16, S, S, out); S a multiple of 16."""

    def __init__(self, weight: Tensor, bias: Tensor, scratch: Scratch):
        """weight (out, in, 7, 7, 7)."""
        self._scratch, self._bias = scratch, bias
        spectrum = torch.fft.rfftn(weight.float(), s=(_SIZE,) * 3, dim=(2, 3, 4)).conj()  # of the flipped kernel
        self._weight = spectrum.permute(2, 3, 4, 1, 0).flatten(0, 2).contiguous()  # (frequencies, in, out)
        k = torch.arange(_SIZE, dtype=torch.float64)
        forward = torch.exp(-2j * torch.pi * k[:, None] * k / _SIZE)
        along_width = torch.stack([forward[:_HALF].real, forward[:_HALF].imag], dim=1).flatten(0, 1)
        self._along_width = along_width.float()  # (2 * 12, 22), real and imaginary parts in turn
        self._along_height = forward.to(torch.complex64)
        self._along_depth = forward[:, BORDER : BORDER + _STEP].to(torch.complex64)  # the depths around are zero
        self._back = (forward.conj()[:_STEP] / _SIZE).to(torch.complex64)

    def __call__(self, x: Tensor) -> Tensor:
        depth, height, width, channels = x.shape
        rows, columns = (height - 2 * BORDER) // _STEP, (width - 2 * BORDER) // _STEP

        tiles = x.unfold(2, _SIZE, _STEP).transpose(3, 4)  # (16, height, columns, 22, in)
        gathered = self._scratch.take("tiles", *tiles.shape).copy_(tiles).flatten(0, 2)
        parts = self._scratch.take("pixels", len(gathered), 2 * _HALF, channels)
        torch.bmm(self._along_width.expand(len(gathered), -1, -1), gathered, out=parts)
        lines = self._complex("tiles", depth, height, columns * _HALF * channels)
        lines_parts = torch.view_as_real(lines).view(-1, _HALF, channels, 2)
        lines_parts.copy_(parts.view(-1, _HALF, 2, channels).transpose(2, 3))

        planes = self._complex("pixels", rows, depth, _SIZE, lines.shape[-1])
        for row in range(rows):
            part = lines[:, row * _STEP : row * _STEP + _SIZE]
            torch.bmm(self._along_height.expand(depth, -1, -1), part, out=planes[row])
        volumes = self._complex("tiles", rows, _SIZE, _SIZE * lines.shape[-1])
        torch.bmm(self._along_depth.expand(rows, -1, -1), planes.flatten(2), out=volumes)

        by_frequency = self._complex("pixels", _SIZE, _SIZE, _HALF, rows, columns, channels)
        by_frequency.copy_(volumes.view(rows, _SIZE, _SIZE, columns, _HALF, channels).permute(1, 2, 4, 0, 3, 5))
        products = torch.bmm(by_frequency.view(-1, rows * columns, channels), self._weight)

        shallow = (self._back @ products.view(_SIZE, -1)).view(depth, _SIZE, -1)
        flat = (self._back @ shallow).view(depth, _STEP, _HALF, rows, columns, -1)
        y = torch.fft.irfft(flat, n=_SIZE, dim=2)[:, :, :_STEP]
        picture: Tensor = y.permute(0, 3, 1, 4, 2, 5).reshape(depth, rows * _STEP, columns * _STEP, -1) + self._bias
        return picture

    def _complex(self, name: str, *shape: int) -> Tensor:
        return torch.view_as_complex(self._scratch.take(name, *shape, 2))
