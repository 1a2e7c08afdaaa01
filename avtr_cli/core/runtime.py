"""Device, threads, precision, `torch.compile`, CUDA graphs: the only file that knows what the program runs on.

What makes a chunk quicker here has its plain twin: `compiled` and `Graphs` take a function and give one that answers
the same, and tests compare the two. `set_library_environment()` must run before torch is imported: on a shared two-core
machine two spinning OpenMP threads were 3 to 15 times slower than one, so waiting threads are told to sleep.
"""

from __future__ import annotations

import gc
import os
import platform
import resource
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from avtr_cli.core.errors import ConfigError

if TYPE_CHECKING:
    import torch

    from avtr_cli.core.config import RuntimeConfig

_OBJECTS_BETWEEN_COLLECTIONS = 50_000  # Python's own: 700
_SWITCH_S = 5e-4  # Python's own: 5e-3, a fifth of the time of a body's frame
CPU_QUOTA = Path("/sys/fs/cgroup/cpu.max")

_SLEEPY = {
    "OMP_WAIT_POLICY": "PASSIVE",
    "GOMP_SPINCOUNT": "0",
    "KMP_BLOCKTIME": "0",
    "OPENBLAS_NUM_THREADS": "1",  # NumPy's: it wakes a second thread even for a matrix of 2 by 2
}


def set_library_environment() -> None:
    """Set what torch and NumPy read once, when they load. The user's own environment wins."""
    for key, value in _SLEEPY.items():
        os.environ.setdefault(key, value)


def collect_garbage_seldom() -> None:
    """Have Python look for cycles less often: of starting up, which makes objects that stay, it took a sixth."""
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)


def hand_over_soon() -> None:
    """Have a thread that runs Python let others in ten times as often: whoever comes out of a compiled loop waits.

    Of the program's own processes alone, never of one that imports avtr: it holds for all threads of a process.
    """
    sys.setswitchinterval(_SWITCH_S)


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


def use_threads(threads: int = 0, heavy: bool = False) -> int:
    """Give torch `threads` CPU threads; returns the number.

    0 chooses one, or two where four cores are free: the encoder is a process of its own and takes a core, and a second
    rendering thread only helps beside it. Where drawing is `heavy`, the encoder has most of its core to spare, and two
    cores are enough for two.
    """
    import torch

    threads = threads or (2 if cores() >= (2 if heavy else 4) else 1)
    torch.set_num_threads(threads)
    return threads


@contextmanager
def one_thread() -> Iterator[None]:
    """Run with one torch thread, so that sums do not depend on how many the renderer was given."""
    import torch

    threads = torch.get_num_threads()
    if threads != 1:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        if threads != 1:
            torch.set_num_threads(threads)


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
    """Raises ConfigError for settings that `device` cannot fulfil."""
    if wanted.cuda_graphs == "on" and device.type != "cuda":
        raise ConfigError("runtime.cuda_graphs is 'on', but this runs on the CPU; use auto or off, or --device cuda")


def kernels_on(device: torch.device, wanted: str) -> bool:
    """Whether compiled loops shall draw: they are for the CPU; `off` is the plain form, which also serves GPUs."""
    return wanted == "auto" and device.type == "cpu"


def precision_on(device: torch.device, wanted: str) -> str:
    """What the published networks compute in: half precision on a GPU alone, as it gains nothing on a CPU."""
    return wanted if device.type == "cuda" else "fp32"


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` through torch.compile: its first call for every shape of its inputs takes minutes."""
    import torch

    return torch.compile(function, dynamic=False)


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


def peak_rss_mb() -> float:
    """The largest resident memory this process has had, in MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)


def peak_gpu_mb(device: torch.device) -> float:
    """MiB of GPU memory that tensors took at most so far; 0 on a CPU."""
    import torch

    return torch.cuda.max_memory_allocated(device) / 2**20 if device.type == "cuda" else 0.0


def _cpu_name() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
