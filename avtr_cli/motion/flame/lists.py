"""Which vertices of FLAME's head are lips and upper face: as published, from the user's own files, or by landmarks.

UniLS's measures were published on lists that stand in its authors' code, which has no licence and of which nothing is
here: they are known by their hashes alone, and read, without running it, out of the checkout of whoever has one. An
index that stands there twice counts twice. `lips_and_upper` is for all others, and gives numbers of their own.
"""

from __future__ import annotations

import ast
import hashlib
import json
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from avtr_cli.core.errors import WeightsError
from avtr_cli.core.files import reason
from avtr_cli.motion.flame.landmarks import Landmarks
from avtr_cli.motion.flame.model import VERTICES, FlameModel
from avtr_cli.perception.topology import (
    EYES,
    INNER_LOWER_LIP,
    INNER_UPPER_LIP,
    OUTER_LOWER_LIP,
    OUTER_UPPER_LIP,
)

LIPS = frozenset((*INNER_UPPER_LIP, *INNER_LOWER_LIP, *OUTER_UPPER_LIP, *OUTER_LOWER_LIP))
UPPER = frozenset(point for eye in EYES for point in (*eye.upper, *eye.lower, *eye.brow))
NAMES = ("lips", "upper")
PUBLISHED = {
    "lips": "73ebf58b3d8488345e69bee61b2ade1becbf41899375e940f121657690d3aaf1",
    "upper": "a1ae5f76a8d9b219fa13b1e35d4a721553e661062e224e30f7e7bc50828494c8",
}
"""SHA-256 of the published lists as JSON."""
LARGEST_FILE = 8 << 20  # bytes; no source file, and no two lists, are larger
MOST_FILES = 2000  # of a checkout
LONGEST = 100_000  # numbers of a list
BRING = "give a checkout of UniLS's code, the file of it that has them, or a .json or .npz with lips and upper"


@dataclass(frozen=True)
class VertexLists:
    """Indices into FLAME's vertices; `published` where they are UniLS's own."""

    lips: tuple[int, ...]
    upper: tuple[int, ...]
    published: bool = False


def lips_and_upper(model: FlameModel, landmarks: Landmarks) -> VertexLists:
    """Vertices of the triangles in which the points of the lips, and of lids and brows, lie; each once."""

    def at(wanted: frozenset[int]) -> tuple[int, ...]:
        chosen = [face for point, face in zip(landmarks.points, landmarks.faces, strict=True) if int(point) in wanted]
        return tuple(sorted({int(vertex) for vertex in model.faces[chosen].ravel()}))

    return VertexLists(at(LIPS), at(UPPER))


def load_lists(path: Path) -> VertexLists:
    """The lists of a user's checkout, source file, .json or .npz; nothing in it is run. Raises WeightsError."""
    try:
        if path.is_dir():
            return _of_sources(path, sorted(path.rglob("*.py"))[:MOST_FILES])
        if path.suffix == ".py":
            return _of_sources(path, [path])
        held = _of_npz(path) if path.suffix == ".npz" else json.loads(_text(path))
        lists = {name: _checked(path, name, held[name]) for name in NAMES}
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({reason(error)}); {BRING}") from error
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise WeightsError(f"{path}: damaged, or no lists of vertices; {BRING}") from error
    return VertexLists(**lists, published=all(_sha256(lists[name]) == PUBLISHED[name] for name in NAMES))


def _of_sources(path: Path, files: list[Path]) -> VertexLists:
    """The lists of the published hashes, wherever they are written down in Python."""
    found: dict[str, tuple[int, ...]] = {}
    for file in files:
        if not file.is_file() or file.stat().st_size > LARGEST_FILE:
            continue
        for numbers in _lists_in(_text(file)):
            found |= {name: numbers for name in NAMES if _sha256(numbers) == PUBLISHED[name]}
    if lacking := [name for name in NAMES if name not in found]:
        raise WeightsError(f"{path}: UniLS's list of {' and of '.join(lacking)} vertices is not there; {BRING}")
    return VertexLists(**found, published=True)


def _lists_in(source: str) -> Iterator[tuple[int, ...]]:
    """Every list of nothing but whole numbers that is written out in a Python file; none of one that is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd escapes in others' code
            tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.List | ast.Tuple) and node.elts and all(map(_is_number, node.elts)):
            yield tuple(ast.literal_eval(node))


def _is_number(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) is int


def _of_npz(path: Path) -> dict[str, Any]:
    try:
        with np.load(path, allow_pickle=False) as table:
            return {name: table[name].ravel().tolist() for name in NAMES}
    except OSError:
        raise
    except Exception as error:  # what a damaged file raises is of almost any kind
        raise ValueError(path) from error


def _text(path: Path) -> str:
    if path.stat().st_size > LARGEST_FILE:
        raise ValueError(path)
    return path.read_text(encoding="utf-8", errors="replace")


def _checked(path: Path, name: str, numbers: Any) -> tuple[int, ...]:
    if not isinstance(numbers, list) or not 0 < len(numbers) <= LONGEST or {type(one) for one in numbers} != {int}:
        raise WeightsError(f"{path}: {name} is no list of whole numbers; {BRING}")
    if min(numbers) < 0 or max(numbers) >= VERTICES:
        raise WeightsError(f"{path}: {name} names vertices that FLAME has not, 0 to {VERTICES - 1}; {BRING}")
    return tuple(numbers)


def _sha256(numbers: tuple[int, ...]) -> str:
    return hashlib.sha256(json.dumps(list(numbers)).encode()).hexdigest()
