"""A value as text and arrays, and back to the bit (core/packing.py)."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from avtr_cli.core.packing import MADE_ANEW, PackingError, packed, unpacked


@dataclass(frozen=True)
class Corner:
    x: int
    y: float


@dataclass(frozen=True)
class Table:
    corner: Corner
    rows: slice
    values: np.ndarray
    seen: dict = field(default_factory=dict, metadata=MADE_ANEW)


def there_and_back(value):
    text, arrays = packed(value)
    return unpacked(text, arrays, (Corner, Table))


plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
values = st.recursive(
    plain | st.binary(max_size=9).map(lambda data: np.frombuffer(data, np.uint8)),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3)
        | st.builds(Corner, inner, inner)
    ),
    max_leaves=12,
)


def same(one, other) -> bool:
    """Of one type and one value, all the way down."""
    if type(one) is not type(other):
        return False
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[name], other[name]) for name in one)
    if isinstance(one, Corner):
        return same((one.x, one.y), (other.x, other.y))
    return one == other


@given(values)
def test_what_is_packed_comes_back(value):
    assert same(there_and_back(value), value)


@given(arrays_of.arrays(st.sampled_from([np.float32, np.float64, np.uint8, np.int64, bool]), arrays_of.array_shapes()))
def test_arrays_and_tensors_come_back_to_the_bit(array):
    assert there_and_back(array).tobytes() == array.tobytes()
    back = there_and_back(torch.from_numpy(array))
    assert isinstance(back, torch.Tensor)
    assert back.numpy().tobytes() == array.tobytes()


def test_a_number_of_numpy_stays_one_and_a_float_stays_a_float():
    back = there_and_back([np.float32(0.1), 0.1, np.float64(0.1), float("inf"), 1e-320])
    assert [type(one) for one in back] == [np.float32, float, np.float64, float, float]
    assert back == [np.float32(0.1), 0.1, np.float64(0.1), float("inf"), 1e-320]


def test_arrays_lie_in_memory_as_they_did():
    across = np.arange(12.0).reshape(3, 4).T
    back = there_and_back(across)
    assert back.strides == across.strides
    assert np.array_equal(back, across)
    assert there_and_back(across[::2]).flags.c_contiguous  # neither order: a copy in the common one


def test_dataclasses_slices_and_paths_come_back_and_what_is_made_anew_does_not():
    table = Table(Corner(1, 0.5), slice(2, 7), np.ones(3), seen={"much": 1})
    back = there_and_back({"table": table, "path": Path("a/b")})
    assert back["path"] == Path("a/b")
    assert (back["table"].corner, back["table"].rows, back["table"].seen) == (Corner(1, 0.5), slice(2, 7), {})


def test_only_classes_that_the_reader_names_are_made():
    text, arrays = packed(Corner(1, 2.0))
    with pytest.raises(PackingError, match="Corner"):
        unpacked(text, arrays, (Table,))


@pytest.mark.parametrize("value", [object(), {1: 2}, {1, 2}, lambda: None, b"bytes"])
def test_what_cannot_be_told_is_a_type_error(value):
    with pytest.raises(TypeError, match="cannot be packed"):
        packed(value)


@pytest.mark.parametrize(
    "text",
    ["", "{", "{}", "[1]", '{"array": "9"}', '{"class": "Corner"}', '{"class": "Corner", "fields": {"z": 1}}',
     '{"class": "Corner", "fields": []}', '{"number": []}', '{"slice": [1]}', '{"path": 3}', '{"tensor": "none"}'],
)  # fmt: skip
def test_what_was_never_packed_is_refused(text):
    with pytest.raises(PackingError):
        unpacked(text, {"0": np.ones(1)}, (Corner,))


def test_the_text_is_plain_json():
    assert json.loads(packed((1, "é"))[0]) == {"tuple": [1, "é"]}
