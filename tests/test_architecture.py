"""The house plan of docs/architecture.md: who may import whom, and what importing the package costs."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from functools import cache

import pytest

from tests import sources
from tests.sources import PACKAGE, ROOT, modules

PLAN = ROOT / "docs" / "architecture.md"
TABLE = re.findall(r"^\| (\d+) \| ([^|]+) \|", PLAN.read_text(), re.MULTILINE)
FLOORS = [
    re.findall(r"`([a-z_]+)/`", rooms) for _, rooms in TABLE
]  # upper floors import lower ones, never the other way
APART = re.findall(r"^- `([a-z0-9_/]+)` never imports ((?:`[a-z0-9_/]+`(?:, | or )?)+)", PLAN.read_text(), re.MULTILINE)


@cache
def imports() -> list[tuple[str, str]]:
    """(file, imported module), both as paths in the package, for every import of our own."""
    ours = [(file, name) for file, name in sources.imports() if name.split(".")[0] == "avtr_cli"]
    return [(file, name.removeprefix("avtr_cli.").replace(".", "/")) for file, name in ours]


def room(path: str) -> str:
    return path.split("/")[0]


def floor(path: str) -> int:
    return next((number for number, rooms in enumerate(FLOORS) if room(path) in rooms), -1)


def test_the_plan_has_every_room_on_one_floor_and_no_other():
    rooms = [path.name for path in PACKAGE.iterdir() if path.is_dir() and (path / "__init__.py").exists()]
    assert sorted(name for rooms in FLOORS for name in rooms) == sorted(rooms)
    assert [number for number, _ in TABLE] == [str(k + 1) for k in range(len(FLOORS))]


def test_no_module_lies_outside_a_room():
    assert {path.name for path in PACKAGE.glob("*.py")} == {"__init__.py", "__main__.py"}


def test_every_room_says_what_it_is_for():
    rooms = {file: tree for file, tree in modules().items() if file.endswith("__init__.py")}
    assert [file for file, tree in rooms.items() if ast.get_docstring(tree) is None] == []


def test_imports_go_down_only_and_rooms_of_one_floor_do_not_meet():
    between = [(file, name) for file, name in imports() if "/" in file and room(file) != room(name) != "__version__"]
    assert [(file, name) for file, name in between if floor(name) <= floor(file)] == []


@pytest.mark.parametrize(("place", "others"), APART)
def test_rules_within_a_room_and_beyond_floors(place, others):
    forbidden = re.findall(r"`([a-z0-9_/]+)`", others)
    files = [(file, name) for file, name in imports() if file.startswith(place)]
    assert files
    assert [
        (f, name) for f, name in files for other in forbidden if f"{name}/".startswith(f"{other.rstrip('/')}/")
    ] == []


def test_only_one_module_imports_torchaudio():
    users = {file for file, name in sources.imports() if name.split(".")[0] == "torchaudio"}
    assert users <= {"audio/torchaudio_cpu.py"}


def test_mediapipe_judges_us_and_is_not_used():
    assert [file for file, name in sources.imports() if name.split(".")[0] == "mediapipe"] == []


def test_no_body_but_our_own_is_used():
    others = {"anny", "smplx", "smpl", "flame", "mano", "warp", "trimesh"}
    assert [file for file, name in sources.imports() if name.split(".")[0].lower() in others] == []


def loaded_by(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {name.split(".")[0] for name in done.stdout.split()}


@pytest.mark.slow
@pytest.mark.parametrize(
    "statement", ["import avtr_cli", "import avtr_cli.cli, avtr_cli.core.config, avtr_cli.core.types"]
)
def test_importing_loads_neither_torch_nor_onnxruntime(statement):
    assert loaded_by(statement) & {"torch", "onnxruntime", "cv2", "scipy", "matplotlib"} == set()
