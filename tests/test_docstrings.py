"""What is public says what it does: shapes, units and errors are found at the definition, not by reading its body."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.sources import modules


def public(body: list[ast.stmt], inside: str = "") -> Iterator[tuple[str, ast.FunctionDef | ast.ClassDef]]:
    """Every public class, function, method and property of a module, by name; not what functions define inside."""
    for node in body:
        if not isinstance(node, ast.FunctionDef | ast.ClassDef) or node.name.startswith("_") or only_a_type(node):
            continue
        yield inside + node.name, node
        if isinstance(node, ast.ClassDef):
            yield from public(node.body, f"{inside}{node.name}.")


def only_a_type(node: ast.FunctionDef | ast.ClassDef) -> bool:
    """Whether it is an overload: the function that it stands for is documented."""
    return any(isinstance(name, ast.Name) and name.id == "overload" for name in node.decorator_list)


def undocumented(module: ast.Module) -> list[str]:
    return [name for name, node in public(module.body) if not ast.get_docstring(node)]


def test_every_public_function_class_and_method_has_a_docstring():
    found = {file: undocumented(tree) for file, tree in modules().items()}
    assert len(found) > 200
    assert {path: names for path, names in found.items() if names} == {}


def test_what_lacks_one_is_named_with_its_class_and_what_is_private_is_not():
    source = '''
class Session:
    """Said."""
    def push(self): ...
    def _hidden(self): ...
    @property
    def state(self): ...
    class Kept: ...
@overload
def load(name): ...
def load(name):
    """Said."""
    def inner(): ...
def step(): ...
class _Private:
    def method(self): ...
'''
    assert undocumented(ast.parse(source)) == ["Session.push", "Session.state", "Session.Kept", "step"]
