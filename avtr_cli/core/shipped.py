"""What ships with the package: assets inside it; presets and examples beside it in a checkout, else inside too."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent


def asset(name: str) -> Path:
    """A file of `avtr_cli/assets`."""
    return PACKAGE / "assets" / name


def shipped_folder(name: str) -> Path:
    """`presets` or `examples`."""
    inside = PACKAGE / name
    return inside if inside.is_dir() else PACKAGE.parent / name
