"""What pages, examples, benchmarks and CI import from avtr is there: moving a module breaks none of them unseen."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path

import pytest

from tests.sources import ROOT

SCRIPTS = [path for folder in ("examples", "benchmarks", ".ci") for path in sorted((ROOT / folder).glob("*.py"))]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]


def code_of(path: Path) -> list[str]:
    """A script's text, or every piece of Python that a page shows."""
    text = path.read_text(encoding="utf-8")
    return [text] if path.suffix == ".py" else re.findall(r"```python\n(.*?)```", text, re.DOTALL)


def names_of(path: Path) -> set[tuple[str, str]]:
    """(module, name) for everything of avtr's that it imports."""
    nodes = [node for code in code_of(path) for node in ast.walk(ast.parse(code)) if isinstance(node, ast.ImportFrom)]
    ours = [node for node in nodes if node.module and node.module.split(".")[0] == "avtr_cli"]
    return {(str(node.module), alias.name) for node in ours for alias in node.names}


@pytest.mark.slow
@pytest.mark.parametrize("path", [path for path in (*PAGES, *SCRIPTS) if names_of(path)], ids=lambda path: path.name)
def test_every_name_that_is_imported_is_there(path):
    for module, name in names_of(path):
        there = hasattr(importlib.import_module(module), name)
        assert there or importlib.import_module(f"{module}.{name}"), f"{path.name}: {module}.{name}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_of_the_package_that_a_page_names_is_there(page):
    named = set(re.findall(r"`((?:avtr_cli/)?[a-z0-9_]+/[a-z0-9_/]+\.py)`", page.read_text(encoding="utf-8")))
    roots = (ROOT, ROOT / "avtr_cli")
    assert [name for name in named if not any((root / name).exists() for root in roots)] == []
