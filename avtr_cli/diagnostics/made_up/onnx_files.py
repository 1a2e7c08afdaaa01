"""Stand-ins for the published ONNX files: the same inputs and outputs, numbers of our own.

HuBERT is the whole architecture (Hsu et al. 2021), in the form in which exporters leave it: biases keep their names,
linear weights become unnamed and transposed. The landmark and matting files are small graphs with published inputs
and outputs and sensible answers: a face in the middle of the crop, and a soft figure in the middle of the picture.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from avtr_cli.core.arrays import AnyArray, Doubles, Floats

OPSET, IR_VERSION = 17, 8
KERNELS, STRIDES = (10, 3, 3, 3, 3, 2, 2), (5, 2, 2, 2, 2, 2, 2)
LANDMARKS = 203


@dataclass(frozen=True)
class HubertSize:
    """The defaults are HuBERT-large's; 1024 wide features are part of the interface."""

    layers: int = 24
    conv: int = 512
    inner: int = 4096
    position_kernel: int = 128
    width: int = 1024


SMALL = HubertSize(layers=1, conv=32, inner=64, position_kernel=16)


@dataclass
class _Graph:
    """An ONNX graph being written, node by node; random weights are drawn as they are named."""

    seed: int
    nodes: list[Any] = field(default_factory=list)
    weights: dict[str, AnyArray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._random = np.random.default_rng(self.seed)

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        output = f"/{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [output], name=output[1:], **attributes))
        return output

    def constant(self, value: Any, kind: Any = np.float32) -> str:
        name = f"constant_{len(self.weights)}"
        self.weights[name] = np.asarray(value, kind)
        return name

    def normal(self, name: str, *shape: int, fan_in: int, gain: float = 1.0) -> str:
        drawn = self._random.standard_normal(shape, np.float32)
        self.weights[name] = drawn * np.float32(np.sqrt(gain / fan_in))
        return name

    def norm(self, name: str, width: int) -> tuple[str, str]:
        for part, mean in (("weight", 1.0), ("bias", 0.0)):
            drawn = self._random.standard_normal(width, np.float32)
            self.weights[f"{name}.{part}"] = np.float32(mean) + np.float32(0.1) * drawn
        return f"{name}.weight", f"{name}.bias"

    def layer_norm(self, x: str, name: str, width: int) -> str:
        return self.op("LayerNormalization", x, *self.norm(name, width), axis=-1, epsilon=1e-5)

    def linear(self, x: str, name: str, inputs: int, outputs: int) -> str:
        weight = self.normal(f"onnx::MatMul_{len(self.nodes)}", inputs, outputs, fan_in=inputs)
        bias = self.normal(f"{name}.bias", outputs, fan_in=100)
        return self.op("Add", bias, self.op("MatMul", x, weight))

    def gelu(self, x: str) -> str:
        half = self.op("Add", self.op("Erf", self.op("Div", x, self.constant(np.sqrt(2)))), self.constant(1.0))
        return self.op("Mul", self.op("Mul", x, half), self.constant(0.5))

    def write(self, path: Path, inputs: dict[str, list[Any]], outputs: dict[str, tuple[str, list[Any]]]) -> None:
        """`outputs` maps a published name to the inner name that becomes it and its shape."""
        for name, (inner, _) in outputs.items():
            self.nodes.append(helper.make_node("Identity", [inner], [name], name=f"out_{name}"))
        graph = helper.make_graph(
            self.nodes,
            "made_up",
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs.items()],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, (_, shape) in outputs.items()],
            [numpy_helper.from_array(value, name) for name, value in self.weights.items()],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
        path.write_bytes(model.SerializeToString())


def write_hubert(path: Path, size: HubertSize | None = None, seed: int = 0) -> None:
    """`input_values` (B, N) -> `last_hidden_state` (B, T, 1024), 50 rows a second of 16 kHz samples."""
    size = size or HubertSize()
    g = _Graph(seed)
    x = g.op("Unsqueeze", "input_values", g.constant([1], np.int64))
    channels = 1
    for i, (kernel, stride) in enumerate(zip(KERNELS, STRIDES, strict=True)):
        name = f"feature_extractor.conv_layers.{i}"
        weight = g.normal(f"{name}.conv.weight", size.conv, channels, kernel, fan_in=channels * kernel, gain=2)
        bias = g.normal(f"{name}.conv.bias", size.conv, fan_in=100)
        x = g.op("Conv", x, weight, bias, kernel_shape=[kernel], strides=[stride])
        x = g.layer_norm(g.op("Transpose", x, perm=[0, 2, 1]), f"{name}.layer_norm", size.conv)
        x = g.gelu(g.op("Transpose", x, perm=[0, 2, 1]))
        channels = size.conv
    x = g.layer_norm(g.op("Transpose", x, perm=[0, 2, 1]), "feature_projection.layer_norm", size.conv)
    x = g.linear(x, "feature_projection.projection", size.conv, size.width)
    x = g.op("Add", x, _position(g, x, size))
    for i in range(size.layers):
        x = _layer(g, x, f"encoder.layers.{i}", size)
    x = g.layer_norm(x, "encoder.layer_norm", size.width)
    g.write(path, {"input_values": ["B", "N"]}, {"last_hidden_state": (x, ["B", "T", size.width])})


