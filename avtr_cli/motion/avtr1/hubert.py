"""Speech into features: a window of 16 kHz samples becomes HuBERT rows at 25 Hz, 1024 wide.

HuBERT-large (Hsu et al. 2021, arXiv:2106.07447) emits 50 rows a second; of a window of 8400 samples (26 rows) the
last 20 are kept and averaged in pairs, one row a frame. The published file is ONNX with input `input_values`
(B, N) and output `last_hidden_state` (B, T, 1024); samples go in as they are, in [-1, 1]. It runs in onnxruntime;
where it can be mapped onto torchaudio's HuBERT (hubert_torch.py) and proven equal, in torch on the GPU.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from avtr_cli.core.arrays import Floats
from avtr_cli.core.errors import WeightsError
from avtr_cli.core.timing import NEW_FRAMES, WINDOW_SAMPLES
from avtr_cli.motion.avtr1.hubert_torch import TorchHubert, Unmapped
from avtr_cli.motion.avtr1.rows import ROWS_PER_FRAME, frame_rows
from avtr_cli.weights.onnx import open_onnx

WIDTH = 1024
PROOF = 2e-3  # largest difference allowed to the published graph, in deviations of its output


class SpeechFeatures(Protocol):
    """float32 windows (B, 8400) at 16 kHz -> (B, 10, 1024): the chunk's 5 frames and the 5 heard ahead."""

    def __call__(self, windows: Tensor) -> Tensor: ...


class OnnxHubert:
    """The published file in onnxruntime, on the GPU where onnxruntime can, else on the CPU."""

    def __init__(self, path: Path, device: torch.device):
        self._device = device
        self._session = open_onnx(path, device)
        inputs = {i.name: len(i.shape) for i in self._session.get_inputs()}
        outputs = [o.name for o in self._session.get_outputs()]
        if inputs != {"input_values": 2} or "last_hidden_state" not in outputs:
            raise WeightsError(
                f"{path}: not the speech feature model: its inputs are {', '.join(inputs)} and its outputs "
                f"{', '.join(outputs)}, not input_values and last_hidden_state; fetch it with "
                "`avtr weights pull avtr1/hubert`"
            )
        rows = self.rows(np.zeros((2, WINDOW_SAMPLES), np.float32))
        if rows.shape[0] != 2 or rows.shape[1] < NEW_FRAMES * ROWS_PER_FRAME or rows.shape[2] != WIDTH:
            raise WeightsError(
                f"{path}: gives features {rows.shape} for a window of {WINDOW_SAMPLES} samples, not (2, 26, {WIDTH}); "
                "fetch it with `avtr weights pull avtr1/hubert`"
            )

    def rows(self, windows: Floats) -> Floats:
        """All rows of the model, (B, T, 1024) at 50 Hz."""
        rows: Floats = self._session.run(["last_hidden_state"], {"input_values": windows})[0]
        return rows

    def __call__(self, windows: Tensor) -> Tensor:
        return frame_rows(torch.from_numpy(self.rows(windows.cpu().numpy())).to(self._device))


def load_features(path: Path, device: torch.device) -> SpeechFeatures:
    """The best way to run the file at `path` on `device`. Raises WeightsError for a file that is not what it must be.

    On a GPU the weights go into torchaudio's HuBERT, if they fit and its output equals the published graph's.
    """
    published = OnnxHubert(path, device)
    if device.type == "cpu":
        return published
    try:
        mapped = TorchHubert(path, device)
    except Unmapped:
        return published
    probe = np.random.default_rng(0).uniform(-0.3, 0.3, (2, WINDOW_SAMPLES)).astype(np.float32)
    wanted = published.rows(probe)
    difference = np.abs(mapped.rows(torch.from_numpy(probe).to(device)).float().cpu().numpy() - wanted).max()
    return mapped if difference <= PROOF * wanted.std() else published
