"""A face into 128 numbers that tell people apart: SFace (Zhong et al. 2021, arXiv:2205.12010), run by OpenCV.

Faces are set upright by five points. Where a detector would find them, Face Mesh's points stand in: the middle between
an eye's corners, the tip of the nose, the corners of the mouth.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from avtr_cli.core.arrays import Doubles, Image, Points
from avtr_cli.core.errors import WeightsError
from avtr_cli.weights.tensors import again

FILES = "eval/sface"  # in the registry of published weights
SAME_PERSON = 0.363  # cosine above which two faces are one person's, say its authors
NUMBERS = 128


class SFace:
    """The network of `path`. Raises WeightsError where the file is not the network."""

    def __init__(self, path: Path):
        self._path = path
        try:
            self._network = cv2.FaceRecognizerSF.create(str(path), "")
        except cv2.error as error:
            raise self._wrong() from error

    def __call__(self, picture: Image, marks: Points) -> Doubles:
        """A face in a picture (H, W, 3), RGB, with its `face_marks` (5, 2) in pixels -> (128,) of length 1."""
        try:
            found = self._network.feature(self.aligned(picture, marks)).astype(np.float64).ravel()
        except cv2.error as error:
            raise self._wrong() from error
        size = float(np.linalg.norm(found))
        if found.shape != (NUMBERS,) or not np.isfinite(size) or not size:
            raise self._wrong()
        unit: Doubles = found / size
        return unit

    def aligned(self, picture: Image, marks: Points) -> Image:
        """The face as the network sees it, upright, (112, 112, 3) in BGR."""
        row = np.zeros((1, 15), np.float32)  # as the detector tells it: a box, five points, how sure it is
        row[0, 4:14] = marks.ravel()
        return self._network.alignCrop(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), row)

    def _wrong(self) -> WeightsError:
        return WeightsError(f"{self._path}: is not SFace as ONNX; {again(FILES)}")
