"""The network through onnxruntime, on one thread: a third of what torch takes, because a chunk is two calls.

The graphs are made of the weights when they are loaded (`graphs`), so they fit any weights and cannot be of others;
that takes a third of a second. onnxruntime leaves them as they are: its own rewriting gains nothing here, takes
longer than all the rest, and differs from version to version.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from torch import Tensor

from avtr_cli.core.arrays import Floats
from avtr_cli.core.config import MotionConfig
from avtr_cli.core.timing import CHUNK_FRAMES, PAST_FRAMES
from avtr_cli.motion.lmfm.graphs import hearing_graph, motion_graph
from avtr_cli.motion.lmfm.guidance import Branch
from avtr_cli.motion.lmfm.network import Lmfm
from avtr_cli.motion.lmfm.torch_backend import Heard, Told


def onnxruntime_is_installed() -> bool:
    """Whether there is an onnxruntime; it has no wheels for some platforms."""
    return importlib.util.find_spec("onnxruntime") is not None


class OnnxBackend:
    """Two sessions of onnxruntime, made once; threads may run them at once."""

    def __init__(
        self, model: Lmfm, config: MotionConfig, branches: Sequence[Branch], noise_sd: float, deaf: bool
    ) -> None:
        self._hearing = _opened(hearing_graph(model, deaf))
        self._motion = _opened(motion_graph(model, config, branches, noise_sd))

    @property
    def name(self) -> str:
        """As `Backend.name`."""
        return f"onnxruntime {version('onnxruntime')}"

    def hear(self, features: Tensor, encoded: Tensor, flags: Tensor) -> Heard:
        """As `Backend.hear`."""
        given = {"features": features, "encoded": encoded, "flags": flags}
        return Heard(*_run(self._hearing, given, ["new", "fresh", "said", "memory"]))

    def flow(self, index: int, told: Told) -> tuple[Tensor, Tensor]:
        """As `Backend.flow`."""
        mouth, codes = _run(self._motion, told._asdict() | {"seen": _seen(index)}, ["mouth_z", "codes"])
        return mouth, codes


def _seen(index: int) -> Tensor:
    """What is added to how much the chunk looks at each of 75 + 5 frames, (1, 1, 80): -inf before the call."""
    seen = torch.zeros(1, 1, PAST_FRAMES + CHUNK_FRAMES)
    seen[..., : max(0, PAST_FRAMES - index * CHUNK_FRAMES)] = float("-inf")
    return seen


def _opened(graph: bytes) -> Any:
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.use_deterministic_compute = True
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def _run(session: Any, given: dict[str, Tensor], wanted: list[str]) -> list[Tensor]:
    feeds: dict[str, Floats] = {name: np.ascontiguousarray(tensor.numpy()) for name, tensor in given.items()}
    return [torch.from_numpy(array) for array in session.run(wanted, feeds)]
