"""Memory asked for before it is needed, which Numba has no word for: a hint, that changes no result and cannot fail."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

_READ, _KEEP, _DATA = 0, 3, 1  # as `llvm.prefetch` counts them
_INT: Any = ir.IntType(32)
_BYTE: Any = ir.IntType(8).as_pointer()
_inserted: Any = cgutils.get_or_insert_function


def _generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    array = context.make_array(signature.args[0])(context, builder, arguments[0])
    place = builder.bitcast(builder.gep(array.data, [arguments[1]]), _BYTE)
    kind = ir.FunctionType(ir.VoidType(), [_BYTE, _INT, _INT, _INT])
    hint = _inserted(builder.module, kind, "llvm.prefetch.p0i8")
    builder.call(hint, [place, *(ir.Constant(_INT, number) for number in (_READ, _KEEP, _DATA))])
    return context.get_dummy_value()


def _typed(_: Any, array: Any, index: Any) -> tuple[Any, Callable[..., Any]]:
    return types.void(array, index), _generate


prefetch: Any = intrinsic(_typed)
"""`prefetch(flat, index)`: that place of a contiguous array of one axis will be read; it may lie beyond its end."""
