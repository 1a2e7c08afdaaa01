"""Marks that say a video is generated, in the container's metadata, where any player and archive can read them.

EU AI Act article 50(2) asks for machine-readable marks; the source type is IPTC's term for media made by a
trained model.
"""

from __future__ import annotations

from typing import Any

from avtr_cli import __version__
from avtr_cli.config import Preset

DIGITAL_SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"


def metadata(models: dict[str, str]) -> dict[str, str]:
    """Container metadata for a video made by `models` (role -> name)."""
    made_by = ", ".join(f"{role} {name}" for role, name in models.items())
    return {
        "comment": f"AI-generated: a synthetic talking avatar made from one photo and a voice ({made_by}). "
        f"digitalSourceType={DIGITAL_SOURCE_TYPE}",
        "encoder": f"avtr {__version__}",
    }


def made_by(preset: Preset, seed: int, command: str) -> dict[str, Any]:
    """The report's `avtr` entry."""
    return {"version": __version__, "preset": preset.name, "seed": seed, "command": command}
