"""avtr: offline batch renderer for talking *and listening* conversational avatars.

Importing the package is quick and loads neither torch nor onnxruntime (tests/test_architecture.py): the names below are
fetched from their rooms when they are first used. docs/library.md shows how; docs/architecture.md is the house plan.
"""

from __future__ import annotations

import logging
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from avtr_cli.audio.files import DialogueFiles
    from avtr_cli.core.config import Preset, load_preset
    from avtr_cli.core.errors import AvtrError
    from avtr_cli.core.interaction import Interaction
    from avtr_cli.core.types import Cue, Frame
    from avtr_cli.jobs.job import Job
    from avtr_cli.jobs.production import render_file
    from avtr_cli.jobs.two_sided import TwoSidedJob
    from avtr_cli.streaming.engine import Engine
    from avtr_cli.streaming.session import StreamingSession

__version__ = "0.2.0"

__all__ = [
    "AvtrError",
    "Cue",
    "DialogueFiles",
    "Engine",
    "Frame",
    "Interaction",
    "Job",
    "Preset",
    "StreamingSession",
    "TwoSidedJob",
    "load_preset",
    "render_file",
]

logging.getLogger(__name__).addHandler(logging.NullHandler())  # silent until somebody listens; see core/logs.py

_HOMES = {
    "AvtrError": "core.errors",
    "Cue": "core.types",
    "DialogueFiles": "audio.files",
    "Engine": "streaming.engine",
    "Frame": "core.types",
    "Interaction": "core.interaction",
    "Job": "jobs.job",
    "Preset": "core.config",
    "StreamingSession": "streaming.session",
    "TwoSidedJob": "jobs.two_sided",
    "load_preset": "core.config",
    "render_file": "jobs.production",
}


def __getattr__(name: str) -> Any:
    """Fetch a public name from its room (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'avtr_cli' has no attribute '{name}'")
    from avtr_cli.core.runtime import set_library_environment, warn_if_torch_was_first

    warn_if_torch_was_first()
    set_library_environment()
    value = globals()[name] = getattr(import_module(f"avtr_cli.{_HOMES[name]}"), name)
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
