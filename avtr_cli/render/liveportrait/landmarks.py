"""LivePortrait's own 203 face points, for a crop as exact as the one its networks were trained on.

The published `landmark.onnx` looks at a crop of 224 pixels around a face that is already known roughly; here the first
look is MediaPipe's. Without the file the crop comes from MediaPipe's points alone (`crop.ANCHORS`).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from avtr_cli.core.arrays import Floats, Image, Points
from avtr_cli.core.errors import WeightsError
from avtr_cli.render.liveportrait.crop import REFINEMENT, crop_matrix, cropped, transformed
from avtr_cli.weights.onnx import open_onnx

POINTS = 203


class LandmarkNetwork:
    """The published file in onnxruntime."""

    def __init__(self, path: Path, device: torch.device):
        self.path = path
        self._session = open_onnx(path, device)
        self._input = self._session.get_inputs()[0].name
        self._points(np.zeros((1, 3, REFINEMENT.size, REFINEMENT.size), np.float32))

    def __call__(self, photo: Image, landmarks: Points) -> Points:
        """float64 (203, 2) in photo pixels, from uint8 (H, W, 3) and rough landmarks of a scheme in `crop.ANCHORS`."""
        matrix = crop_matrix(landmarks, REFINEMENT)
        look = cropped(photo, matrix, REFINEMENT.size).transpose(2, 0, 1)[None].astype(np.float32) / np.float32(255)
        return transformed(self._points(look) * REFINEMENT.size, np.asarray(np.linalg.inv(matrix), np.float64))

    def _points(self, look: Floats) -> Points:
        """(203, 2) in crop widths: of its three outputs, the one of that size. Raises WeightsError."""
        try:
            outputs = self._session.run(None, {self._input: look})
            points: Points = (
                next(output for output in outputs if output.size == 2 * POINTS).reshape(POINTS, 2).astype(float)
            )
            return points
        except Exception as error:  # onnxruntime has no common base class for a network of other shapes
            raise WeightsError(
                f"{self.path}: not the landmark network, which gives {POINTS} points for a picture of "
                f"{REFINEMENT.size} pixels; fetch it again with `avtr weights pull liveportrait/landmark`"
            ) from error
