"""Finished frames before another background, each by the matte of what it shows.

As in AVTR-1, MODNet (Ke et al. 2022, arXiv:2011.11961) looks at every frame. Without its file the photo's own matte
serves, which does not follow the head: good for small movements.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch

from avtr_cli.core.arrays import Frames, Image, Matte
from avtr_cli.core.errors import WeightsError
from avtr_cli.weights.onnx import open_onnx

HEIGHT, WIDTH = 288, 512


class MattingNetwork:
    """The published file in onnxruntime; it sees every frame at 288 x 512 pixels, whatever its shape."""

    def __init__(self, path: Path, device: torch.device):
        self._session = open_onnx(path, device)
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        if len(inputs) != 1 or list(inputs[0].shape[1:]) != [3, HEIGHT, WIDTH] or len(outputs) != 1:
            raise WeightsError(
                f"{path}: not the matting network for {HEIGHT} x {WIDTH} pixels; fetch it again with "
                "`avtr weights pull avtr1/modnet`"
            )
        self._input = inputs[0].name

    def __call__(self, frames: Frames) -> Matte:
        """uint8 (B, H, W, 3) to float32 (B, H, W) in [0, 1]."""
        height, width = frames.shape[1:3]
        small = np.stack([cv2.resize(frame, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR) for frame in frames])
        seen = small.transpose(0, 3, 1, 2).astype(np.float32) / 127.5 - 1
        mattes = [self._session.run(None, {self._input: one[None]})[0][0, 0] for one in seen]
        return np.stack([cv2.resize(matte, (width, height), interpolation=cv2.INTER_LINEAR) for matte in mattes])


@dataclass(frozen=True)
class Backdrop:
    """What replaces the photo's background: `picture` uint8 (H, W, 3), or None for an alpha channel."""

    picture: Image | None
    photo_matte: Matte  # float32 (H, W) in [0, 1]
    network: MattingNetwork | None

    def behind(self, frames: Frames) -> Frames:
        """Frames uint8 (T, H, W, 3) before it: (T, H, W, 3), or 4 with alpha."""
        mattes = self.photo_matte[None] if self.network is None else self.network(frames)
        alpha = np.clip(mattes, 0, 1)[..., None]
        if self.picture is None:
            return np.concatenate(
                [frames, np.broadcast_to(np.rint(255 * alpha), (*frames.shape[:3], 1)).astype(np.uint8)], axis=-1
            )
        return np.rint(alpha * frames + (1 - alpha) * self.picture).astype(np.uint8)
