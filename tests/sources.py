"""The package as source: its files, and each parsed once for all tests that read code."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "avtr_cli"


@cache
def modules() -> dict[str, ast.Module]:
    """Every module of the package by its path in it, as `jobs/job.py`."""
    return {path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text()) for path in PACKAGE.rglob("*.py")}


@cache
def imports() -> list[tuple[str, str]]:
    """(file, imported name) for every import, also inside functions; names are dotted, with what is imported from."""
    found = []
    for file, tree in modules().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module:
                found += [(file, f"{node.module}.{alias.name}") for alias in node.names]
            elif isinstance(node, ast.Import):
                found += [(file, alias.name) for alias in node.names]
    return found
