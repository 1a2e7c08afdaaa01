"""The finished face back into its frame: a soft-edged mask, and the blend.

The mask lives in the crop and travels with it through the same warp, so that its feather is as wide as the face is.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from avtr_cli.core.arrays import Affine, AnyArray, Grey, Image, Matte

_FEATHER = 16  # px of the 512 crop, LivePortrait's mask


def liveportrait_mask(size: int = 512) -> Grey:
    """LivePortrait's mask as 8 bit (size, size): 255 inside, falling over the outer 16 pixels, round at the corners."""
    outside = np.maximum(0, np.maximum(_FEATHER - np.arange(size), np.arange(size) - (size - _FEATHER)))
    distance = np.hypot(outside[None, :], outside[:, None])
    mask: Grey = np.floor(255 * np.maximum(0, 1 - distance / _FEATHER)).astype(np.uint8)
    return mask


def ditto_mask(size: int = 512) -> Matte:
    """Ditto's mask, AVTR-1's default, float32 (size, size) in [0, 1]: a ramp over the outer twentieth of each side."""
    border = (size - int(0.9 * size)) // 2
    ramp = np.ones(size)
    ramp[:border] = np.linspace(0, 1, border)
    ramp[size - border :] = ramp[:border][::-1]
    distance = np.hypot(1 - ramp[None, :], 1 - ramp[:, None])
    mask: Matte = (1 - np.minimum(1, distance)).astype(np.float32)
    return mask


def warped_mask(mask: AnyArray, matrix: Affine, width: int, height: int) -> Matte:
    """A mask of the crop as float32 (height, width, 1) in [0, 1] of the frame, `matrix` mapping crop -> frame.

    An 8-bit mask is warped as 8 bit, as LivePortrait does; once per avatar.
    """
    warped = cv2.warpAffine(mask, matrix[:2], (width, height), flags=cv2.INTER_LINEAR)
    result: Matte = warped[..., None].astype(np.float32) / np.float32(255 if mask.dtype == np.uint8 else 1)
    return result


def paste_back(face: Image, frame: Image, mask: Matte, matrix: Affine) -> Image:
    """uint8 (H, W, 3): `face` over `frame` where `mask` (H, W, 1), from `warped_mask`, says so; truncated, not rounded.

    `face` uint8 (512, 512, 3) in crop pixels, `matrix` the map crop -> frame.
    """
    height, width = frame.shape[:2]
    moved = cv2.warpAffine(face, matrix[:2], (width, height), flags=cv2.INTER_LINEAR)
    return np.clip(mask * moved + (1 - mask) * frame, 0, 255).astype(np.uint8)


class PasteBack:
    """The same for many faces over one frame, on any device: only where the mask is, all that is fixed made once."""

    def __init__(self, frame: Image, matrix: Affine, device: torch.device, size: int = 512):
        """`frame` uint8 (H, W, 3), `matrix` the map crop -> frame of a face `size` pixels square."""
        height, width = frame.shape[:2]
        mask = warped_mask(liveportrait_mask(size), matrix, width, height)
        rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in ((1, 2), (0, 2)))
        self._part = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        self._frame = torch.from_numpy(np.ascontiguousarray(frame)).to(device)
        self._mask = torch.from_numpy(mask[self._part].transpose(2, 0, 1).copy()).to(device)
        self._rest = (1 - self._mask) * self._frame[self._part].movedim(-1, 0)

        # A face that lands much smaller than it is drawn is first averaged down, or fine lines would flicker.
        self._reduction = max(1, int(1 / np.sqrt(abs(np.linalg.det(matrix[:2, :2])))))
        back = np.linalg.inv(matrix)
        y, x = np.mgrid[self._part].astype(np.float64)
        source = np.stack([x, y], axis=-1) @ back[:2, :2].T + back[:2, 2]
        source = (source - (self._reduction - 1) / 2) / self._reduction
        grid = 2 * source / (size // self._reduction - 1) - 1
        self._grid = torch.from_numpy(grid[None].astype(np.float32)).to(device)

    def __call__(self, faces: Tensor) -> Tensor:
        """faces (B, 3, 512, 512) in [0, 1] to frames uint8 (B, H, W, 3)."""
        faces = faces.float().clamp(0, 1)
        if self._reduction > 1:
            faces = F.avg_pool2d(faces, self._reduction)
        moved = F.grid_sample(faces, self._grid.expand(len(faces), -1, -1, -1), align_corners=True)
        blended = torch.addcmul(self._rest, moved, 255 * self._mask).clamp_(0, 255)
        frames = self._frame.expand(len(faces), -1, -1, -1).clone()
        frames[:, self._part[0], self._part[1]] = blended.movedim(1, -1).to(torch.uint8)
        return frames
