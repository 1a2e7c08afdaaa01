"""A TFLite file into a list of operations and their constants, with what only concerns storage folded away.

Weights lie behind DEQUANTIZE (float16 made float32) and, where many are zero, DENSIFY: both are undone here, so that a
constant is a dense float16 array and an operation computes something. The schema's reader comes with mediapipe.
"""

from __future__ import annotations

import importlib.util
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from flatbuffers import flexbuffers

DTYPES = {0: np.float32, 1: np.float16, 2: np.int32}
DENSE = 0  # the other format of a sparse tensor's dimension is compressed


@dataclass(frozen=True)
class Operation:
    """One step: `kind` as the schema (or a custom operator) names it, tensors by number, -1 where one is absent."""

    kind: str
    inputs: tuple[int, ...]
    output: int
    options: dict[str, Any]


@dataclass(frozen=True)
class Network:
    """Tensors by number; shapes are TFLite's, (1, height, width, channels) for pictures."""

    input: int
    outputs: tuple[int, ...]
    shapes: dict[int, tuple[int, ...]]
    constants: dict[int, np.ndarray]
    operations: list[Operation]


def mediapipe_folder() -> Path:
    """Where the mediapipe package lies; it is not imported."""
    found = importlib.util.find_spec("mediapipe")
    if found is None or found.origin is None:
        raise SystemExit("the networks are read out of mediapipe: pip install mediapipe==0.10.21")
    return Path(found.origin).parent


def read(content: bytes) -> Network:
    """The network in the bytes of a .tflite file."""
    schema = _schema()
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
    (graph,) = model.subgraphs
    shapes = {k: tuple(int(n) for n in _or_none(tensor.shape)) for k, tensor in enumerate(graph.tensors)}
    constants = {
        k: _values(tensor, shapes[k], model.buffers[tensor.buffer].data)
        for k, tensor in enumerate(graph.tensors)
        if model.buffers[tensor.buffer].data is not None
    }
    operations = []
    for operator in graph.operators:
        operation = _operation(schema, model.operatorCodes[operator.opcodeIndex], operator)
        if operation.kind in ("DEQUANTIZE", "DENSIFY"):
            constants[operation.output] = constants[operation.inputs[0]]
        else:
            operations.append(operation)
    return Network(int(graph.inputs[0]), tuple(map(int, graph.outputs)), shapes, constants, operations)


def _schema() -> ModuleType:
    """TFLite's schema as flatc wrote it, without importing the mediapipe around it."""
    spec = importlib.util.spec_from_file_location(
        "tflite_schema", mediapipe_folder() / "tasks" / "metadata" / "schema_py_generated.py"
    )
    assert spec is not None
    assert spec.loader is not None
    schema = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(schema)
    return schema


def _operation(schema: ModuleType, code: Any, operator: Any) -> Operation:
    names = {value: name for name, value in vars(schema.BuiltinOperator).items() if isinstance(value, int)}
    kind = names[max(code.builtinCode, code.deprecatedBuiltinCode)]  # old files fill the deprecated field only
    options = {} if operator.builtinOptions is None else vars(operator.builtinOptions)
    if kind == "CUSTOM":
        kind, options = code.customCode.decode(), _custom_options(code.customCode.decode(), operator.customOptions)
    (output,) = operator.outputs
    return Operation(kind, tuple(map(int, operator.inputs)), int(output), options)


def _custom_options(kind: str, stored: Any) -> dict[str, Any]:
    if stored is None:
        return {}
    content = bytes(bytearray(stored))
    if kind == "Convolution2DTransposeBias":  # three plain integers; the others are flexbuffers
        return dict(zip(("padding", "strideW", "strideH"), struct.unpack("<3i", content[:12]), strict=True))
    options: dict[str, Any] = flexbuffers.Loads(bytearray(content))
    return options


def _values(tensor: Any, shape: tuple[int, ...], stored: Any) -> np.ndarray:
    values = np.frombuffer(bytes(bytearray(stored)), DTYPES[tensor.type])
    return values.reshape(shape) if tensor.sparsity is None else densified(tensor.sparsity, shape, values)


def densified(sparsity: Any, shape: tuple[int, ...], values: np.ndarray) -> np.ndarray:
    """A sparse tensor with its zeros: every stored value put where walking the levels in traversal order leads."""
    dense = np.zeros(shape, values.dtype)
    order = [int(dimension) for dimension in sparsity.traversalOrder]
    assert _or_none(sparsity.blockMap) == [], "no network here is sparse by blocks"
    levels = [(order[k], level) for k, level in enumerate(sparsity.dimMetadata)]
    for (_, place), value in zip(_walk(levels, 0, {}), values, strict=True):
        dense[tuple(place[axis] for axis in range(len(shape)))] = value
    return dense


def _walk(levels: list[tuple[int, Any]], parent: int, place: dict[int, int]) -> Iterator[tuple[int, dict[int, int]]]:
    """(index, place) of every stored element below `parent`, an index into the level above."""
    if not levels:
        yield parent, place
        return
    (axis, level), *below = levels
    if level.format == DENSE:
        children = [(parent * level.denseSize + k, k) for k in range(level.denseSize)]
    else:
        first, last = level.arraySegments.values[parent : parent + 2]
        children = [(k, int(level.arrayIndices.values[k])) for k in range(int(first), int(last))]
    for child, at in children:
        yield from _walk(below, child, place | {axis: at})


def _or_none(array: Any) -> list[Any]:
    return [] if array is None else list(array)
