"""A network read from TFLite into an ONNX model of the same arithmetic, with a free batch and weights of 16 bits.

TFLite's pictures are (n, h, w, channels), ONNX's (n, channels, h, w): inside, every tensor of four dimensions is the
latter; `reshape` and what leaves see the former. The input is uint8 (n, h, w, 3), scaled into the network's range
here. Custom operators of MediaPipe are written out in plain ones; they speak of affine maps of the plane as (n, 4, 4)
matrices, whose third row and column are those of nothing.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tools.networks.tflite import Network, Operation

OPSET = 17
IR_VERSION = 8
TO_NCHW, TO_NHWC = (0, 3, 1, 2), (0, 2, 3, 1)
ACTIVATIONS: dict[int, tuple[str, tuple[float, ...]]] = {0: ("", ()), 1: ("Relu", ()), 3: ("Clip", (0.0, 6.0))}
SAME = 0  # TFLite's padding; the other is VALID


class Writer:
    """ONNX nodes as they are written, in order; tensors of the TFLite file are `t` with their number."""

    def __init__(self, network: Network):
        self.network = network
        self.nodes: list[onnx.NodeProto] = []
        self.weights: dict[str, onnx.TensorProto] = {}
        self.padded: dict[int, tuple[int, np.ndarray]] = {}  # output of a PAD -> its input, ((before, after), ...)
        self._count = 0

    def node(self, kind: str, inputs: list[str], output: str = "", **attributes: object) -> str:
        """Write a node and return the name of what it gives."""
        self._count += 1
        output = output or f"v{self._count}"
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def constant(self, values: object, dtype: type = np.float32) -> str:
        """A constant as it is, for shapes and for what is no weight."""
        array = np.asarray(values, dtype)
        name = f"c{array.dtype}{array.shape}{array.ravel().tolist()}"
        name = name if len(name) < 60 else f"c{len(self.weights)}"
        self.weights[name] = numpy_helper.from_array(array, name)
        return name

    def weight(self, number: int, order: tuple[int, ...] | None = None) -> str:
        """A constant of the TFLite file, transposed to `order`: stored as float16, computed with as float32."""
        values = self.network.constants[number]
        values = values if order is None else values.transpose(order)
        name = f"w{number}"
        if f"{name}.16" not in self.weights:
            assert values.dtype == np.float16, "every weight is float16 behind DEQUANTIZE"
            self.weights[f"{name}.16"] = numpy_helper.from_array(np.ascontiguousarray(values), f"{name}.16")
            self.node("Cast", [f"{name}.16"], name, to=TensorProto.FLOAT)
        return name

    def tensor(self, number: int) -> str:
        """What a step reads: another step's output, or a constant laid out as pictures are here."""
        if number not in self.network.constants:
            return f"t{number}"
        return self.weight(number, TO_NCHW if self.network.constants[number].ndim == 4 else None)

    def as_nhwc(self, number: int) -> str:
        """The tensor in TFLite's order of dimensions."""
        picture = len(self.network.shapes[number]) == 4
        return self.node("Transpose", [f"t{number}"], perm=TO_NHWC) if picture else f"t{number}"

    def activated(self, kind: str, inputs: list[str], step: Operation, **attributes: object) -> None:
        """Write a node with the activation that TFLite fuses into it; together they give the output of `step`."""
        after, bounds = ACTIVATIONS[step.options["fusedActivationFunction"]]
        made = self.node(kind, inputs, "" if after else f"t{step.output}", **attributes)
        if after:
            self.node(after, [made, *map(self.constant, bounds)], f"t{step.output}")


