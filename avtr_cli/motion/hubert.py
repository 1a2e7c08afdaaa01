"""Speech into features: a window of 16 kHz samples becomes HuBERT rows at 25 Hz, 1024 wide.

HuBERT-large (Hsu et al. 2021, arXiv:2106.07447) emits 50 rows a second; of a window of 8400 samples (26 rows) the
last 20 are kept and averaged in pairs, one row a frame. The published file is ONNX with input `input_values`
(B, N) and output `last_hidden_state` (B, T, 1024); samples go in as they are, in [-1, 1]. It runs in onnxruntime;
where it can be mapped onto torchaudio's HuBERT (hubert_torch.py) and proven equal, in torch on the GPU.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from avtr_cli.errors import WeightsError
from avtr_cli.timing import CHUNK_FRAMES, LOOKAHEAD_FRAMES, WINDOW_SAMPLES

NEW_FRAMES = CHUNK_FRAMES + LOOKAHEAD_FRAMES  # 10 rows come new with every window
ROWS_PER_FRAME = 2  # 50 Hz to 25
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

    def rows(self, windows: np.ndarray) -> np.ndarray:
        """All rows of the model, (B, T, 1024) at 50 Hz."""
        return self._session.run(["last_hidden_state"], {"input_values": windows})[0]

    def __call__(self, windows: Tensor) -> Tensor:
        return frame_rows(torch.from_numpy(self.rows(windows.cpu().numpy())).to(self._device))


def frame_rows(rows: Tensor) -> Tensor:
    """The last 20 of (B, T, 1024) at 50 Hz, averaged in pairs: (B, 10, 1024) at 25 Hz."""
    return rows[:, -NEW_FRAMES * ROWS_PER_FRAME :].unflatten(1, (NEW_FRAMES, ROWS_PER_FRAME)).mean(2)


def load_features(path: Path, device: torch.device) -> SpeechFeatures:
    """The best way to run the file at `path` on `device`. Raises WeightsError for a file that is not what it must be.

    On a GPU the weights go into torchaudio's HuBERT, if they fit and its output equals the published graph's.
    """
    published = OnnxHubert(path, device)
    if device.type == "cpu":
        return published
    from avtr_cli.motion.hubert_torch import TorchHubert, Unmapped

    try:
        mapped = TorchHubert(path, device)
    except Unmapped:
        return published
    probe = np.random.default_rng(0).uniform(-0.3, 0.3, (2, WINDOW_SAMPLES)).astype(np.float32)
    wanted = published.rows(probe)
    difference = np.abs(mapped.rows(torch.from_numpy(probe).to(device)).float().cpu().numpy() - wanted).max()
    return mapped if difference <= PROOF * wanted.std() else published


def open_onnx(path: Path, device: torch.device) -> Any:
    """An onnxruntime session for `path`. Raises WeightsError where the file or the package is not usable."""
    try:
        import onnxruntime
    except ImportError:
        raise WeightsError(
            f"{path.name} runs in the package onnxruntime; install it with `pip install 'avtr-cli[neural]'`"
        ) from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # the cores are shared
    options.log_severity_level = 4  # what is wrong is said in one sentence below
    wanted = ["CUDAExecutionProvider"] if device.type == "cuda" else []
    providers = [name for name in wanted if name in onnxruntime.get_available_providers()] + ["CPUExecutionProvider"]
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=providers)
    except Exception as error:  # onnxruntime has no common base class for what a bad file makes it raise
        reason = str(error).strip().splitlines()[0][:160]
        raise WeightsError(
            f"{path}: cannot be loaded, damaged or not ONNX ({reason}); check it with `avtr weights verify`, or fetch "
            "it again with `avtr weights pull`"
        ) from error
