"""A graph of ONNX operators, written down operator by operator, as the bytes that onnxruntime opens.

Of the format (onnx.proto3, protobuf's wire format) there is what our graphs need: float32 and int64 tensors, operators
with numbers for attributes, shapes known beforehand. So a graph is made of any weights in milliseconds while they are
loaded, and the package `onnx` is not needed for it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from avtr_cli.core.arrays import AnyArray

OPSET, IR_VERSION = 17, 8
MICROSOFT = "com.microsoft"  # onnxruntime's own operators
_KINDS = {np.dtype(np.float32): 1, np.dtype(np.int64): 7}  # TensorProto.DataType
_SMALL = 256  # bytes
_FLOAT, _INT, _INTS = 1, 2, 7  # AttributeProto.AttributeType

Attribute = int | float | Sequence[int]


@dataclass(frozen=True)
class Value:
    """A tensor in a graph: its name; `+`, `-` and `*` add an operator, with another tensor or a number."""

    graph: Graph
    name: str

    def __add__(self, other: Value | float) -> Value:
        return self.graph.op("Add", self, other)

    def __sub__(self, other: Value | float) -> Value:
        return self.graph.op("Sub", self, other)

    def __mul__(self, other: Value | float) -> Value:
        return self.graph.op("Mul", self, other)

    def __truediv__(self, other: Value | float) -> Value:
        return self.graph.op("Div", self, other)

    def reshape(self, *shape: int) -> Value:
        """The same numbers in another shape."""
        return self.graph.op("Reshape", self, self.graph.constant(np.array(shape, np.int64)))

    def transpose(self, *axes: int) -> Value:
        """The axes in another order."""
        return self.graph.op("Transpose", self, perm=axes)

    def slice(self, axis: int, first: int, stop: int) -> Value:
        """`first` ... `stop` (not included) along one axis."""
        bounds = (self.graph.constant(np.array([number], np.int64)) for number in (first, stop, axis))
        return self.graph.op("Slice", self, *bounds)

    def take(self, axis: int, indices: AnyArray) -> Value:
        """Rows along one axis, which becomes the axes of `indices`."""
        return self.graph.op("Gather", self, self.graph.constant(indices.astype(np.int64)), axis=axis)


@dataclass
class Graph:
    """Operators in the order in which they are written down; `to_bytes` is the file."""

    _nodes: list[bytes] = field(default_factory=list)
    _constants: dict[tuple[bytes, tuple[int, ...], str], str] = field(default_factory=dict)
    _tensors: list[bytes] = field(default_factory=list)
    _inputs: list[bytes] = field(default_factory=list)
    _outputs: list[bytes] = field(default_factory=list)

    def input(self, name: str, *shape: int) -> Value:
        """A float32 tensor that every run is given."""
        self._inputs.append(_value_info(name, shape))
        return Value(self, name)

    def output(self, name: str, value: Value, *shape: int) -> None:
        """A float32 tensor that every run gives."""
        self._nodes.append(_node("Identity", (value.name,), (name,), {}, ""))
        self._outputs.append(_value_info(name, shape))

    def constant(self, array: AnyArray | float) -> Value:
        """A tensor that is part of the graph: float32 or int64. Small ones, such as shapes, are kept once."""
        array = np.ascontiguousarray(array) if isinstance(array, np.ndarray) else np.asarray(array, np.float32)
        key = (array.tobytes() if array.nbytes <= _SMALL else b"", array.shape, array.dtype.str)
        if not key[0] or key not in self._constants:
            name = self._constants[key] = f"constant_{len(self._tensors)}"
            self._tensors.append(_tensor(name, array))
        return Value(self, self._constants[key])

    def op(self, kind: str, *inputs: Value | float, domain: str = "", **attributes: Attribute) -> Value:
        """An operator of one output."""
        return self.ops(kind, 1, *inputs, domain=domain, **attributes)[0]

    def ops(
        self, kind: str, outputs: int, *inputs: Value | float, domain: str = "", **attributes: Attribute
    ) -> list[Value]:
        """An operator of several outputs."""
        given = [(one if isinstance(one, Value) else self.constant(one)).name for one in inputs]
        made = [f"{kind}_{len(self._nodes)}_{at}" for at in range(outputs)]
        self._nodes.append(_node(kind, given, made, attributes, domain))
        return [Value(self, name) for name in made]

    def concat(self, axis: int, *values: Value) -> Value:
        """Tensors one after the other along one axis."""
        return self.op("Concat", *values, axis=axis)

    def to_bytes(self) -> bytes:
        """The ModelProto."""
        parts = [*_all(1, self._nodes), _text(2, "avtr"), *_all(5, self._tensors)]
        graph = b"".join([*parts, *_all(11, self._inputs), *_all(12, self._outputs)])
        opsets = [_text(1, domain) + _number(2, version) for domain, version in (("", OPSET), (MICROSOFT, 1))]
        return b"".join([_number(1, IR_VERSION), _text(2, "avtr"), _bytes(7, graph), *_all(8, opsets)])


def _node(
    kind: str, inputs: Iterable[str], outputs: Iterable[str], attributes: dict[str, Attribute], domain: str
) -> bytes:
    parts = [*(_text(1, name) for name in inputs), *(_text(2, name) for name in outputs)]
    parts += [_text(4, kind), *(_bytes(5, _attribute(name, value)) for name, value in attributes.items())]
    return b"".join([*parts, _text(7, domain)])


def _attribute(name: str, value: Attribute) -> bytes:
    if isinstance(value, float):
        return _text(1, name) + _key(2, 5) + struct.pack("<f", value) + _number(20, _FLOAT)
    if isinstance(value, int):
        return _text(1, name) + _number(3, value) + _number(20, _INT)
    return _text(1, name) + b"".join(_number(8, one) for one in value) + _number(20, _INTS)


def _tensor(name: str, array: AnyArray) -> bytes:
    dims = b"".join(_number(1, size) for size in array.shape)
    return dims + _number(2, _KINDS[array.dtype]) + _text(8, name) + _bytes(9, array.tobytes())


def _value_info(name: str, shape: Sequence[int]) -> bytes:
    dims = b"".join(_bytes(1, _number(1, size)) for size in shape)
    kind = _number(1, _KINDS[np.dtype(np.float32)]) + _bytes(2, dims)
    return _text(1, name) + _bytes(2, _bytes(1, kind))


def _all(place: int, messages: Iterable[bytes]) -> Iterable[bytes]:
    return (_bytes(place, message) for message in messages)


def _text(place: int, text: str) -> bytes:
    return _bytes(place, text.encode())


def _bytes(place: int, data: bytes) -> bytes:
    return _key(place, 2) + _varint(len(data)) + data


def _number(place: int, number: int) -> bytes:
    return _key(place, 0) + _varint(number & 0xFFFF_FFFF_FFFF_FFFF)


def _key(place: int, kind: int) -> bytes:
    return _varint(place << 3 | kind)


def _varint(number: int) -> bytes:
    """Seven bits a byte, the lowest first; the eighth says that more follow."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