def to_onnx(network: Network, name: str, low: float, outputs: list[str], facts: dict[str, str]) -> onnx.ModelProto:
    """`network` as a model with the input `pictures`, uint8 (n, h, w, 3): 0 is seen as `low`, 255 as 1.

    `outputs` names what leaves, in the order of the file; `facts` are kept as the model's metadata.
    """
    writer = Writer(network)
    scaled = writer.node("Mul", [writer.node("Cast", ["pictures"], to=TensorProto.FLOAT),
                                 writer.constant((1 - low) / 255)])  # fmt: skip
    seen = writer.node("Add", [scaled, writer.constant(low)])
    writer.node("Transpose", [seen], f"t{network.input}", perm=TO_NCHW)
    for operation in network.operations:
        _STEPS[operation.kind](writer, operation)
    for number, output in zip(network.outputs, outputs, strict=True):
        writer.node("Identity", [writer.as_nhwc(number)], output)
    nodes = _needed(writer.nodes, outputs)
    read = {tensor for node in nodes for tensor in node.input}
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info("pictures", TensorProto.UINT8, ["n", *network.shapes[network.input][1:]])],
        [
            helper.make_tensor_value_info(output, TensorProto.FLOAT, ["n", *network.shapes[number][1:]])
            for number, output in zip(network.outputs, outputs, strict=True)
        ],
        [tensor for tensor in writer.weights.values() if tensor.name in read],
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="avtr"
    )
    helper.set_model_props(model, facts)
    onnx.checker.check_model(model, full_check=True)
    return model


def _needed(nodes: list[onnx.NodeProto], outputs: list[str]) -> list[onnx.NodeProto]:
    """The nodes that `outputs` depend on: a PAD that every convolution behind it has taken over is not one."""
    wanted, kept = set(outputs), []
    for node in reversed(nodes):
        if wanted & set(node.output):
            wanted |= set(node.input)
            kept.append(node)
    return kept[::-1]


# ---- steps -----------------------------------------------------------------------------------------------------------


