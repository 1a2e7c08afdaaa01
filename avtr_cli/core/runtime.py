"""Device, threads, precision, `torch.compile`, CUDA graphs: the only file that knows what the program runs on.

What makes a chunk quicker here has its plain twin: `compiled` and `Graphs` take a function and give one that answers
the same, and tests compare the two. `set_library_environment()` must run before torch is imported: on a shared two-core
machine two spinning OpenMP threads were 3 to 15 times slower than one, so waiting threads are told to sleep.
"""

from __future__ import annotations

import os
import platform
import resource
import sys
import warnings
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from avtr_cli.core.errors import ConfigError

if TYPE_CHECKING:
    import numpy as np
    import torch

    from avtr_cli.core.config import RuntimeConfig

CPU_QUOTA = Path("/sys/fs/cgroup/cpu.max")
WARM_UPS = 3  # calls before a capture, as torch advises
GRAPHS_KEPT = 4  # of each function: each holds the memory of a whole chunk

_QUIET = {
    "OMP_WAIT_POLICY": "PASSIVE",
    "GOMP_SPINCOUNT": "0",
    "KMP_BLOCKTIME": "0",
    "OPENBLAS_NUM_THREADS": "1",  # NumPy's: it wakes a second thread even for a matrix of 2 by 2
    "GLOG_minloglevel": "3",  # MediaPipe's C++ chatter
    "TF_CPP_MIN_LOG_LEVEL": "3",
}


def set_library_environment() -> None:
    """Set what torch and MediaPipe read once, when they load. The user's own environment wins."""
    for key, value in _QUIET.items():
        os.environ.setdefault(key, value)


def warn_if_torch_was_first() -> None:
    """A RuntimeWarning where torch was imported before `set_library_environment` could tell its threads to sleep."""
    if "torch" in sys.modules and "OMP_WAIT_POLICY" not in os.environ:
        warnings.warn(
            "torch was imported before avtr_cli, so its waiting threads spin and slow rendering down: use avtr_cli "
            "first, or set OMP_WAIT_POLICY=PASSIVE",
            RuntimeWarning,
            stacklevel=3,
        )


def cores() -> int:
    """CPU cores this process may use: of those it may run on, as many as its container's share of time fills."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(allowed, _quota()))


def _quota() -> int:
    """The whole cores that a container is given (Linux, cgroup v2: microseconds of quota and period), rounded up."""
    try:
        quota, period = CPU_QUOTA.read_text(encoding="ascii").split()
        return -(-int(quota) // int(period))
    except (OSError, ValueError, ZeroDivisionError):  # none, or "max"
        return 1 << 20


def use_threads(threads: int = 0) -> int:
    """Give torch `threads` CPU threads (0: one, or two where four cores are free); returns the number.

    The encoder is a process of its own and takes a core; a second rendering thread only helps beside it.
    """
    import torch

    threads = threads or (2 if cores() >= 4 else 1)
    torch.set_num_threads(threads)
    return threads


def choose_device(wanted: str = "auto") -> torch.device:
    """The torch device for `auto`, `cpu`, `cuda` or `cuda:N`. Raises ConfigError when it is not there.

    A GPU becomes the current one, so that streams, events and graphs are its own.
    """
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
        torch.cuda.set_device(device.index or 0)
    return device


def check_runtime(wanted: RuntimeConfig, device: torch.device) -> None:
    """Raises ConfigError for wishes that `device` cannot fulfil."""
    if wanted.cuda_graphs == "on" and device.type != "cuda":
        raise ConfigError("runtime.cuda_graphs is 'on', but this runs on the CPU; use auto or off, or --device cuda")


def precision_on(device: torch.device, wanted: str) -> str:
    """What the published networks compute in: half precision on a GPU alone, as it gains nothing on a CPU."""
    return wanted if device.type == "cuda" else "fp32"


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` through torch.compile: its first call for every shape of its inputs takes minutes."""
    import torch

    return torch.compile(function, dynamic=False)


class Graphs:
    """A function of tensors, launched on a GPU as one CUDA graph instead of some hundred kernels one by one.

    `function(*constants, inputs)` reads a list of inputs and gives a list of tensors, whose shapes depend on the
    inputs' shapes alone; it waits for nothing. A graph is captured for each set of constants and shapes, and used
    once its first answer is that of the plain call up to `tolerance`. Where it is not, or capture fails, `on` raises
    ConfigError and `auto` stays plain. Answers lie in the graph's memory until the next call.
    """

    def __init__(
        self,
        function: Callable[..., list[torch.Tensor]],
        device: torch.device,
        wanted: str,
        tolerance: float,
        held: Callable[[], list[torch.Tensor]] = list,
    ):
        """`held` gives scratch memory that the function finds by itself: a graph keeps what it has seen of it."""
        self._function, self._wanted, self._tolerance, self._held = function, wanted, tolerance, held
        self._on = device.type == "cuda" and wanted != "off"
        self._graphs: OrderedDict[tuple[object, ...], _Graph] = OrderedDict()

    def __call__(self, constants: Sequence[object], inputs: list[torch.Tensor]) -> list[torch.Tensor]:
        if not self._on:
            return self._function(*constants, inputs)
        key = (*map(id, constants), *(tensor.shape for tensor in inputs))
        if key in self._graphs:
            self._graphs.move_to_end(key)
            return self._graphs[key](inputs)
        plain = self._function(*constants, inputs)
        try:
            graph = _Graph(self._function, constants, inputs, self._held)
            off = max(float((a.float() - b.float()).abs().max()) for a, b in zip(graph(inputs), plain, strict=True))
            problem = f"its answer is off by {off:.2g}" if off > self._tolerance else ""
        except RuntimeError as error:
            problem = str(error).strip().splitlines()[0]
        if not problem:
            self._graphs[key] = graph
            while len(self._graphs) > GRAPHS_KEPT:
                self._graphs.popitem(last=False)
        elif self._wanted == "on":
            raise ConfigError(f"runtime.cuda_graphs is 'on', but a chunk cannot be captured here ({problem}); use off")
        else:
            self._on = False
        return plain


class _Graph:
    """One captured call, with everything whose addresses it knows."""

    def __init__(
        self,
        function: Callable[..., list[torch.Tensor]],
        constants: Sequence[object],
        inputs: list[torch.Tensor],
        held: Callable[[], list[torch.Tensor]],
    ):
        import torch

        self._inputs = [tensor.clone() for tensor in inputs]
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):  # libraries choose their algorithms and scratch memory grows before the capture
            for _ in range(WARM_UPS):
                function(*constants, self._inputs)
        torch.cuda.current_stream().wait_stream(side)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._outputs = function(*constants, self._inputs)
        self._kept = (constants, held())

    def __call__(self, inputs: list[torch.Tensor]) -> list[torch.Tensor]:
        for own, given in zip(self._inputs, inputs, strict=True):
            own.copy_(given)
        self._graph.replay()
        return self._outputs


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
