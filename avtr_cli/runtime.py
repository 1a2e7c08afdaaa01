"""Device, threads, seeds: the only file that knows what the program runs on.

`settle()` must run before torch is imported: on a shared two-core machine two spinning OpenMP threads
were 3 to 15 times slower than one, so waiting threads are told to sleep.
"""

from __future__ import annotations

import os
import platform
import resource
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from avtr_cli.errors import ConfigError

if TYPE_CHECKING:
    import numpy as np
    import torch

_QUIET = {
    "OMP_WAIT_POLICY": "PASSIVE",
    "GOMP_SPINCOUNT": "0",
    "KMP_BLOCKTIME": "0",
    "GLOG_minloglevel": "3",  # MediaPipe's C++ chatter
    "TF_CPP_MIN_LOG_LEVEL": "3",
}


def settle() -> None:
    """Set what torch and MediaPipe read once, when they load. The user's own environment wins."""
    for key, value in _QUIET.items():
        os.environ.setdefault(key, value)


def cores() -> int:
    """CPU cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def use_threads(threads: int = 0) -> int:
    """Give torch `threads` CPU threads (0: one, or two where four cores are free); returns the number.

    The encoder is a process of its own and takes a core; a second rendering thread only helps beside it.
    """
    import torch

    threads = threads or (2 if cores() >= 4 else 1)
    torch.set_num_threads(threads)
    return threads


def choose_device(wanted: str = "auto") -> torch.device:
    """The torch device for `auto`, `cpu`, `cuda` or `cuda:N`. Raises ConfigError when it is not there."""
    import torch

    if wanted == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(wanted)
    except RuntimeError:
        raise ConfigError(f"--device {wanted}: write auto, cpu, cuda or cuda:N") from None
    if device.type not in ("cpu", "cuda"):
        raise ConfigError(f"--device {wanted}: avtr runs on cpu or cuda")
    if device.type == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if (device.index or 0) >= count:
            raise ConfigError(f"--device {wanted}: this machine shows torch {count} CUDA devices; try --device cpu")
    return device


def describe_device(device: torch.device, precision: str, threads: int) -> dict[str, object]:
    """The report's `device` entry."""
    import torch

    name = torch.cuda.get_device_name(device) if device.type == "cuda" else _cpu_name()
    return {
        "kind": device.type,
        "name": name,
        "threads": threads,
        "cores": cores(),
        "torch": torch.__version__,
        "precision": precision,
    }


def to_host(tensors: Sequence[torch.Tensor]) -> list[np.ndarray]:
    """Arrays of the tensors' values: from a GPU all are copied at once, and waited for once."""
    import torch

    if tensors[0].device.type == "cpu":
        return [tensor.numpy() for tensor in tensors]
    copies = [torch.empty_like(tensor, device="cpu", pin_memory=True) for tensor in tensors]
    for copy, tensor in zip(copies, tensors, strict=True):
        copy.copy_(tensor, non_blocking=True)
    torch.cuda.current_stream(tensors[0].device).synchronize()
    return [copy.numpy() for copy in copies]


def peak_rss_mb() -> float:
    """The largest resident memory this process has had, in MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)


def peak_gpu_mb(device: torch.device) -> float:
    import torch

    return torch.cuda.max_memory_allocated(device) / 2**20 if device.type == "cuda" else 0.0


def _cpu_name() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
