"""CPU milliseconds of the embedded motion model, part by part: `python benchmarks/motion.py [--chunks 60]`.

onnxruntime and torch take every chunk in turn, so that both meet the same machine; CPU time of this thread, median.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

from avtr_cli.core import runtime

runtime.set_library_environment()

import numpy as np  # noqa: E402

from avtr_cli.core.config import MotionConfig  # noqa: E402
from avtr_cli.core.timing import WINDOW_SAMPLES  # noqa: E402
from avtr_cli.core.types import Window  # noqa: E402
from avtr_cli.motion.lmfm import generator as lmfm  # noqa: E402
from avtr_cli.motion.lmfm.generator import LmfmGenerator  # noqa: E402

RUN_IN = 16  # chunks until the past is full


class Clocked:
    """A generator with clocks around its parts."""

    def __init__(self, kernels: str) -> None:
        began = time.thread_time()
        self.generator = LmfmGenerator(MotionConfig(), kernels=kernels)
        self.load_s = time.thread_time() - began
        self.spent: dict[str, list[float]] = {}
        backend = self.generator._backend
        for owner, name in ((backend, "hear"), (backend, "flow"), (self.generator, "_gesture")):
            setattr(owner, name, self._clocked(name.strip("_"), getattr(owner, name)))
        self.state = self.generator.start(None, 0)

    def _clocked(self, name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def clocked(*arguments: Any) -> Any:
            began = time.thread_time()
            result = work(*arguments)
            self.spent.setdefault(name, []).append((time.thread_time() - began) * 1e3)
            return result

        return clocked

    def step(self, window: Window) -> None:
        """One chunk further."""
        _, self.state = self._clocked("step", self.generator.step)(window, self.state)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chunks", type=int, default=60)
    options = parser.parse_args()
    runtime.use_threads(1)
    both = {name: Clocked(kernels) for name, kernels in (("onnxruntime", "auto"), ("torch", "off"))}
    compose, rng = lmfm.compose, np.random.default_rng(0)
    for index in range(RUN_IN + options.chunks):
        sound = 0.1 * rng.standard_normal((2, WINDOW_SAMPLES)).astype(np.float32)
        for one in both.values():
            lmfm.compose = one._clocked("compose", compose)
            one.step(Window(sound, index))
    print("load, s      " + "  ".join(f"{name} {one.load_s:.2f}" for name, one in both.items()))
    for part in ("step", "hear", "flow", "gesture", "compose"):
        quick, plain = (np.median(one.spent[part][RUN_IN:]) for one in both.values())
        print(f"{part:12} {quick:6.2f} ms  torch {plain:6.2f} ms  ratio {quick / plain:.2f}")


if __name__ == "__main__":
    main()
