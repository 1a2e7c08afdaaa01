"""The networks that judge, made up: weights in the published formats, put into a store as `avtr weights` would."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from avtr_cli.diagnostics.made_up.numbers import stream
from avtr_cli.evaluation.networks.inception import Inception
from avtr_cli.weights.store import MADE_UP, Record, Store, sha256_of
from tests.evaluation_goldens import results

GAINS = {"netcnnaud.0.weight": 0.02, "netcnnlip.0.weight": 0.0002}


def syncnet() -> dict[str, torch.Tensor]:
    """The public weights of the contract: sizes that keep activations sensible."""
    made = {}
    for key, shape in results("syncnet_keys").items():
        drawn = stream(f"public/syncnet/{key}", math.prod(shape))
        if key.endswith("running_var"):
            drawn = 1 + 0.1 * np.abs(drawn)
        elif key.endswith(".weight") and len(shape) > 1:
            drawn = drawn * math.sqrt(GAINS.get(key, 2) / (math.prod(shape) // shape[0]))
        elif key.endswith(".weight"):
            drawn = 1 + 0.1 * drawn
        else:
            drawn = 0.1 * drawn
        made[key] = torch.from_numpy(drawn.astype(np.float32).reshape(shape))
    return made


def write_syncnet(path: Path) -> None:
    """As it is published: a flat table in torch's old format, without counters."""
    torch.save(syncnet(), path, _use_new_zipfile_serialization=False)


def inception() -> dict[str, torch.Tensor]:
    """Every key of the published file but its counters, by the same rule."""
    made = {}
    for key, value in Inception().state_dict().items():
        if key.endswith("num_batches_tracked"):
            continue
        drawn = stream(f"public/inception/{key}", value.numel())
        if key.endswith("running_var"):
            drawn = 1 + 0.1 * np.abs(drawn)
        elif value.dim() > 1:
            drawn = drawn * math.sqrt(2 / (value.numel() // len(value)))
        elif key.endswith(".weight"):
            drawn = 1 + 0.1 * drawn
        else:
            drawn = 0.1 * drawn
        made[key] = torch.from_numpy(drawn.astype(np.float32).reshape(value.shape))
    return made


def write_inception(path: Path) -> None:
    """As it is published: a flat table."""
    torch.save(inception(), path)


class _Moving(torch.nn.Module):
    """Takes what I3D takes, and gives 400 numbers: a clip's coarse colours, mixed."""

    def __init__(self) -> None:
        super().__init__()
        self.mix = torch.nn.Linear(3 * 4 * 7 * 7, 400)
        self.load_state_dict(
            {
                "mix.weight": torch.from_numpy(stream("public/i3d/weight", 400 * 588).reshape(400, 588) / 24).float(),
                "mix.bias": torch.zeros(400),
            }
        )

    def forward(
        self, x: torch.Tensor, rescale: bool = True, resize: bool = True, return_features: bool = False
    ) -> torch.Tensor:
        """Clips (B, 3, T, H, W) in -1 .. 1 as they are: to be scaled neither in size nor in value."""
        assert return_features
        assert not rescale
        assert not resize
        print("a network may print")
        return self.mix(torch.nn.functional.adaptive_avg_pool3d(x, [4, 7, 7]).flatten(1))


def write_i3d(path: Path) -> None:
    """As it is published: a TorchScript archive."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript is deprecated; the published file is what it is
        torch.jit.save(torch.jit.script(_Moving().eval()), str(path))


def write_sface(path: Path, numbers: int = 128) -> None:
    """As it is published: ONNX, a face (1, 3, 112, 112) in 0 .. 255 to its numbers; here of its coarse colours."""
    from onnx import TensorProto, helper, numpy_helper, save

    mix = stream("public/sface", 147 * numbers).reshape(147, numbers).astype(np.float32)
    mix -= mix.mean(0)  # how light a picture is tells nobody apart
    nodes = [
        helper.make_node("AveragePool", ["data"], ["coarse"], kernel_shape=[16, 16], strides=[16, 16]),
        helper.make_node("Flatten", ["coarse"], ["flat"], axis=1),
        helper.make_node("Gemm", ["flat", "mix"], ["fc1"]),
    ]
    shapes = [("data", [1, 3, 112, 112]), ("fc1", [1, numbers])]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes]
    graph = helper.make_graph(nodes, "sface", ends[:1], ends[1:], [numpy_helper.from_array(mix, "mix")])
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=8), str(path))


def put(store: Store, name: str, write: Callable[[Path], None], source: str = MADE_UP) -> Path:
    """Write a file of the registry where it belongs, with a record of where it came from."""
    path = store.target(store.registry.files[name])
    path.parent.mkdir(parents=True, exist_ok=True)
    write(path)
    store.note(path, Record(sha256=sha256_of(path), size=path.stat().st_size, source=source))
    return path
