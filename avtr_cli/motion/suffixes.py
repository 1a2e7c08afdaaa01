"""How motion files are called; known without torch."""

from __future__ import annotations

from pathlib import Path

from avtr_cli.core.errors import ConfigError

FLAME_SUFFIX = ".npz"
SKELETON_SUFFIX = ".bvh"
SUFFIXES = (".safetensors", ".csv", SKELETON_SUFFIX, FLAME_SUFFIX)


def check_motion_suffix(path: Path) -> None:
    """Raises ConfigError where `path` does not end as motion files do."""
    if path.suffix.lower() not in SUFFIXES:
        raise ConfigError(
            f"{path}: motion is written as .safetensors, which avtr can draw again, as .csv (Live Link) or "
            ".bvh (a skeleton) for other programs, or as .npz in FLAME's numbers; give it one of these endings"
        )
