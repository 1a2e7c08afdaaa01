"""Reading pictures at moved places and handing pictures out: the few operations that are written twice.

`TorchSampler` is the plain form and the one for CUDA: bilinear interpolation in float32. `OpenCVSampler` is the
fast one for the CPU: OpenCV's fixed-point `remap` on uint8, 1/32 px steps, six times quicker. A test holds
that they agree to 4/255 everywhere and 0.5/255 on average. All else in the renderer is the same source for both.

Textures are uint8 (H, W, C) pictures, samples float32 (C, h, w) in 0 .. 255. Coordinates are texture pixels;
outside, the edge pixels continue.
"""

from __future__ import annotations

from typing import Any, Protocol

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

Pixels = NDArray[np.uint8]
"""A picture (H, W, C)."""
Texture = Any
"""A picture as a sampler keeps it: a tensor or an array, read by that sampler alone."""


class Sampler(Protocol):
    """How textures are read and pictures are made on one device."""

    device: torch.device

    def texture(self, picture: Pixels) -> Texture:
        """`picture`, uint8 (H, W, C) with 1, 3 or 4 channels, kept the way this sampler reads it."""

    def sample(self, texture: Texture, x: Tensor, y: Tensor, out: Tensor | None = None) -> Tensor:
        """Values (C, h, w) of `texture` at `x`, `y`, float32 (h, w); in `out` where it is given."""

    def enlarge(self, grid: Tensor, times: int) -> Tensor:
        """(C, rows, columns) interpolated to (C, rows * times, columns * times), nodes in the middle of cells."""

    def picture(self, planes: Tensor) -> Pixels:
        """`planes` float32 (C, h, w), at least 0, rounded and cut to uint8 (h, w, C)."""


class TorchSampler:
    """The plain form, for any device: float32 throughout."""

    def __init__(self, device: torch.device):
        self.device = device

    def texture(self, picture: Pixels) -> Tensor:
        """float32 (1, C, H, W) on the sampler's device."""
        planes = np.ascontiguousarray(np.atleast_3d(picture).transpose(2, 0, 1))
        return torch.from_numpy(planes).to(self.device, torch.float32)[None]

    def sample(self, texture: Tensor, x: Tensor, y: Tensor, out: Tensor | None = None) -> Tensor:
        """Bilinear, by `grid_sample`; see `Sampler`."""
        height, width = texture.shape[-2:]
        # align_corners=False maps pixel centre p to (2 p + 1) / size - 1.
        where = torch.stack([(2 * x + 1) / width - 1, (2 * y + 1) / height - 1], dim=-1)
        read = functional.grid_sample(texture, where[None], padding_mode="border", align_corners=False)[0]
        return read if out is None else out.copy_(read)

    def enlarge(self, grid: Tensor, times: int) -> Tensor:
        """Bilinear, by `interpolate`; see `Sampler`."""
        return functional.interpolate(grid[None], scale_factor=times, mode="bilinear", align_corners=False)[0]

    def picture(self, planes: Tensor) -> Pixels:
        """Rounded half to even; see `Sampler`."""
        return planes.round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).contiguous().cpu().numpy()


class OpenCVSampler:
    """The fast form, for the CPU alone: textures stay 8 bit."""

    def __init__(self) -> None:
        self.device = torch.device("cpu")

    def texture(self, picture: Pixels) -> Pixels:
        """The picture itself, contiguous."""
        return np.ascontiguousarray(picture)

    def sample(self, texture: Pixels, x: Tensor, y: Tensor, out: Tensor | None = None) -> Tensor:
        """Bilinear, by `remap` in steps of 1/32 px; see `Sampler`."""
        planes = cv2.split(cv2.remap(texture, x.numpy(), y.numpy(), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))
        out = torch.empty((len(planes), *x.shape), dtype=torch.float32) if out is None else out
        for plane, values in zip(planes, out, strict=True):
            values.copy_(torch.from_numpy(plane))
        return out

    def enlarge(self, grid: Tensor, times: int) -> Tensor:
        """Bilinear, by `resize`; see `Sampler`."""
        channels, rows, columns = grid.shape
        out = torch.empty((channels, rows * times, columns * times), dtype=torch.float32)
        for small, large in zip(grid.numpy(), out.numpy(), strict=True):
            cv2.resize(small, (columns * times, rows * times), dst=large, interpolation=cv2.INTER_LINEAR)
        return out

    def picture(self, planes: Tensor) -> Pixels:
        """Rounded half to even; see `Sampler`."""
        channels, height, width = planes.shape
        # Rounds and saturates in one pass; its absolute value changes nothing, as no colour is below 0.
        rounded = cv2.convertScaleAbs(planes.numpy().reshape(channels * height, width))
        return cv2.merge(list(rounded.reshape(channels, height, width)))


def choose_sampler(device: torch.device) -> Sampler:
    """The fast sampler on a CPU, the plain one elsewhere."""
    return OpenCVSampler() if device.type == "cpu" else TorchSampler(device)
