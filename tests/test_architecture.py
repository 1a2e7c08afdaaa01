"""The house plan of docs/architecture.md: who may import whom, and what importing the package costs."""

from __future__ import annotations

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "avtr_cli"

FLOORS = [  # upper floors import lower ones, never the other way
    {"cli"},
    {"batch", "evaluation", "training", "dialogue", "benchmark", "doctor", "demos", "verification"},
    {"offline", "finishing", "forecast", "preview", "spooling", "preparation", "checking", "glance", "account", "feed"},
    {"engine", "job", "cues", "session", "pace"},
    {"output"},
    {"motion", "render"},
    {"audio", "perception", "weights"},
    {
        *("errors", "types", "timing", "config", "limits", "runtime", "clocks", "interruption", "files"),
        *("textfile", "plain_yaml", "ffmpeg_program"),
    },
]
SEPARATE = [("motion", "render"), ("render", "motion"), ("perception", "audio"), ("audio", "perception")]


def room_of(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


@cache
def imports() -> list[tuple[str, str, str]]:
    """(file, its room, imported room) for every import of our own, also those inside functions."""
    found = []
    for path in PACKAGE.rglob("*.py"):
        module = ".".join(("avtr_cli", *path.relative_to(PACKAGE).with_suffix("").parts))
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("avtr_cli"):
                names = [node.module] if node.module != "avtr_cli" else [f"avtr_cli.{a.name}" for a in node.names]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names if alias.name.startswith("avtr_cli")]
            found += [(str(path.relative_to(PACKAGE)), room_of(module), room_of(name)) for name in names]
    return found


def floor(room: str) -> int:
    return next((number for number, rooms in enumerate(FLOORS) if room in rooms), -1)


def test_every_room_has_its_floor():
    rooms = {path.stem if path.is_file() else path.name for path in PACKAGE.iterdir() if path.suffix in ("", ".py")}
    rooms -= {"__init__", "__main__", "__pycache__", "assets", "presets", "examples"}
    assert {room for room in rooms if floor(room) < 0} == set()


def test_imports_go_down_only():
    wrong = [
        (file, imported)
        for file, room, imported in imports()
        if room and imported not in ("", "__version__") and floor(imported) < floor(room)
    ]
    assert wrong == []


@pytest.mark.parametrize(("room", "other"), SEPARATE)
def test_rooms_on_one_floor_that_share_only_nouns(room, other):
    assert [file for file, own, imported in imports() if (own, imported) == (room, other)] == []


def test_only_one_module_imports_torchaudio():
    users = [p.relative_to(PACKAGE).as_posix() for p in PACKAGE.rglob("*.py") if _imports_torchaudio(p)]
    assert set(users) <= {"audio/torchaudio_cpu.py"}


def _imports_torchaudio(path: Path) -> bool:
    for node in ast.walk(ast.parse(path.read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        if any(name.split(".")[0] == "torchaudio" for name in names):
            return True
    return False


def loaded_by(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {name.split(".")[0] for name in done.stdout.split()}


@pytest.mark.parametrize("statement", ["import avtr_cli", "import avtr_cli.cli, avtr_cli.types, avtr_cli.config"])
def test_importing_loads_neither_torch_nor_mediapipe(statement):
    assert loaded_by(statement) & {"torch", "mediapipe", "cv2", "scipy", "matplotlib"} == set()
