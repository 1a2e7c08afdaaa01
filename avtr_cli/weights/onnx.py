"""ONNX files of published weights as onnxruntime sessions, or one sentence about why not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from avtr_cli.core.errors import WeightsError


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
