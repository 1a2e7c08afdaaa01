"""Our stubs of OpenCV promise no name, and no parameter, that the installed OpenCV does not have."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import cv2
import pytest

STUBS = Path(__file__).parent.parent / "stubs" / "cv2"
FUNCTIONS = [
    (module, node)
    for module, file in ((cv2, "__init__.pyi"), (cv2.ximgproc, "ximgproc.pyi"))
    for node in ast.parse((STUBS / file).read_text()).body
    if isinstance(node, ast.FunctionDef)
]
CONSTANTS = [
    node.target.id
    for node in ast.parse((STUBS / "__init__.pyi").read_text()).body
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
]


@pytest.mark.parametrize(("module", "node"), FUNCTIONS, ids=[node.name for _, node in FUNCTIONS])
def test_a_function_of_the_stubs_has_these_parameters_in_this_order(module, node):
    # OpenCV writes its signatures into its docstrings: `name(a, b[, c[, d]]) -> retval`, one for each overload.
    told = re.findall(rf"^(?:.*\. )?{node.name}\((.*?)\) ->", getattr(module, node.name).__doc__, re.MULTILINE)
    known = [re.findall(r"\w+", parameters) for parameters in told]
    ours, by_name = ([argument.arg for argument in part] for part in (node.args.args, node.args.kwonlyargs))
    assert any(names[: len(ours)] == ours and set(by_name) <= set(names) for names in known), (ours, by_name, known)


@pytest.mark.parametrize("name", CONSTANTS)
def test_a_constant_of_the_stubs_is_a_whole_number(name):
    assert isinstance(getattr(cv2, name), int)