def _convolution(writer: Writer, step: Operation) -> None:
    source, kernel, bias = step.inputs
    deep = step.kind.startswith("DEPTHWISE")
    assert step.options["dilationWFactor"] == step.options["dilationHFactor"] == 1
    assert not deep or step.options["depthMultiplier"] == 1
    shape = writer.network.constants[kernel].shape  # OHWI, of a depthwise one 1HWC
    strides = [step.options["strideH"], step.options["strideW"]]
    pads = np.zeros((2, 2), int)  # (before, after) of rows and of columns
    if step.options["padding"] == SAME:
        for axis in (0, 1):
            side = writer.network.shapes[source][1 + axis]
            missing = max((-(-side // strides[axis]) - 1) * strides[axis] + shape[1 + axis] - side, 0)
            pads[axis] = missing // 2, missing - missing // 2  # uneven: one more below and to the right
    if source in writer.padded and not writer.padded[source][1][[0, 3]].any():
        source, before = writer.padded[source]
        pads += before[1:3]
    weight = writer.weight(kernel, (3, 0, 1, 2) if deep else (0, 3, 1, 2))
    inputs = [writer.tensor(source), weight, writer.weight(bias)]
    groups = shape[3] if deep else 1
    writer.activated("Conv", inputs, step, strides=strides, pads=pads.T.ravel().tolist(), group=groups)


def _transposed_convolution(writer: Writer, step: Operation) -> None:
    source, kernel, bias = step.inputs
    strides = [step.options["strideH"], step.options["strideW"]]
    assert list(writer.network.constants[kernel].shape[1:3]) == strides, "no overlaps, so no padding either way"
    inputs = [writer.tensor(source), writer.weight(kernel, (3, 0, 1, 2)), writer.weight(bias)]
    writer.node("ConvTranspose", inputs, f"t{step.output}", strides=strides)


def _pad(writer: Writer, step: Operation) -> None:
    source, amounts = step.inputs
    pads = writer.network.constants[amounts]
    writer.padded[step.output] = source, pads
    before_and_after = pads[list(TO_NCHW)].T.ravel()
    writer.node("Pad", [writer.tensor(source), writer.constant(before_and_after, np.int64)], f"t{step.output}")


def _pool(kind: str) -> Callable[[Writer, Operation], None]:
    def write(writer: Writer, step: Operation) -> None:
        (source,) = step.inputs
        kernel = [step.options["filterHeight"], step.options["filterWidth"]]
        assert kernel == [step.options["strideH"], step.options["strideW"]], "pools do not overlap"
        assert all(side % k == 0 for side, k in zip(writer.network.shapes[source][1:3], kernel, strict=True))
        writer.node(kind, [writer.tensor(source)], f"t{step.output}", kernel_shape=kernel, strides=kernel)

    return write


def _arithmetic(kind: str) -> Callable[[Writer, Operation], None]:
    def write(writer: Writer, step: Operation) -> None:
        writer.activated(kind, [writer.tensor(number) for number in step.inputs], step)

    return write


def _plain(kind: str) -> Callable[[Writer, Operation], None]:
    def write(writer: Writer, step: Operation) -> None:
        writer.node(kind, [writer.tensor(number) for number in step.inputs], f"t{step.output}")

    return write


def _prelu(writer: Writer, step: Operation) -> None:
    """slope * x + (1 - slope) * max(x, 0), both factors as convolutions of one pixel.

    ONNX has PRelu itself, but onnxruntime leaves its blocked layout for it: so the landmark network takes a third less.
    """
    source, slope = step.inputs
    channels = writer.network.shapes[source][3]
    assert writer.network.constants[slope].shape == (1, 1, channels)
    below = writer.node("Unsqueeze", [writer.weight(slope, (2, 0, 1)), writer.constant([3], np.int64)])
    above = writer.node("Sub", [writer.constant(1.0), below])
    whole = writer.node("Conv", [writer.tensor(source), below], group=channels)
    part = writer.node("Conv", [writer.node("Relu", [writer.tensor(source)]), above], group=channels)
    writer.node("Add", [whole, part], f"t{step.output}")


def _reshape(writer: Writer, step: Operation) -> None:
    shape = writer.network.shapes[step.output]
    picture = len(shape) == 4
    wanted = writer.constant([0, *shape[1:]], np.int64)  # 0: the batch as it is
    made = writer.node("Reshape", [writer.as_nhwc(step.inputs[0]), wanted], "" if picture else f"t{step.output}")
    if picture:
        writer.node("Transpose", [made], f"t{step.output}", perm=TO_NCHW)


def _concatenation(writer: Writer, step: Operation) -> None:
    axis = step.options["axis"]
    axis = TO_NCHW.index(axis) if len(writer.network.shapes[step.output]) == 4 else axis
    writer.node("Concat", [writer.tensor(number) for number in step.inputs], f"t{step.output}", axis=axis)


def _slice(writer: Writer, step: Operation) -> None:
    source, begin, end, strides = step.inputs
    shape = writer.network.shapes[source]
    constants = writer.network.constants
    assert set(constants[strides].tolist()) == {1}
    assert not step.options["shrinkAxisMask"]
    axes = range(1, len(shape))  # never the batch
    first = [0 if step.options["beginMask"] >> k & 1 else int(constants[begin][k]) for k in axes]
    last = [shape[k] if step.options["endMask"] >> k & 1 else int(constants[end][k]) for k in axes]
    ours = [TO_NCHW.index(axis) if len(shape) == 4 else axis for axis in axes]
    bounds = [writer.constant(numbers, np.int64) for numbers in (first, last, ours)]
    writer.node("Slice", [writer.tensor(source), *bounds], f"t{step.output}")


def _resize(writer: Writer, step: Operation) -> None:
    source, size = step.inputs
    assert step.options["halfPixelCenters"]
    assert not step.options["alignCorners"]
    batch_and_channels = writer.node("Shape", [writer.tensor(source)], end=2)
    sides = writer.constant(writer.network.constants[size], np.int64)
    sizes = writer.node("Concat", [batch_and_channels, sides], axis=0)
    inputs = [writer.tensor(source), "", "", sizes]
    writer.node("Resize", inputs, f"t{step.output}", mode="linear", coordinate_transformation_mode="half_pixel")


def _depth_to_space(writer: Writer, step: Operation) -> None:
    blocks = step.options["blockSize"]
    writer.node("DepthToSpace", [writer.tensor(step.inputs[0])], f"t{step.output}", blocksize=blocks, mode="DCR")


def _mean(writer: Writer, step: Operation) -> None:
    """Of each channel over the whole picture."""
    source, axes = step.inputs
    assert sorted(writer.network.constants[axes].tolist()) == [1, 2]
    keep = step.options["keepDims"]
    writer.node("ReduceMean", [writer.tensor(source)], f"t{step.output}", axes=[2, 3], keepdims=int(keep))


def _fully_connected(writer: Writer, step: Operation) -> None:
    source, weight, bias = step.inputs
    rows = writer.node("Flatten", [writer.as_nhwc(source)], axis=1)
    writer.activated("Gemm", [rows, writer.weight(weight), writer.weight(bias)], step, transB=1)


# ---- the attention of the landmark network: windows on lips and eyes, level with them --------------------------------


def _window_around(writer: Writer, step: Operation) -> None:
    """Points (n, k, 3) -> the affine map (n, 4, 4) from pixels of a window to the points' own pixels.

    The window is the box around some of the points, in axes along the line between two of them, enlarged.
    """
    options = step.options
    assert options["target_rotation_radians"] == 0
    plane = writer.node("Slice", [writer.tensor(step.inputs[0]), *_bounds(writer, 0, 2, axis=2)])

    def points(numbers: list[int]) -> str:
        return writer.node("Gather", [plane, writer.constant(numbers, np.int64)], axis=1)

    line = writer.node("Sub", [points([options["right_rotation_idx"]]), points([options["left_rotation_idx"]])])
    along = writer.node("Div", [line, writer.node("ReduceL2", [line], axes=[2], keepdims=1)])  # (n, 1, 2)
    swapped = writer.node("Gather", [along, writer.constant([1, 0], np.int64)], axis=2)
    across = writer.node("Mul", [swapped, writer.constant([-1, 1])])
    axes = writer.node("Concat", [along, across], axis=1)  # rows: the window's two directions
    axes_back = writer.node("Transpose", [axes], perm=[0, 2, 1])
    level = writer.node("MatMul", [points(options["subset_idxs"]), axes_back])
    low, high = (writer.node(kind, [level], axes=[1], keepdims=1) for kind in ("ReduceMin", "ReduceMax"))
    middle = writer.node("Mul", [writer.node("Add", [low, high]), writer.constant(0.5)])
    centre = writer.node("Transpose", [writer.node("MatMul", [middle, axes])], perm=[0, 2, 1])  # (n, 2, 1)
    wide, high_px = options["output_width"], options["output_height"]
    scales = writer.constant([options["scale_x"] / wide, options["scale_y"] / high_px])
    per_pixel = writer.node("Mul", [writer.node("Sub", [high, low]), scales])
    linear = writer.node("Mul", [axes_back, per_pixel])
    to_middle = writer.node("MatMul", [linear, writer.constant([[wide / 2], [high_px / 2]])])
    shift = writer.node("Sub", [centre, to_middle])
    nothing = writer.node("Mul", [shift, writer.constant(0.0)])
    upper = writer.node("Concat", [linear, nothing, shift], axis=2)  # (n, 2, 4)
    unmoved = writer.constant([[0, 0, 1, 0], [0, 0, 0, 1]])
    lower = writer.node("Add", [writer.node("Mul", [upper, writer.constant(0.0)]), unmoved])
    writer.node("Concat", [upper, lower], f"t{step.output}", axis=1)


def _window_of_features(writer: Writer, step: Operation) -> None:
    """A feature map seen through a window, bilinear at its pixels' centres; a sample outside of the map is zero."""
    source, window = step.inputs
    wide, high = step.options["output_width"], step.options["output_height"]
    rows, columns = writer.network.shapes[source][1:3]
    x, y = np.meshgrid(np.arange(wide) + 0.5, np.arange(high) + 0.5)
    centres = writer.constant(np.stack([x, y, np.zeros_like(x), np.ones_like(x)]).reshape(1, 4, -1))
    plane = writer.node("Slice", [f"t{window}", *_bounds(writer, 0, 2, axis=1)])
    places = writer.node("Transpose", [writer.node("MatMul", [plane, centres])], perm=[0, 2, 1])
    # GridSample's -1 .. 1 runs between the centres of the outer pixels.
    scaled = writer.node("Mul", [places, writer.constant([2 / (columns - 1), 2 / (rows - 1)])])
    grid = writer.node("Sub", [scaled, writer.constant([columns / (columns - 1), rows / (rows - 1)])])
    grid = writer.node("Reshape", [grid, writer.constant([0, high, wide, 2], np.int64)])
    seen = writer.node("GridSample", [writer.tensor(source), grid], mode="bilinear", align_corners=1)
    furthest = writer.node("ReduceMax", [writer.node("Abs", [grid])], axes=[3], keepdims=0)
    inside = writer.node("LessOrEqual", [furthest, writer.constant(1.0)])
    inside = writer.node("Cast", [inside], to=TensorProto.FLOAT)
    inside = writer.node("Unsqueeze", [inside, writer.constant([1], np.int64)])
    writer.node("Mul", [seen, inside], f"t{step.output}")


def _points_out_of_window(writer: Writer, step: Operation) -> None:
    """Points (n, k, 2) in a window's pixels -> where the window lies."""
    source, window = step.inputs
    assert writer.network.shapes[source][2] == 2, "no window's points have a depth"
    plane = writer.node("Slice", [f"t{window}", *_bounds(writer, 0, 2, axis=1)])
    linear = writer.node("Slice", [plane, *_bounds(writer, 0, 2, axis=2)])
    shift = writer.node("Slice", [plane, *_bounds(writer, 3, 4, axis=2)])
    turned = writer.node("MatMul", [writer.tensor(source), writer.node("Transpose", [linear], perm=[0, 2, 1])])
    writer.node("Add", [turned, writer.node("Transpose", [shift], perm=[0, 2, 1])], f"t{step.output}")


def _bounds(writer: Writer, first: int, last: int, axis: int) -> list[str]:
    return [writer.constant([number], np.int64) for number in (first, last, axis)]


_STEPS: dict[str, Callable[[Writer, Operation], None]] = {
    "ADD": _arithmetic("Add"),
    "AVERAGE_POOL_2D": _pool("AveragePool"),
    "CONCATENATION": _concatenation,
    "CONV_2D": _convolution,
    "Convolution2DTransposeBias": _transposed_convolution,
    "DEPTHWISE_CONV_2D": _convolution,
    "DEPTH_TO_SPACE": _depth_to_space,
    "FULLY_CONNECTED": _fully_connected,
    "HARD_SWISH": _plain("HardSwish"),
    "LOGISTIC": _plain("Sigmoid"),
    "Landmarks2TransformMatrix": _window_around,
    "MAX_POOL_2D": _pool("MaxPool"),
    "MEAN": _mean,
    "MUL": _arithmetic("Mul"),
    "PAD": _pad,
    "PRELU": _prelu,
    "RELU": _plain("Relu"),
    "RESHAPE": _reshape,
    "RESIZE_BILINEAR": _resize,
    "STRIDED_SLICE": _slice,
    "TransformLandmarks": _points_out_of_window,
    "TransformTensorBilinear": _window_of_features,
}
