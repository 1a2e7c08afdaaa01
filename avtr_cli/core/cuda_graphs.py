"""A chunk as one CUDA graph where that is proven equal, and pictures from a GPU in one copy.

What makes a chunk quicker here has its plain twin: `Graphs` takes a function and gives one that answers the same; it
compares the two at the first call of every shape, and falls back to the plain one.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence

import torch

from avtr_cli.core.arrays import AnyArray
from avtr_cli.core.errors import ConfigError

WARM_UPS = 3  # calls before a capture, as torch advises
GRAPHS_KEPT = 4  # of each function: each holds the memory of a whole chunk


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


def to_host(tensors: Sequence[torch.Tensor]) -> list[AnyArray]:
    """Arrays of the tensors' values: from a GPU all are copied at once, and waited for once."""
    if tensors[0].device.type == "cpu":
        return [tensor.numpy() for tensor in tensors]
    copies = [torch.empty_like(tensor, device="cpu", pin_memory=True) for tensor in tensors]
    for copy, tensor in zip(copies, tensors, strict=True):
        copy.copy_(tensor, non_blocking=True)
    torch.cuda.current_stream(tensors[0].device).synchronize()
    return [copy.numpy() for copy in copies]