def _position(g: _Graph, x: str, size: HubertSize) -> str:
    """The convolutional position embedding; an even kernel gives one row too many, which is cut off."""
    groups, kernel = 16, size.position_kernel
    name = "encoder.pos_conv_embed.conv"
    inner = size.width // groups
    weight = g.normal(f"{name}.weight", size.width, inner, kernel, fan_in=inner * kernel)
    bias = g.normal(f"{name}.bias", size.width, fan_in=100)
    turned = g.op("Transpose", x, perm=[0, 2, 1])
    y = g.op("Conv", turned, weight, bias, kernel_shape=[kernel], pads=[kernel // 2, kernel // 2], group=groups)
    ends = [g.constant([value], np.int64) for value in (0, -1, 2)]
    return g.op("Transpose", g.gelu(g.op("Slice", y, *ends)), perm=[0, 2, 1])


def _layer(g: _Graph, x: str, name: str, size: HubertSize) -> str:
    """One transformer layer with the norms first."""
    heads, width = size.width // 64, size.width
    split = g.constant([0, 0, heads, 64], np.int64)
    y = g.layer_norm(x, f"{name}.layer_norm", width)
    parts = {}
    for part in ("q_proj", "k_proj", "v_proj"):
        whole = g.linear(y, f"{name}.attention.{part}", width, width)
        parts[part] = g.op("Transpose", g.op("Reshape", whole, split), perm=[0, 2, 1, 3])
    keys = g.op("Transpose", parts["k_proj"], perm=[0, 1, 3, 2])
    scores = g.op("MatMul", g.op("Mul", parts["q_proj"], g.constant(0.125)), keys)
    seen = g.op("MatMul", g.op("Softmax", scores, axis=-1), parts["v_proj"])
    joined = g.op("Reshape", g.op("Transpose", seen, perm=[0, 2, 1, 3]), g.constant([0, 0, width], np.int64))
    x = g.op("Add", x, g.linear(joined, f"{name}.attention.out_proj", width, width))
    y = g.layer_norm(x, f"{name}.final_layer_norm", width)
    y = g.gelu(g.linear(y, f"{name}.feed_forward.intermediate_dense", width, size.inner))
    return g.op("Add", x, g.linear(y, f"{name}.feed_forward.output_dense", size.inner, width))


def write_landmark(path: Path, seed: int = 0) -> None:
    """`input` (1, 3, 224, 224) -> three outputs, the last 203 points in crop widths, flat (1, 406).

    The answer is a face in the middle, moved by a hundredth of the crop by what the picture is like.
    """
    g = _Graph(seed)
    pooled = g.op("Flatten", g.op("GlobalAveragePool", "input"))
    outputs = {}
    for name, points in (("output", 107), ("853", 131), ("856", LANDMARKS)):
        moved = g.op("Tanh", g.op("MatMul", pooled, g.normal(f"head_{name}", 3, 2 * points, fan_in=3)))
        face = made_up_face() if points == LANDMARKS else np.resize(made_up_face(), (points, 2))
        answer = g.op("Add", g.op("Mul", moved, g.constant(0.01)), g.constant(face.reshape(1, -1)))
        outputs[name] = (answer, [1, 2 * points])
    g.write(path, {"input": [1, 3, 224, 224]}, outputs)


def made_up_face() -> Floats:
    """203 points of an upright face in the unit square, float32 (203, 2), in the published order of rings.

    0-23 and 24-47 the eyes from their left corners, 48-83 and 84-107 the lips outside and inside, then the outline.
    """

    def ring(count: int, x: float, y: float, width: float, height: float) -> Doubles:
        angle = np.pi + 2 * np.pi * np.arange(count) / count
        return np.stack([x + width * np.cos(angle), y + height * np.sin(angle)], axis=1)

    rings = [
        ring(24, 0.36, 0.42, 0.06, 0.022),
        ring(24, 0.64, 0.42, 0.06, 0.022),
        ring(36, 0.50, 0.70, 0.11, 0.045),
        ring(24, 0.50, 0.70, 0.09, 0.010),
        ring(LANDMARKS - 108, 0.50, 0.55, 0.30, 0.36),
    ]
    return np.concatenate(rings).astype(np.float32)


def write_modnet(path: Path, seed: int = 0) -> None:
    """`input` (B, 3, 288, 512) in [-1, 1] -> `output` (B, 1, 288, 512) in [0, 1]: a soft figure in the middle."""
    g = _Graph(seed)
    weight = g.normal("detail.weight", 1, 3, 3, 3, fan_in=270)
    detail = g.op("Conv", "input", weight, kernel_shape=[3, 3], pads=[1, 1, 1, 1])
    rows, columns = np.mgrid[0:288, 0:512].astype(np.float32)
    distance = np.hypot((columns - 255.5) / 150, (rows - 200) / 170)
    figure = g.constant((8 * (1 - distance))[None, None])
    x = g.op("Sigmoid", g.op("Add", detail, figure))
    g.write(path, {"input": ["B", 3, 288, 512]}, {"output": (x, ["B", 1, 288, 512])})


def check(path: Path) -> None:
    """Raises what onnx's own checker finds wrong with the file."""
    onnx.checker.check_model(str(path), full_check=True)
